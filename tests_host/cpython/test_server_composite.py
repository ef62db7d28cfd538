"""The desk server: Read-, Write- and Observe-Composite."""

import asyncio
import json

import cbor2
from aiocoap import CHANGED, CONTENT, FETCH, METHOD_NOT_ALLOWED, NOT_FOUND
from aiocoap.numbers.codes import iPATCH
from aiocoap.numbers.types import ACK, RST
from server_bench import bench, blocks, run

PATHS = "paths=/3/0,/3303/0/5700"
# what Leshan's encoder makes of the same two paths
PATHS_CBOR = bytes.fromhex("82a100642f332f30a1006c2f333330332f302f35373030")
TEMPERATURE = {"kind": "singleResource", "id": 5700, "type": "FLOAT", "value": "21.5"}


def senml(*records):
    return {"content_format": 110, "payload": json.dumps(records).encode()}


DEVICE = (
    {"n": "/3/0/9", "v": 55},
    {"n": "/3/0/6/0", "v": 1},
    {"n": "/3/0/6/1", "v": 5},
)
DEVICE_NODE = {
    "kind": "instance",
    "id": 0,
    "resources": [
        {"kind": "singleResource", "id": 9, "type": "INTEGER", "value": "55"},
        {"kind": "multiResource", "id": 6, "type": "INTEGER", "values": {"0": "1", "1": "5"}},
    ],
}


def test_read_asks_the_root_by_fetch():
    async def work():
        async with bench() as b:
            request, status, body = await b.scripted(
                "GET",
                "/composite?%s&pathformat=SENML_CBOR&nodeformat=SENML_JSON" % PATHS,
                CONTENT,
                senml(*DEVICE, {"n": "/3303/0/5700", "v": 21.5}),
            )
            assert request.code is FETCH and request.opt.uri_path == ()
            assert (request.opt.content_format, request.opt.accept) == (112, 110)
            assert request.payload == PATHS_CBOR and request.opt.observe is None
            assert status == 200
            assert body == {
                "status": "CONTENT(205)",
                "valid": True,
                "success": True,
                "failure": False,
                "content": {"/3/0": DEVICE_NODE, "/3303/0/5700": TEMPERATURE},
            }

    run(work())


def test_formats_of_paths_and_nodes():
    async def work():
        async with bench() as b:
            as_json = b'[{"n":"/3/0"},{"n":"/3303/0/5700"}]'
            answer = cbor2.dumps([{-2: "/3303/0/", 0: "5700", 2: 21.5}])
            for query, path_format, payload, accept in (
                ("", 112, PATHS_CBOR, None),
                ("&pathformat=senml_json", 110, as_json, None),
                ("&pathformat=SENML_ETCH_CBOR&nodeformat=SENML_CBOR", 322, PATHS_CBOR, 112),
                ("&pathformat=SENML_ETCH_JSON&nodeformat=SENML_JSON", 320, as_json, 110),
            ):
                request, _, body = await b.scripted(
                    "GET",
                    "/composite?" + PATHS + query,
                    CONTENT,
                    {"content_format": 112, "payload": answer},
                )
                assert request.opt.content_format == path_format
                assert (request.payload, request.opt.accept) == (payload, accept)
                # what has no value is left out
                assert body["content"] == {"/3303/0/5700": TEMPERATURE}

    run(work())


def test_root_and_nothing():
    async def work():
        async with bench() as b:
            request, _, body = await b.scripted(
                "GET", "/composite?paths=/", CONTENT, senml({"n": "/1/0/1", "v": 60}, *DEVICE)
            )
            assert cbor2.loads(request.payload) == [{0: "/"}]
            lifetime = {"kind": "singleResource", "id": 1, "type": "INTEGER", "value": "60"}
            assert body["content"] == {
                "/": {
                    "kind": "root",
                    "objects": [
                        {
                            "kind": "obj",
                            "id": 1,
                            "instances": [{"kind": "instance", "id": 0, "resources": [lifetime]}],
                        },
                        {"kind": "obj", "id": 3, "instances": [DEVICE_NODE]},
                    ],
                }
            }
            _, _, body = await b.scripted("GET", "/composite?" + PATHS, CONTENT, senml())
            assert body["content"] == {}

    run(work())


