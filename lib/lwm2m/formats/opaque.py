"""application/octet-stream: one opaque value, byte by byte (TS 1.1.1 Core section 7.4.2)."""

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00
_NOT_ACCEPTABLE = const(0x86)  # 4.06


def encode(base, records, age_s=None):
    """The bytes of the one value; Error 4.06 where it is not opaque."""
    _, kind, value = records[0]
    if kind[0] != "o":
        raise Error(_NOT_ACCEPTABLE)
    return value


def decode(base, payload):
    yield base, payload


def value(kind, raw):
    if kind[0] != "o":
        raise Error(_BAD_REQUEST)
    return bytes(raw)
