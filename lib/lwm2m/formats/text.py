"""text/plain: one value as its characters (TS 1.1.1 Core section 7.4.1)."""

from binascii import a2b_base64, b2a_base64

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00


def encode(base, records, age_s=None):
    """The characters of the one value."""
    _, kind, value = records[0]
    return encode_value(kind, value).encode()


def encode_value(kind, value):
    """The characters as a string."""
    kind = kind[0]
    if kind == "o":
        return str(b2a_base64(value)[:-1], "utf-8")  # without the newline
    if kind == "l":
        return "%d:%d" % value
    return str(int(value) if kind == "b" else value)


def decode(base, payload):
    yield base, payload


def value(kind, raw):
    """What the characters mean; spellings that Python knows and the TS does not are refused."""
    kind = kind[0]
    try:
        if kind == "o":
            value = a2b_base64(raw)
            if b2a_base64(value)[:-1] != raw:  # characters that a2b_base64 skips
                raise ValueError
            return value
        text = str(raw, "utf-8")
        if kind in "sc":
            return text
        if kind == "b":
            return ("0", "1").index(text) == 1
        if kind == "l":
            oid, iid = text.split(":")
            return _integer(oid), _integer(iid)
        if kind == "f":
            # MicroPython reads 0.0 where there is no digit.
            mantissa = text.lower().split("e")[0]
            if text.strip("0123456789+-.eE") or not mantissa.strip("+-."):
                raise ValueError
            return float(text)
        return _integer(text)
    except ValueError:
        raise Error(_BAD_REQUEST)


def _integer(text):
    if text.strip("0123456789+-") or len(text.lstrip("+-")) > 20:
        raise ValueError
    return int(text)
