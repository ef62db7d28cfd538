"""Whether the head of a package is signed with the update key of this board.

Loaded for the moment, as package.py tells.
"""

from hashlib import sha256

from micropython import const

from firmware.package import Refused, entries, lengths

_MAGIC = const(b"lwm2mpk1")
_BEGIN_SIZE = const(16)
_MAC_SIZE = const(32)
_BLOCK_SIZE = const(64)  # of SHA-256, for the HMAC
_INTEGRITY = const(5)
_UNSUPPORTED = const(6)


def look(incoming, key):
    start = signed(incoming.file, key, incoming.taken)
    return start and ("description", "look", incoming, start)


def signed(file, key, there):
    """Where in the file the contents begin, or None while it ends before they do.

    `key`: the update key, None where the board has none; `there`: how many bytes have come, for
    what lies behind may be an older package. Nothing is looked at before the signature is right
    but the lengths that lead to it. Raises `Refused`.
    """
    file.seek(0)
    begin = file.read(min(_BEGIN_SIZE, there))
    if begin[:8] != _MAGIC[: len(begin)]:
        raise Refused(_UNSUPPORTED, "this is none; `make package` makes one")
    try:
        length, count, _ = lengths(begin)
        if key is None:
            raise Refused(_INTEGRITY, "this board has no update key: provision one")
        inner = sha256(_padded(key, 0x36))
        inner.update(begin)
        if _BEGIN_SIZE + length > there:
            return None
        inner.update(file.read(length))
        for end, entry, name, _ in entries(file, _BEGIN_SIZE + length, count, there):
            at = end
            inner.update(entry)
            inner.update(name)
    except EOFError:
        return None
    file.seek(at)
    mac = file.read(_MAC_SIZE)
    if len(mac) < _MAC_SIZE or at + _MAC_SIZE > there:
        return None
    outer = sha256(_padded(key, 0x5C))
    outer.update(inner.digest())
    wrong = 0
    right = outer.digest()
    for each in range(_MAC_SIZE):
        wrong |= right[each] ^ mac[each]  # as long for a wrong one as for the right one
    if wrong:
        raise Refused(_INTEGRITY, "the signature is not that of this board's update key")
    return at + _MAC_SIZE


def _padded(key, number):
    return bytes([each ^ number for each in key]) + bytes([number]) * (_BLOCK_SIZE - len(key))
