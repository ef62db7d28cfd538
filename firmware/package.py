"""A package with a new version of the application, in its file: docs/package.md.

Loaded for the moment, with one of those that check it, in this order: signature.py,
description.py, requirements.py and in the end contents.py. Each reads the package from its file in
pieces: memory does not grow with the package. A package, little endian:

    8s magic, H length of the JSON text, H number of files, I bytes of all files
    the JSON text: name, version, board, micropython, mpy, march
    for each file: 32s SHA-256, I size, B length of its name, the name
    32s HMAC-SHA256 (RFC 2104) of all before, under the update key
    the files, one behind the other

The results are those of /5/0/5 (TS 1.1.1 Core E.6, Update Result).
"""

import struct

from micropython import const

_BEGIN = const("<8sHHI")
_BEGIN_SIZE = const(16)
_ENTRY_SIZE = const(37)  # without the name
_MAC_SIZE = const(32)
_LONGEST_TEXT = const(512)
_LONGEST_HEAD = const(12288)
_MOST_FILES = const(200)
_ANY = const(1 << 30)
_INTEGRITY = const(5)


class Refused(Exception):
    """Why a package is not taken: `result` for /5/0/5, and a line of text."""

    def __init__(self, result, text):
        super().__init__("package: " + text)
        self.result = result


def lengths(begin):
    """(of the JSON text, number of files, bytes of all of them) of its first 16 bytes.

    Raises `Refused`; EOFError where they are fewer.
    """
    if len(begin) < _BEGIN_SIZE:
        raise EOFError
    _, length, count, size = struct.unpack(_BEGIN, begin)
    if not 2 <= length <= _LONGEST_TEXT or not 1 <= count <= _MOST_FILES:
        raise Refused(_INTEGRITY, "the sizes of its head are not possible")
    return length, count, size


def entries(file, at, count, there=_ANY):
    """Each file's (place behind its entry, entry, name, size), of entries that begin at `at`.

    The file may be moved in between. Raises `Refused`; EOFError where less than that is `there`,
    in bytes of the file.
    """
    for _ in range(count):
        file.seek(at)
        entry = file.read(_ENTRY_SIZE)
        if len(entry) < _ENTRY_SIZE:
            raise EOFError
        name = file.read(entry[36])
        at += _ENTRY_SIZE + entry[36]
        if len(name) < entry[36] or at > there:
            raise EOFError
        if at > _LONGEST_HEAD - _MAC_SIZE:
            raise Refused(_INTEGRITY, "its head is longer than %d bytes" % _LONGEST_HEAD)
        yield at, entry, name, struct.unpack_from("<I", entry, 32)[0]
