"""What SenML in JSON and in CBOR share: nodes as records and back (RFC 8428).

A record is a dict by the labels of JSON; times of measurement (bt, t) are not looked at.
"""

from ..errors import CodecError, InvalidRequest
from ..nodes import MultiResource, ObjectInstance, ObjectNode, Resource, ResourceInstance
from ..paths import format_path, parse_path
from .convert import text_from_value, to_model, value_from_text

_VERSION = 10
_LABELS = {"BOOLEAN": "vb", "STRING": "vs", "CORELINK": "vs", "OPAQUE": "vd", "OBJLNK": "vlo"}
_NUMBERS = ("INTEGER", "UNSIGNED_INTEGER", "FLOAT", "TIME")
# label: type of the value, the types of resources it suits
_KINDS = {
    "vb": (bool, ("BOOLEAN",)),
    "vs": (str, ("STRING", "CORELINK", "OBJLNK")),
    "vd": (bytes, ("OPAQUE",)),
    "vlo": (str, ("OBJLNK",)),
}


def _values(node, ids):
    if isinstance(node, ObjectNode):
        for child in node.instances:
            if child.id is None:
                raise CodecError("SenML cannot leave the id of an instance to the client")
            yield from _values(child, (child.id,))
    elif isinstance(node, ObjectInstance):
        for child in node.resources:
            yield from _values(child, (*ids, child.id))
    elif isinstance(node, MultiResource):
        for riid, value in node.values.items():
            yield (*ids, riid), node.type, value
    else:
        yield ids, node.type, node.value


def records(node, path, models):
    """List of records of a node for a request to a path; values take the types of the model."""
    base = format_path(path)
    found = []
    for ids, kind, value in _values(to_model(node, path, models), ()):
        name = "/".join(map(str, ids))
        record = {} if found else {"bn": base + "/" if name else base}
        if name:
            record["n"] = name
        label = _LABELS.get(kind, "v")
        record[label] = text_from_value(kind, value) if kind == "OBJLNK" else value
        found.append(record)
    return found


def _typed(label, value, oid, rid, models):
    """(type, value) of a field."""
    wanted = models.type_of(oid, rid)
    where = "value %r of /%d/x/%d" % (value, oid, rid)
    if label == "v":
        if type(value) not in (int, float):
            raise CodecError(where + " is no number")
        if type(value) is int and not -(2**63) <= value < 2**64:
            raise CodecError(where + " does not fit 64 bits")
        if wanted not in (None, *_NUMBERS):
            raise CodecError("%s is no %s" % (where, wanted))
        if type(value) is float:
            return "FLOAT", value
        return "INTEGER" if value < 2**63 else "UNSIGNED_INTEGER", value
    python_type, suits = _KINDS[label]
    if type(value) is not python_type or wanted not in (None, *suits):
        raise CodecError("%s as %s is no %s" % (where, label, wanted or suits[0]))
    kind = wanted or suits[0]
    return kind, value_from_text(kind, value) if kind == "OBJLNK" else value


def _resolved(pack, path, models):
    """Yields (path, type, value) of the records."""
    if not isinstance(pack, list):
        raise CodecError("SenML is a list of records")
    base = ""
    for record in pack:
        if not isinstance(record, dict):
            raise CodecError("SenML record %r is no map" % (record,))
        base = record.get("bn", base)
        name = record.get("n", "")
        fields = [label for label in record if label in ("v", *_KINDS)]
        unknown = [label for label in record if str(label).endswith("_") or label == "bv"]
        version = record.get("bver", _VERSION)
        if unknown or type(version) is not int or version > _VERSION:
            raise CodecError("SenML with %s is not understood" % (unknown or "bver %s" % version))
        if not fields and not name:
            continue
        if len(fields) != 1 or not isinstance(base, str) or not isinstance(name, str):
            raise CodecError("SenML record %r needs one value" % (record,))
        try:
            found = parse_path(base + name)
        except InvalidRequest as fault:
            raise CodecError(str(fault))
        if len(found) < 3 or found[: len(path)] != path:
            raise CodecError("SenML record of %r is not below %s" % (base + name, path))
        yield found, *_typed(fields[0], record[fields[0]], found[0], found[2], models)


def node(pack, path, models):
    """Node of a list of records that came from a path; types are guessed without a model."""
    instances = {}
    for found, kind, value in _resolved(pack, path, models):
        resources = instances.setdefault(found[1], {})
        known = resources.get(found[2])
        if len(found) == 3:
            new = Resource(found[2], kind, value)
        else:
            new = known if isinstance(known, MultiResource) else MultiResource(found[2], kind)
        if known is not None and (known is not new or found[3] in known.values):
            raise CodecError("two SenML records of %s" % format_path(found))
        if len(found) == 4:
            new.values[found[3]] = value
        resources[found[2]] = new
    children = [ObjectInstance(iid, list(rows.values())) for iid, rows in instances.items()]
    return to_model(_below(children, path, models), path, models)


def _below(children, path, models):
    """What the instances hold at the path."""
    if len(path) == 1:
        return ObjectNode(path[0], children)
    resources = children[0].resources if children else []
    if len(path) == 2:
        return ObjectInstance(path[1], resources)
    if not resources and len(path) == 3 and models.is_multiple(path[0], path[2]):
        return MultiResource(path[2], models.type_of(path[0], path[2]) or "STRING")
    if len(resources) != 1:
        raise CodecError("SenML without a value for %s" % format_path(path))
    if len(path) == 3:
        return resources[0]
    return ResourceInstance(path[3], resources[0].type, resources[0].values[path[3]])
