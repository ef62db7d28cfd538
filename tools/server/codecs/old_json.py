"""The JSON of LwM2M 1.0, Content-Format 11543 (LwM2M TS 1.0.2, 6.4.4).

One object with a base name and base time, and below "e" the entries; otherwise it is what became
SenML, with other labels and with opaque values as Base64 in a string.
"""

import base64
import json

from ..errors import CodecError, InvalidRequest
from ..paths import parse_path
from . import senml, senml_nodes
from .convert import value_from_text
from .senml_json import load

NAME = "JSON"
CODE = 11543

_LABELS = {"v": "v", "vb": "bv", "vs": "sv", "vlo": "ov"}  # of SenML: of this format
_SENML = {own: label for label, own in _LABELS.items()}


def encode(node, path, models):
    """Payload of a node for a request to a path; values take the types of the model."""
    found = senml.records(node, path, models)
    root = {"bn": found[0]["bn"]} if found else {}
    root["e"] = entries = []
    for record in found:
        entry = {"n": record.get("n", "")}
        if "vd" in record:
            entry["sv"] = base64.b64encode(record["vd"]).decode()
        else:
            entry.update((_LABELS[label], record[label]) for label in record if label in _LABELS)
        entries.append(entry)
    try:
        text = json.dumps(root, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as fault:
        raise CodecError(str(fault))
    return text.encode()


def _path(base, name, target):
    """Path of an entry; without a base name it counts from the target of the request."""
    if not isinstance(base, str) or not isinstance(name, str):
        raise CodecError("JSON name %.40r %.40r is no text" % (base, name))
    try:
        if not base and not name.startswith("/"):
            path = target + parse_path(name)
        else:
            # the base is written with and without a slash at its end
            path = parse_path(base) + parse_path(name)
    except InvalidRequest as fault:
        raise CodecError(str(fault))
    if not 3 <= len(path) <= 4:
        raise CodecError("JSON entry %.40r %.40r is no resource" % (base, name))
    return path


def _value(entry, path, models):
    """(type, value) of an entry."""
    labels = [label for label in entry if label in _SENML]
    if len(labels) != 1:
        raise CodecError("JSON entry %.80r needs one value" % (entry,))
    (label,) = labels
    value = entry[label]
    if label == "sv" and isinstance(value, str):
        if models.type_of(path[0], path[2]) == "OPAQUE":
            return "OPAQUE", value_from_text("OPAQUE", value)
    return senml.typed(_SENML[label], value, path[0], path[2], models)


def _records(payload, target, models):
    root = load(payload)
    if not isinstance(root, dict) or not isinstance(root.get("e"), list):
        raise CodecError('this JSON is an object with a list "e"')
    clock = senml.Clock()
    clock.rebase(root)
    found = []
    for entry in root["e"]:
        if not isinstance(entry, dict):
            raise CodecError("JSON entry %.80r is no object" % (entry,))
        path = _path(root.get("bn", ""), entry.get("n", ""), target)
        kind, value = _value(entry, path, models)
        found.append(senml.Record(path, kind, value, clock.time_of(entry)))
    return found


def decode(payload, path, models):
    """Node of a payload that came from a path; opaque values need a model, or are a STRING."""
    return senml_nodes.node_at(_records(payload, path, models), path, models)


def decode_timed(payload, path, models):
    """[(time, node)] of a payload that came from a path, the newest first."""
    return senml_nodes.timed_nodes_at(_records(payload, path, models), path, models)
