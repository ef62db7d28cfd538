"""Content formats, one file each, imported when one is first used.

Every module offers what it can of
    encode(base, records)     -> bytes of a Read or notification
    decode(base, payload)     -> iterable of (path, raw) of a Write
    value(kind, raw)          -> the raw value as its type, Error 4.00 where it is none
    SINGLE                    -> True where a payload is one value and nothing else
`base` is the path of the request; records are (path, type, value), in the order of their paths.
"""

from micropython import const

_TEXT = const(0)
_OPAQUE = const(42)
_TLV = const(11542)

_MODULES = {
    _TEXT: "text",
    _OPAQUE: "opaque",
    60: "cbor",
    110: "senml_json",
    112: "senml_cbor",
    320: "senml_json",  # SenML-ETCH (RFC 8790): records look the same
    322: "senml_cbor",
    _TLV: "tlv",
    11543: "old_json",
}


def module(number):
    """The module of a content format, or None where it is not spoken here."""
    name = _MODULES.get(number)
    return name and getattr(__import__("lwm2m.formats." + name).formats, name)


def preferred(kind, single):
    """The format of an answer when the request names none.

    One value goes as text (opaque as it is), anything more as TLV.
    """
    if not single:
        return _TLV
    return _OPAQUE if kind[0] == "o" else _TEXT
