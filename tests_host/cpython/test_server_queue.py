"""The desk server: clients in queue mode, awake and asleep."""

import asyncio

from aiocoap import CHANGED, CONTENT, DELETE, GET, POST, PUT
from aiocoap.numbers.types import ACK
from server_bench import FakeClient, bench, run

SLEEPY = ("ep=board", "lt=60", "lwm2m=1.1", "b=U", "Q")
PATH = "/clients/board/3303/0/5700"


async def kinds(following, count):
    return [(await following())[0] for _ in range(count)]


async def asleep(b, query=SLEEPY):
    """Registers, waits until the client sleeps; the event stream."""
    following = await b.events()
    await b.client.register(query)
    assert await kinds(following, 2) == ["REGISTRATION", "AWAKE"]
    assert (await b.call("GET", "/clients/board"))[1]["sleeping"] is False
    assert await following() == ("SLEEPING", {"ep": "board"})
    data = (await b.call("GET", "/clients/board"))[1]
    assert (data["queuemode"], data["sleeping"]) == (True, True)
    assert (await b.call("GET", "/clients"))[1][0]["sleeping"] is True
    return following


def test_requests_wait_until_an_update():
    async def work():
        async with bench(register=False, awake_s=0.3) as b:
            following = await asleep(b)
            status, first = await b.call("GET", PATH)
            assert status == 200 and first.pop("requestId")
            assert first == {"ep": "board", "path": "/3303/0/5700", "delayed": True}
            arguments = {"data": "0.5", "headers": {"Content-Type": "text/plain"}}
            status, second = await b.call("PUT", "/clients/board/10346/0/5536", **arguments)
            assert second["delayed"] is True
            assert await b.client.silent(0.2)
            assert (await b.client.ask(POST, b.client.location)).code is CHANGED
            request = await b.client.receive()
            assert request.code is GET and request.opt.uri_path == ("3303", "0", "5700")
            b.client.answer(request, CONTENT, content_format=0, payload=b"21.5")
            request = await b.client.receive()
            assert request.code is PUT
            b.client.answer(request, CHANGED)
            assert await kinds(following, 2) == ["UPDATED", "AWAKE"]
            kind, data = await following()
            assert kind == "REQUEST_RESPONSE" and data["requestId"]
            assert (data["ep"], data["path"], data["delayed"]) == ("board", "/3303/0/5700", True)
            assert data["response"]["content"]["value"] == "21.5"
            kind, data = await following()
            assert (kind, data["requestId"]) == ("REQUEST_RESPONSE", second["requestId"])
            assert data["response"]["status"] == "CHANGED(204)"
            assert await kinds(following, 1) == ["SLEEPING"]

    run(work())


def test_waiting_requests_go_to_the_address_the_client_has_then():
    async def work():
        async with bench(register=False, awake_s=0.2) as b:
            await asleep(b)
            await b.call("GET", PATH)
            moved = FakeClient(b.server.coap_port)
            try:
                assert (await moved.ask(POST, b.client.location)).code is CHANGED
                assert (await moved.receive()).opt.uri_path == ("3303", "0", "5700")
            finally:
                moved.socket.close()

    run(work())


def test_an_awake_client_is_asked_at_once_and_each_answer_keeps_it_awake():
    async def work():
        async with bench(register=False, awake_s=0.5) as b:
            following = await b.events()
            await b.client.register(SLEEPY)
            for _ in range(4):
                await asyncio.sleep(0.3)
                _, status, body = await b.scripted(
                    "GET", "/3303/0/5700", CONTENT, {"content_format": 0, "payload": b"1"}
                )
                assert status == 200 and body["success"] is True
            assert await kinds(following, 3) == ["REGISTRATION", "AWAKE", "SLEEPING"]

    run(work())


def test_a_client_that_does_not_answer_sleeps():
    async def work():
        async with bench(register=False) as b:
            following = await b.events()
            await b.client.register(SLEEPY)
            call = b.later("GET", "/3303/0/5700?timeout=1")
            await b.client.receive()
            assert await call == (504, "Request timeout")
            assert await kinds(following, 3) == ["REGISTRATION", "AWAKE", "SLEEPING"]
            assert (await b.call("GET", PATH))[1]["delayed"] is True

    run(work())


