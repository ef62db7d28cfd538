"""The desk server: read, write, execute, discover, create and delete."""

import os
import struct

from aiocoap import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CONTINUE,
    CREATED,
    DELETE,
    DELETED,
    GET,
    NOT_FOUND,
    POST,
    PUT,
    SERVICE_UNAVAILABLE,
)
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.types import ACK, CON, RST
from server_bench import TLV, bench, blocks, float_tlv, run

from tools.server.codecs import tlv
from tools.server.models import Models
from tools.server.nodes import (
    Resource,
)


def test_read_without_and_with_format():
    async def work():
        async with bench() as b:
            request, status, body = await b.scripted(
                "GET", "/3303/0/5700", CONTENT, {"content_format": 0, "payload": b"21.5"}
            )
            assert request.code is GET and request.mtype is CON
            assert request.opt.uri_path == ("3303", "0", "5700")
            assert request.opt.accept is None and not request.payload
            assert status == 200
            assert body == {
                "status": "CONTENT(205)",
                "valid": True,
                "success": True,
                "failure": False,
                "content": {
                    "kind": "singleResource",
                    "id": 5700,
                    "type": "FLOAT",
                    "value": "21.5",
                },
            }
            for name, number in (("TLV", TLV), ("text", 0), ("opaque", 42), ("nonsense", None)):
                request, _, body = await b.scripted(
                    "GET",
                    "/3303/0/5700?format=" + name,
                    CONTENT,
                    {"content_format": TLV, "payload": float_tlv(5700, 21.5)},
                )
                assert request.opt.accept == number
                assert body["content"]["value"] == "21.5"

    run(work())


def test_read_object_instance_and_multiple_resource():
    async def work():
        async with bench() as b:
            multiple = b"\x86\x06\x41\x00\x01\x41\x01\x05"  # 6: {0: 1, 1: 5}
            resources = b"\xc4\x00Nord" + multiple
            _, _, body = await b.scripted(
                "GET",
                "/3/0",
                CONTENT,
                {"content_format": TLV, "payload": resources},
            )
            expected = {
                "kind": "instance",
                "id": 0,
                "resources": [
                    {"kind": "singleResource", "id": 0, "type": "STRING", "value": "Nord"},
                    {
                        "kind": "multiResource",
                        "id": 6,
                        "type": "INTEGER",
                        "values": {"0": "1", "1": "5"},
                    },
                ],
            }
            assert body["content"] == expected
            _, _, body = await b.scripted(
                "GET",
                "/3",
                CONTENT,
                {
                    "content_format": TLV,
                    "payload": b"\x08\x00" + bytes((len(resources),)) + resources,
                },
            )
            assert body["content"] == {"kind": "obj", "id": 3, "instances": [expected]}
            _, _, body = await b.scripted(
                "GET", "/3/0/6", CONTENT, {"content_format": TLV, "payload": multiple}
            )
            assert body["content"] == expected["resources"][1]
            _, _, body = await b.scripted(
                "GET", "/3/0/6/1", CONTENT, {"content_format": TLV, "payload": b"\x41\x01\x05"}
            )
            assert body["content"] == {
                "kind": "resourceInstance",
                "id": 1,
                "type": "INTEGER",
                "value": "5",
            }

    run(work())


def test_servo_position_is_a_float_and_unknown_resources_have_no_type():
    async def work():
        async with bench() as b:
            for path, number, payload, kind, value in (
                ("/10346/0/5536", TLV, float_tlv(5536, 0.5), "FLOAT", "0.5"),
                ("/10346/0/5536", 0, b"0.25", "FLOAT", "0.25"),
                ("/40000/0/1", TLV, b"\xc1\x01\x07", "OPAQUE", "07"),
                ("/40000/0/1", 0, b"0.5", "STRING", "0.5"),
                ("/40000/0/1", 42, b"\x00\xff", "OPAQUE", "00ff"),
                ("/3/0/13", 0, b"1700000000", "TIME", 1700000000000),
                ("/3/0/13", TLV, b"\xc4\x0d\x65\x53\xf1\x00", "TIME", 1700000000000),
                ("/3200/0/5500", TLV, b"\xe1\x15\x7c\x01", "BOOLEAN", True),
            ):
                _, status, body = await b.scripted(
                    "GET", path, CONTENT, {"content_format": number, "payload": payload}
                )
                assert status == 200, (path, body)
                assert (body["content"]["type"], body["content"]["value"]) == (kind, value)

    run(work())


