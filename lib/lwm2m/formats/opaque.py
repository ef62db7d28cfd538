"""application/octet-stream: one opaque value, byte by byte (TS 1.1.1 Core section 7.4.2)."""

from coap.message import BAD_REQUEST, NOT_ACCEPTABLE, Error

SINGLE = True


def encode(base, records):
    """The bytes of the one value; Error 4.06 where it is not opaque."""
    for _, kind, value in records:
        if kind[0] == "o":
            return value
    raise Error(NOT_ACCEPTABLE)


def decode(base, payload):
    yield base, payload


def value(kind, raw):
    if kind[0] != "o":
        raise Error(BAD_REQUEST)
    return bytes(raw)
