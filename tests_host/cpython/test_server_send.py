"""The desk server: Send, and the times of values."""

import asyncio
import json
import time

import cbor2
import pytest
from aiocoap import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CONTINUE,
    GET,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    POST,
)
from aiocoap.numbers.types import ACK
from server_bench import FakeClient, bench, blocks, run

from tools.server.codecs import senml_cbor, senml_json
from tools.server.errors import CodecError
from tools.server.models import Models

MODELS = Models()


def senml(*records):
    return {"content_format": 110, "payload": json.dumps(records).encode()}


def temperature(value):
    return {"kind": "singleResource", "id": 5700, "type": "FLOAT", "value": value}


def test_send_is_accepted_and_told():
    async def work():
        async with bench() as b:
            following = await b.events("?ep=board")
            records = [{-2: "/3303/0/", 0: "5700", 2: 21.5}, {-2: "/3/0/6/1", 2: 5}]
            for number, payload in (
                (112, cbor2.dumps(records)),
                (110, b'[{"bn":"/3303/0/","n":"5700","v":21.5},{"bn":"/3/0/6/1","v":5}]'),
            ):
                answer = await b.client.ask(POST, ("dp",), content_format=number, payload=payload)
                assert answer.code is CHANGED and not answer.payload
                assert await following() == (
                    "SEND",
                    {
                        "ep": "board",
                        "val": {
                            "/3303/0/5700": temperature("21.5"),
                            "/3/0/6/1": {
                                "kind": "resourceInstance",
                                "id": 1,
                                "type": "INTEGER",
                                "value": "5",
                            },
                        },
                    },
                )

    run(work())


def test_send_in_blocks():
    async def work():
        async with bench() as b:
            following = await b.events()
            payload = json.dumps([{"n": "/3303/0/%d" % i, "v": i} for i in range(40)]).encode()
            for part, block in blocks(payload, 3):
                answer = await b.client.ask(
                    POST, ("dp",), content_format=110, payload=part, block1=block
                )
                assert answer.code is (CONTINUE if block[1] else CHANGED)
            assert len((await following())[1]["val"]) == 40

    run(work())


REFUSED = (
    ({"content_format": 112, "payload": b"\x81\xa2\x00\x66/3/0/9\x02"}, BAD_REQUEST),
    ({"content_format": 112, "payload": b""}, BAD_REQUEST),
    ({"content_format": 112, "payload": b"\xff" * 40}, BAD_REQUEST),
    ({"content_format": 112, "payload": b"\x81" * 5000}, BAD_REQUEST),
    ({"content_format": 110, "payload": b'[{"n":"/3/0/9","v":5}'}, BAD_REQUEST),
    ({"content_format": 110, "payload": b"\x80\xff"}, BAD_REQUEST),
    (senml(), BAD_REQUEST),
    (senml({"n": "/3/0/9", "vs": "full"}), BAD_REQUEST),
    (senml({"n": "/3/0/9"}), BAD_REQUEST),
    (senml({"n": "/3/0", "v": 5}), BAD_REQUEST),
    (senml({"n": "/3/0/9", "v": 5, "t": "now"}), BAD_REQUEST),
    (senml({"n": "/3/0/9", "v": 5}, {"n": "/3/0/9", "v": 6}), BAD_REQUEST),
    ({"payload": b"[]"}, BAD_REQUEST),
    ({"content_format": 0, "payload": b"21.5"}, BAD_REQUEST),
    ({"content_format": 11542, "payload": b"\xc1\x01\x01"}, BAD_REQUEST),
    (senml({"n": "/3303/7/5700", "v": 5}), NOT_FOUND),
    (senml({"n": "/3304/0/5700", "v": 5}), NOT_FOUND),
)


