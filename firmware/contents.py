"""Whether the files of a package are those that its head tells of.

Loaded for the moment, as package.py tells; between two pieces the caller can do something else.
"""

from hashlib import sha256

from micropython import const

from firmware.package import Refused, entries, lengths

_BEGIN_SIZE = const(16)
_MAC_SIZE = const(32)
_PIECE = const(512)
_INTEGRITY = const(5)


def contents(file, size=None):
    """Compares the files with their SHA-256 in the head, which is signed.

    A generator: each step reads at most 512 bytes and gives how many bytes of the package are
    good. Raises `Refused`. `size` is how many bytes have come, None where that is not known: then
    what lies behind the package is not looked at.
    """
    try:
        file.seek(0)
        length, count, rest = lengths(file.read(_BEGIN_SIZE))
        start = _BEGIN_SIZE + length
        for end, _, _, _ in entries(file, start, count):
            at = end + _MAC_SIZE
        if size is not None and size != at + rest:
            text = "%d bytes have come of %d that it has"
            raise Refused(_INTEGRITY, text % (size, at + rest))
        buffer = memoryview(bytearray(_PIECE))
        for _, entry, name, length in entries(file, start, count):
            digest = sha256()
            file.seek(at)
            rest = length
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
