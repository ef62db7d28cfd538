"""Records of SenML as dicts by the labels of JSON: made of nodes, and resolved (RFC 8428).

Resolved means that the base fields are merged in: what is left is a path, a typed value and a
time, the same for SenML in JSON and in CBOR.
"""

import math
import time
from decimal import Decimal
from typing import NamedTuple

from ..errors import CodecError, InvalidRequest
from ..nodes import MultiResource, ObjectInstance, ObjectNode
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
_ABSOLUTE_S = 1 << 28  # smaller times count from now (RFC 8428, 4.5.3)
_LAST_S = 253402300800  # the year 10000


class Record(NamedTuple):
    """A resolved record; time in seconds since 1970, None where the record states none."""

    path: tuple
    type: str
    value: object
    time: float | None


def _values(node, ids):
    if isinstance(node, ObjectNode):
        for child in node.instances:
            if child.id is None:
                raise CodecError("only TLV can leave the id of an instance to the client")
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


def records_of_nodes(nodes, models):
    """List of records of {path: node}."""
    return [record for path, node in nodes.items() for record in records(node, path, models)]


def records_of_paths(paths):
    """List of records that name paths, as the composite operations take them."""
    return [{"n": format_path(path)} for path in paths]


def typed(label, value, oid, rid, models):
    """(type, value) of a field of a resource; CodecError where they do not suit each other."""
    wanted = models.type_of(oid, rid)
    where = "value %.80r of /%d/x/%d" % (value, oid, rid)
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


def _seconds(record, label, otherwise):
    value = record.get(label, otherwise)
    if type(value) not in (int, float, Decimal):
        raise CodecError("%s %.80r is no time" % (label, value))
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not -_LAST_S < seconds < _LAST_S:
        raise CodecError("%s %.80s is out of the calendar" % (label, value))
    return seconds


class Clock:
    """The times of records: small ones count from now (RFC 8428, 4.5.3)."""

    def __init__(self):
        self._now_s = time.time()
        self._base_s = None

    def rebase(self, record):
        """Takes a base time, where the record has one."""
        if "bt" in record:
            self._base_s = _seconds(record, "bt", 0)

    def time_of(self, record):
        """Seconds since 1970, None where neither the record nor the base states a time."""
        if self._base_s is None and "t" not in record:
            return None
        moment_s = (self._base_s or 0) + _seconds(record, "t", 0)
        return moment_s if moment_s >= _ABSOLUTE_S else moment_s + self._now_s


def resolve(pack, models):
    """List of Record of a list of records; CodecError where it is no SenML for LwM2M."""
    if not isinstance(pack, list):
        raise CodecError("SenML is a list of records")
    clock = Clock()
    base = ""
    found = []
    for record in pack:
        if not isinstance(record, dict):
            raise CodecError("SenML record %.80r is no map" % (record,))
        base = record.get("bn", base)
        clock.rebase(record)
        name = record.get("n", "")
        fields = [label for label in record if label in ("v", *_KINDS)]
        unknown = [label for label in record if str(label).endswith("_") or label == "bv"]
        version = record.get("bver", _VERSION)
        if unknown or type(version) is not int or version > _VERSION:
            raise CodecError("SenML with %s is not understood" % (unknown or "bver %s" % version))
        if not fields and not name:
            continue
        if len(fields) != 1 or not isinstance(base, str) or not isinstance(name, str):
            raise CodecError("SenML record %.80r needs one value" % (record,))
        try:
            path = parse_path(base + name)
        except InvalidRequest as fault:
            raise CodecError(str(fault))
        if len(path) < 3:
            raise CodecError("SenML record of %r is no resource" % (base + name))
        kind, value = typed(fields[0], record[fields[0]], path[0], path[2], models)
        found.append(Record(path, kind, value, clock.time_of(record)))
    return found
