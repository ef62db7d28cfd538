"""application/senml+cbor (RFC 8428 section 6, TS 1.1.1 Core section 7.4)."""

from micropython import const

from lwm2m.formats import cbor, senml

_BREAK = const(0xFF)

_LABELS = {
    -5: "bv",
    -3: "bt",
    -2: "bn",
    -1: "bver",
    0: "n",
    2: "v",
    3: "vs",
    4: "vb",
    6: "t",
    8: "vd",
}


def encode(base, records, age_s=None):
    """As senml_encoder.encode(), which a payload that comes in does not take."""
    from lwm2m.formats import senml_encoder

    return senml_encoder.encode(base, records, age_s)


def decode(base, payload):
    """Yields (path, raw) of every value; Error 4.00 where the payload is none of SenML-CBOR."""
    return senml.decode(base, _load, payload, _LABELS)


def _load(data):
    # One record after the other: a datagram full of empty ones needs no memory.
    first, number, at = cbor.head_at(data, 0)
    if first >> 5 != 4:
        raise ValueError
    while number:
        if number < 0 and data[at] == _BREAK:
            at += 1
            break
        number -= 1
        record, at = cbor.item(data, at, 1)
        yield record
    if at != len(data):
        raise ValueError


value = senml.value
