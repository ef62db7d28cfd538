"""SenML-CBOR, Content-Format 112 (RFC 8428, 6)."""

import cbor2

from ..errors import CodecError
from . import senml
from .cbor import loads

NAME = "SENML_CBOR"
CODE = 112

_NUMBERS = {"bv": -5, "bn": -2, "bver": -1, "n": 0, "v": 2, "vs": 3, "vb": 4, "vd": 8}
_LABELS = {number: label for label, number in _NUMBERS.items()}


def encode(node, path, models):
    """Payload of a node for a request to a path; values take the types of the model."""
    records = senml.records(node, path, models)
    return cbor2.dumps(
        [{_NUMBERS.get(label, label): record[label] for label in record} for record in records]
    )


def decode(payload, path, models):
    """Node of a payload that came from a path."""
    pack = loads(payload)
    if not isinstance(pack, list) or not all(isinstance(record, dict) for record in pack):
        raise CodecError("SenML is a list of maps")
    named = [{_LABELS.get(label, label): record[label] for label in record} for record in pack]
    return senml.node(named, path, models)
