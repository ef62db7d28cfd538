"""CBOR, Content-Format 60: a single value (RFC 8949, LwM2M Core 1.1.1, table C.2)."""

import io
from datetime import datetime

import cbor2

from ..errors import CodecError
from ..nodes import Resource, ResourceInstance
from .convert import single_node, text_from_value, to_model, value_from_text

NAME = "CBOR"
CODE = 60

_TIME_TAG = 1  # seconds since 1970


def _tagged_time(value, immutable):
    # datetime, which cbor2 makes of it, ends with the year 9999.
    return cbor2.CBORTag(_TIME_TAG, value)


def loads(payload):
    """The one item of a payload as cbor2 decodes it; CodecError if it is none.

    Seconds since 1970 stay a CBORTag, other times are datetime.
    """
    stream = io.BytesIO(bytes(payload))
    decoder = cbor2.CBORDecoder(
        stream,
        max_depth=8,
        allow_duplicate_keys=False,
        semantic_decoders={_TIME_TAG: _tagged_time},
    )
    try:
        item = decoder.decode()
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError) as fault:
        raise CodecError("malformed CBOR: %s" % fault)
    if stream.read():
        raise CodecError("CBOR of more than one item")
    try:
        repr(item)
    except (ValueError, RecursionError):
        # a number of thousands of digits; nobody could say what is wrong with it
        raise CodecError("CBOR that cannot be shown")
    return item


def encode(node, path, models):
    """Payload of a single value; other nodes are refused with CodecError."""
    if not isinstance(node, (Resource, ResourceInstance)):
        raise CodecError("CBOR is not possible for an object, an instance or several values")
    node = to_model(node, path, models)
    if node.type == "TIME":
        return cbor2.dumps(cbor2.CBORTag(_TIME_TAG, node.value))
    return cbor2.dumps(
        text_from_value(node.type, node.value) if node.type == "OBJLNK" else node.value
    )


def _type_of(item):
    if isinstance(item, bool):
        return "BOOLEAN"
    if isinstance(item, int) and -(2**63) <= item < 2**64:
        return "INTEGER" if item < 2**63 else "UNSIGNED_INTEGER"
    for python_type, kind in ((float, "FLOAT"), (str, "STRING"), (bytes, "OPAQUE")):
        if isinstance(item, python_type):
            return kind
    raise CodecError("CBOR item %.80r is no value of a resource" % (item,))


def decode(payload, path, models):
    """Node of a payload; a resource without a model has the type of the item."""
    item = loads(payload)
    if isinstance(item, datetime):
        item = cbor2.CBORTag(_TIME_TAG, int(item.timestamp()))
    tagged = isinstance(item, cbor2.CBORTag) and item.tag == _TIME_TAG
    if tagged:
        item = item.value
    kind = _type_of(item)
    if tagged:
        if kind != "INTEGER":
            raise CodecError("CBOR time %r is no whole number" % (item,))
        kind = "TIME"
    wanted = models.type_of(path[0], path[2]) if len(path) > 2 else None
    if kind == "STRING" and wanted in ("OBJLNK", "CORELINK"):
        item = value_from_text(wanted, item)
        kind = wanted
    texts = ("STRING", "CORELINK", "OPAQUE", "BOOLEAN", "OBJLNK")
    if wanted and kind != wanted and (kind in texts or wanted in texts):
        raise CodecError("CBOR item %.80r is no %s" % (item, wanted))
    return to_model(single_node(path, kind, item), path, models)
