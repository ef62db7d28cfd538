"""Values of LwM2M resources as a tree, and the JSON shape of Leshan's demo server for it.

Python values by type: STRING str, INTEGER and UNSIGNED_INTEGER int, FLOAT float, BOOLEAN bool,
OPAQUE bytes, TIME int (seconds since 1970), OBJLNK (object id, instance id), CORELINK str.
"""

import math
from dataclasses import dataclass, field

from .errors import InvalidRequest
from .paths import format_path

TYPES = (
    "STRING",
    "INTEGER",
    "UNSIGNED_INTEGER",
    "FLOAT",
    "BOOLEAN",
    "OPAQUE",
    "TIME",
    "OBJLNK",
    "CORELINK",
)


@dataclass
class Resource:
    """A resource with one value."""

    id: int
    type: str
    value: object


@dataclass
class MultiResource:
    """A resource with instances: id -> value."""

    id: int
    type: str
    values: dict = field(default_factory=dict)


@dataclass
class ResourceInstance:
    """One instance of a resource."""

    id: int
    type: str
    value: object


@dataclass
class ObjectInstance:
    """An object instance; id None where the client is to choose it."""

    id: int | None
    resources: list = field(default_factory=list)


@dataclass
class ObjectNode:
    """An object with its instances."""

    id: int
    instances: list = field(default_factory=list)


@dataclass
class Root:
    """Everything a client has, as far as it is known; objects is a list of ObjectNode."""

    objects: list = field(default_factory=list)


