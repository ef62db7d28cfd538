"""application/senml+json (RFC 8428 section 5, TS 1.1.1 Core section 7.4.5)."""

import json

from micropython import const

from coap.message import Error
from lwm2m.formats import senml

_BAD_REQUEST = const(0x80)  # 4.00
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_DEPTH = const(4)  # of nested arrays and objects


def encode(base, records, age_s=None):
    """An array of objects; only the first names the base and, with `age_s`, the time.

    Error 5.03 for NaN and infinities.
    """
    from lwm2m.formats import senml_encoder

    out = []
    for base_name, name, kind, value in senml_encoder.fields(base, records):
        entry = '"%s":%s}' % (senml.LABELS.get(kind, "v"), encode_value(kind, value))
        if name:
            entry = '"n":"%s",%s' % (name, entry)
        if age_s is not None:
            entry = '"bt":%d,%s' % (-age_s, entry)
            age_s = None
        if base_name:
            entry = '"bn":"%s",%s' % (base_name, entry)
        out.append("{" + entry)
    return ("[%s]" % ",".join(out)).encode()


def encode_value(kind, value):
    """The value in JSON, as a string."""
    if kind in "ol":
        from lwm2m.formats import text

        value = text.encode_value(kind, value)
    if kind == "o":
        value = value.rstrip("=").replace("+", "-").replace("/", "_")
    elif kind == "f" and value - value != 0:
        raise Error(_SERVICE_UNAVAILABLE)
    return json.dumps(value)


def decode(base, payload):
    """Yields (path, raw) of every value; Error 4.00 where the payload is none of SenML-JSON."""
    return senml.decode(base, _load, payload, {})


def _load(payload):
    pack = load(payload)
    if isinstance(pack, list):
        return pack
    raise ValueError


def load(payload):
    """What json.loads() makes of the payload; ValueError where it is none or nested deeply.

    MicroPython's accepts more than JSON (commas left out, say); it takes 32 bytes of heap for
    each level, hence the limit.
    """
    depth = 0
    inside = escaped = False  # of a string
    for byte in payload:
        if escaped:
            escaped = False
        elif byte == 0x22:
            inside = not inside
        elif inside:
            escaped = byte == 0x5C
        elif byte in b"[{":
            depth += 1
            if depth > _DEPTH:
                raise ValueError
        elif byte in b"]}":
            depth -= 1
    return json.loads(str(payload, "utf-8"))


def value(kind, raw):
    """The value of a record as its type; Error 4.00 where it has another."""
    label, found = raw
    if isinstance(found, str):
        try:
            if kind[0] == "o":
                from lwm2m.formats import text

                # Base64 for URLs without padding; the other alphabet and padding also occur.
                found = found.replace("-", "+").replace("_", "/")
                found += "==="[: -len(found) % 4]
                found = text.value("o", found.encode())
            elif b"\xed" in found.encode():
                found = _joined(found)
        except ValueError:
            raise Error(_BAD_REQUEST)
    return senml.value(kind, (label, found))


def _joined(found):
    # MicroPython leaves the two halves of \ud83d\ude00 apart.
    whole = []
    high = 0
    for letter in found:
        code = ord(letter)
        if (code >> 10 == 0x37) != (high > 0):
            raise ValueError
        if code >> 10 == 0x36:
            high = code
            continue
        if high:
            code += (high << 10) - 0x35FDC00
            high = 0
        whole.append(chr(code))
    if high:
        raise ValueError
    return "".join(whole)
