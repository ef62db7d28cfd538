"""Content formats: one module each, found by number or by the name the HTTP API uses.

A codec module has NAME, CODE and the functions encode(node, path, models) -> bytes and
decode(payload, path, models) -> node; it raises CodecError. A further format is a further module
and one more name in CODECS. Some do more: the JSON of LwM2M 1.0 values of other times, the two of
SenML these, nodes of several paths and paths without values.
"""

from typing import NamedTuple

from ..errors import CodecError
from . import cbor, old_json, opaque, senml_cbor, senml_json, text, tlv

LINK_FORMAT = 40

CODECS = (tlv, text, opaque, senml_cbor, senml_json, cbor, old_json)
_BY_CODE = {codec.CODE: codec for codec in CODECS}
_BY_NAME = {codec.NAME: codec for codec in CODECS}


class CompositeFormat(NamedTuple):
    """A Content-Format of composite operations and the codec that speaks it."""

    code: int
    codec: object


# a request may call its SenML by the numbers of RFC 8790, too (LwM2M Core 1.2, 7.5)
_COMPOSITE = {
    "SENML_JSON": CompositeFormat(110, senml_json),
    "SENML_CBOR": CompositeFormat(112, senml_cbor),
    "SENML_ETCH_JSON": CompositeFormat(320, senml_json),
    "SENML_ETCH_CBOR": CompositeFormat(322, senml_cbor),
}


def by_code(code):
    """The codec of a Content-Format number, None if unknown."""
    return _BY_CODE.get(code)


def by_name(name):
    """The codec of a name like "TLV" (any case), None if unknown or if no name is given."""
    return _BY_NAME.get(name.upper()) if name else None


def composite_by_name(name):
    """The CompositeFormat of a name like "SENML_CBOR" (any case); CodecError if it is none."""
    found = _COMPOSITE.get(name.upper())
    if found is None:
        raise CodecError(
            "format %.40r is not possible here, expected one of %s" % (name, ", ".join(_COMPOSITE))
        )
    return found


def composite_by_code(code):
    """The codec of a Content-Format number of payloads of several paths, None if unknown."""
    for found in _COMPOSITE.values():
        if found.code == code:
            return found.codec
    return None
