"""TLV, Content-Format 11542 (LwM2M Core 1.1.1, 7.5.3)."""

import struct

from ..errors import CodecError
from ..nodes import MultiResource, ObjectInstance, ObjectNode, Resource, ResourceInstance
from .convert import to_model

NAME = "TLV"
CODE = 11542

_INSTANCE = 0
_RESOURCE_INSTANCE = 1
_MULTIPLE = 2
_VALUE = 3
_NAMES = ("object instance", "resource instance", "multiple resource", "resource value")


def _record(kind, number, value):
    head = kind << 6
    body = number.to_bytes(1 if number < 256 else 2, "big")
    if number > 255:
        head |= 0x20
    size = len(value)
    if size < 8:
        return bytes((head | size,)) + body + value
    width = 1 if size < 256 else 2 if size < 65536 else 3
    return bytes((head | width << 3,)) + body + size.to_bytes(width, "big") + value


def _integer(value):
    for width in (1, 2, 4, 8):
        limit = 1 << (8 * width - 1)
        if -limit <= value < limit:
            return value.to_bytes(width, "big", signed=True)
    return value.to_bytes(8, "big")  # an unsigned integer of 2^63 and more


def _float(value):
    try:
        short = struct.pack(">f", value)
    except OverflowError:
        short = None
    if short and struct.unpack(">f", short)[0] == value:
        return short
    return struct.pack(">d", value)


def _encode_value(kind, value):
    if kind in ("STRING", "CORELINK"):
        return value.encode()
    if kind in ("INTEGER", "UNSIGNED_INTEGER", "TIME"):
        return _integer(value)
    if kind == "FLOAT":
        return _float(value)
    if kind == "BOOLEAN":
        return b"\1" if value else b"\0"
    if kind == "OBJLNK":
        return struct.pack(">HH", *value)
    return value


def _encode(node):
    if isinstance(node, ObjectNode):
        return b"".join(
            _record(_INSTANCE, child.id, _encode(child))
            if child.id is not None
            else _encode(child)
            for child in node.instances
        )
    if isinstance(node, ObjectInstance):
        return b"".join(_encode(child) for child in node.resources)
    if isinstance(node, MultiResource):
        children = b"".join(
            _record(_RESOURCE_INSTANCE, i, _encode_value(node.type, v))
            for i, v in node.values.items()
        )
        return _record(_MULTIPLE, node.id, children)
    kind = _RESOURCE_INSTANCE if isinstance(node, ResourceInstance) else _VALUE
    return _record(kind, node.id, _encode_value(node.type, node.value))


def encode(node, path, models):
    """Payload of a node for a request to a path; values take the types of the model."""
    return _encode(to_model(node, path, models))


def _records(data):
    """List of (kind, id, value) of the records in bytes."""
    found = []
    offset = 0
    while offset < len(data):
        head = data[offset]
        offset += 1
        id_width = 2 if head & 0x20 else 1
        size_width = head >> 3 & 3
        if offset + id_width + size_width > len(data):
            raise CodecError("TLV ends inside a header")
        number = int.from_bytes(data[offset : offset + id_width], "big")
        offset += id_width
        size = int.from_bytes(data[offset : offset + size_width], "big")
        offset += size_width
        if not size_width:
            size = head & 7
        if offset + size > len(data):
            raise CodecError("TLV record %d is longer than the payload" % number)
        found.append((head >> 6, number, data[offset : offset + size]))
        offset += size
    return found


