"""The desk server: SenML-CBOR, SenML-JSON and CBOR."""

import pytest
from aiocoap import CHANGED, CONTENT
from server_bench import TLV, bench, float_tlv, run

from tools.server import codecs
from tools.server.codecs import cbor, senml_cbor, senml_json
from tools.server.errors import CodecError
from tools.server.models import Models
from tools.server.nodes import MultiResource, ObjectInstance, ObjectNode, Resource

MODELS = Models()
TEMPERATURE = ObjectInstance(
    0, [Resource(5700, "FLOAT", 21.5), Resource(5701, "STRING", "\u00b0C")]
)
SOURCES = MultiResource(6, "INTEGER", {0: 1, 1: 5})

# path, node, SenML-JSON, SenML-CBOR
PACKS = (
    (
        (3303, 0, 5700),
        TEMPERATURE.resources[0],
        b'[{"bn":"/3303/0/5700","v":21.5}]',
        b"\x81\xa2\x21\x6c/3303/0/5700\x02\xfb\x40\x35\x80\x00\x00\x00\x00\x00",
    ),
    (
        (3303, 0),
        TEMPERATURE,
        b'[{"bn":"/3303/0/","n":"5700","v":21.5},{"n":"5701","vs":"\xc2\xb0C"}]',
        b"\x82\xa3\x21\x68/3303/0/\x00\x645700\x02\xfb\x40\x35\x80\x00\x00\x00\x00\x00"
        b"\xa2\x00\x645701\x03\x63\xc2\xb0C",
    ),
    (
        (3, 0, 6),
        SOURCES,
        b'[{"bn":"/3/0/6/","n":"0","v":1},{"n":"1","v":5}]',
        b"\x82\xa3\x21\x67/3/0/6/\x00\x610\x02\x01\xa2\x00\x611\x02\x05",
    ),
    (
        (3,),
        ObjectNode(3, [ObjectInstance(0, [SOURCES, Resource(13, "TIME", 1367491215)])]),
        b'[{"bn":"/3/","n":"0/6/0","v":1},{"n":"0/6/1","v":5},{"n":"0/13","v":1367491215}]',
        b"\x83\xa3\x21\x63/3/\x00\x650/6/0\x02\x01\xa2\x00\x650/6/1\x02\x05"
        b"\xa2\x00\x640/13\x02\x1a\x51\x82\x42\x8f",
    ),
    (
        (5, 0, 0),
        Resource(0, "OPAQUE", b"\xff\xef\x01\x02"),
        b'[{"bn":"/5/0/0","vd":"_-8BAg"}]',
        b"\x81\xa2\x21\x66/5/0/0\x08\x44\xff\xef\x01\x02",
    ),
)

# path, node, bytes
ITEMS = (
    ((3303, 0, 5700), Resource(5700, "FLOAT", 21.5), b"\xfb\x40\x35\x80\x00\x00\x00\x00\x00"),
    ((3, 0, 9), Resource(9, "INTEGER", 100), b"\x18\x64"),
    ((3, 0, 13), Resource(13, "TIME", 1363896240), b"\xc1\x1a\x51\x4b\x67\xb0"),
    ((3, 0, 0), Resource(0, "STRING", "\u00fc"), b"\x62\xc3\xbc"),
    ((5, 0, 0), Resource(0, "OPAQUE", b"\x01"), b"\x41\x01"),
    ((1, 0, 6), Resource(6, "BOOLEAN", True), b"\xf5"),
    ((9000, 0, 0), Resource(0, "OBJLNK", (66, 1)), b"\x6466:1"),
)

LINKS = Models({"9000": {"multiple": True, "resources": {"0": ["x", "RW", "OBJLNK", False]}}})


def test_packs():
    for path, node, as_json, as_cbor in PACKS:
        for codec, payload in ((senml_json, as_json), (senml_cbor, as_cbor)):
            assert codec.encode(node, path, MODELS) == payload
            assert codec.decode(payload, path, MODELS) == node


