"""What a package file says of itself. The board is who checks it."""

from pathlib import Path
from typing import NamedTuple

from tools.errors import UserError
from tools.package import form

_MAX_BYTES = (2 << 20) - 1024  # the server takes 4 MB of hexadecimal digits with what is around


class Parcel(NamedTuple):
    """A file in memory, with the name and version in its head; `text` describes it."""

    content: bytes
    name: str
    version: str
    text: str


def load(path, force=False):
    """The Parcel of a file; UserError where it is no whole package, but not with `force`."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"FILE={path}: {error.strerror}; `make package` makes one") from None
    if not 0 < len(content) <= _MAX_BYTES:
        raise UserError(f"FILE={path}: {len(content):,} bytes, expected 1 to {_MAX_BYTES:,}")
    size = f"{len(content):,} bytes"
    try:
        found = form.Package(content, f"FILE={path}")
        if found.damaged:
            raise UserError(f"FILE={path}: {len(found.damaged)} damaged files: make it anew")
    except UserError:
        if not force:
            raise
        return Parcel(content, "", "0.0.0", f"{path}, no whole package, {size}")
    name, version = found.info["name"], found.info["version"]
    return Parcel(content, name, version, f"{name} {version} for {found.info['board']}, {size}")
