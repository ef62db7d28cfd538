"""The desk server: transfers in blocks, of a size that is set and of the client's size."""

import os

import pytest
from aiocoap import CHANGED, CONTENT, CONTINUE, FETCH, GET, METHOD_NOT_ALLOWED, POST, PUT
from aiocoap.numbers.codes import iPATCH
from aiocoap.numbers.types import ACK
from server_bench import bench, blocks, run

from tools.server import DeskServer
from tools.server.__main__ import parse_arguments

TEXT = bytes(range(97, 97 + 26)) * 8


async def answered_in_blocks(b, exponent, **options):
    """Answers a GET block after block; the requests that came."""
    found = []
    for part, block in blocks(TEXT, exponent):
        request = await b.client.receive()
        found.append(request)
        b.client.answer(request, CONTENT, content_format=0, payload=part, block2=block, **options)
    return found


def test_reads_ask_for_the_size_that_is_set():
    async def work():
        for size in (16, 64, 256):
            async with bench(block_size=size) as b:
                exponent = size.bit_length() - 5
                call = b.later("GET", "/3/0/0")
                requests = await answered_in_blocks(b, exponent, etag=b"one")
                assert (await call)[1]["content"]["value"] == TEXT.decode()
                for number, request in enumerate(requests):
                    assert request.code is GET
                    assert tuple(request.opt.block2) == (number, False, exponent)

    run(work())


def test_a_single_request_can_ask_for_a_size():
    async def work():
        async with bench() as b:
            for method, path, code in (
                ("GET", "/3/0/0?block=32", GET),
                ("POST", "/3/0/0/observe?block=32", GET),
                ("GET", "/composite?block=32&paths=/3/0/0", FETCH),
                ("POST", "/composite/observe?block=32&paths=/3/0/0", FETCH),
            ):
                request, _, _ = await b.scripted(method, path, METHOD_NOT_ALLOWED)
                assert request.code is code and tuple(request.opt.block2) == (0, False, 1)
            for text in ("", "0", "100", "x", "-16", "2048"):
                status, body = await b.call("GET", "/clients/board/3/0/0?block=" + text)
                assert status == 400 and "expected one of" in body

    run(work())


def test_without_a_size_the_client_chooses():
    async def work():
        async with bench() as b:
            call = b.later("GET", "/3/0/0")
            requests = await answered_in_blocks(b, 4)
            assert requests[0].opt.block2 is None
            assert (await call)[1]["content"]["value"] == TEXT.decode()

    run(work())


def test_blocks_that_do_not_fit_together():
    async def work():
        async with bench(block_size=64) as b:
            for second in (
                {"block2": (1, False, 2), "etag": b"two"},
                {"block2": (2, False, 2), "etag": b"one"},
                {"etag": b"one"},
            ):
                call = b.later("GET", "/3/0/0")
                request = await b.client.receive()
                b.client.answer(
                    request,
                    CONTENT,
                    content_format=0,
                    payload=TEXT[:64],
                    block2=(0, True, 2),
                    etag=b"one",
                )
                request = await b.client.receive()
                b.client.answer(request, CONTENT, content_format=0, payload=b"x", **second)
                status, body = await call
                assert status == 500 and "fit together" in body

    run(work())


async def taken_in_blocks(b, code, answer=CHANGED):
    """Takes a request in blocks; its payload and the block sizes."""
    got = b""
    sizes = set()
    while True:
        request = await b.client.receive()
        block = request.opt.block1
        assert request.code is code and block.start == len(got)
        if not got:
            first = request.opt.size1
        got += request.payload
        sizes.add(block.size)
        b.client.answer(request, CONTINUE if block.more else answer, block1=block)
        if not block.more:
            assert first == len(got)
            return got, sizes


def test_writes_go_in_blocks_of_the_size_that_is_set():
    async def work():
        async with bench(block_size=64) as b:
            value = os.urandom(200)
            node = {"id": 0, "kind": "singleResource", "type": "opaque", "value": value.hex()}
            call = b.later("PUT", "/5/0/0?format=OPAQUE", json=node)
            assert await taken_in_blocks(b, PUT) == (value, {64})
            assert (await call)[1]["status"] == "CHANGED(204)"
            node = {"id": 14, "kind": "singleResource", "type": "string", "value": "x" * 100}
            call = b.later("PUT", "/composite?nodeformat=SENML_JSON", json={"/3/0/14": node})
            payload, _ = await taken_in_blocks(b, iPATCH)
            assert payload == b'[{"bn":"/3/0/14","vs":"%s"}]' % (b"x" * 100)
            assert (await call)[1]["status"] == "CHANGED(204)"
            call = b.later("POST", "/3/0/4", data="0='%s'" % ("y" * 100))
            assert (await taken_in_blocks(b, POST))[0] == b"0='%s'" % (b"y" * 100)
            assert (await call)[1]["status"] == "CHANGED(204)"

    run(work())


def test_a_long_composite_request_goes_in_blocks_too():
    async def work():
        async with bench() as b:
            paths = ",".join("/3303/%d/5700" % iid for iid in range(80))
            call = b.later("GET", "/composite?paths=" + paths)
            payload, sizes = await taken_in_blocks(b, FETCH, METHOD_NOT_ALLOWED)
            assert len(payload) > 1024 and sizes == {512}
            assert (await call)[1]["status"] == "METHOD_NOT_ALLOWED(405)"

    run(work())


def test_notifications_in_blocks_of_the_size_that_is_set():
    async def work():
        async with bench(block_size=64) as b:
            following = await b.events()
            request, _, _ = await b.scripted(
                "POST",
                "/3/0/0/observe",
                CONTENT,
                {"content_format": 0, "payload": b"short", "observe": 1},
            )
            assert tuple(request.opt.block2) == (0, False, 2)
            for part, block in blocks(TEXT, 2):
                options = {"content_format": 0, "payload": part, "block2": block, "etag": b"e"}
                if block[0]:
                    asked = await b.client.receive()
                    assert tuple(asked.opt.block2) == (block[0], False, 2)
                    assert asked.opt.observe is None
                    b.client.answer(asked, CONTENT, **options)
                else:
                    b.client.send(CONTENT, token=request.token, observe=2, **options)
                    assert (await b.client.receive()).mtype is ACK
            assert (await following())[1]["val"]["value"] == TEXT.decode()

    run(work())


def test_options_of_the_command_line():
    assert parse_arguments([]).block_size is None
    arguments = parse_arguments(
        ["--block-size", "64", "--lwm2m", "1.0", "--location", "eu/desk", "--awake", "2.5"]
    )
    assert (arguments.block_size, arguments.lwm2m) == (64, "1.0")
    assert (arguments.location, arguments.awake) == (("eu", "desk"), 2.5)
    for wrong in (
        ["--block-size", "100"],
        ["--block-size", "2048"],
        ["--lwm2m", "1.2"],
        ["--location", "/a"],
        ["--location", ""],
        ["--awake", "0"],
        ["--awake", "soon"],
    ):
        with pytest.raises(SystemExit):
            parse_arguments(wrong)


def test_a_block_size_that_cannot_be_is_refused():
    for size in (8, 100, 2048):
        with pytest.raises(ValueError):
            DeskServer(0, 0, block_size=size)