def test_refusals_of_the_client_are_answers():
    async def work():
        async with bench() as b:
            _, status, body = await b.scripted(
                "GET", "/3303/1", NOT_FOUND, {"payload": b"no instance 1"}
            )
            assert status == 200
            assert body == {
                "status": "NOT_FOUND(404)",
                "valid": True,
                "success": False,
                "failure": True,
                "errormessage": "no instance 1",
            }
            _, _, body = await b.scripted("GET", "/3303/0/5700", SERVICE_UNAVAILABLE)
            assert (body["status"], body["valid"]) == ("UNKNOWN(503)", False)

    run(work())


def test_answers_that_are_none():
    async def work():
        async with bench() as b:
            for code, answer in (
                (CHANGED, {}),
                (CONTENT, {"payload": b"21.5"}),
                (CONTENT, {"payload": b"warm", "content_format": 0}),
                (CONTENT, {"payload": b"\xe4\x16", "content_format": TLV}),
                (CONTENT, {"payload": b"x", "content_format": 4711}),
            ):
                _, status, body = await b.scripted("GET", "/3303/0/5700", code, answer)
                assert status == 500 and body.startswith("Invalid Response"), body
            call = b.later("GET", "/3303/0/5700")
            request = await b.client.receive()
            b.client.send(EMPTY, mtype=RST, mid=request.mid, token=b"")
            status, body = await call
            assert status == 500 and body.startswith("Request rejected")

    run(work())


def test_separate_response():
    async def work():
        async with bench() as b:
            call = b.later("GET", "/3303/0/5700")
            request = await b.client.receive()
            b.client.send(EMPTY, mtype=ACK, mid=request.mid, token=b"")
            sent = b.client.send(CONTENT, token=request.token, content_format=0, payload=b"3")
            acknowledgement = await b.client.receive()
            assert (acknowledgement.mtype, acknowledgement.mid) == (ACK, sent.mid)
            assert (await call)[1]["content"]["value"] == "3.0"

    run(work())


def test_timeout_ends_the_exchange_so_that_the_next_goes_out_at_once():
    async def work():
        async with bench() as b:
            call = b.later("GET", "/3303/0/5700?timeout=1")
            await b.client.receive()
            assert await call == (504, "Request timeout")
            request, status, _ = await b.scripted(
                "GET", "/3303/0/5701?timeout=1", CONTENT, {"content_format": 0, "payload": b"C"}
            )
            assert status == 200 and request.opt.uri_path[2] == "5701"
            # the first is not repeated either (ACK_TIMEOUT is 2 to 3 s)
            assert await b.client.silent(3.2)

    run(work())


def test_lost_request_is_repeated():
    async def work():
        async with bench() as b:
            call = b.later("GET", "/3303/0/5700")
            first = await b.client.receive()
            again = await b.client.receive(4)
            assert (first.mid, first.token) == (again.mid, again.token)
            b.client.answer(again, CONTENT, content_format=0, payload=b"3")
            assert (await call)[0] == 200

    run(work())


def test_blockwise_answer():
    async def work():
        async with bench() as b:
            text = bytes(range(97, 97 + 26)) * 4
            call = b.later("GET", "/3/0/0")
            for part, block in blocks(text, 1):
                request = await b.client.receive()
                assert request.code is GET and request.opt.uri_path == ("3", "0", "0")
                if block[0]:
                    assert tuple(request.opt.block2) == (block[0], False, 1)
                b.client.answer(request, CONTENT, content_format=0, payload=part, block2=block)
            assert (await call)[1]["content"]["value"] == text.decode()

    run(work())


