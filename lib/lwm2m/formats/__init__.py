"""Content formats, one file each, imported when one is first used.

Every module offers what it can of
    encode(base, records)     -> bytes of a Read or notification
    decode(base, payload)     -> iterable of (path, raw) of a Write
    value(kind, raw)          -> the raw value as its type, Error 4.00 where it is none
    SINGLE                    -> True where a payload is one value and nothing else
`base` is the path of the request; records are (path, type, value), in the order of their paths.
"""

from micropython import const

TEXT = const(0)
LINK = const(40)
OPAQUE = const(42)
TLV = const(11542)

_MODULES = {TEXT: "text", OPAQUE: "opaque", TLV: "tlv"}
_loaded = {}


def module(number):
    """The module of a content format, or None where it is not spoken here."""
    found = _loaded.get(number)
    if found is None and number in _MODULES:
        name = _MODULES[number]
        found = _loaded[number] = getattr(__import__("lwm2m.formats." + name).formats, name)
    return found


def preferred(kind, single):
    """The format of an answer when the request names none.

    One value goes as text (opaque as it is), anything more as TLV.
    """
    if not single:
        return TLV
    return OPAQUE if kind[0] == "o" else TEXT
