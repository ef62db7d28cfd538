"""The desk server: nothing a client sends ends it or is left without an answer."""

import asyncio
import random
import struct

from aiocoap import (
    BAD_OPTION,
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    DELETE,
    FETCH,
    GET,
    NOT_FOUND,
    POST,
    PUT,
    Message,
)
from aiocoap.numbers.codes import EMPTY, iPATCH
from aiocoap.numbers.types import ACK, CON, NON, RST
from server_bench import LINKS, QUERY, bench, run

from tools.server.codecs import cbor, senml_cbor
from tools.server.errors import CodecError
from tools.server.models import Models

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


DIGITS = b"9" * 5000  # more than Python makes an integer of


def test_numbers_of_thousands_of_digits():
    async def work():
        async with bench() as b:
            many = DIGITS.decode()
            for query, links in (
                (("ep=x", "lwm2m=1.1", "lt=" + many), LINKS),
                (("ep=x", "lwm2m=" + many + ".1"), LINKS),
                (("ep=x", "lwm2m=1.1"), b"</3/" + DIGITS + b">"),
                (("ep=x", "lwm2m=1.1"), b"</3>;ver=1.x" + DIGITS),
            ):
                answer = await b.client.register(query, links)
                assert answer.code is BAD_REQUEST, (query[-1][:20], answer.code)
            big = b"\xc2\x59\x09\xc4" + b"\xff" * 2500
            for payload in (
                b"\x81\xa2\x00\x66/3/0/9\x02" + big,
                b"\x81\xa3\x00\x66/3/0/9\x02\x01\x06" + big,
                b"\x81\xa2\x00\x66/3/0/9" + big + b"\x02",
                b"\x81\xa2\x00\x79\x13\x8b/3/" + DIGITS[:4998] + b"\x02\x01",
            ):
                answer = await b.client.ask(POST, ("dp",), content_format=112, payload=payload)
                assert answer.code is BAD_REQUEST
            await b.client.register(payload=b'</>;rt="oma.lwm2m";ct="' + DIGITS + b'",</3/0>')
            assert (await b.call("GET", "/clients/board"))[0] == 200
            for path in ("/" + many, "/composite?paths=/3/" + many, "/3?timeout=" + many):
                call = b.later("GET", path[:7000])
                if "timeout" in path:
                    b.client.answer(await b.client.receive(), NOT_FOUND)
                assert (await call)[0] in (200, 400)
            await alive(b)

    run(work())


def head(major, number):
    for size, code, form in ((24, None, None), (256, 24, "B"), (65536, 25, ">H")):
        if number < size:
            first = number if code is None else code
            return bytes((major << 5 | first,)) + (struct.pack(form, number) if form else b"")
    return bytes((major << 5 | 27,)) + struct.pack(">Q", number)


TEXTS = (b"", b"/3/0/9", b"/3/0/", b"x", b"(", b"2020-01-01T00:00:00Z", b"\xff", DIGITS)
TAGS = (0, 1, 2, 3, 4, 5, 28, 29, 30, 35, 36, 37, 54, 100, 256, 258, 260, 1004, 43000, 55799)
SIMPLE = (b"\xf4", b"\xf5", b"\xf6", b"\xf7", b"\xf9\x7e\x00", b"\xfb\x7f\xf0", b"\xff")


def item(dice, depth=0):
    """Any CBOR, well-formed or not."""
    kind = dice.randrange(8)
    if kind < 2:
        return head(kind, dice.choice((0, 5, 23, 255, 65535, 2**32 - 1, 2**63, 2**64 - 1)))
    if kind == 2:
        data = dice.randbytes(dice.choice((0, 1, 4, 9, 2500)))
        return head(2, len(data)) + data
    if kind == 3:
        text = dice.choice(TEXTS)
        return head(3, len(text)) + text
    if kind < 6 and depth < 4:
        count = dice.randrange(4)
        parts = count * (2 if kind == 5 else 1)
        return head(kind, count) + b"".join(item(dice, depth + 1) for _ in range(parts))
    if kind == 6 and depth < 6:
        return head(6, dice.choice(TAGS)) + item(dice, depth + 1)
    return dice.choice(SIMPLE)


def pack(dice):
    labels = dice.sample((-5, -3, -2, -1, 0, 2, 3, 4, 6, 8), dice.randrange(1, 4))
    fields = [
        (head(0, label) if label >= 0 else head(1, -1 - label)) + item(dice, 2) for label in labels
    ]
    named = b"\xa2\x00\x66/3/0/9\x02" + item(dice, 2)
    return b"\x82" + named + head(5, len(fields)) + b"".join(fields)


def test_any_cbor_is_a_value_or_an_error_of_the_codec():
    models = Models()
    dice = random.Random(3)
    refused = 0
    for number in range(1500):
        payload = pack(dice) if number % 4 else item(dice)
        for decode, place in (
            (senml_cbor.decode, (3, 0)),
            (senml_cbor.decode_timed, (3, 0, 9)),
            (senml_cbor.decode_nodes, None),
            (senml_cbor.decode_nodes, ((3, 0), (3303, 0, 5700))),
            (cbor.decode, (3, 0, 9)),
            (cbor.decode, (3, 0, 13)),
            (cbor.decode, (9000, 0, 0)),
        ):
            try:
                decode(payload, place, models)
            except CodecError as fault:
                refused += 1
                length = len(str(fault))
                assert length < 400
    assert 0 < refused < 1500 * 7


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