def _decode_value(kind, value, path):
    size = len(value)
    try:
        if kind in ("STRING", "CORELINK"):
            return value.decode()
        if kind in ("INTEGER", "TIME") and size in (1, 2, 4, 8):
            return int.from_bytes(value, "big", signed=True)
        if kind == "UNSIGNED_INTEGER" and size in (1, 2, 4, 8):
            # a shorter negative number is as senseless here as anywhere
            return int.from_bytes(value, "big", signed=size < 8)
        if kind == "FLOAT" and size in (4, 8):
            return struct.unpack(">f" if size == 4 else ">d", value)[0]
        if kind == "BOOLEAN" and value in (b"\0", b"\1"):
            return value == b"\1"
        if kind == "OBJLNK" and size == 4:
            return struct.unpack(">HH", value)
    except UnicodeDecodeError:
        pass
    if kind == "OPAQUE":
        return bytes(value)
    raise CodecError("TLV value %s of /%d/x/%d is no %s" % (value.hex(), *path, kind))


def _expect(kind, wanted):
    if kind not in wanted:
        names = " or ".join(_NAMES[k] for k in wanted)
        raise CodecError("expected TLV of type %s but was %s" % (names, _NAMES[kind]))


def _unique(nodes):
    if len({node.id for node in nodes}) < len(nodes):
        raise CodecError("two TLV records with the same id")
    return nodes


def _decode_instances(data, oid, rid, kind):
    values = {}
    for record, number, value in _records(data):
        _expect(record, (_RESOURCE_INSTANCE,))
        if number in values:
            raise CodecError("two TLV records with the same id")
        values[number] = _decode_value(kind, value, (oid, rid))
    return MultiResource(rid, kind, values)


def _decode_resource(record, oid, models):
    kind, rid, value = record
    _expect(kind, (_MULTIPLE, _VALUE))
    type_ = models.type_of(oid, rid) or "OPAQUE"
    if kind == _MULTIPLE:
        return _decode_instances(value, oid, rid, type_)
    return Resource(rid, type_, _decode_value(type_, value, (oid, rid)))


def _decode_resources(records, oid, models):
    return _unique([_decode_resource(record, oid, models) for record in records])


def _decode_object(records, path, models):
    oid = path[0]
    if records and records[0][0] in (_MULTIPLE, _VALUE):
        # resources without an instance around them: allowed for single-instance objects
        return ObjectNode(oid, [ObjectInstance(0, _decode_resources(records, oid, models))])
    instances = []
    for kind, iid, value in records:
        _expect(kind, (_INSTANCE,))
        instances.append(ObjectInstance(iid, _decode_resources(_records(value), oid, models)))
    return ObjectNode(oid, _unique(instances))


def _decode_at_resource(records, payload, path, models):
    oid, rid = path[0], path[2]
    if len(records) == 1 and records[0][0] != _RESOURCE_INSTANCE:
        if records[0][1] != rid:
            raise CodecError("TLV of resource %d at path of resource %d" % (records[0][1], rid))
        return _decode_resource(records[0], oid, models)
    if not records and models.is_multiple(oid, rid) is False:
        raise CodecError("TLV payload is mandatory for a single resource")
    return _decode_instances(payload, oid, rid, models.type_of(oid, rid) or "OPAQUE")


def decode(payload, path, models):
    """Node of a payload that came from a path; a resource without a model is OPAQUE."""
    records = _records(payload)
    if len(path) == 1:
        return _decode_object(records, path, models)
    if len(path) < 4 and len(records) == 1 and records[0][0] == _INSTANCE:
        if records[0][1] != path[1]:
            raise CodecError(
                "TLV of instance %d at path of instance %d" % (records[0][1], path[1])
            )
        payload = records[0][2]
        records = _records(payload)
    if len(path) == 2:
        return ObjectInstance(path[1], _decode_resources(records, path[0], models))
    if len(path) == 3:
        return _decode_at_resource(records, payload, path, models)
    if len(path) == 4 and len(records) == 1 and records[0][:2] == (_RESOURCE_INSTANCE, path[3]):
        type_ = models.type_of(path[0], path[2]) or "OPAQUE"
        return ResourceInstance(path[3], type_, _decode_value(type_, records[0][2], path[::2]))
    raise CodecError("TLV payload must hold exactly the one resource instance of the path")
