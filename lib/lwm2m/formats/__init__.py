"""Content formats, one file each, imported when one is first used.

Every module offers what it can of
    encode(base, records, age_s=None) -> bytes of a Read or notification
    decode(base, payload) -> iterable of (path, raw) of a Write
    value(kind, raw)      -> the raw value as its type, Error 4.00 where it is none
`base` is the path of the request; `records` is a list or tuple of (path, type, value) in the
order of their paths; true `age_s` seconds ago (None: now), which only
SenML can tell. With None as base SenML decodes the list of paths of a composite operation, to
(path, None).

Numbers below 100 are of formats whose payload is one value and nothing else.
"""

from micropython import const

_TEXT = const(0)
_OPAQUE = const(42)
_SENML_CBOR = const(112)
_TLV = const(11542)

MODULES = {
    _TEXT: "text",
    _OPAQUE: "opaque",
    60: "cbor",
    110: "senml_json",
    _SENML_CBOR: "senml_cbor",
    320: "senml_json",  # SenML-ETCH (RFC 8790): records look the same
    322: "senml_cbor",
    _TLV: "tlv",
    11543: "old_json",
}


def module(number, encodes=False):
    """The module of a content format, or None where it is not spoken here.

    With `encodes` it may be one that does no more than encode, which takes less memory.
    """
    name = MODULES.get(number)
    if encodes and name == "senml_cbor":
        name = "senml_encoder"
    return name and getattr(__import__("lwm2m.formats." + name).formats, name)


def preferred(kind, single, version):
    """The format of an answer when the request names none, by the LwM2M version in use.

    SenML-CBOR; in 1.0 one value goes as text (opaque as it is), anything more as TLV.
    """
    if version != "1.0":
        return _SENML_CBOR
    if not single:
        return _TLV
    return _OPAQUE if kind[0] == "o" else _TEXT
