"""Block-wise transfer in all four directions with aiocoap as the peer, over loopback."""

import asyncio
import os
import socket
import time

import aiocoap
from aiocoap import optiontypes, resource
from peer import Random

from coap.block import key
from coap.download import Download
from coap.endpoint import Endpoint
from coap.numbers import CHANGED, CONTENT, CREATED, FETCH, OBSERVE, POST, URI_PATH
from coap.numbers import CONTENT_FORMAT as FORMAT

WAIT_S = 20


def body(size, seed=1):
    return Random(seed).bytes(size)


class Device(asyncio.DatagramProtocol):
    """An endpoint of ours behind a real socket; it answers whoever spoke last."""

    def __init__(self, handler=None, peer=None):
        self.peer = peer
        self.logged = []
        self.endpoint = Endpoint(
            self.send, handler, time, os.urandom, self.logged.append, size=1152
        )
        self.sent = 0

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self.transport.get_extra_info("sockname")[1]
        self.poller = asyncio.create_task(self.poll())
        return self

    async def __aexit__(self, *failure):
        self.poller.cancel()
        self.transport.close()
        await asyncio.sleep(0)
        assert self.endpoint.faults == 0 and self.endpoint.malformed == 0, self.logged

    def send(self, data):
        self.sent += 1
        self.transport.sendto(bytes(data), self.peer)

    def datagram_received(self, data, address):
        self.peer = address
        self.endpoint.receive(data)

    async def poll(self):
        while True:
            wait_ms = self.endpoint.poll()
            await asyncio.sleep(min(wait_ms, 20) / 1000)

    def uri(self, path):
        return f"coap://127.0.0.1:{self.port}/{path}"


def run(test):
    asyncio.run(asyncio.wait_for(test(), WAIT_S))


async def client():
    return await aiocoap.Context.create_client_context(transports=["simple6"])


async def serve(site):
    """An aiocoap server; returns its context and address."""
    for _ in range(5):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            address = free.getsockname()
        try:
            context = await aiocoap.Context.create_server_context(
                site, bind=address, transports=["simplesocketserver"]
            )
        except OSError:
            continue  # somebody else was quicker
        return context, address
    raise AssertionError("no free port")


# aiocoap asks, the endpoint answers


def test_block1_bodies_from_aiocoap():
    async def test():
        bodies = []

        def handle(request, response):
            bodies.append(request.payload)
            response.code = CHANGED

        context = await client()
        async with Device(handle) as device:
            for length in (1, 1024, 1025, 2500, 4096):
                for block_size in (16, 128, 512, 1024):
                    device.endpoint.block_size = block_size
                    device.endpoint._kept = None  # many answers in a short time
                    payload = body(length, block_size)
                    message = aiocoap.Message(
                        code=aiocoap.PUT, uri=device.uri("5/0/0"), payload=payload
                    )
                    answer = await context.request(message).response
                    assert answer.code == aiocoap.CHANGED
                    assert bodies.pop() == payload and not bodies
            # what is too large is refused, and nothing of it executed
            message = aiocoap.Message(
                code=aiocoap.PUT, uri=device.uri("5/0/0"), payload=body(5000)
            )
            answer = await context.request(message).response
            assert answer.code == aiocoap.REQUEST_ENTITY_TOO_LARGE and answer.opt.size1 == 4096
            assert not bodies
        await context.shutdown()

    run(test)


def test_block2_answers_to_aiocoap():
    async def test():
        payloads = [b""]

        def handle(request, response):
            response.code = CONTENT
            response.payload = payloads[0]
            response.options = ((FORMAT, b"\x2a"),)

        context = await client()
        async with Device(handle) as device:
            for length in (0, 1, 512, 513, 4000, 9000):
                for szx in (None, 0, 2, 5, 6):
                    if szx == 0 and length > 1000:
                        continue
                    payloads[0] = body(length, length)
                    message = aiocoap.Message(code=aiocoap.GET, uri=device.uri("3"))
                    if szx is not None:
                        message.opt.block2 = optiontypes.BlockOption.BlockwiseTuple(0, False, szx)
                    answer = await context.request(message).response
                    assert answer.code == aiocoap.CONTENT and answer.payload == payloads[0]
        await context.shutdown()

    run(test)


def test_fetch_with_long_question_and_long_answer():
    async def test():
        questions = []

        def handle(request, response):
            questions.append((request.code, request.payload))
            response.code = CONTENT
            response.payload = request.payload[::-1] + b"." * 100

        context = await client()
        async with Device(handle) as device:
            for block_size in (64, 512):
                for length in (10, 700, 3000):
                    device.endpoint.block_size = block_size
                    message = aiocoap.Message(
                        code=aiocoap.FETCH,
                        uri=device.uri(""),
                        payload=body(length),
                        content_format=112,
                    )
                    answer = await context.request(message).response
                    assert answer.code == aiocoap.CONTENT
                    assert answer.payload == body(length)[::-1] + b"." * 100
                    assert questions.pop() == (FETCH, body(length)) and not questions
        await context.shutdown()

    run(test)