def test_a_notification_wakes_and_lets_waiting_requests_go():
    async def work():
        async with bench(register=False, awake_s=0.4) as b:
            following = await b.events()
            await b.client.register(SLEEPY)
            request, _, _ = await b.scripted(
                "POST",
                "/3303/0/5700/observe",
                CONTENT,
                {"content_format": 0, "payload": b"1", "observe": 1},
            )
            assert await kinds(following, 3) == ["REGISTRATION", "AWAKE", "SLEEPING"]
            for path, body in (("/composite?paths=/3/0/9", None), ("/3/0/9/observe", "/3/0/9")):
                method = "GET" if "?" in path else "POST"
                data = (await b.call(method, "/clients/board" + path))[1]
                assert (data["delayed"], data.get("path")) == (True, body)
            b.client.send(CONTENT, token=request.token, observe=2, content_format=0, payload=b"2")
            assert (await b.client.receive()).mtype is ACK
            request = await b.client.receive()
            assert request.opt.uri_path == ()
            b.client.answer(
                request, CONTENT, content_format=110, payload=b'[{"n":"/3/0/9","v":5}]'
            )
            request = await b.client.receive()
            assert request.opt.observe == 0
            b.client.answer(request, CONTENT, content_format=0, payload=b"5", observe=1)
            found = await kinds(following, 4)
            assert found == ["AWAKE", "NOTIFICATION", "REQUEST_RESPONSE", "REQUEST_RESPONSE"]
            registration = b.server.registry.by_endpoint("board")
            assert b.server.operations.observed(registration) == [(3303, 0, 5700), (3, 0, 9)]

    run(work())


def test_a_senseless_request_is_refused_asleep_as_awake():
    async def work():
        async with bench(register=False, awake_s=0.1) as b:
            await asleep(b)
            for method, path in (("DELETE", "/3303"), ("GET", "/composite?paths=/3,/3")):
                status, body = await b.call(method, "/clients/board" + path)
                assert status == 400 and body.startswith("Invalid request")

    run(work())


def test_what_waits_fails_when_the_client_is_gone_or_silent():
    async def work():
        async with bench(register=False, awake_s=0.1) as b:
            following = await asleep(b)
            await b.call("GET", PATH + "?timeout=1")
            await b.client.ask(POST, b.client.location)
            await b.client.receive()
            assert await kinds(following, 3) == ["UPDATED", "AWAKE", "SLEEPING"]
            kind, data = await following()
            assert (kind, data["errormessage"]) == ("REQUEST_RESPONSE", "Request timeout")
            await b.call("GET", PATH)
            await b.client.ask(DELETE, b.client.location)
            assert await kinds(following, 1) == ["DEREGISTRATION"]
            kind, data = await following()
            assert (kind, data["errormessage"]) == ("REQUEST_RESPONSE", "the client de-registered")
            assert "response" not in data

    run(work())


def test_no_more_requests_wait_than_there_is_room_for(monkeypatch):
    async def work():
        async with bench(register=False, awake_s=0.1) as b:
            await asleep(b)
            for _ in range(3):
                assert (await b.call("GET", PATH))[0] == 200
            status, body = await b.call("GET", PATH)
            assert status == 400 and "wait for this client already" in body

    monkeypatch.setattr("tools.server.presence.MAX_WAITING", 3)
    run(work())


def test_queue_mode_of_version_1_0():
    async def work():
        async with bench(register=False, awake_s=0.2) as b:
            await asleep(b, ("ep=board", "lt=60", "lwm2m=1.0", "b=UQ"))
            # the client leaves queue mode by an Update
            await b.call("GET", PATH)
            await b.client.ask(POST, b.client.location, uri_query=("b=U",))
            assert (await b.client.receive()).opt.uri_path == ("3303", "0", "5700")
            assert (await b.call("GET", "/clients/board"))[1]["queuemode"] is False

    run(work())
