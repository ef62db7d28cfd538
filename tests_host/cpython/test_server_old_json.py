"""The desk server: the JSON of LwM2M 1.0 (TS 1.0.2, 6.4.4)."""

import time

import pytest
from aiocoap import CHANGED, CONTENT
from server_bench import bench, run

from tools.server import codecs
from tools.server.codecs import old_json
from tools.server.errors import CodecError
from tools.server.models import Models
from tools.server.nodes import (
    MultiResource,
    ObjectInstance,
    ObjectNode,
    Resource,
    ResourceInstance,
)

MODELS = Models()
LINKS = Models({"9000": {"multiple": True, "resources": {"0": ["x", "RW", "OBJLNK", False]}}})
SOURCES = MultiResource(6, "INTEGER", {0: 1, 1: 5})
SERVER = ObjectInstance(0, [Resource(1, "INTEGER", 86400), Resource(6, "BOOLEAN", True)])

# path, node, payload
PAYLOADS = (
    (
        (3303, 0, 5700),
        Resource(5700, "FLOAT", 21.5),
        b'{"bn":"/3303/0/5700","e":[{"n":"","v":21.5}]}',
    ),
    ((1, 0), SERVER, b'{"bn":"/1/0/","e":[{"n":"1","v":86400},{"n":"6","bv":true}]}'),
    ((3, 0, 6), SOURCES, b'{"bn":"/3/0/6/","e":[{"n":"0","v":1},{"n":"1","v":5}]}'),
    (
        (3, 0, 6, 1),
        ResourceInstance(1, "INTEGER", 5),
        b'{"bn":"/3/0/6/1","e":[{"n":"","v":5}]}',
    ),
    (
        (3,),
        ObjectNode(
            3,
            [
                ObjectInstance(
                    0, [Resource(0, "STRING", "\u00fc"), SOURCES, Resource(13, "TIME", 1367491215)]
                )
            ],
        ),
        b'{"bn":"/3/","e":[{"n":"0/0","sv":"\xc3\xbc"},{"n":"0/6/0","v":1},{"n":"0/6/1","v":5},'
        b'{"n":"0/13","v":1367491215}]}',
    ),
    (
        (5, 0, 0),
        Resource(0, "OPAQUE", b"\xff\xef\x01\x02"),
        b'{"bn":"/5/0/0","e":[{"n":"","sv":"/+8BAg=="}]}',
    ),
    (
        (9000, 0, 0),
        Resource(0, "OBJLNK", (66, 1)),
        b'{"bn":"/9000/0/0","e":[{"n":"","ov":"66:1"}]}',
    ),
    ((3303, 0), ObjectInstance(0, []), b'{"e":[]}'),
)


def test_payloads():
    for path, node, payload in PAYLOADS:
        models = LINKS if path[0] == 9000 else MODELS
        assert old_json.encode(node, path, models) == payload
        assert old_json.decode(payload, path, models) == node


def test_names():
    for path, start, name in (
        ((3, 0), '"bn":"/3/0/",', "9"),
        ((3, 0), '"bn":"/3/0",', "9"),
        ((3, 0), '"bn":"/",', "3/0/9"),
        ((3, 0), "", "/3/0/9"),
        ((3, 0), "", "9"),  # counts from the target of the request
        ((3, 0), '"bn":"",', "9"),
        ((3, 0), '"bn":"/3/0/9","x":1,', ""),
    ):
        payload = '{%s"e":[{"n":"%s","v":100,"x":[]}]}' % (start, name)
        expected = ObjectInstance(0, [Resource(9, "INTEGER", 100)])
        assert old_json.decode(payload.encode(), path, MODELS) == expected, payload
    for payload in (b'{"e":[{"v":100}]}', b'{"bn":"/3/0/9","e":[{"v":100}]}'):
        assert old_json.decode(payload, (3, 0, 9), MODELS) == Resource(9, "INTEGER", 100)


def test_types_without_a_model():
    for field, kind, value in (
        (b'"v":5', "INTEGER", 5),
        (b'"v":0.5', "FLOAT", 0.5),
        (b'"bv":false', "BOOLEAN", False),
        (b'"sv":"/+8="', "STRING", "/+8="),
        (b'"ov":"3:0"', "OBJLNK", (3, 0)),
    ):
        payload = b'{"bn":"/9001/0/1","e":[{%s}]}' % field
        assert old_json.decode(payload, (9001, 0, 1), MODELS) == Resource(1, kind, value)


