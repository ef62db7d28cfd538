"""application/senml+cbor (RFC 8428 section 6, TS 1.1.1 Core section 7.4)."""

from micropython import const

from lwm2m.formats import senml
from lwm2m.formats.cbor import encode_value, head, head_at, item

_BREAK = const(0xFF)

SINGLE = False

_LABELS = {-5: "bv", -2: "bn", -1: "bver", 0: "n", 2: "v", 3: "vs", 4: "vb", 8: "vd"}
_VALUES = {"b": b"\x04", "s": b"\x03", "c": b"\x03", "o": b"\x08", "l": b"\x63vlo"}


def encode(base, records):
    """An array of maps; only the first names the base."""
    out = bytearray()
    count = 0
    for base_name, name, kind, value in senml.fields(base, records):
        count += 1
        out.append(0xA1 + (base_name != "") + (name != ""))
        if base_name:
            out.append(0x21)
            out.extend(encode_value("s", base_name))
        if name:
            out.append(0)
            out.extend(encode_value("s", name))
        out.extend(_VALUES.get(kind, b"\x02"))
        out.extend(encode_value(kind, value))
    return head(0x80, count) + out


def decode(base, payload):
    """Yields (path, raw) of every value; Error 4.00 where the payload is none of SenML-CBOR."""
    return senml.decode(base, _load, payload, _LABELS)


def _load(data):
    # One record after the other: a datagram full of empty ones needs no memory.
    first, number, at = head_at(data, 0)
    if first >> 5 != 4:
        raise ValueError
    while number:
        if number < 0 and data[at] == _BREAK:
            at += 1
            break
        number -= 1
        record, at = item(data, at, 1)
        yield record
    if at != len(data):
        raise ValueError


value = senml.value
