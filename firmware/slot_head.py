"""The head of a package as boot.py compares it. Loaded for the moment, by slots.py."""

import struct
from binascii import crc32

from micropython import const

_HEAD = const(16)  # bytes at the beginning of a package
_ENTRY = const(37)  # bytes before the name of a file
_SIGNATURE = const(32)  # bytes behind the last name
_PIECE = const(512)


def crc(path):
    """CRC-32 of the package before its contents; ValueError where the file is none, OSError."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        if len(head) < _HEAD or head[:8] != b"lwm2mpk1":
            raise ValueError("%s: no package" % path)
        length, count = struct.unpack_from("<HH", head, 8)
        at = _HEAD + length
        for _ in range(count):
            file.seek(at + _ENTRY - 1)
            at += _ENTRY + file.read(1)[0]
        left = at + _SIGNATURE
        file.seek(0)
        found = 0
        while left:
            data = file.read(min(left, _PIECE))
            if not data:
                raise ValueError("%s: cut off" % path)
            found = crc32(data, found)
            left -= len(data)
    return found & 0xFFFFFFFF
