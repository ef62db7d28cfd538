"""A value too long for memory: a Write that goes to its object block by block as it comes.

For an instance that has `streams(rid)`: it returns a function that begins, given the size of the
value in bytes (0 where it is not known), and returns where the value goes, such as an endpoint's
`stream` returns. Opaque as it is, or as the one value of TLV or CBOR (TS 1.1.1 Core section 7.4).
"""

from micropython import const

from coap.message import Error, uint
from lwm2m.object import parse_path

_PUT = const(3)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_SIZE1 = const(60)
_WRITE = const(2)  # right, see access.py
_OPAQUE = const(42)  # content formats
_CBOR = const(60)
_TLV = const(11542)
_BAD_REQUEST = const(0x80)  # 4.00
_UNAUTHORIZED = const(0x81)  # 4.01
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15
_RESOURCE = const(0xC0)  # kind in TLV
_ID16 = const(0x20)
_BYTES = const(2)  # major type of CBOR


def begin(session, request):
    """What takes the body whose first block this is, or None where memory takes it.

    Raises Error 4.01 and 4.15.
    """
    if request.code != _PUT or session.registration.state != "registered":
        return None
    path = parse_path(request.all(_URI_PATH))
    if len(path) != 3 or not path[0]:
        return None
    instance = session.table.find(path[0], path[1])
    row = instance and hasattr(instance, "streams") and instance.row(path[2])
    if not row or row[1] != "W" or row[2] != "o":
        return None
    if not session.allowed(path[0], path[1], _WRITE):
        raise Error(_UNAUTHORIZED)
    content_format = uint(request.first(_CONTENT_FORMAT))
    if content_format not in (_OPAQUE, _CBOR, _TLV):
        raise Error(_UNSUPPORTED_CONTENT_FORMAT)
    begin = instance.streams(path[2])
    instance = row = None  # memory for what begins
    if content_format == _OPAQUE:
        return begin(uint(request.first(_SIZE1)))
    at, size = _value(request.payload, content_format, path[2])
    sink = begin(size)
    from lwm2m.streamed import Streamed  # not earlier: memory is short

    return Streamed(sink, at, size)


def _value(payload, content_format, rid):
    # (where it begins, its size): a block of 16 bytes has room for what stands before.
    first = payload[0]
    if content_format == _TLV:
        start = 3 if first & _ID16 else 2
        if first & _RESOURCE != _RESOURCE or uint(payload[1:start]) != rid:
            raise Error(_BAD_REQUEST, "TLV of another resource")
        at = start + (first >> 3 & 3)
        size = uint(payload[start:at]) if at > start else first & 7
    else:
        size = first & 31
        at = 1
        if size > 23:
            at += 1 << size - 24
            size = uint(payload[1:at])
        if first >> 5 != _BYTES or at > 9:
            raise Error(_BAD_REQUEST, "no byte string")
    return at, size
