"""The desk server: files that clients fetch in blocks."""

import hashlib
import os

from aiocoap import BAD_REQUEST, CONTENT, GET, METHOD_NOT_ALLOWED, NOT_FOUND, PUT
from server_bench import bench, run

CONTENT_OF_FILE = os.urandom(2500)


async def offered(b, name="app-1.pkg", content=CONTENT_OF_FILE):
    status, body = await b.call("PUT", "/files/" + name, data=content)
    assert status == 200, body
    return body


def size2_of(message):
    return [int.from_bytes(o.encode(), "big") for o in message.opt.option_list() if o.number == 28]


def test_a_file_is_offered_shown_and_withdrawn():
    async def work():
        async with bench() as b:
            body = await offered(b)
            assert body["coap_port"] == b.server.coap_port and body["coaps_port"] is None
            assert body["path"] == "/files/app-1.pkg" and body["size"] == 2500
            assert body["etag"] == hashlib.sha256(CONTENT_OF_FILE).hexdigest()[:16]
            assert await b.call("GET", "/files") == (200, [body])
            assert await b.call("GET", "/files/app-1.pkg") == (200, body)
            assert (await b.call("DELETE", "/files/app-1.pkg"))[0] == 204
            assert (await b.call("DELETE", "/files/app-1.pkg"))[0] == 404
            assert (await b.call("GET", "/files/app-1.pkg"))[0] == 404
            answer = await b.client.ask(GET, ("files", "app-1.pkg"))
            assert answer.code is NOT_FOUND

    run(work())


def test_what_makes_no_sense_is_refused():
    async def work():
        async with bench() as b:
            for name in ("..", ".hidden", "a b", "x" * 65, "%2e%2e%2fkeys"):
                status, _ = await b.call("PUT", "/files/" + name, data=b"x")
                assert status in (400, 404, 405), name
            assert (await b.call("PUT", "/files/empty", data=b""))[0] == 400
            for number in range(16):
                await offered(b, "f%d" % number, b"x")
            status, text = await b.call("PUT", "/files/more", data=b"x")
            assert status == 400 and "16 files already" in text
            await offered(b, "f3", b"other")  # in the place of one that is there

    run(work())


def test_a_client_fetches_it_in_blocks_of_its_size():
    async def work():
        async with bench() as b:
            await offered(b)
            for exponent in (0, 4, 6):
                body = b""
                while True:
                    block = (len(body) >> exponent + 4, False, exponent)
                    answer = await b.client.ask(GET, ("files", "app-1.pkg"), block2=block)
                    assert answer.code is CONTENT and answer.opt.content_format == 42
                    assert answer.opt.etag == hashlib.sha256(CONTENT_OF_FILE).digest()[:8]
                    assert size2_of(answer) == [2500]
                    assert answer.opt.block2.start == len(body)
                    body += answer.payload
                    fetched = (await b.call("GET", "/files/app-1.pkg"))[1]["fetched"]
                    assert fetched == len(body)
                    if not answer.opt.block2.more:
                        break
                assert body == CONTENT_OF_FILE

    run(work())


def test_without_a_block_option_and_past_the_end():
    async def work():
        async with bench() as b:
            await offered(b)
            answer = await b.client.ask(GET, ("files", "app-1.pkg"))
            assert tuple(answer.opt.block2) == (0, True, 6) and len(answer.payload) == 1024
            for block in ((3, False, 6), (1 << 19, False, 6), (0, False, 7)):
                answer = await b.client.ask(GET, ("files", "app-1.pkg"), block2=block)
                assert answer.code is BAD_REQUEST, block
            answer = await b.client.ask(PUT, ("files", "app-1.pkg"), payload=b"x")
            assert answer.code is METHOD_NOT_ALLOWED
            for path in (("files",), ("files", ""), ("files", "app-1.pkg", "x"), ("files", "..")):
                assert (await b.client.ask(GET, path)).code is NOT_FOUND, path

    run(work())


def test_blocks_are_not_larger_than_the_server_was_told():
    async def work():
        async with bench(block_size=64) as b:
            await offered(b)
            block = (2, False, 6)
            answer = await b.client.ask(GET, ("files", "app-1.pkg"), block2=block)
            # at the place that was asked for
            assert tuple(answer.opt.block2) == (32, True, 2)
            assert answer.payload == CONTENT_OF_FILE[2048 : 2048 + 64]

    run(work())


def test_another_content_has_another_etag():
    async def work():
        async with bench() as b:
            first = await offered(b)
            await b.client.ask(GET, ("files", "app-1.pkg"))
            assert (await offered(b))["fetched"] == 1024  # the same: a download goes on
            second = await offered(b, content=CONTENT_OF_FILE[::-1])
            assert second["etag"] != first["etag"] and second["fetched"] == 0

    run(work())
