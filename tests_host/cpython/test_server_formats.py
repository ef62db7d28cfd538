"""The desk server: TLV, link format and the JSON shape of values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.server.codecs import tlv
from tools.server.errors import CodecError
from tools.server.linkformat import parse_links
from tools.server.models import Models
from tools.server.nodes import (
    MultiResource,
    ObjectInstance,
    ObjectNode,
    Resource,
    ResourceInstance,
    java_double,
    node_from_json,
    node_to_json,
)

# LwM2M Core 1.1.1, 7.4.3: object links, an empty string, ids and lengths of both widths
TLV_VECTORS = (
    (
        "c800144f70656e204d6f62696c6520416c6c69616e6365",
        Resource(0, "STRING", "Open Mobile Alliance"),
    ),
    ("c00e", Resource(14, "STRING", "")),
    ("c10964", Resource(9, "INTEGER", 100)),
    ("8606410001410105", MultiResource(6, "INTEGER", {0: 1, 1: 5})),
)


def test_tlv_vectors():
    for text, node in TLV_VECTORS:
        payload = bytes.fromhex(text)
        path = (3, 0, node.id)
        assert tlv.decode(payload, path, Models()) == node
        assert tlv.encode(node, path, Models()) == payload


def test_tlv_that_is_none():
    for text in ("c8", "c80014", "c401ab", "e10102", "ff", "0841", "c40a0102"):
        with pytest.raises(CodecError):
            tlv.decode(bytes.fromhex(text), (3, 0), Models())


VALUES = st.one_of(
    st.tuples(st.just("STRING"), st.text(max_size=300)),
    st.tuples(st.just("INTEGER"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("UNSIGNED_INTEGER"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("FLOAT"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("BOOLEAN"), st.booleans()),
    st.tuples(st.just("OPAQUE"), st.binary(max_size=70000)),
    st.tuples(st.just("TIME"), st.integers(-(2**31), 2**40)),
    st.tuples(st.just("OBJLNK"), st.tuples(st.integers(0, 65535), st.integers(0, 65535))),
)


def models_of(kind):
    rows = {str(rid): ["x", "RW", kind, True] for rid in (0, 255, 256, 65534)}
    return Models({"9000": {"multiple": True, "resources": rows}})


@given(VALUES, st.sampled_from((0, 255, 256, 65534)))
def test_tlv_and_json_round_trip(typed, number):
    kind, value = typed
    models = models_of(kind)
    multiple = MultiResource(number, kind, {number: value, 1: value})
    for node, path in (
        (Resource(number, kind, value), (9000, 0, number)),
        (ResourceInstance(number, kind, value), (9000, 0, 0, number)),
        (multiple, (9000, 0, number)),
        (ObjectInstance(7, [multiple]), (9000, 7)),
        (ObjectNode(9000, [ObjectInstance(number, [multiple])]), (9000,)),
    ):
        assert tlv.decode(tlv.encode(node, path, models), path, models) == node
        assert node_from_json(json.loads(json.dumps(node_to_json(node)))) == node


@given(st.binary(max_size=60), st.sampled_from(((3,), (3, 0), (3, 0, 6), (3, 0, 6, 1))))
def test_tlv_decoder_raises_nothing_else(payload, path):
    try:
        tlv.decode(payload, path, Models())
    except CodecError:
        pass


@given(st.binary(max_size=60))
def test_link_parser_raises_nothing_else(payload):
    try:
        parse_links(payload)
    except CodecError:
        pass


def test_links():
    assert parse_links(b"") == []
    assert parse_links(b'</>;rt="a,b;c";ct=0;obs,</1/0>;if="say \\"x\\""') == [
        ("/", {"rt": '"a,b;c"', "ct": "0", "obs": None}),
        ("/1/0", {"if": '"say \\"x\\""'}),
    ]


def test_floats_as_java_writes_them():
    for value, text in (
        (0.0, "0.0"),
        (-0.5, "-0.5"),
        (21.299999237060547, "21.299999237060547"),
        (1e-3, "0.001"),
        (1e-4, "1.0E-4"),
        (0.00012, "1.2E-4"),
        (9999999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (-12345678.25, "-1.234567825E7"),
        (1e300, "1.0E300"),
        (-2.5e-9, "-2.5E-9"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ):
        assert java_double(value) == text