def test_blockwise_write_follows_the_smaller_size_of_the_client():
    async def work():
        async with bench() as b:
            value = os.urandom(1500)
            call = b.later(
                "PUT",
                "/5/0/0",
                json={"id": 0, "kind": "singleResource", "type": "opaque", "value": value.hex()},
            )
            got = b""
            exponents = []
            while True:
                request = await b.client.receive()
                block = request.opt.block1
                assert request.code is PUT and block.start == len(got)
                got += request.payload
                exponents.append(block.size_exponent)
                answer = (block.block_number, block.more, 3)
                if not block.more:
                    b.client.answer(request, CHANGED, block1=answer)
                    break
                b.client.answer(request, CONTINUE, block1=answer)
            assert (await call)[1]["status"] == "CHANGED(204)"
            assert exponents[0] == 5 and set(exponents[1:]) == {3}
            assert tlv.decode(got, (5, 0, 0), Models()) == Resource(0, "OPAQUE", value)

    run(work())


def test_write_formats_and_types():
    async def work():
        async with bench() as b:
            node = {"id": 5536, "kind": "singleResource", "type": "float", "value": "0.25"}
            text = {"data": "0.25", "headers": {"Content-Type": "text/plain"}}
            for query, arguments, number, payload in (
                ("", {"json": node}, TLV, float_tlv(5536, 0.25)),
                ("?format=TEXT", {"json": node}, 0, b"0.25"),
                ("?format=tlv", {"json": {**node, "value": 0.25}}, TLV, float_tlv(5536, 0.25)),
                ("", text, TLV, float_tlv(5536, 0.25)),
                (
                    "",
                    {"json": {**node, "type": "integer", "value": 1}},
                    TLV,
                    float_tlv(5536, 1),
                ),
                (
                    "",
                    {"json": {**node, "value": 0.1}},
                    TLV,
                    b"\xe8\x15\xa0\x08" + struct.pack(">d", 0.1),
                ),
            ):
                request, status, body = await b.scripted(
                    "PUT", "/10346/0/5536" + query, CHANGED, **arguments
                )
                assert (request.code, request.opt.content_format) == (PUT, number)
                assert request.payload == payload, (request.payload.hex(), payload.hex())
                assert status == 200 and body["status"] == "CHANGED(204)"

    run(work())


def test_write_instance_replaces_or_updates():
    async def work():
        async with bench() as b:
            node = {
                "kind": "instance",
                "id": 0,
                "resources": [
                    {"id": 1, "kind": "singleResource", "type": "integer", "value": "300"},
                    {"id": 6, "kind": "singleResource", "type": "boolean", "value": True},
                ],
            }
            payload = b"\xc2\x01\x01\x2c\xc1\x06\x01"
            for query, code in (("", PUT), ("?replace=true", PUT), ("?replace=false", POST)):
                request, _, body = await b.scripted("PUT", "/1/0" + query, CHANGED, json=node)
                assert (request.code, request.payload) == (code, payload)
                assert body["success"] is True

    run(work())


def test_default_format_of_writes_heeds_the_registration():
    async def work():
        async with bench(register=False) as b:
            await b.client.register(payload=b'</>;rt="oma.lwm2m";ct="0 42",</3/0>')
            request, _, _ = await b.scripted(
                "PUT",
                "/10346/0/5536",
                CHANGED,
                json={"id": 5536, "type": "FLOAT", "value": 0.5},
            )
            assert (request.opt.content_format, request.payload) == (0, b"0.5")

    run(work())


SENSELESS = (
    ("GET", "/3303/x", {}),
    ("GET", "/1/2/3/4/5", {}),
    ("GET", "/65535", {}),
    ("PUT", "/10346/0/5536", {"data": "0.5", "headers": {"Content-Type": "text/html"}}),
    ("PUT", "/10346/0/5536", {"data": "{", "headers": {"Content-Type": "application/json"}}),
    ("PUT", "/10346/0/5536", {"json": {"id": 5536, "type": "float", "value": "nan"}}),
    ("PUT", "/10346/0/5536", {"json": {"id": 5536, "type": "float", "value": True}}),
    ("PUT", "/10346/0/5536", {"json": {"id": 5536, "type": "colour", "value": "1"}}),
    ("PUT", "/10346/0/5536", {"json": {"id": 5537, "type": "float", "value": 1}}),
    ("PUT", "/10346/0/5536", {"json": {"type": "float", "value": 1}}),
    ("PUT", "/10346/0/5536", {"json": {"id": 5536, "type": "string", "value": "left"}}),
    ("PUT", "/10346/0/5536?format=opaque", {"json": {"id": 5536, "type": "float", "value": 1}}),
    ("PUT", "/10346/0", {"json": {"id": 5536, "type": "float", "value": 1}}),
    ("PUT", "/10346/0/5536?replace=false", {"json": {"id": 5536, "type": "float", "value": 1}}),
    ("PUT", "/3303/0/attributes", {}),
    ("POST", "/3/0", {"json": {"kind": "instance", "resources": []}}),
    ("POST", "/3303", {"json": {"id": 1, "type": "float", "value": 1}}),
    ("DELETE", "/3303", {}),
)