def test_refusals_and_answers_that_are_none():
    async def work():
        async with bench() as b:
            _, status, body = await b.scripted("GET", "/composite?" + PATHS, METHOD_NOT_ALLOWED)
            assert (status, body["status"]) == (200, "METHOD_NOT_ALLOWED(405)")
            for code, answer in (
                (CHANGED, {}),
                (CONTENT, {"content_format": 0, "payload": b"1"}),
                (CONTENT, {"content_format": 11542, "payload": b"\xc1\x01\x01"}),
                (CONTENT, {"content_format": 112, "payload": PATHS_CBOR[:-3]}),
                (CONTENT, senml({"n": "/1/0/1", "v": 60})),
                (CONTENT, senml({"n": "/3/0/9", "vs": "full"})),
                (CONTENT, senml({"n": "/3303/0/5700", "v": 1}, {"n": "/3303/0/5700", "v": 2})),
            ):
                _, status, body = await b.scripted("GET", "/composite?" + PATHS, code, answer)
                assert status == 500 and body.startswith("Invalid Response"), (answer, body)

    run(work())


TIMEZONE = {"id": 14, "kind": "singleResource", "type": "string", "value": "+01"}
SOURCE = {"id": 1, "kind": "resourceInstance", "type": "integer", "value": "5"}


def test_write_is_an_ipatch_of_the_root():
    async def work():
        async with bench() as b:
            nodes = {"/3/0/14": TIMEZONE, "/3/0/6/1": SOURCE}
            for query, number, payload in (
                ("", 112, "82a221672f332f302f313403632b3031a221682f332f302f362f310205"),
                (
                    "?nodeformat=SENML_JSON",
                    110,
                    b'[{"bn":"/3/0/14","vs":"+01"},{"bn":"/3/0/6/1","v":5}]'.hex(),
                ),
                ("?nodeformat=SENML_ETCH_CBOR", 322, None),
            ):
                request, status, body = await b.scripted(
                    "PUT", "/composite" + query, CHANGED, json=nodes
                )
                assert request.code is iPATCH and request.opt.uri_path == ()
                assert request.opt.content_format == number
                assert payload is None or request.payload.hex() == payload
                assert (status, body["status"]) == (200, "CHANGED(204)")
            _, _, body = await b.scripted("PUT", "/composite", NOT_FOUND, json=nodes)
            assert body["failure"] is True

    run(work())


SENSELESS = (
    ("GET", "/composite", {}),
    ("GET", "/composite?paths=", {}),
    ("GET", "/composite?paths=/x", {}),
    ("GET", "/composite?paths=/3/0,/3/0/9", {}),
    ("GET", "/composite?paths=/3/0,/3/0", {}),
    ("GET", "/composite?paths=/,/3", {}),
    ("GET", "/composite?paths=/3&pathformat=TLV", {}),
    ("GET", "/composite?paths=/3&nodeformat=TEXT", {}),
    ("GET", "/composite?paths=" + ",".join("/%d" % i for i in range(101)), {}),
    ("POST", "/composite/observe", {}),
    ("DELETE", "/composite/observe", {}),
    ("PUT", "/composite", {"data": "{"}),
    ("PUT", "/composite", {"json": {}}),
    ("PUT", "/composite", {"json": []}),
    ("PUT", "/composite", {"json": {"/3/0": TIMEZONE}}),
    ("PUT", "/composite", {"json": {"/3/0/15": TIMEZONE}}),
    ("PUT", "/composite", {"json": {"/3/0/6": SOURCE}}),
    ("PUT", "/composite", {"json": {"/3/0/14": None}}),
    ("PUT", "/composite", {"json": {"/3/0": {"kind": "instance", "id": 0, "resources": []}}}),
    ("PUT", "/composite", {"json": {"/3/0/9": {**TIMEZONE, "id": 9, "value": "x"}}}),
)


def test_senseless_requests_are_refused_before_anything_is_sent():
    async def work():
        async with bench() as b:
            for method, path, arguments in SENSELESS:
                status, body = await b.call(method, "/clients/board" + path, **arguments)
                assert status == 400 and body.startswith("Invalid request"), (path, status, body)
            for method, path in (("POST", "/composite"), ("GET", "/composite/observe")):
                status, body = await b.call(method, "/clients/board" + path)
                assert (status, body) == (400, "Invalid path")
            status, body = await b.call("GET", "/clients/nobody/composite?" + PATHS)
            assert status == 400 and body.endswith("id 'nobody'")
            assert await b.client.silent(0.2)

    run(work())


async def observed(b):
    request, status, body = await b.scripted(
        "POST",
        "/composite/observe?%s&nodeformat=SENML_JSON" % PATHS,
        CONTENT,
        {**senml({"n": "/3303/0/5700", "v": 21.5}), "observe": 4},
    )
    assert request.code is FETCH and request.opt.observe == 0
    assert (request.payload, request.opt.accept) == (PATHS_CBOR, 110)
    assert status == 200 and body["content"] == {"/3303/0/5700": TEMPERATURE}
    return request.token


