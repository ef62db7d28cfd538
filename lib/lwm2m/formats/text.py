"""text/plain: one value as its characters (TS 1.1.1 Core section 7.4.1)."""

from binascii import a2b_base64, b2a_base64

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00
_NOT_ACCEPTABLE = const(0x86)  # 4.06

SINGLE = True


def encode(base, records, age_s=None):
    """The characters of the one value."""
    for _, kind, value in records:
        return encode_value(kind, value)
    raise Error(_NOT_ACCEPTABLE)


def encode_value(kind, value):
    kind = kind[0]
    if kind == "b":
        return b"1" if value else b"0"
    if kind == "o":
        return b2a_base64(value)[:-1]  # without the newline
    if kind == "l":
        return b"%d:%d" % value
    return str(value).encode()


def decode(base, payload):
    yield base, payload


def value(kind, raw):
    """What the characters mean; spellings that Python knows and the TS does not are refused."""
    kind = kind[0]
    try:
        if kind in "sc":
            return str(raw, "utf8")
        if kind == "o":
            value = a2b_base64(raw)
            if b2a_base64(value)[:-1] != raw:  # characters that a2b_base64 skips
                raise ValueError
            return value
        text = str(raw, "utf8")
        if kind == "b":
            if text not in ("0", "1"):
                raise ValueError
            return text == "1"
        if kind == "l":
            oid, iid = text.split(":")
            return _integer(oid), _integer(iid)
        if kind == "f":
            for letter in text:
                if letter not in "0123456789+-.eE":
                    raise ValueError
            if not text.lower().split("e")[0].strip("+-."):  # MicroPython reads 0.0
                raise ValueError
            return float(text)
        return _integer(text)
    except ValueError:
        raise Error(_BAD_REQUEST)


def _integer(text):
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits or len(digits) > 20:
        raise ValueError
    for digit in digits:
        if digit not in "0123456789":
            raise ValueError
    return int(text)
