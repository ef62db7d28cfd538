"""What a package file says of itself; the board checks it, this only reads."""

import json
import struct
from pathlib import Path
from typing import NamedTuple

from tools.errors import UserError

_MAGIC = b"lwm2mpk1"
_START = struct.Struct("<8sHHI")
_MAX_BYTES = 2 << 20  # the desk server takes 4 MB of hexadecimal digits


class Package(NamedTuple):
    """A package in memory, with the name, version and board of its head."""

    content: bytes
    name: str
    version: str
    board: str

    def __str__(self):
        return f"{self.name} {self.version} for {self.board}, {len(self.content):,} bytes"


def load(path):
    """The Package of a file; UserError where it is none."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"FILE={path}: {error.strerror}; `make package` makes one") from None
    try:
        magic, length, _, _ = _START.unpack_from(content)
        if magic != _MAGIC:
            raise ValueError
        head = json.loads(content[_START.size : _START.size + length])
        package = Package(content, *(str(head[key]) for key in ("name", "version", "board")))
    except (struct.error, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"FILE={path}: no package; `make package` makes one") from None
    if len(content) > _MAX_BYTES:
        raise UserError(f"FILE={path}: {len(content):,} bytes, expected {_MAX_BYTES:,} at most")
    return package
