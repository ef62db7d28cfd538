"""Content formats: one module each, found by number or by the name the HTTP API uses.

A codec module has NAME, CODE and the functions encode(node, path, models) -> bytes and
decode(payload, path, models) -> node; it raises CodecError. A further format is a further module
and one more name in CODECS.
"""

from . import cbor, opaque, senml_cbor, senml_json, text, tlv

LINK_FORMAT = 40

CODECS = (tlv, text, opaque, senml_cbor, senml_json, cbor)
_BY_CODE = {codec.CODE: codec for codec in CODECS}
_BY_NAME = {codec.NAME: codec for codec in CODECS}


def by_code(code):
    """The codec of a Content-Format number, None if unknown."""
    return _BY_CODE.get(code)


def by_name(name):
    """The codec of a name like "TLV" (any case), None if unknown or if no name is given."""
    return _BY_NAME.get(name.upper()) if name else None
