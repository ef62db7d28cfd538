"""SenML-CBOR, Content-Format 112 (RFC 8428, 6)."""

import cbor2

from ..errors import CodecError
from .cbor import loads
from .senml_codec import SenmlCodec

NAME = "SENML_CBOR"
CODE = 112

_NUMBERS = {
    "bv": -5,
    "bt": -3,
    "bn": -2,
    "bver": -1,
    "n": 0,
    "v": 2,
    "vs": 3,
    "vb": 4,
    "t": 6,
    "vd": 8,
}
_LABELS = {number: label for label, number in _NUMBERS.items()}


def _dumps(records):
    return cbor2.dumps(
        [{_NUMBERS.get(label, label): record[label] for label in record} for record in records]
    )


def _loads(payload):
    pack = loads(payload)
    if not isinstance(pack, list) or not all(isinstance(record, dict) for record in pack):
        raise CodecError("SenML is a list of maps")
    return [{_LABELS.get(label, label): record[label] for label in record} for record in pack]


_codec = SenmlCodec(_dumps, _loads)
encode = _codec.encode
encode_nodes = _codec.encode_nodes
encode_paths = _codec.encode_paths
decode = _codec.decode
decode_timed = _codec.decode_timed
decode_nodes = _codec.decode_nodes
