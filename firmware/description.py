"""What a package says of itself.

Loaded for the moment, as package.py tells.
"""

import json

from micropython import const

from firmware.package import Refused, entries, lengths

_BEGIN_SIZE = const(16)
_INTEGRITY = const(5)
_UNSUPPORTED = const(6)


def look(incoming, start):
    return "requirements", "look", incoming, described(incoming.file, start)


def described(file, start):
    """The values of the JSON text of a head that is signed; `start`: where its contents begin.

    A dictionary that also has "size", the bytes of the whole package. Raises `Refused`.
    """
    file.seek(0)
    length, count, size = lengths(file.read(_BEGIN_SIZE))
    text = file.read(length)
    before = b""
    rest = size
    for _, _, name, bytes_of_it in entries(file, _BEGIN_SIZE + length, count):
        if name <= before or not _good(name):
            raise Refused(_UNSUPPORTED, "a file's name is not allowed, or in the wrong place")
        before = name
        rest -= bytes_of_it
    if rest:
        raise Refused(_INTEGRITY, "the sizes of its files do not add up")
    try:
        info = json.loads(text)
        good = isinstance(info, dict) and isinstance(info["mpy"], int)
        for key in ("name", "version", "board", "micropython", "march"):
            good = good and isinstance(info[key], str)
    except (ValueError, KeyError, RuntimeError):  # the last: nested too deep
        good = False
    if not good:
        raise Refused(_UNSUPPORTED, "its head lacks something, or is of another kind")
    info["size"] = start + size
    return info


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
