"""The desk server: nothing a client sends ends it or is left without an answer."""

import asyncio
import random

from aiocoap import BAD_OPTION, CHANGED, CONTENT, DELETE, FETCH, GET, POST, PUT, Message
from aiocoap.numbers.codes import EMPTY, iPATCH
from aiocoap.numbers.types import ACK, CON, NON, RST
from server_bench import LINKS, QUERY, bench, run

CBOR = bytes.fromhex("82a3216b2f333330332f302f35373030006002fb4035800000000000a100642f332f30")


async def drained(b):
    """Takes what the server sent; True if any of it was an answer of class 5."""
    failed = False
    while True:
        try:
            message = await b.client.receive(0.05)
        except asyncio.TimeoutError:
            return failed
        failed = failed or message.code >> 5 == 5


async def alive(b):
    await drained(b)
    b.client.next_mid = 50000  # of the others a duplicate may be known
    answer = await b.client.ask(POST, ("rd",), uri_query=QUERY, payload=LINKS)
    b.client.location = answer.opt.location_path
    answer = await b.client.ask(POST, b.client.location)
    assert answer.code is CHANGED


def mutated(data, dice):
    data = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        kind = dice.randrange(3)
        place = dice.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[place] = dice.randrange(256)
        elif kind == 1:
            del data[place:]
        else:
            data[place:place] = dice.randbytes(dice.randrange(1, 5))
    return bytes(data)


def test_mutated_datagrams():
    async def work():
        async with bench() as b:
            await b.events("?ep=board", log=True)
            dice = random.Random(7)
            requests = []
            for code in (POST, PUT, GET, DELETE, FETCH, iPATCH, CONTENT):
                for path in (("rd",), ("rd", "x"), ("dp",), ()):
                    for mtype in (CON, NON, ACK, RST):
                        message = Message(code=code, payload=dice.choice((CBOR, LINKS, b"")))
                        message.mtype, message.mid, message.token = mtype, 0, b"abc"
                        message.opt.uri_path = path
                        message.opt.uri_query = QUERY
                        message.opt.content_format = dice.choice((40, 110, 112))
                        message.opt.observe = 5
                        message.opt.block1 = (dice.randrange(3), dice.randrange(2) == 1, 6)
                        requests.append(message.encode())
            failed = False
            for number in range(1500):
                data = bytearray(mutated(dice.choice(requests), dice))
                if len(data) > 3:
                    data[2:4] = number.to_bytes(2, "big")
                b.client.socket.send(data)
                if number % 50 == 0:
                    failed = await drained(b) or failed
            failed = await drained(b) or failed
            assert not failed, "a request ended in a server error"
            await alive(b)

    run(work())


def test_mutated_payloads_of_notifications_and_sends():
    async def work():
        async with bench() as b:
            following = await b.events()
            request, _, _ = await b.scripted(
                "POST",
                "/composite/observe?paths=/3/0,/3303/0/5700",
                CONTENT,
                {"content_format": 112, "payload": b"\x80", "observe": 1},
            )
            dice = random.Random(11)
            accepted = 0
            for number in range(2, 302):
                payload = mutated(CBOR, dice)
                b.client.send(
                    CONTENT,
                    mtype=NON,
                    token=request.token,
                    observe=number,
                    content_format=112,
                    payload=payload,
                )
                answer = await b.client.ask(POST, ("dp",), content_format=112, payload=payload)
                assert answer.code >> 5 in (2, 4), payload.hex()
                kinds = {(await following())[0], (await following())[0]}
                assert len(kinds & {"NOTIFICATION", "OBSERVATION_ERROR"}) == 1, payload.hex()
                assert len(kinds & {"SEND", "SEND_ERROR"}) == 1, payload.hex()
                accepted += "NOTIFICATION" in kinds
            assert accepted < 300
            await alive(b)

    run(work())


def test_options_that_are_no_text():
    async def work():
        async with bench() as b:
            for head, option, code, mtype in (
                (b"\x42\x02\x00\x07ab", b"\xb2\xff\xfe", BAD_OPTION, ACK),
                (b"\x42\x02\x00\x08ab", b"\xb2rd\x41\xff", BAD_OPTION, ACK),
                (b"\x42\x45\x00\x09ab", b"\x82\xff\xfe", EMPTY, RST),
            ):
                b.client.socket.send(head + option)
                answer = await b.client.receive()
                assert (answer.code, answer.mtype, answer.mid) == (code, mtype, head[3])
                assert answer.token == (b"ab" if code is BAD_OPTION else b"")
            b.client.socket.send(b"\x52\x02\x00\x0aab\xb2\xff\xfe")
            assert await b.client.silent(0.1)
            await alive(b)

    run(work())


def test_a_failure_of_the_server_itself_is_an_answer(monkeypatch):
    async def work():
        async with bench() as b:

            def broken(*arguments):
                raise RuntimeError("a fault of the server")

            monkeypatch.setattr(b.server.registry, "by_id", broken)
            answer = await b.client.ask(POST, b.client.location)
            assert answer.code >> 5 == 5 and not answer.payload
            monkeypatch.undo()
            await alive(b)

    run(work())
