"""Plain text, Content-Format 0: a single value."""

from ..errors import CodecError
from ..nodes import Resource, ResourceInstance
from .convert import single_node, text_from_value, value_from_text

NAME = "TEXT"
CODE = 0


def encode(node, path, models):
    """Payload of a single value; other nodes are refused with CodecError."""
    if not isinstance(node, (Resource, ResourceInstance)):
        raise CodecError("Invalid format for path: TEXT must be used only for single resources")
    return text_from_value(node.type, node.value).encode()


def decode(payload, path, models):
    """Node of a payload; a resource without a model is a STRING."""
    if len(path) < 3:
        raise CodecError("TEXT is not possible for an object or an object instance")
    kind = models.type_of(path[0], path[2]) or "STRING"
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise CodecError("the text is not UTF-8")
    return single_node(path, kind, value_from_text(kind, text))