def test_payloads_that_are_none():
    for payload in (
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b'{"e":{}}',
        b'{"e":[5]}',
        b'{"bn":5,"e":[{"n":"9","v":5}]}',
        b'{"bn":null,"e":[{"n":"9","v":5}]}',
        b'{"e":[{"n":5,"v":5}]}',
        b'{"e":[{"n":"x","v":5}]}',
        b'{"e":[{"n":"9"}]}',
        b'{"e":[{"v":5}]}',
        b'{"e":[{"n":"6/0/0","v":5}]}',
        b'{"e":[{"n":"/3/1/9","v":5}]}',
        b'{"e":[{"n":"9","v":5,"sv":"5"}]}',
        b'{"e":[{"n":"9","v":"5"}]}',
        b'{"e":[{"n":"9","v":true}]}',
        b'{"e":[{"n":"9","v":NaN}]}',
        b'{"e":[{"n":"9","sv":"5"}]}',
        b'{"e":[{"n":"9","bv":true}]}',
        b'{"e":[{"n":"9","v":5},{"n":"9","v":5}]}',
        b'{"bt":"x","e":[{"n":"9","v":5}]}',
        b'{"e":[{"n":"9","v":5,"t":true}]}',
        b'[{"bn":"/3/0/","n":"9","v":5}]',
        b'{"e":' * 100000,
    ):
        with pytest.raises(CodecError):
            old_json.decode(payload, (3, 0), MODELS)
    for payload in (b'{"e":[{"sv":"@"}]}', b'{"e":[{"sv":5}]}', b'{"e":[{"v":5}]}'):
        with pytest.raises(CodecError):
            old_json.decode(payload, (5, 0, 0), MODELS)
    for value in (float("nan"), float("inf")):
        with pytest.raises(CodecError):
            old_json.encode(Resource(5700, "FLOAT", value), (3303, 0, 5700), MODELS)
    with pytest.raises(CodecError, match="only TLV"):
        old_json.encode(ObjectNode(3303, [ObjectInstance(None, [])]), (3303,), MODELS)


def test_values_of_other_times():
    path = (3303, 0, 5700)
    payload = b'{"bn":"/3303/0/","bt":1700000000,"e":[{"n":"5700","v":21.5,"t":%s},%s]}'
    old = b'{"n":"5700","v":22.5,"t":-30}'
    found = old_json.decode_timed(payload % (b"-5", old), path, MODELS)
    assert found == [
        (1699999995, Resource(5700, "FLOAT", 21.5)),
        (1699999970, Resource(5700, "FLOAT", 22.5)),
    ]
    payload = b'{"e":[{"v":21.5},{"v":22.5,"t":-60}]}'
    (now, newest), (then, oldest) = old_json.decode_timed(payload, path, MODELS)
    assert (now, newest.value, oldest.value) == (None, 21.5, 22.5)
    assert 59 <= time.time() - then <= 62


def test_it_is_found_by_the_name_leshan_gives_it():
    assert codecs.by_name("json") is codecs.by_code(11543) is old_json


def test_reads_writes_and_notifications_over_the_http_api():
    async def work():
        async with bench() as b:
            following = await b.events()
            sample = b'{"bn":"/3303/0/5700","e":[{"n":"","v":21.5}]}'
            options = {"content_format": 11543, "payload": sample, "observe": 1}
            request, _, body = await b.scripted(
                "POST", "/3303/0/5700/observe?format=JSON", CONTENT, options
            )
            assert request.opt.accept == 11543
            assert body["content"]["value"] == "21.5"
            sample = b'{"bt":1700000000,"e":[{"n":"","v":22.5}]}'
            options = {"content_format": 11543, "payload": sample, "observe": 2}
            b.client.send(CONTENT, token=request.token, **options)
            await b.client.receive()
            _, data = await following()
            assert data["val"]["value"] == "22.5"
            assert [each["timestamp"] for each in data["timestamped"]] == [1700000000000]
            node = {
                "id": 0,
                "kind": "instance",
                "resources": [
                    {"id": 2, "kind": "singleResource", "type": "integer", "value": "101"},
                    {"id": 6, "kind": "singleResource", "type": "boolean", "value": True},
                ],
            }
            request, status, _ = await b.scripted(
                "PUT", "/1/0?replace=false&format=JSON", CHANGED, json=node
            )
            assert (status, request.opt.content_format) == (200, 11543)
            assert request.payload == (
                b'{"bn":"/1/0/","e":[{"n":"2","v":101},{"n":"6","bv":true}]}'
            )

    run(work())
