"""Opaque, Content-Format 42: the bytes of a single opaque value."""

from ..errors import CodecError
from ..nodes import Resource, ResourceInstance
from .convert import single_node

NAME = "OPAQUE"
CODE = 42


def encode(node, path, models):
    """Payload of a single opaque value; other nodes are refused with CodecError."""
    if not isinstance(node, (Resource, ResourceInstance)) or node.type != "OPAQUE":
        raise CodecError("OPAQUE must be used only for single resources of type opaque")
    return node.value


def decode(payload, path, models):
    """Node of a payload; refused if the model states another type."""
    kind = models.type_of(path[0], path[2]) if len(path) > 2 else None
    if kind not in (None, "OPAQUE"):
        raise CodecError("OPAQUE is not possible for a resource of type %s" % kind)
    return single_node(path, "OPAQUE", bytes(payload))
