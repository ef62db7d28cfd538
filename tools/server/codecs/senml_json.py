"""SenML-JSON, Content-Format 110 (RFC 8428, 5)."""

import base64
import binascii
import json

from ..errors import CodecError
from .senml_codec import SenmlCodec

NAME = "SENML_JSON"
CODE = 110


def _base64(value):
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), b"-_", validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise CodecError("%.80r is no Base64 for URLs" % (value,))


def _constant(name):
    raise ValueError("%s is no number of JSON" % name)


def _dumps(records):
    for record in records:
        if "vd" in record:
            record["vd"] = base64.urlsafe_b64encode(record["vd"]).decode().rstrip("=")
    try:
        text = json.dumps(records, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as fault:
        raise CodecError(str(fault))
    return text.encode()


def load(payload):
    """What a payload says in JSON; CodecError where it is none."""
    try:
        return json.loads(bytes(payload).decode(), parse_constant=_constant)
    except (ValueError, RecursionError) as fault:
        raise CodecError("malformed JSON: %s" % fault)


def _loads(payload):
    pack = load(payload)
    for record in pack if isinstance(pack, list) else ():
        if isinstance(record, dict) and "vd" in record:
            record["vd"] = _base64(record["vd"])
    return pack


_codec = SenmlCodec(_dumps, _loads)
encode = _codec.encode
encode_nodes = _codec.encode_nodes
encode_paths = _codec.encode_paths
decode = _codec.decode
decode_timed = _codec.decode_timed
decode_nodes = _codec.decode_nodes