def test_observe_and_notifications():
    async def work():
        async with bench() as b:
            following = await b.events()
            token = await observed(b)
            for number, records, expected in (
                (5, DEVICE, {"/3/0": DEVICE_NODE}),
                (4, DEVICE[:1], None),
                (6, ({"n": "/3303/0/5700", "v": 21.5},), {"/3303/0/5700": TEMPERATURE}),
            ):
                b.client.send(CONTENT, token=token, observe=number, **senml(*records))
                assert (await b.client.receive()).mtype is ACK
                if expected:
                    assert await following() == (
                        "NOTIFICATION",
                        {
                            "ep": "board",
                            "kind": "composite",
                            "paths": ["/3/0", "/3303/0/5700"],
                            "val": expected,
                        },
                    )
            registration = b.server.registry.by_endpoint("board")
            assert b.server.composite.observed(registration) == [((3, 0), (3303, 0, 5700))]
            assert b.server.operations.observed(registration) == []

    run(work())


def test_active_cancel_repeats_the_request_with_observe_1():
    async def work():
        async with bench() as b:
            token = await observed(b)
            path = "/composite/observe?active&" + PATHS
            other = "/composite/observe?active&paths=/3303/0/5700,/3/0"
            status, body = await b.call("DELETE", "/clients/board" + other)
            assert status == 404 and "[/3303/0/5700, /3/0]" in body
            request, status, body = await b.scripted("DELETE", path, CONTENT, senml(DEVICE[0]))
            assert (request.code, request.opt.observe, request.token) == (FETCH, 1, token)
            assert (request.payload, request.opt.content_format) == (PATHS_CBOR, 112)
            assert status == 200 and body["success"] is True
            assert (await b.call("DELETE", "/clients/board" + path))[0] == 404

    run(work())


def test_passive_cancel_resets_the_next_notification():
    async def work():
        async with bench() as b:
            token = await observed(b)
            path = "/clients/board/composite/observe?" + PATHS
            assert (await b.call("DELETE", path))[0] == 200
            sent = b.client.send(CONTENT, token=token, observe=5, **senml(DEVICE[0]))
            answer = await b.client.receive()
            assert (answer.mtype, answer.mid) == (RST, sent.mid)

    run(work())


def test_an_observation_of_the_same_paths_replaces_the_first():
    async def work():
        async with bench() as b:
            first = await observed(b)
            second = await observed(b)
            assert first != second
            b.client.send(CONTENT, token=first, observe=5, **senml(DEVICE[0]))
            assert (await b.client.receive()).mtype is RST
            b.client.send(CONTENT, token=second, observe=5, **senml(DEVICE[0]))
            assert (await b.client.receive()).mtype is ACK

    run(work())


def test_a_long_answer_is_fetched_with_the_same_payload():
    async def work():
        async with bench() as b:
            text = json.dumps([{"n": "/3/0/6/%d" % i, "v": i} for i in range(20)]).encode()
            call = b.later("GET", "/composite?paths=/3/0/6")
            for part, block in blocks(text, 2):
                request = await b.client.receive()
                assert request.code is FETCH and request.opt.content_format == 112
                assert cbor2.loads(request.payload) == [{0: "/3/0/6"}]
                b.client.answer(
                    request, CONTENT, content_format=110, payload=part, block2=block, etag=b"e"
                )
            values = (await call)[1]["content"]["/3/0/6"]["values"]
            assert values == {str(i): str(i) for i in range(20)}

    run(work())


def test_a_long_notification_is_fetched_with_the_same_payload():
    async def work():
        async with bench() as b:
            following = await b.events()
            token = await observed(b)
            text = json.dumps(DEVICE).encode()
            for part, block in blocks(text, 1):
                options = {"content_format": 110, "payload": part, "block2": block}
                if not block[0]:
                    b.client.send(CONTENT, token=token, observe=5, **options)
                    assert (await b.client.receive()).mtype is ACK
                    continue
                request = await b.client.receive()
                assert (request.code, request.payload) == (FETCH, PATHS_CBOR)
                assert request.opt.observe is None
                b.client.answer(request, CONTENT, **options)
            assert (await following())[1]["val"] == {"/3/0": DEVICE_NODE}

    run(work())


def test_library_use():
    async def work():
        async with bench() as b:
            registration = await b.server.wait_registered("board", 1)
            call = asyncio.ensure_future(b.server.composite.read(registration, ((3, 0, 9),)))
            b.client.answer(await b.client.receive(), CONTENT, **senml(DEVICE[0]))
            assert (await call).nodes[3, 0, 9].value == 55

    run(work())