def test_senseless_requests_are_refused_before_anything_is_sent():
    async def work():
        async with bench() as b:
            for method, path, arguments in SENSELESS:
                status, body = await b.call(method, "/clients/board" + path, **arguments)
                assert status == 400 and body.startswith("Invalid request"), (path, status, body)
            assert await b.client.silent(0.2)

    run(work())


def test_unknown_client_is_a_bad_request_as_with_leshan():
    async def work():
        async with bench() as b:
            for method, path in (
                ("GET", ""),
                ("GET", "/3/0"),
                ("GET", "/3/discover"),
                ("PUT", "/3/0/1"),
                ("POST", "/3/0/4"),
                ("DELETE", "/3/0"),
            ):
                status, body = await b.call(method, "/clients/nobody" + path)
                assert status == 400
                assert body.lower() == "no registered client with id 'nobody'"
            assert (await b.call("GET", "/clients/"))[0] == 400

    run(work())


def test_execute():
    async def work():
        async with bench() as b:
            request, status, body = await b.scripted("POST", "/3/0/4", CHANGED)
            assert (request.code, request.payload) == (POST, b"")
            assert request.opt.uri_path == ("3", "0", "4")
            assert request.opt.content_format is None
            assert status == 200 and body["status"] == "CHANGED(204)"
            request, _, _ = await b.scripted("POST", "/3201/0/5850", CHANGED, data="0='a',1")
            assert (request.opt.content_format, request.payload) == (0, b"0='a',1")

    run(work())


def test_discover():
    async def work():
        async with bench() as b:
            request, status, body = await b.scripted(
                "GET",
                "/3303/0/discover",
                CONTENT,
                {"content_format": 40, "payload": b"</3303/0>;pmin=5,</3303/0/5700>;gt=-2.5"},
            )
            assert request.opt.accept == 40
            assert status == 200
            assert body["objectLinks"] == [
                {"url": "/3303/0", "attributes": {"pmin": "5"}},
                {"url": "/3303/0/5700", "attributes": {"gt": "-2.5"}},
            ]
            _, status, _ = await b.scripted(
                "GET", "/3303/discover", CONTENT, {"content_format": 0, "payload": b"</3303>"}
            )
            assert status == 500

    run(work())


def test_write_attributes():
    async def work():
        async with bench() as b:
            request, status, body = await b.scripted(
                "PUT", "/3303/0/5700/attributes?pmin=5&pmax=10&gt=-1.5&lt", CHANGED
            )
            assert request.code is PUT and request.opt.uri_path == ("3303", "0", "5700")
            assert request.opt.uri_query == ("pmin=5", "pmax=10", "gt=-1.5", "lt")
            assert request.payload == b"" and request.opt.content_format is None
            assert status == 200 and body["status"] == "CHANGED(204)"
            for path in ("/3303", "/3303/0", "/3/0/6/1"):
                request, _, body = await b.scripted(
                    "PUT", path + "/attributes?epmin=1&epmax=7&timeout=3", CHANGED
                )
                assert request.opt.uri_query == ("epmin=1", "epmax=7")
                assert "/" + "/".join(request.opt.uri_path) == path

    run(work())


