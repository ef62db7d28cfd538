"""application/vnd.oma.lwm2m+json, the JSON of LwM2M 1.0 (TS 1.0.2 section 6.4.4)."""

from lwm2m.formats import senml, senml_encoder, senml_json, text

_LABELS = {"b": "bv", "s": "sv", "c": "sv", "o": "sv", "l": "ov"}  # by type; numbers: v
_SENML = {"bv": "vb", "sv": "vs", "ov": "vlo"}


def encode(base, records, age_s=None):
    """One object with the base name and all entries. Error 5.03 for NaN and infinities."""
    start = "{"
    entries = []
    for base_name, name, kind, value in senml_encoder.fields(base, records):
        if base_name:
            start = '{"bn":"%s",' % base_name
        if kind == "o":
            data = '"%s"' % text.encode_value(kind, value)
        else:
            data = senml_json.encode_value(kind, value)
        entries.append('{"n":"%s","%s":%s}' % (name, _LABELS.get(kind, "v"), data))
    return ('%s"e":[%s]}' % (start, ",".join(entries))).encode()


def decode(base, payload):
    """Yields (path, raw) of every value; Error 4.00 where the payload is none of this JSON."""
    return senml.decode(base, _load, payload, _SENML)


def _load(payload):
    pack = senml_json.load(payload)
    entries = pack["e"]
    return [{"bn": pack.get("bn", "")}] + entries


def value(kind, raw):
    """The value of an entry as its type; Error 4.00 where it has another."""
    label, found = raw
    if kind[0] == "o" and label == "vs":
        label = "vd"
    return senml_json.value(kind, (label, found))