def test_a_long_notification_is_fetched_by_aiocoap():
    async def test():
        payloads = [body(1500, 1)]
        keys = []
        tokens = []

        def handle(request, response):
            response.code = CONTENT
            response.payload = payloads[0]
            if request.first(OBSERVE) == b"":
                keys.append(key(request))
                tokens.append(bytes(request.token))
                response.options = ((OBSERVE, b"\1"),)

        context = await client()
        async with Device(handle) as device:
            message = aiocoap.Message(code=aiocoap.GET, uri=device.uri("3"), observe=0)
            request = context.request(message)
            first = await request.response
            assert first.payload == payloads[0]
            heard = aiter(request.observation)
            for sequence in (2, 3, 4):
                payloads[0] = body(1500 + sequence, sequence)
                done = []
                device.endpoint.notify(
                    tokens[0],
                    ((OBSERVE, bytes((sequence,))),),
                    payloads[0],
                    done.append if sequence == 3 else None,
                    key=keys[0],
                )
                notification = await anext(heard)
                assert notification.payload == payloads[0]
                assert len(done) == (sequence == 3)
            assert len(keys) == 1
            request.observation.cancel()
        await context.shutdown()

    run(test)


# The endpoint asks, aiocoap answers


class Keep(resource.Resource):
    def __init__(self):
        super().__init__()
        self.bodies = []

    async def render_post(self, request):
        self.bodies.append(request.payload)
        return aiocoap.Message(code=aiocoap.CREATED, location_path=("rd", "a1"))


def test_uploads_to_aiocoap():
    async def test():
        site = resource.Site()
        keep = Keep()
        site.add_resource(["rd"], keep)
        context, address = await serve(site)
        async with Device(peer=address) as device:
            for block_size in (16, 256, 512, 1024):
                device.endpoint.block_size = block_size
                for length in (block_size, block_size + 1, 1500, 4000):
                    if block_size == 16 and length > 1500:
                        continue
                    done = asyncio.get_running_loop().create_future()

                    def finish(message, done=done):
                        done.set_result((message.code, message.all(8)))

                    options = [(URI_PATH, b"rd"), (FORMAT, b"\x28")]
                    device.endpoint.request(POST, options, body(length), finish)
                    assert await done == (CREATED, [b"rd", b"a1"])
                    assert keep.bodies.pop() == body(length) and not keep.bodies
                    assert device.endpoint.idle
        await context.shutdown()

    run(test)


class File(resource.Resource):
    """Needs a while for its answer, so that the first comes separately."""

    def __init__(self, data, etag):
        super().__init__()
        self.data = data
        self.etag = etag
        self.delay_s = 0

    async def render_get(self, request):
        await asyncio.sleep(self.delay_s)
        message = aiocoap.Message(payload=self.data, content_format=42)
        message.opt.etag = self.etag
        return message


def test_downloads_from_aiocoap():
    async def test():
        site = resource.Site()
        file = File(body(7777), b"one")
        site.add_resource(["fw", "image"], file)
        context, address = await serve(site)
        path = [(URI_PATH, b"fw"), (URI_PATH, b"image")]

        async def download(device, start=0, etag=None, size=512, stop=None):
            device.endpoint.block_size = size
            done = asyncio.get_running_loop().create_future()
            data = bytearray()

            def take(offset, block):
                assert offset == start + len(data)
                data.extend(block)
                if stop and len(data) >= stop:
                    raise ValueError("enough")

            loading = Download(device.endpoint, path, take, done.set_result, start, etag)
            error = await done
            assert device.endpoint.idle
            return error, bytes(data), loading

        async with Device(peer=address) as device:
            for size in (64, 512, 1024):
                for delay_s in (0, 0.15):
                    file.delay_s = delay_s if size > 64 else 0
                    if delay_s:  # one separate response is enough
                        file.data = body(size + 1)
                    error, data, loading = await download(device, size=size)
                    assert error is None and data == file.data
                    assert loading.etag == b"one"
                    file.data = body(7777)
            file.delay_s = 0
            error, data, loading = await download(device, stop=3000)
            assert error == "enough" and loading.offset == 2560 and len(data) == 3072
            for start in (1, 2560, 3001, 7776):
                # aiocoap keeps what it answered before for the blocks behind the first
                error, data, _ = await download(device, start, b"one")
                assert error is None and data == file.data[start:]
            error, data, _ = await download(device, 512, b"two")
            assert error == "it has changed" and data == b""
            path[1] = (URI_PATH, b"missing")
            error, data, _ = await download(device)
            assert error == "answered 4.04" and data == b""
        await context.shutdown()

    run(test)