def test_senseless_sends_are_refused_and_told():
    async def work():
        async with bench() as b:
            following = await b.events()
            for options, code in REFUSED:
                answer = await b.client.ask(POST, ("dp",), **options)
                assert answer.code is code, (options, answer.code)
                kind, data = await following()
                assert (kind, data["ep"]) == ("SEND_ERROR", "board") and data["error"]
            assert (await b.client.ask(GET, ("dp",))).code is METHOD_NOT_ALLOWED
            assert (await b.client.ask(POST, ("dp", "x"))).code is NOT_FOUND
            assert (await b.client.ask(POST, ("dp",), **senml({"n": "/3/0/9", "v": 5}))).code is (
                CHANGED
            )

    run(work())


def test_send_of_nobody():
    async def work():
        async with bench() as b:
            stranger = FakeClient(b.server.coap_port)
            try:
                answer = await stranger.ask(POST, ("dp",), **senml({"n": "/3/0/9", "v": 5}))
                assert (answer.code, answer.payload) == (BAD_REQUEST, b"no registration found")
                # an Update from there makes it the client's address
                await stranger.ask(POST, b.client.location)
                answer = await stranger.ask(POST, ("dp",), **senml({"n": "/3/0/9", "v": 5}))
                assert answer.code is CHANGED
                answer = await b.client.ask(POST, ("dp",), **senml({"n": "/3/0/9", "v": 5}))
                assert answer.code is BAD_REQUEST
            finally:
                stranger.socket.close()

    run(work())


def about(milliseconds, ago_s):
    return abs(milliseconds - (time.time() - ago_s) * 1000) < 3000


def test_times_of_a_send():
    async def work():
        async with bench() as b:
            following = await b.events()
            records = (
                {"bn": "/3303/0/5700", "bt": 1700000000, "v": 20},
                {"v": 21, "t": 60},
                {"v": 19, "t": -60},
            )
            await b.client.ask(POST, ("dp",), **senml(*records))
            kind, data = await following()
            assert kind == "SEND" and data["val"] == {"/3303/0/5700": temperature("21.0")}
            assert data["timestamped"] == [
                {"timestamp": moment, "val": {"/3303/0/5700": temperature(value)}}
                for moment, value in (
                    (1700000060000, "21.0"),
                    (1700000000000, "20.0"),
                    (1699999940000, "19.0"),
                )
            ]
            payload = cbor2.dumps([{-3: -30, -2: "/3303/0/5700", 2: 20}, {6: 30.0, 2: 21}])
            await b.client.ask(POST, ("dp",), content_format=112, payload=payload)
            newest, oldest = (await following())[1]["timestamped"]
            assert about(newest["timestamp"], 0) and about(oldest["timestamp"], 30)

    run(work())


def test_times_of_notifications():
    async def work():
        async with bench() as b:
            following = await b.events()
            path = "/3303/0/5700"
            request, _, body = await b.scripted(
                "POST",
                path + "/observe",
                CONTENT,
                {**senml({"n": path, "v": 20}), "observe": 1},
            )
            assert "timestamped" not in body
            for number, records, value, times in (
                (2, ({"n": path, "v": 21},), "21.0", None),
                (3, ({"n": path, "bt": -30, "v": 22},), "22.0", (30,)),
                (4, ({"n": path, "t": -30, "v": 23}, {"n": path, "v": 24}), "24.0", (None, 30)),
                (5, ({"bn": path, "bt": -9, "v": 1}, {"t": 5, "v": 2}), "2.0", (4, 9)),
            ):
                b.client.send(CONTENT, token=request.token, observe=number, **senml(*records))
                assert (await b.client.receive()).mtype is ACK
                kind, data = await following()
                assert kind == "NOTIFICATION" and data["val"] == temperature(value)
                found = data.get("timestamped")
                assert (found is None) == (times is None), number
                for item, ago_s in zip(found or (), times or (), strict=True):
                    moment = item["timestamp"]
                    assert moment is None if ago_s is None else about(moment, ago_s)

    run(work())