def test_resource_instances():
    async def work():
        async with bench() as b:
            node = {"id": 1, "kind": "resourceInstance", "type": "integer", "value": "5"}
            for query, number, payload in (
                ("", TLV, b"\x41\x01\x05"),
                ("?format=TEXT", 0, b"5"),
                ("?format=SENML_JSON", 110, b'[{"bn":"/3/0/6/1","v":5}]'),
            ):
                request, _, body = await b.scripted("PUT", "/3/0/6/1" + query, CHANGED, json=node)
                assert (request.code, request.opt.uri_path) == (PUT, ("3", "0", "6", "1"))
                assert (request.opt.content_format, request.payload) == (number, payload)
            for number, payload in (
                (TLV, b"\x41\x01\x05"),
                (0, b"5"),
                (110, b'[{"n":"/3/0/6/1","v":5}]'),
            ):
                _, _, body = await b.scripted(
                    "GET", "/3/0/6/1", CONTENT, {"content_format": number, "payload": payload}
                )
                assert body["content"] == {**node, "type": "INTEGER"}
            request, _, body = await b.scripted("DELETE", "/3/0/6/1", DELETED)
            assert (request.code, request.opt.uri_path) == (DELETE, ("3", "0", "6", "1"))
            assert body["status"] == "DELETED(202)"
            for path, wrong in (
                ("/3/0/6/2", node),
                ("/3/0/6/1", {**node, "kind": "singleResource"}),
                ("/3/0/6/1?replace=false", node),
            ):
                status, _ = await b.call("PUT", "/clients/board" + path, json=wrong)
                assert status == 400
            # a part of a multiple resource
            several = {"id": 6, "kind": "multiResource", "type": "integer", "values": {"1": "5"}}
            request, _, _ = await b.scripted(
                "PUT", "/3/0/6?replace=false&format=SENML_JSON", CHANGED, json=several
            )
            assert request.code is POST
            assert request.payload == b'[{"bn":"/3/0/6/","n":"1","v":5}]'

    run(work())


def test_create_in_senml_and_its_refusal():
    async def work():
        async with bench() as b:
            unit = {"id": 5701, "kind": "singleResource", "type": "string", "value": "K"}
            request, status, body = await b.scripted(
                "POST",
                "/3303?format=SENML_JSON",
                BAD_REQUEST,
                {"payload": b"instance 1 exists"},
                json={"kind": "instance", "id": 1, "resources": [unit]},
            )
            assert request.opt.content_format == 110
            assert request.payload == b'[{"bn":"/3303/","n":"1/5701","vs":"K"}]'
            assert status == 200 and body == {
                "status": "BAD_REQUEST(400)",
                "valid": True,
                "success": False,
                "failure": True,
                "errormessage": "instance 1 exists",
            }
            # SenML has no way to say that the client is to choose the id
            status, body = await b.call(
                "POST",
                "/clients/board/3303?format=SENML_JSON",
                json={"kind": "instance", "resources": [unit]},
            )
            assert status == 400 and body.startswith("Invalid request")
            assert await b.client.silent(0.1)
            # so it goes in TLV whatever the client prefers
            await b.client.register(payload=b'</>;rt="oma.lwm2m";ct=112,</3/0>')
            for node, number in (({}, TLV), ({"id": 1}, 112)):
                request, _, _ = await b.scripted(
                    "POST",
                    "/3303",
                    CREATED,
                    {"location_path": ("3303", "1")},
                    json={"kind": "instance", "resources": [unit], **node},
                )
                assert request.opt.content_format == number

    run(work())


def test_create_and_delete():
    async def work():
        async with bench() as b:
            unit = {"id": 5701, "kind": "singleResource", "type": "string", "value": "K"}
            record = b"\xe1\x16\x45K"
            request, _, body = await b.scripted(
                "POST",
                "/3303",
                CREATED,
                {"location_path": ("3303", "1")},
                json={"kind": "instance", "id": 1, "resources": [unit]},
            )
            assert (request.code, request.opt.uri_path) == (POST, ("3303",))
            assert request.payload == b"\x04\x01" + record
            assert (body["status"], body["location"]) == ("CREATED(201)", "3303/1")
            request, _, _ = await b.scripted(
                "POST", "/3303", CREATED, json={"kind": "instance", "resources": [unit]}
            )
            assert request.payload == record
            request, _, body = await b.scripted("DELETE", "/3303/1", DELETED)
            assert (request.code, request.opt.uri_path) == (DELETE, ("3303", "1"))
            assert body["status"] == "DELETED(202)"

    run(work())
