"""The desk server: the log of CoAP messages in the event stream."""

import asyncio
import time

import pytest
from aiocoap import CHANGED, CONTENT, DELETE, NOT_FOUND, POST, Message
from aiocoap.numbers.codes import EMPTY, Code, iPATCH
from aiocoap.numbers.types import ACK, CON, NON, RST
from server_bench import FakeClient, bench, run

from tools.server import coaplog

PATH = "/3303/0/5700"


def test_an_exchange_as_the_server_saw_it():
    async def work():
        async with bench() as b:
            following = await b.events("?ep=board", log=True)
            request, _, _ = await b.scripted(
                "GET", PATH + "?format=SENML_CBOR", CONTENT, {"content_format": 0, "payload": b"1"}
            )
            kind, asked = await following()
            assert kind == "COAPLOG" and abs(asked.pop("timestamp") - time.time() * 1000) < 5000
            assert asked == {
                "incoming": False,
                "type": "CON",
                "code": "GET",
                "mId": request.mid,
                "token": request.token.hex().upper(),
                "options": 'Uri-Path/STRING: "3303", "0", "5700" - '
                'Accept/INTEGER: "application/senml+cbor"',
                "ep": "board",
            }
            _, answered = await following()
            del answered["timestamp"]
            assert answered == {
                "incoming": True,
                "type": "ACK",
                "code": "2.05",
                "mId": request.mid,
                "token": request.token.hex().upper(),
                "options": 'Content-Format/INTEGER: "text/plain"',
                "payload": "1",
                "ep": "board",
            }

    run(work())


def test_an_update_a_reset_and_an_acknowledgement():
    async def work():
        async with bench() as b:
            following = await b.events("?ep=board", log=True)
            await b.client.ask(POST, b.client.location, uri_query=("lt=90",), mid=7, token=b"")
            b.client.send(CONTENT, token=b"?", mid=8, payload=b"\x00\xff")
            assert (await b.client.receive()).mtype is RST
            entries = [(await following())[1] for _ in range(4)]
            for entry in entries:
                assert entry.pop("timestamp") and entry.pop("ep") == "board"
            location = ", ".join('"%s"' % part for part in b.client.location)
            assert entries == [
                {
                    "incoming": True,
                    "type": "CON",
                    "code": "POST",
                    "mId": 7,
                    "token": "",
                    "options": 'Uri-Path/STRING: %s - Uri-Query/STRING: "lt=90"' % location,
                },
                {"incoming": False, "type": "ACK", "code": "2.04", "mId": 7, "token": ""},
                {
                    "incoming": True,
                    "type": "CON",
                    "code": "2.05",
                    "mId": 8,
                    "token": "3F",
                    "payload": "Hex:00ff",
                },
                {"incoming": False, "type": "RST", "mId": 8, "token": "null"},
            ]

    run(work())


def test_a_registration_is_in_the_log_of_its_endpoint():
    async def work():
        async with bench(register=False) as b:
            following = await b.events("?ep=board", log=True)
            everything = await b.events("", log=True)
            others = await b.events("?ep=other", log=True)
            await b.client.register()
            _, asked = await following()
            assert asked["code"] == "POST" and '"ep=board"' in asked["options"]
            _, answered = await following()
            assert answered["code"] == "2.01" and "Location-Path" in answered["options"]
            await b.client.ask(DELETE, b.client.location)
            assert [(await following())[1]["code"] for _ in range(2)] == ["DELETE", "2.02"]
            stranger = FakeClient(b.server.coap_port)
            try:
                assert (await stranger.ask(POST, ("rd", "nobody"))).code is NOT_FOUND
            finally:
                stranger.socket.close()
            for stream in (following, everything, others):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(stream(), 0.2)

    run(work())


def test_options_as_leshan_writes_them():
    message = Message(code=iPATCH, payload=b"plain")
    message.mtype, message.mid, message.token = NON, 5, b"\xab\x01"
    options = message.opt
    options.uri_path = ("3303", "0")
    options.uri_query = ("pmin=1",)
    options.accept = 112
    options.content_format = 4711
    options.observe = 0
    options.block1 = (0, True, 2)
    options.block2 = (1, False, 2)
    options.etag = b"\xff\x02"
    options.size1 = 300
    options.if_none_match = True
    # through the wire, as they come
    message = Message.decode(message.encode())
    assert coaplog.entry(message, True, "x")["options"] == (
        "ETag/OPAQUE: 0xFF02 - If-None-Match/EMPTY:  - Observe/INTEGER: 0 - "
        'Uri-Path/STRING: "3303", "0" - Content-Format/INTEGER: "unknown/4711" - '
        'Uri-Query/STRING: "pmin=1" - Accept/INTEGER: "application/senml+cbor" - '
        "Block2/INTEGER: (szx=2/64, m=false, num=1) - "
        "Block1/INTEGER: (szx=2/64, m=true, num=0) - Size1/INTEGER: 300"
    )


def test_codes_payloads_and_unknown_options():
    for code, payload, expected in (
        (EMPTY, b"", (None, None)),
        (iPATCH, b"a b", ("IPATCH", "a b")),
        (CHANGED, b"\n", ("2.04", "Hex:0a")),
        (Code(30), "\u00fc".encode(), ("0.30", "Hex:c3bc")),
        (CONTENT, b"\xff", ("2.05", "Hex:ff")),
    ):
        message = Message(code=code, payload=payload)
        message.mtype, message.mid, message.token = ACK, 1, b""
        entry = coaplog.entry(message, False, "x")
        assert (entry.get("code"), entry.get("payload")) == expected
    raw = b"\x40\x01\x00\x01\xd2\xf0\x01\x02"  # option 253
    message = Message.decode(raw)
    message.mtype = CON
    assert coaplog.entry(message, True, "x")["options"] == "Unknown (253): 0x0102"
