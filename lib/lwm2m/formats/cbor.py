"""application/cbor: one value (RFC 8949, TS 1.1.1 Core section 7.4 and table C.2)."""

import struct

from micropython import const

from coap.message import Error, uint
from lwm2m.formats import senml

_BAD_REQUEST = const(0x80)  # 4.00
_DEPTH = const(4)  # of nested arrays, maps and tags
_FIELDS = const(24)  # of one map: SenML knows 15
_BREAK = const(0xFF)


def encode(base, records, age_s=None):
    """The one value; a time is tagged as seconds since 1970."""
    from lwm2m.formats import senml_encoder

    _, kind, value = records[0]
    data = senml_encoder.encode_value(kind[0], value)
    return b"\xc1" + data if kind[0] == "t" else data


def decode(base, payload):
    try:
        value, end = item(payload, 0, 0)
        if end != len(payload):
            raise ValueError
    except (IndexError, ValueError):
        raise Error(_BAD_REQUEST, "malformed CBOR")
    yield base, value


def value(kind, raw):
    return senml.typed(kind[0], raw)


def head_at(data, at):
    """(first byte, number, end) of the head at `at`; the number is -1 for an indefinite length.

    ValueError or IndexError where it is none or cut off.
    """
    first = data[at]
    number = first & 31
    at += 1
    if number > 27:
        if first != 0x9F and first != 0xBF:
            raise ValueError
        number = -1
    elif number > 23:
        start = at
        at += 1 << number - 24
        if at > len(data):
            raise ValueError
        number = uint(data[start:at])
    return first, number, at


def item(data, at, depth):
    """(value, end) of the item at `at`; ValueError or IndexError where it is malformed.

    Arrays, other tags than 1 and other simple values than booleans are () and no more. Strings
    of indefinite length are refused, as in RFC 8428 section 6.
    """
    first, number, end = head_at(data, at)
    kind = first >> 5
    value = ()
    if kind == 0:
        value = number
    elif kind == 1:
        value = ~number
    elif kind < 4:
        at = end
        end += number
        if end > len(data):
            raise ValueError
        value = bytes(data[at:end]) if kind == 2 else str(data[at:end], "utf-8")
    elif kind == 7:
        if first > 0xF8:
            (value,) = struct.unpack((">e", ">f", ">d")[first - 0xF9], data[at + 1 : end])
        elif first == 0xF4 or first == 0xF5:
            value = first == 0xF5
    elif depth >= _DEPTH:
        raise ValueError
    elif kind == 6:
        tagged, end = item(data, end, depth + 1)
        if number == 1 and type(tagged) in (int, float):
            value = tagged
    else:
        if kind == 5:
            value = {}
        while number:
            if number < 0 and data[end] == _BREAK:
                end += 1
                break
            number -= 1
            key, end = item(data, end, depth + 1)
            if kind == 5:
                if type(key) not in (int, str) or key in value or len(value) >= _FIELDS:
                    raise ValueError
                value[key], end = item(data, end, depth + 1)
    return value, end
