"""The layout of a package; firmware/package.py, which checks it on the board, describes it."""

import hashlib
import hmac
import json
import re
import struct
import zlib

from tools.errors import UserError

MAGIC = b"lwm2mpk1"
LONGEST_TEXT = 512
LONGEST_HEAD = 12288
MOST_FILES = 200
_BEGIN = "<8sHHI"
_ENTRY = "<32sIB"
_BEGIN_SIZE = struct.calcsize(_BEGIN)
_ENTRY_SIZE = struct.calcsize(_ENTRY)
_MAC_SIZE = 32
_NAME = re.compile(r"[a-z0-9_.]+(/[a-z0-9_.]+)*")


def pack(key, info, files):
    """The bytes of a package; `files` has their contents by name. UserError.

    The same key, info and files give the same bytes.
    """
    names = sorted(files)
    for name in names:
        if not _NAME.fullmatch(name) or {".", ".."} & set(name.split("/")) or len(name) > 255:
            raise UserError(f"{name}: a name in a package has a-z, 0-9, _ / and . only: rename it")
    paths = set(names)
    for name in names:
        paths.update(name[:at] for at, letter in enumerate(name) if letter == "/")
    if len({zlib.crc32(path.encode()) for path in paths}) < len(paths):
        raise UserError("two names have the same CRC-32, by which boot.py knows them: rename one")
    if not 1 <= len(names) <= MOST_FILES:
        raise UserError(f"{len(names)} files: a package has 1 to {MOST_FILES}")
    head = head_bytes(info, [(name, files[name]) for name in names])
    if len(head) + _MAC_SIZE > LONGEST_HEAD:
        raise UserError(f"the package's head would be longer than {LONGEST_HEAD} bytes")
    return sign(key, head) + b"".join(files[name] for name in names)


def head_bytes(info, files):
    """What is signed: lengths, JSON text and an entry for each (name, content) of a list."""
    text = json.dumps(info, sort_keys=True, separators=(",", ":")).encode()
    if len(text) > LONGEST_TEXT:
        raise UserError(f"the package's description has {len(text)} bytes, at most {LONGEST_TEXT}")
    head = struct.pack(_BEGIN, MAGIC, len(text), len(files), sum(len(data) for _, data in files))
    head += text
    for name, data in files:
        digest = hashlib.sha256(data).digest()
        head += struct.pack(_ENTRY, digest, len(data), len(name)) + name.encode("ascii")
    return head


def sign(key, head):
    """The head with its signature behind it."""
    return head + hmac.digest(key, head, "sha256")


class Package:
    """What is in a package: `info`, `files` as (name, size, SHA-256), `size`, `start` of the
    files, and `damaged`, the names of those whose content is another one.

    UserError for a file that is none.
    """

    def __init__(self, data, shown="the file"):
        try:
            self._parse(data)
        except (struct.error, ValueError, IndexError, KeyError, TypeError):
            raise UserError(f"{shown}: no package, or its head is damaged: make it anew") from None
        if self.size != len(data):
            raise UserError(
                f"{shown}: has {len(data):,} bytes of {self.size:,}: it was not copied whole"
            )

    def _parse(self, data):
        magic, length, count, size = struct.unpack_from(_BEGIN, data)
        if magic != MAGIC:
            raise ValueError
        at = _BEGIN_SIZE + length
        self.info = json.loads(data[_BEGIN_SIZE:at])
        for key in ("name", "version", "board", "micropython", "march"):
            if not isinstance(self.info[key], str):
                raise ValueError
        self.files = []
        for _ in range(count):
            digest, file_size, name_length = struct.unpack_from(_ENTRY, data, at)
            at += _ENTRY_SIZE + name_length
            name = data[at - name_length : at].decode("ascii")
            self.files.append((name, file_size, digest))
        self.head, self.mac = data[:at], data[at : at + _MAC_SIZE]
        self.start = at + _MAC_SIZE
        self.size = self.start + size
        self.damaged = []
        at = self.start
        for name, file_size, digest in self.files:
            content = data[at : at + file_size]
            at += file_size
            if hashlib.sha256(content).digest() != digest:
                self.damaged.append(name)

    def signed_by(self, key):
        """Whether the signature is that of this key."""
        return hmac.compare_digest(hmac.digest(key, self.head, "sha256"), self.mac)
