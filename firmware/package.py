"""Checks a package with a new version of the application before it is chosen: docs/package.md.

Loaded for the moment. It reads the package from its file in pieces: memory does not grow with the
package, and between two pieces the caller can do something else. A package, little endian:

    8s magic, H length of the JSON text, H number of files, I bytes of all files
    the JSON text: name, version, board, micropython, mpy, march
    for each file: 32s SHA-256, I size, B length of its name, the name
    32s HMAC-SHA256 (RFC 2104) of all before, under the update key
    the files, one behind the other

The results are those of /5/0/5 (TS 1.1.1 Core E.6, Update Result).
"""

import json
import struct
import sys
from hashlib import sha256

from micropython import const

_MAGIC = const(b"lwm2mpk1")
_BEGIN = const("<8sHHI")
_BEGIN_SIZE = const(16)
_ENTRY_SIZE = const(37)  # without the name
_MAC_SIZE = const(32)
_LONGEST_TEXT = const(512)
_LONGEST_HEAD = const(12288)
_MOST_FILES = const(200)
_PIECE = const(1024)
_BLOCK_SIZE = const(64)  # of SHA-256, for the HMAC
_SHOWN = const(32)  # characters of a value in a line

_NO_SPACE = const(2)
_INTEGRITY = const(5)
_UNSUPPORTED = const(6)
_FAILED = const(8)

# In the order of their numbers in an .mpy file; 0 is bytecode alone.
_ARCHITECTURES = const(
    " x86 x64 armv6 armv6m armv7m armv7em armv7emsp armv7emdp xtensa xtensawin rv32imc rv64imc"
)


class Refused(Exception):
    """Why a package is not taken: `result` for /5/0/5, and a line of text."""

    def __init__(self, result, text):
        super().__init__("package: " + text)
        self.result = result


def head(file, key):
    """What the package says of itself, or None while the file ends before its head does.

    `key`: the update key, None where the board has none. Nothing is looked at before the
    signature is right but the lengths that lead to it. Raises `Refused`. Beside the values of the
    JSON text the dictionary has "files", their number, "start", where in the file they begin,
    and "size", the bytes of the whole package.
    """
    try:
        file.seek(0)
        begin = file.read(_BEGIN_SIZE)
        if begin[:8] != _MAGIC[: len(begin)]:
            raise Refused(_UNSUPPORTED, "this is none; `make package` makes one")
        length, count, size = _lengths(begin)
        if key is None:
            raise Refused(_INTEGRITY, "this board has no update key: provision one")
        text = _read(file, length)
        inner = sha256(_padded(key, 0x36))
        inner.update(begin)
        inner.update(text)
        for at, entry, name in _entries(file, _BEGIN_SIZE + length, count):
            inner.update(entry)
            inner.update(name)
            start = at
        file.seek(start)
        mac = _read(file, _MAC_SIZE)
    except EOFError:
        return None
    outer = sha256(_padded(key, 0x5C))
    outer.update(inner.digest())
    wrong = 0
    right = outer.digest()
    for at in range(_MAC_SIZE):
        wrong |= right[at] ^ mac[at]  # as long for a wrong one as for the right one
    if wrong:
        raise Refused(_INTEGRITY, "the signature is not that of this board's update key")
    before = b""
    rest = size
    for _, entry, name in _entries(file, _BEGIN_SIZE + length, count):
        if name <= before or not _good(name):
            raise Refused(_UNSUPPORTED, "a file's name is not allowed, or in the wrong place")
        before = name
        rest -= _size(entry)
    if rest:
        raise Refused(_INTEGRITY, "the sizes of its files do not add up")
    info = _checked(text)
    info["files"] = count
    info["start"] = start + _MAC_SIZE
    info["size"] = start + _MAC_SIZE + size
    return info


def expected(info, board, version, allow_downgrade=False, room=None, system=None):
    """Raises `Refused` for a package that is not for this board, MicroPython or version.

    `board`: of config.json; `version`: of the application that runs; `room`: bytes for a package;
    `system`: as `this_system()` gives it.
    """
    if info["board"] != board:
        raise Refused(_UNSUPPORTED, "for board %s, this is %s" % (info["board"][:_SHOWN], board))
    release, mpy, march = system or this_system()
    if _numbers(info["micropython"]) > release:
        text = "needs MicroPython %s, this is %d.%d"
        raise Refused(_UNSUPPORTED, text % ((info["micropython"][:_SHOWN],) + release))
    if info["mpy"] != mpy:
        text = "has .mpy files of version %d, this MicroPython reads %s"
        raise Refused(_UNSUPPORTED, text % (info["mpy"], mpy))
    if info["march"] not in ("", march):
        text = "has native code for %s, this is %s"
        raise Refused(_UNSUPPORTED, text % (info["march"][:_SHOWN], march or "another"))
    running = _numbers(version)
    if _numbers(info["version"]) < running and not allow_downgrade:
        text = "version %s is older than %s, which runs"
        raise Refused(_FAILED, text % (info["version"], version))
    if room is not None and info["size"] > room:
        text = "%d bytes, there is room for %d"
        raise Refused(_NO_SPACE, text % (info["size"], room))


