"""SenML coming in: what JSON and CBOR share (RFC 8428, TS 1.1.1 Core section 7.4).

A pack is an iterable of records, a record a dictionary by the labels of JSON.
"""

from micropython import const

from coap.message import Error
from lwm2m.object import parse_path

_BAD_REQUEST = const(0x80)  # 4.00
_VERSION = const(10)  # of SenML: RFC 8428
_EXACT = const(16777216)  # 2^24: integers up to here are exact in floats of 4 bytes

LABELS = {"b": "vb", "s": "vs", "c": "vs", "o": "vd", "l": "vlo"}  # by type; numbers: v
_TYPES = {"b": bool, "f": float, "l": tuple, "o": bytes, "s": str, "c": str}  # else int


def decode(base, load, payload, labels):
    """Yields (path, (label, value)) of the records that `load(payload)` gives.

    `labels` tells the labels of JSON for others. Error 4.00 for what is no pack, for a field
    that must be understood and is not (RFC 8428 section 4.4), and for a path outside `base`.
    Times are not looked at. With None as base the records name paths of any length and hold
    no values (RFC 8790 section 3.1): yields (path, None).
    """
    base_name = ""
    base_value = 0
    try:
        for record in load(payload):
            if not isinstance(record, dict):
                raise ValueError
            name = ""
            raw = None
            for key in record:
                value = record[key]
                label = labels.get(key, key)
                if label in ("bn", "n"):
                    if not isinstance(value, str):
                        raise ValueError
                    if label == "n":
                        name = value
                    else:
                        base_name = value
                elif label == "v" or label in LABELS.values():
                    if raw:
                        raise ValueError
                    raw = label, value
                elif label == "bver":
                    if value > _VERSION:
                        raise ValueError
                elif label in ("bv", "bt", "t"):
                    if type(value) not in (int, float):
                        raise ValueError
                    if label == "bv":
                        base_value = value
                elif str(label)[-1:] == "_":
                    raise ValueError
            if base_value and raw and raw[0] == "v" and type(raw[1]) in (int, float):
                raw = "v", base_value + raw[1]
            if raw or name or base is None:  # else it had but base fields
                if (raw is None) != (base is None):
                    raise ValueError
                yield _path(base, base_name, name), raw
    except (ArithmeticError, Error, LookupError, RuntimeError, TypeError, ValueError):
        raise Error(_BAD_REQUEST, "malformed, or outside the path")


def _path(base, base_name, name):
    # The base name and the name joined (RFC 8428 section 4.5.1); without a slash in front they
    # are relative to the request. A slash that is missing between the two is added where
    # nothing below `base` could be meant otherwise.
    path = base or ()
    if name[:1] != "/" and 0 < base_name.count("/") <= len(path) and base_name[-1] != "/":
        base_name += "/"
    full_name = base_name + name
    if full_name[:1] == "/":
        path = ()
        full_name = full_name[1:]
    elif base is None and not full_name:
        raise ValueError
    if len(full_name) > 1 and full_name[-1] == "/":
        full_name = full_name[:-1]
    if full_name:
        path += parse_path(full_name.encode().split(b"/", 5))
    if base is not None:
        # A Create, the one request to an object that has a payload, may leave out the instance.
        shortest = 2 if len(base) == 1 else 3
        if not shortest <= len(path) < 5 or path[: len(base)] != base:
            raise ValueError
    return path


def value(kind, raw):
    """The value of a record as its type; Error 4.00 where it has another."""
    kind = kind[0]
    label, value = raw
    # Object links are also sent as strings.
    if label != LABELS.get(kind, "v") and (kind != "l" or label != "vs"):
        raise Error(_BAD_REQUEST)
    return typed(kind, value)


def typed(kind, value):
    """The value as its type, Error 4.00 where it is none: 5.0 is an integer, True is not."""
    try:
        if kind == "l":
            from lwm2m.formats import text

            value = text.value(kind, value.encode())
        elif kind == "f" and type(value) is int:
            value = float(value)
        elif type(value) is float and kind in "iut" and abs(value) <= _EXACT:
            if value == int(value):
                value = int(value)
    except (AttributeError, OverflowError, ValueError):
        value = None
    if type(value) is not _TYPES.get(kind, int):
        raise Error(_BAD_REQUEST)
    return value