def test_items():
    for path, node, payload in ITEMS:
        assert cbor.encode(node, path, LINKS if path[0] == 9000 else MODELS) == payload
        models = LINKS if path[0] == 9000 else MODELS
        assert cbor.decode(payload, path, models) == node


def test_types_without_a_model():
    path = (9001, 0, 1)
    for field, kind, value in (
        (b'"v":5', "INTEGER", 5),
        (b'"v":18446744073709551615', "UNSIGNED_INTEGER", 2**64 - 1),
        (b'"v":0.5', "FLOAT", 0.5),
        (b'"vb":true', "BOOLEAN", True),
        (b'"vs":"x"', "STRING", "x"),
        (b'"vd":"AQ"', "OPAQUE", b"\x01"),
        (b'"vlo":"3:0"', "OBJLNK", (3, 0)),
    ):
        payload = b'[{"bn":"/9001/0/1"},{%s}]' % field
        assert senml_json.decode(payload, path, MODELS) == Resource(1, kind, value)
    for payload, kind, value in (
        (b"\x05", "INTEGER", 5),
        (b"\xf9\x38\x00", "FLOAT", 0.5),
        (b"\xf5", "BOOLEAN", True),
        (b"\x61x", "STRING", "x"),
        (b"\x41\x01", "OPAQUE", b"\x01"),
        (b"\xc1\x05", "TIME", 5),
        (b"\xc0\x74" + b"2013-03-21T20:04:00Z", "TIME", 1363896240),
    ):
        assert cbor.decode(payload, path, MODELS) == Resource(1, kind, value)


def test_an_empty_pack():
    for codec, payload in ((senml_json, b"[]"), (senml_cbor, b"\x80")):
        assert codec.decode(payload, (3303, 0), MODELS) == ObjectInstance(0, [])
        assert codec.decode(payload, (3303,), MODELS) == ObjectNode(3303, [])
        assert codec.decode(payload, (3, 0, 6), MODELS) == MultiResource(6, "INTEGER", {})
        for path in ((3303, 0, 5700), (3, 0, 6, 1)):
            with pytest.raises(CodecError):
                codec.decode(payload, path, MODELS)


def test_packs_that_are_none():
    for payload in (
        b"",
        b"{}",
        b"[5]",
        b"\xff",
        b"[" * 100000,
        b'[{"n":"/3/0/9","v":NaN}]',
        b'[{"n":"/3/0/9","v":1e999}]',
        b'[{"n":"/3/0/9","v":true}]',
        b'[{"n":"/3/0/9","v":"5"}]',
        b'[{"n":"/3/0/9","v":36893488147419103232}]',
        b'[{"n":"/3/0/9","vs":"5"}]',
        b'[{"n":"/3/0/9","v":5,"vs":"5"}]',
        b'[{"n":"/3/0/9"}]',
        b'[{"n":"/3/0/9","v":5,"x_":1}]',
        b'[{"n":"/3/0/9","v":5,"bv":1}]',
        b'[{"n":"/3/0/9","v":5,"bver":11}]',
        b'[{"n":"/3/0/9","v":5,"bver":"10"}]',
        b'[{"n":"/3/0/9","v":5},{"n":"/3/0/9","v":5}]',
        b'[{"n":"/3/0/6","v":5},{"n":"/3/0/6/1","v":5}]',
        b'[{"n":"/3/0/6/1","v":5},{"n":"/3/0/6","v":5}]',
        b'[{"n":"/3/0/6/1","v":5},{"n":"/3/0/6/1","v":5}]',
        b'[{"n":"/3/1/9","v":5}]',
        b'[{"n":"/3/0","v":5}]',
        b'[{"n":"/3/0/x","v":5}]',
        b'[{"n":5,"v":5}]',
        b'[{"n":"/5/0/0","vd":"@"}]',
        b'[{"n":"/5/0/0","vd":5}]',
    ):
        for path in ((3, 0), (5, 0)):
            with pytest.raises(CodecError):
                senml_json.decode(payload, path, MODELS)
    for payload in (b"", b"\x81", b"\x81\x05", b"\xa0", b"\x80\x80", b"\x81" * 100000, b"\xff"):
        with pytest.raises(CodecError):
            senml_cbor.decode(payload, (3, 0), MODELS)