def java_double(value):
    """Text of a float as Java's Double.toString writes it, as Leshan's clients expect it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        if "e" not in text:
            return text
    mantissa, _, exponent = ("%r" % value).partition("e")
    if exponent:
        return (mantissa if "." in mantissa else mantissa + ".0") + "E%d" % int(exponent)
    sign = "-" if value < 0 else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).strip("0") or "0"
    if whole.strip("0"):
        exponent = len(whole) - 1
    else:
        exponent = -(len(fraction) - len(fraction.lstrip("0")) + 1)
    return "%s%s.%sE%d" % (sign, digits[0], digits[1:] or "0", exponent)


def value_to_json(kind, value):
    """JSON form of a value: numbers as text (JavaScript has doubles only), opaque as hex."""
    if kind in ("INTEGER", "UNSIGNED_INTEGER"):
        return str(value)
    if kind == "FLOAT":
        return java_double(value)
    if kind == "OPAQUE":
        return value.hex()
    if kind == "TIME":
        return value * 1000
    if kind == "OBJLNK":
        return {"objectId": value[0], "objectInstanceId": value[1]}
    return value


def node_to_json(node):
    """JSON form (dict) of a node."""
    if isinstance(node, Root):
        return {"kind": "root", "objects": [node_to_json(child) for child in node.objects]}
    if isinstance(node, ObjectNode):
        return {
            "kind": "obj",
            "id": node.id,
            "instances": [node_to_json(child) for child in node.instances],
        }
    if isinstance(node, ObjectInstance):
        return {
            "kind": "instance",
            "id": node.id,
            "resources": [node_to_json(child) for child in node.resources],
        }
    if isinstance(node, MultiResource):
        values = {str(i): value_to_json(node.type, v) for i, v in sorted(node.values.items())}
        return {"kind": "multiResource", "id": node.id, "type": node.type, "values": values}
    kind = "resourceInstance" if isinstance(node, ResourceInstance) else "singleResource"
    return {
        "kind": kind,
        "id": node.id,
        "type": node.type,
        "value": value_to_json(node.type, node.value),
    }


def nodes_to_json(nodes):
    """JSON form of {path: node}; paths without a node (None) are left out."""
    return {format_path(path): node_to_json(node) for path, node in nodes.items() if node}


def _unexpected(value, kind, expected):
    raise InvalidRequest("value %r: a JSON %s is expected for %s" % (value, expected, kind))


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _integer_from_json(kind, value):
    if not _is_integer(value):
        if not isinstance(value, str):
            _unexpected(value, kind, "string with a whole number")
        try:
            value = int(value)
        except ValueError:
            _unexpected(value, kind, "string with a whole number")
    low, high = (0, 2**64) if kind == "UNSIGNED_INTEGER" else (-(2**63), 2**63)
    if not low <= value < high:
        raise InvalidRequest("value %d does not fit %s" % (value, kind))
    return value


def _float_from_json(kind, value):
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        _unexpected(value, kind, "string with a number")
    try:
        value = float(value)
    except (ValueError, OverflowError):
        _unexpected(value, kind, "string with a number")
    if not math.isfinite(value):
        raise InvalidRequest("value %s is not a valid %s" % (value, kind))
    return value


def value_from_json(kind, value):
    """Python value of a JSON value of a type; InvalidRequest if it is of the wrong kind."""
    if kind in ("STRING", "CORELINK"):
        if not isinstance(value, str):
            _unexpected(value, kind, "string")
        return value
    if kind in ("INTEGER", "UNSIGNED_INTEGER"):
        return _integer_from_json(kind, value)
    if kind == "FLOAT":
        return _float_from_json(kind, value)
    if kind == "BOOLEAN":
        if not isinstance(value, bool):
            _unexpected(value, kind, "boolean")
        return value
    if kind == "TIME":
        if not _is_integer(value):
            _unexpected(value, kind, "number (milliseconds)")
        return value // 1000
    if kind == "OPAQUE":
        try:
            return bytes.fromhex(value)
        except (TypeError, ValueError):
            _unexpected(value, kind, "string of hexadecimal digits")
    if kind == "OBJLNK":
        ids = value if isinstance(value, dict) else {}
        link = (ids.get("objectId"), ids.get("objectInstanceId"))
        if not all(_is_integer(part) and 0 <= part <= 65535 for part in link):
            _unexpected(value, kind, "object with objectId and objectInstanceId")
        return link
    raise InvalidRequest("type %r is unknown" % (kind,))


def _type_from_json(data):
    kind = str(data.get("type")).upper()
    if kind not in TYPES:
        raise InvalidRequest("type %r is unknown, expected one of %s" % (kind, ", ".join(TYPES)))
    return kind


def _id_from_json(text):
    try:
        number = int(text)
    except (TypeError, ValueError):
        raise InvalidRequest("id %r is not a number" % (text,))
    if not 0 <= number <= 65535:
        raise InvalidRequest("id %d is out of 0..65535" % number)
    return number


def _list_from_json(data, key):
    children = data.get(key)
    if not isinstance(children, list):
        raise InvalidRequest("%s is not a list" % key)
    return [node_from_json(child) for child in children]


def node_from_json(data):
    """Node of its JSON form; InvalidRequest if it is none."""
    if not isinstance(data, dict):
        raise InvalidRequest("Invalid node element")
    kind = data.get("kind")
    number = _id_from_json(data["id"]) if data.get("id") is not None else None
    if kind == "instance" or "resources" in data:
        return ObjectInstance(number, _list_from_json(data, "resources"))
    if number is None:
        raise InvalidRequest("Missing id")
    if kind == "obj" or "instances" in data:
        return ObjectNode(number, _list_from_json(data, "instances"))
    if kind == "multiResource" or "values" in data:
        if not isinstance(data.get("values"), dict):
            raise InvalidRequest("Values element is not an object")
        type_ = _type_from_json(data)
        values = {_id_from_json(i): value_from_json(type_, v) for i, v in data["values"].items()}
        return MultiResource(number, type_, values)
    if "value" in data:
        type_ = _type_from_json(data)
        value = value_from_json(type_, data["value"])
        if kind == "resourceInstance":
            return ResourceInstance(number, type_, value)
        return Resource(number, type_, value)
    raise InvalidRequest("Invalid node element")