def test_times_of_composite_notifications():
    async def work():
        async with bench() as b:
            following = await b.events()
            request, _, _ = await b.scripted(
                "POST",
                "/composite/observe?paths=/3/0/9,/3303/0/5700",
                CONTENT,
                {**senml({"n": "/3/0/9", "v": 5}), "observe": 1},
            )
            records = (
                {"n": "/3/0/9", "bt": 1700000000, "v": 5},
                {"n": "/3303/0/5700", "v": 20},
                {"n": "/3303/0/5700", "t": 10, "v": 21},
            )
            b.client.send(CONTENT, token=request.token, observe=2, **senml(*records))
            assert (await b.client.receive()).mtype is ACK
            data = (await following())[1]
            assert data["val"] == {"/3303/0/5700": temperature("21.0")}
            assert [item["timestamp"] for item in data["timestamped"]] == [
                1700000010000,
                1700000000000,
            ]
            assert set(data["timestamped"][1]["val"]) == {"/3/0/9", "/3303/0/5700"}

    run(work())


def test_a_notification_of_no_use_is_told_and_changes_nothing():
    async def work():
        async with bench() as b:
            following = await b.events()
            path = "/3303/0/5700"
            request, _, _ = await b.scripted(
                "POST", path + "/observe", CONTENT, {**senml({"n": path, "v": 20}), "observe": 1}
            )
            senseless = (
                {"content_format": 112, "payload": b"\x81\xa2\x00"},
                {"content_format": 0, "payload": b"warm"},
                {"content_format": 4711, "payload": b"x"},
                {"payload": b"x"},
                senml({"n": path, "v": "20"}),
                senml({"n": "/3/0/9", "v": 20}),
                senml({"n": path, "v": 1, "bt": float("nan")}),
                senml({"n": path, "v": 1, "bt": 1e300}),
            )
            for number, options in enumerate(senseless, 2):
                b.client.send(CONTENT, token=request.token, observe=number, **options)
                assert (await b.client.receive()).mtype is ACK
                kind, data = await following()
                assert (kind, data["res"]) == ("OBSERVATION_ERROR", path) and data["error"]
            b.client.send(CONTENT, token=request.token, observe=99, **senml({"n": path, "v": 1}))
            await b.client.receive()
            assert (await following())[0] == "NOTIFICATION"

    run(work())


def test_resolution_of_times():
    now_s = time.time()
    for fields, expected in (
        ('"v":1', None),
        ('"v":1,"bt":0', now_s),
        ('"v":1,"t":-1.5', now_s - 1.5),
        ('"v":1,"bt":-10,"t":4', now_s - 6),
        ('"v":1,"bt":268435455', now_s + 268435455),
        ('"v":1,"bt":268435456', 268435456),
        ('"v":1,"bt":1700000000.25', 1700000000.25),
    ):
        payload = ('[{"n":"/3/0/9",%s}]' % fields).encode()
        [(moment, node)] = senml_json.decode_timed(payload, (3, 0, 9), MODELS)
        assert node.value == 1
        assert moment is expected if expected is None else abs(moment - expected) < 3
    # a decimal fraction is a number, too (RFC 8428, 6)
    payload = cbor2.dumps([{0: "/3/0/9", -3: cbor2.CBORTag(4, [-1, 17000000005]), 2: 1}])
    assert senml_cbor.decode_timed(payload, (3, 0, 9), MODELS)[0][0] == 1700000000.5
    for moment in ("true", '"1"', "null", "[]", "1e999", "1" * 400, "-253402300801"):
        for label in ("bt", "t"):
            payload = ('[{"n":"/3/0/9","v":1,"%s":%s}]' % (label, moment)).encode()
            with pytest.raises(CodecError):
                senml_json.decode_timed(payload, (3, 0, 9), MODELS)


def test_a_stream_that_is_not_read_does_not_hold_up_the_clients():
    async def work():
        async with bench() as b:
            await b.events()
            for _ in range(50):
                answer = await asyncio.wait_for(
                    b.client.ask(POST, ("dp",), **senml({"n": "/3/0/9", "v": 5})), 3
                )
                assert answer.code is CHANGED

    run(work())
