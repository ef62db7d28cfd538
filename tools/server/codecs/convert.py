"""Brings the values of a node to the types the model states."""

import base64
import binascii
import math
from dataclasses import replace

from ..errors import CodecError, InvalidRequest
from ..nodes import (
    MultiResource,
    ObjectInstance,
    ObjectNode,
    Resource,
    ResourceInstance,
    value_from_json,
)


def value_from_text(kind, text):
    """Value of the plain text form of a type (LwM2M Core 1.1.1, 7.5.1 and appendix C)."""
    try:
        if kind in ("STRING", "CORELINK"):
            return text
        if kind == "BOOLEAN":
            return {"0": False, "1": True}[text]
        if kind == "TIME":
            return int(text)
        if kind == "OPAQUE":
            return base64.b64decode(text, validate=True)
        if kind == "OBJLNK":
            oid, iid = map(int, text.split(":"))
            return value_from_json(kind, {"objectId": oid, "objectInstanceId": iid})
        return value_from_json(kind, text)
    except (KeyError, ValueError, binascii.Error, InvalidRequest):
        raise CodecError("%r is not a valid %s" % (text[:80], kind))


def text_from_value(kind, value):
    """Plain text form of a value."""
    if kind == "BOOLEAN":
        return "1" if value else "0"
    if kind == "OPAQUE":
        return base64.b64encode(value).decode()
    if kind == "OBJLNK":
        return "%d:%d" % value
    return repr(value) if kind == "FLOAT" else str(value)


def _convert(kind, value, wanted):
    if kind == wanted:
        return value
    if kind == "STRING":
        if wanted == "BOOLEAN" and value.lower() in ("true", "false"):
            return value.lower() == "true"
        return value_from_text(wanted, value)
    numbers = ("INTEGER", "UNSIGNED_INTEGER", "FLOAT", "TIME")
    if kind in numbers and wanted in numbers:
        if wanted == "FLOAT":
            return float(value)
        whole = math.isfinite(value) and value == int(value)
        if whole and (wanted != "UNSIGNED_INTEGER" or value >= 0):
            return int(value)
    raise CodecError("value %r of type %s is no %s" % (value, kind, wanted))


def to_model(node, path, models):
    """A copy of the node with every value in the type the model has for its path.

    Args: path is the target of the request, its first part the object id.
    Errors: CodecError where a value cannot be that type.
    """
    if isinstance(node, ObjectNode):
        children = [to_model(child, path[:1], models) for child in node.instances]
        return ObjectNode(node.id, children)
    if isinstance(node, ObjectInstance):
        children = [to_model(child, path[:1], models) for child in node.resources]
        return ObjectInstance(node.id, children)
    rid = path[2] if isinstance(node, ResourceInstance) else node.id
    wanted = models.type_of(path[0], rid) or node.type
    if isinstance(node, MultiResource):
        values = {i: _convert(node.type, v, wanted) for i, v in node.values.items()}
        return MultiResource(node.id, wanted, values)
    return replace(node, type=wanted, value=_convert(node.type, node.value, wanted))


def single_node(path, kind, value):
    """Node of a single value at a path of a resource or a resource instance."""
    if len(path) == 3:
        return Resource(path[2], kind, value)
    if len(path) == 4:
        return ResourceInstance(path[3], kind, value)
    raise CodecError("this format holds a single value, the path is of %d levels" % len(path))
