"""The desk server: registrations, observations and the program itself."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
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
    PRECONDITION_FAILED,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
    SERVICE_UNAVAILABLE,
    UNSUPPORTED_CONTENT_FORMAT,
)
from aiocoap.numbers.types import ACK, CON, NON, RST
from server_bench import LINKS, QUERY, TLV, FakeClient, bench, blocks, float_tlv, run

from tools.server import DeskServer, PortTaken, registry, spool, transport
from tools.server.nodes import (
    Resource,
)

ROOT = Path(__file__).resolve().parents[2]


def test_registration_is_shown_as_leshan_shows_it():
    async def work():
        async with bench() as b:
            status, clients = await b.call("GET", "/clients")
            assert status == 200 and len(clients) == 1
            data = clients[0]
            assert (status, data) == await b.call("GET", "/clients/board")
            port = b.client.socket.getsockname()[1]
            assert data.pop("registrationDate") == data.pop("lastUpdate") > 1.6e12
            assert ("rd", data.pop("registrationId")) == b.client.location
            assert data == {
                "endpoint": "board",
                "address": "127.0.0.1:%d" % port,
                "lwM2mVersion": "1.1",
                "lifetime": 60,
                "bindingMode": "U",
                "rootPath": "/",
                "objectLinks": [
                    {"url": "/", "attributes": {"rt": '"oma.lwm2m"', "ct": '"11542 0"'}},
                    {"url": "/1/0", "attributes": {}},
                    {"url": "/3/0", "attributes": {}},
                    {"url": "/3303", "attributes": {"ver": "1.1"}},
                    {"url": "/3303/0", "attributes": {}},
                    {"url": "/10346/0", "attributes": {}},
                ],
                "secure": False,
                "additionalRegistrationAttributes": {},
                "queuemode": False,
                "availableInstances": {"1": [0], "3": [0], "3303": [0], "10346": [0]},
            }

    run(work())


def test_update_changes_what_it_says_and_nothing_else():
    async def work():
        async with bench() as b:
            path = b.client.location
            answer = await b.client.ask(POST, path, uri_query=("lt=90",))
            assert answer.code is CHANGED
            _, data = await b.call("GET", "/clients/board")
            assert data["lifetime"] == 90 and len(data["objectLinks"]) == 6
            answer = await b.client.ask(POST, path, payload=b"</3/0>", content_format=40)
            assert answer.code is CHANGED
            _, data = await b.call("GET", "/clients/board")
            assert data["lifetime"] == 90 and data["availableInstances"] == {"3": [0]}
            assert (await b.client.ask(POST, ("rd", "nobody"))).code is NOT_FOUND

    run(work())


def test_update_from_another_port_moves_the_client():
    async def work():
        async with bench() as b:
            moved = FakeClient(b.server.coap_port)
            try:
                assert (await moved.ask(POST, b.client.location)).code is CHANGED
                call = b.later("GET", "/3303/0/5700")
                request = await moved.receive()
                moved.answer(request, CONTENT, content_format=0, payload=b"1.5")
                assert (await call)[1]["content"]["value"] == "1.5"
            finally:
                moved.socket.close()

    run(work())


def test_registration_expires_with_its_lifetime_unless_updated():
    async def work():
        async with bench(register=False) as b:
            following = await b.events()
            query = ("ep=board", "lt=1", "lwm2m=1.1")
            assert (await b.client.register(query)).code is CREATED
            assert (await following())[0] == "REGISTRATION"
            await asyncio.sleep(0.6)
            assert (await b.client.ask(POST, b.client.location)).code is CHANGED
            assert (await following())[0] == "UPDATED"
            await asyncio.sleep(0.6)
            assert (await b.call("GET", "/clients/board"))[0] == 200
            kind, data = await following()
            assert (kind, data["endpoint"]) == ("DEREGISTRATION", "board")
            assert (await b.call("GET", "/clients"))[1] == []
            assert (await b.client.ask(POST, b.client.location)).code is NOT_FOUND

    run(work())


def test_deregistration():
    async def work():
        async with bench() as b:
            assert (await b.client.ask(DELETE, b.client.location)).code is DELETED
            assert (await b.call("GET", "/clients"))[1] == []
            assert (await b.client.ask(DELETE, b.client.location)).code is NOT_FOUND

    run(work())


def test_second_registration_of_an_endpoint_replaces_the_first():
    async def work():
        async with bench() as b:
            following = await b.events()
            first = b.client.location
            assert (await b.client.register()).code is CREATED
            assert b.client.location != first
            assert len((await b.call("GET", "/clients"))[1]) == 1
            kinds = [await following(), await following()]
            assert [kind for kind, _ in kinds] == ["DEREGISTRATION", "REGISTRATION"]

    run(work())


REFUSED = (
    (("lt=60", "lwm2m=1.1"), LINKS, BAD_REQUEST),
    (("ep=", "lt=60", "lwm2m=1.1"), LINKS, BAD_REQUEST),
    (("ep=" + "x" * 252, "lwm2m=1.1", "lt=0"), LINKS, BAD_REQUEST),
    (("ep=x", "lt=soon", "lwm2m=1.1"), LINKS, BAD_REQUEST),
    (("ep=x", "lt=-5", "lwm2m=1.1"), LINKS, BAD_REQUEST),
    (("ep=x", "lt=4294967296", "lwm2m=1.1"), LINKS, BAD_REQUEST),
    (("ep=x", "lt=60"), LINKS, BAD_REQUEST),
    (("ep=x", "lwm2m=new"), LINKS, BAD_REQUEST),
    (("ep=x", "lwm2m=1.0", "Q"), LINKS, BAD_REQUEST),
    (("ep=x", "lwm2m=1.1", "b=Z"), LINKS, BAD_REQUEST),
    (("ep=x", "lwm2m=1.1", "b=UQ"), LINKS, BAD_REQUEST),
    (("ep=x", "lwm2m=1.2"), LINKS, PRECONDITION_FAILED),
    (("ep=x", "lwm2m=2.0"), LINKS, PRECONDITION_FAILED),
    (("ep=x", "lwm2m=1.1"), b"</3303>,</3303/0>;ver=1.1", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b'</3303>;ver="1.1",</3303/0>', BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"</3303>;ver,</3303/0>", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"</3/65535>", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"<coap://x/3/0>", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"</3/0", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"</3/0>,", BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b'</3/0>;rt="open', BAD_REQUEST),
    (("ep=x", "lwm2m=1.1"), b"</3/0>\xff", BAD_REQUEST),
)


def test_senseless_registrations_are_refused_and_leave_nothing():
    async def work():
        async with bench(register=False) as b:
            for query, payload, code in REFUSED:
                answer = await b.client.register(query, payload)
                assert answer.code is code, (query, payload, answer.code)
            answer = await b.client.ask(POST, ("rd",), mtype=NON, uri_query=QUERY, payload=LINKS)
            assert answer.code is BAD_REQUEST and b"CON" in answer.payload
            answer = await b.client.ask(
                POST, ("rd",), uri_query=QUERY, payload=LINKS, content_format=0
            )
            assert answer.code is UNSUPPORTED_CONTENT_FORMAT
            assert (await b.client.ask(POST, ("rd", "a", "b"))).code is BAD_REQUEST
            assert (await b.client.ask(GET, ("hello",))).code is NOT_FOUND
            assert (await b.call("GET", "/clients"))[1] == []

    run(work())


def test_versions_are_the_callers_choice():
    async def work():
        async with bench(register=False, versions=("1.0",)) as b:
            assert (await b.client.register()).code is PRECONDITION_FAILED
            assert (await b.client.register(("ep=board", "lwm2m=1.0", "b=UQ"))).code is CREATED
            data = (await b.call("GET", "/clients/board"))[1]
            assert data["lifetime"] == 86400 and data["queuemode"] is True

    run(work())


def test_location_of_several_segments():
    async def work():
        async with bench(location=("eu", "desk 7")) as b:
            path = b.client.location
            assert path[:3] == ("rd", "eu", "desk 7") and len(path) == 4
            assert (await b.client.ask(POST, path, uri_query=("lt=90",))).code is CHANGED
            assert (await b.call("GET", "/clients/board"))[1]["lifetime"] == 90
            for wrong in (("rd", path[3]), ("rd", "eu", path[3]), (*path, "x")):
                assert (await b.client.ask(POST, wrong)).code is BAD_REQUEST
                assert (await b.client.ask(DELETE, wrong)).code is BAD_REQUEST
            assert (await b.client.ask(POST, (*path[:3], "x"))).code is NOT_FOUND
            assert (await b.client.ask(DELETE, path)).code is DELETED

    run(work())


def test_objects_below_another_root():
    async def work():
        async with bench(register=False) as b:
            await b.client.register(payload=b'</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>')
            data = (await b.call("GET", "/clients/board"))[1]
            assert data["rootPath"] == "/lwm2m/" and data["availableInstances"] == {"3": [0]}
            request, _, _ = await b.scripted("GET", "/3/0/0", NOT_FOUND)
            assert request.opt.uri_path == ("lwm2m", "3", "0", "0")

    run(work())


def test_an_update_is_checked_like_a_registration():
    async def work():
        async with bench() as b:
            for options in (
                {"uri_query": ("b=UQ",)},
                {"uri_query": ("lt=0",)},
                {"payload": b"</3303/0>;ver=1.1", "content_format": 40},
            ):
                answer = await b.client.ask(POST, b.client.location, **options)
                assert answer.code is BAD_REQUEST
            assert (await b.call("GET", "/clients/board"))[1]["lifetime"] == 60

    run(work())


def test_repeated_registration_message_counts_once():
    async def work():
        async with bench(register=False) as b:
            following = await b.events()
            first = await b.client.register(mid=7)
            again = await b.client.register(mid=7)
            assert first.opt.location_path == again.opt.location_path
            assert (await following())[0] == "REGISTRATION"
            await b.client.ask(DELETE, b.client.location)
            assert (await following())[0] == "DEREGISTRATION"

    run(work())


def test_blockwise_registration():
    async def work():
        async with bench(register=False) as b:
            links = b",".join(b"</3303/%d>" % i for i in range(40))
            for part, block in blocks(links, 2):
                answer = await b.client.register(payload=part, block1=block)
                assert answer.code is (CONTINUE if block[1] else CREATED)
                assert tuple(answer.opt.block1) == block
            data = (await b.call("GET", "/clients/board"))[1]
            assert data["availableInstances"] == {"3303": list(range(40))}

    run(work())


def test_blockwise_registration_with_a_gap_or_without_end(monkeypatch):
    async def work():
        async with bench(register=False) as b:
            part = b"</3303/0>,</3/0>"
            answer = await b.client.register(payload=part, block1=(0, True, 0))
            assert answer.code is CONTINUE
            answer = await b.client.register(payload=part, block1=(2, True, 0))
            assert answer.code is REQUEST_ENTITY_INCOMPLETE
            answer = await b.client.register(payload=part[:9], block1=(0, True, 0))
            assert answer.code is BAD_REQUEST
            for number in range(4):
                answer = await b.client.register(payload=part, block1=(number, True, 0))
                assert answer.code is CONTINUE
            answer = await b.client.register(payload=part, block1=(4, True, 0))
            assert answer.code is REQUEST_ENTITY_TOO_LARGE

    monkeypatch.setattr(spool, "MAX_PAYLOAD", 64)
    run(work())


def test_no_more_clients_than_there_is_room_for(monkeypatch):
    async def work():
        async with bench(register=False) as b:
            for name, code in (("a", CREATED), ("b", CREATED), ("c", SERVICE_UNAVAILABLE)):
                assert (await b.client.register(("ep=" + name, "lwm2m=1.1"))).code is code
            # one that is known may come again
            assert (await b.client.register(("ep=a", "lwm2m=1.1"))).code is CREATED

    monkeypatch.setattr(registry, "MAX_REGISTRATIONS", 2)
    run(work())


def test_memory_of_duplicates_is_bounded(monkeypatch):
    async def work():
        async with bench() as b:
            for _ in range(200):
                assert (await b.client.ask(POST, b.client.location)).code is CHANGED
            assert len(b.server.transport._messages._recent_messages) <= 50

    monkeypatch.setattr(transport, "MAX_REMEMBERED", 50)
    run(work())


def test_noise_on_the_socket_is_survived():
    async def work():
        async with bench() as b:
            for noise in (b"", b"\x40", b"\xff" * 50, b"\x4f\x01\x00\x01", os.urandom(1200)):
                b.client.socket.send(noise)
            await asyncio.sleep(0.1)
            while not await b.client.silent(0.1):
                pass
            assert (await b.client.ask(POST, b.client.location)).code is CHANGED

    run(work())


# Observation


async def observed(b):
    request, status, body = await b.scripted(
        "POST",
        "/3303/0/5700/observe",
        CONTENT,
        {"content_format": 0, "payload": b"20", "observe": 10},
    )
    assert request.opt.observe == 0 and request.code is GET
    assert status == 200 and body["content"]["value"] == "20.0"
    return request.token


def test_notifications_reach_the_event_stream_in_order():
    async def work():
        async with bench() as b:
            following = await b.events("?ep=board")
            others = await b.events("?ep=someone")
            token = await observed(b)
            # 11 is older than 12: acknowledged and not told
            for number, value in ((12, b"21"), (11, b"99"), (13, b"22")):
                sent = b.client.send(
                    CONTENT, token=token, observe=number, content_format=0, payload=value
                )
                answer = await b.client.receive()
                assert (answer.mtype, answer.mid) == (ACK, sent.mid)
            b.client.send(
                CONTENT,
                mtype=NON,
                token=token,
                observe=14,
                content_format=TLV,
                payload=float_tlv(5700, 23),
            )
            for value in ("21.0", "22.0", "23.0"):
                kind, data = await following()
                assert kind == "NOTIFICATION"
                assert data == {
                    "ep": "board",
                    "kind": "single",
                    "res": "/3303/0/5700",
                    "val": {
                        "kind": "singleResource",
                        "id": 5700,
                        "type": "FLOAT",
                        "value": value,
                    },
                }
            await b.client.ask(DELETE, b.client.location)
            assert (await following())[0] == "DEREGISTRATION"
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(others(), 0.2)

    run(work())


def test_passive_cancel_answers_the_next_notification_with_a_reset():
    async def work():
        async with bench() as b:
            token = await observed(b)
            path = "/clients/board/3303/0/5700/observe"
            assert (await b.call("DELETE", path))[0] == 200
            assert await b.client.silent(0.1)
            for mtype in (CON, NON):
                sent = b.client.send(
                    CONTENT, mtype=mtype, token=token, observe=11, content_format=0, payload=b"1"
                )
                answer = await b.client.receive()
                assert (answer.mtype, answer.mid) == (RST, sent.mid)

    run(work())


def test_active_cancel_sends_observe_1_with_the_same_token():
    async def work():
        async with bench() as b:
            token = await observed(b)
            request, status, body = await b.scripted(
                "DELETE",
                "/3303/0/5700/observe?active",
                CONTENT,
                {"content_format": 0, "payload": b"20"},
            )
            assert (request.opt.observe, request.token) == (1, token)
            assert status == 200 and body["content"]["value"] == "20.0"
            status, body = await b.call("DELETE", "/clients/board/3303/0/5700/observe?active")
            assert status == 404 and body.startswith("no observation for path /3303/0/5700")

    run(work())


def test_refused_observation_and_final_error_leave_no_observation():
    async def work():
        async with bench() as b:
            _, status, body = await b.scripted("POST", "/3303/9/observe", NOT_FOUND)
            assert status == 200 and body["status"] == "NOT_FOUND(404)"
            registration = b.server.registry.by_endpoint("board")
            assert b.server.operations.observed(registration) == []
            following = await b.events()
            token = await observed(b)
            assert b.server.operations.observed(registration) == [(3303, 0, 5700)]
            b.client.send(NOT_FOUND, token=token)
            assert (await b.client.receive()).mtype is ACK
            kind, data = await following()
            assert (kind, data["status"]) == ("OBSERVATION_ENDED", "NOT_FOUND(404)")
            assert b.server.operations.observed(registration) == []

    run(work())


def test_deregistration_ends_observations():
    async def work():
        async with bench() as b:
            token = await observed(b)
            await b.client.ask(DELETE, b.client.location)
            await asyncio.sleep(0.05)
            b.client.send(CONTENT, token=token, observe=11, content_format=0, payload=b"1")
            assert (await b.client.receive()).mtype is RST

    run(work())


def test_library_use():
    async def work():
        async with bench() as b:
            registration = await b.server.wait_registered("board", 1)
            call = asyncio.ensure_future(b.server.operations.read(registration, (3303, 0, 5700)))
            b.client.answer(await b.client.receive(), CONTENT, content_format=0, payload=b"4")
            assert (await call).node == Resource(5700, "FLOAT", 4.0)

    run(work())


# Program


def test_taken_ports_are_named():
    async def work():
        async with DeskServer(0, 0) as server:
            for coap_port, http_port, option in (
                (server.coap_port, 0, "--coap-port"),
                (0, server.http_port, "--http-port"),
            ):
                with pytest.raises(PortTaken) as caught:
                    await DeskServer(coap_port, http_port).start()
                assert option in str(caught.value)
                assert str(coap_port or http_port) in str(caught.value)

    run(work())


def test_program_serves_until_a_signal():
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.server", "--coap-port", "0", "--http-port", "0"]
        + ["--lwm2m", "1.0", "--location", "a/b", "--block-size", "64", "--awake", "9"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        port = int(line.rsplit(":", 1)[1])

        async def work():
            client = FakeClient(port)
            try:
                assert (await client.register()).code is PRECONDITION_FAILED
                answer = await client.register(("ep=board", "lwm2m=1.0"))
                assert answer.code is CREATED and answer.opt.location_path[:3] == ("rd", "a", "b")
            finally:
                client.socket.close()

        run(work())
        taken = subprocess.run(
            [sys.executable, "-m", "tools.server", "--coap-port", str(port), "--http-port", "0"],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert taken.returncode == 2
        assert "--coap-port" in taken.stderr and taken.stderr.count("\n") == 1
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=5)
        assert process.returncode == 0
        assert "REGISTRATION board" in errors and "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()