def contents(file, size=None):
    """Compares the files with their SHA-256 in the head, which `head()` has found good.

    A generator: each step reads at most 1 KB and gives how many bytes of the package are good.
    Raises `Refused`. `size` is how many bytes have come, None where that is not known: then what
    lies behind the package is not looked at.
    """
    try:
        file.seek(0)
        length, count, rest = _lengths(file.read(_BEGIN_SIZE))
        start = _BEGIN_SIZE + length
        at = max(end for end, _, _ in _entries(file, start, count)) + _MAC_SIZE
        if size is not None and size != at + rest:
            text = "%d bytes have come of %d that it has"
            raise Refused(_INTEGRITY, text % (size, at + rest))
        buffer = memoryview(bytearray(_PIECE))
        for _, entry, name in _entries(file, start, count):
            digest = sha256()
            rest = _size(entry)
            file.seek(at)
            at += rest
            while rest:
                got = file.readinto(buffer[: min(rest, _PIECE)])
                if not got:
                    raise EOFError
                digest.update(buffer[:got])
                rest -= got
                yield at - rest
            if digest.digest() != entry[:32]:
                text = "%s is damaged" % str(name, "ascii")
                raise Refused(_INTEGRITY, text)
    except EOFError:
        raise Refused(_INTEGRITY, "it ends too early")


def this_system():
    """(release of MicroPython as (1, 28), version of its .mpy files, its native code or "")."""
    this = sys.implementation
    mpy = getattr(this, "_mpy", 0)
    names = _ARCHITECTURES.split(" ")
    number = mpy >> 10 & 0x0F
    return tuple(this.version[:2]), mpy & 0xFF, names[number] if number < len(names) else ""


def _lengths(begin):
    # (of the JSON text, number of files, bytes of all of them)
    if len(begin) < _BEGIN_SIZE:
        raise EOFError
    _, length, count, size = struct.unpack(_BEGIN, begin)
    if not 2 <= length <= _LONGEST_TEXT or not 1 <= count <= _MOST_FILES:
        raise Refused(_INTEGRITY, "the sizes of its head are not possible")
    return length, count, size


def _entries(file, at, count):
    # Each file's (place behind its entry, entry, name); the file may be moved in between.
    for _ in range(count):
        file.seek(at)
        entry = _read(file, _ENTRY_SIZE)
        name = _read(file, entry[36])
        at += _ENTRY_SIZE + entry[36]
        if at > _LONGEST_HEAD - _MAC_SIZE:
            raise Refused(_INTEGRITY, "its head is longer than %d bytes" % _LONGEST_HEAD)
        yield at, entry, name


def _size(entry):
    return struct.unpack("<I", entry[32:36])[0]


def _read(file, size):
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _padded(key, number):
    return bytes([each ^ number for each in key]) + bytes([number]) * (_BLOCK_SIZE - len(key))


def _good(name):
    # firmware/app.mpy: nothing that leads elsewhere, or that hides a module of the factory or of
    # MicroPython from boot.py, main.py and those beside them
    if name.partition(b"/")[0] not in (b"coap", b"firmware", b"lwm2m"):
        return False
    for letter in name:
        if letter not in b"abcdefghijklmnopqrstuvwxyz0123456789_/.":
            return False
    for part in name.split(b"/"):
        if part in (b"", b".", b".."):
            return False
    return True


def _checked(text):
    # The JSON text with all that it has to have.
    try:
        info = json.loads(text)
        good = isinstance(info, dict) and isinstance(info["mpy"], int)
        for key in ("name", "version", "board", "micropython", "march"):
            good = good and isinstance(info[key], str)
        good = good and len(_numbers(info["version"])) == 3 and _numbers(info["micropython"])
    except (ValueError, KeyError, RuntimeError):  # the last: nested too deep
        good = False
    if not good:
        raise Refused(_UNSUPPORTED, "its head lacks something, or is of another kind")
    return info


def _numbers(text):
    # (1, 2, 3) of "1.2.3", () for another text
    parts = text.split(".")
    for each in parts:
        if not each.isdigit() or len(each) > 5:
            return ()
    return tuple([int(each) for each in parts])