def test_items_that_are_none():
    for path, payload in (
        ((3, 0, 9), b""),
        ((3, 0, 9), b"\x05\x05"),
        ((3, 0, 9), b"\xf6"),
        ((3, 0, 9), b"\xf5"),
        ((3, 0, 9), b"\x615"),
        ((3, 0, 9), b"\xf9\x38\x00"),  # 0.5
        ((3, 0, 9), b"\xf9\x7e\x00"),  # NaN
        ((3, 0, 9), b"\x80"),
        ((3, 0, 9), b"\xc2\x49\x01" + bytes(8)),  # past 64 bits
        ((3, 0, 0), b"\x41a"),
        ((3, 0, 0), b"\x05"),
        ((5, 0, 0), b"\x61a"),
        ((3, 0), b"\x05"),
        ((3, 0, 13), b"\xc1\x615"),
        ((9000, 0, 0), b"\xc1\x633:0"),
        ((3, 0, 13), b"\xc1\xf9\x38\x00"),
        ((3, 0, 13), b"\xc0\x61x"),
    ):
        with pytest.raises(CodecError):
            cbor.decode(payload, path, LINKS if path[0] == 9000 else MODELS)
    for node in (TEMPERATURE, SOURCES, ObjectNode(3, [])):
        with pytest.raises(CodecError):
            cbor.encode(node, (3303, 0), MODELS)
    with pytest.raises(CodecError):
        senml_json.encode(ObjectNode(3303, [ObjectInstance(None, [])]), (3303,), MODELS)


def test_formats_are_found_by_name_and_number():
    for name, number in (("CBOR", 60), ("SENML_JSON", 110), ("SENML_CBOR", 112)):
        assert codecs.by_name(name.lower()) is codecs.by_code(number)
        assert codecs.by_code(number).NAME == name
    assert codecs.CODECS[0].NAME == "TLV"  # the default of writes


def test_reads_and_writes_over_the_http_api():
    async def work():
        async with bench() as b:
            path = "/3303/0/5700"
            for name, number, payload in (
                ("SENML_JSON", 110, b'[{"bn":"/3303/0/5700","v":21.5}]'),
                ("SENML_CBOR", 112, b"\x81\xa2\x21\x6c/3303/0/5700\x02\xfa\x41\xac\x00\x00"),
                ("CBOR", 60, b"\xf9\x4d\x60"),
            ):
                request, _, body = await b.scripted(
                    "GET",
                    path + "?format=" + name,
                    CONTENT,
                    {"content_format": number, "payload": payload},
                )
                assert request.opt.accept == number
                assert body["content"] == {
                    "kind": "singleResource",
                    "id": 5700,
                    "type": "FLOAT",
                    "value": "21.5",
                }
            node = {"id": 5536, "kind": "singleResource", "type": "float", "value": "0.25"}
            for query, number, payload in (
                ("", TLV, float_tlv(5536, 0.25)),
                ("?format=SENML_JSON", 110, b'[{"bn":"/10346/0/5536","v":0.25}]'),
                (
                    "?format=SENML_CBOR",
                    112,
                    b"\x81\xa2\x21\x6d/10346/0/5536\x02\xfb\x3f\xd0\x00\x00\x00\x00\x00\x00",
                ),
                ("?format=CBOR", 60, b"\xfb\x3f\xd0\x00\x00\x00\x00\x00\x00"),
            ):
                request, status, _ = await b.scripted(
                    "PUT", "/10346/0/5536" + query, CHANGED, json=node
                )
                assert status == 200 and request.opt.content_format == number
                assert request.payload == payload, request.payload

    run(work())
