"""SenML-JSON, Content-Format 110 (RFC 8428, 5)."""

import base64
import binascii
import json

from ..errors import CodecError
from . import senml

NAME = "SENML_JSON"
CODE = 110


def _base64(value):
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), b"-_", validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise CodecError("%r is no Base64 for URLs" % (value,))


def _constant(name):
    raise ValueError("%s is no number of JSON" % name)


def encode(node, path, models):
    """Payload of a node for a request to a path; values take the types of the model."""
    records = senml.records(node, path, models)
    for record in records:
        if "vd" in record:
            record["vd"] = base64.urlsafe_b64encode(record["vd"]).decode().rstrip("=")
    try:
        text = json.dumps(records, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as fault:
        raise CodecError(str(fault))
    return text.encode()


def decode(payload, path, models):
    """Node of a payload that came from a path."""
    try:
        pack = json.loads(bytes(payload).decode(), parse_constant=_constant)
    except (ValueError, RecursionError) as fault:
        raise CodecError("malformed JSON: %s" % fault)
    for record in pack if isinstance(pack, list) else ():
        if isinstance(record, dict) and "vd" in record:
            record["vd"] = _base64(record["vd"])
    return senml.node(pack, path, models)
