"""A scripted LwM2M client and what joins it to the desk server in tests."""

import asyncio
import json
import socket
import struct
from contextlib import asynccontextmanager

import aiohttp
from aiocoap import (
    CREATED,
    POST,
    Message,
)
from aiocoap.numbers.types import ACK, CON, NON

from tools.server import DeskServer

LINKS = b'</>;rt="oma.lwm2m";ct="11542 0",</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>,</10346/0>'
QUERY = ("ep=board", "lt=60", "lwm2m=1.1", "b=U")
TLV = 11542


class FakeClient:
    """An LwM2M client that does what the test says, message by message."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(("127.0.0.1", port))
        self.next_mid = 100
        self.location = ()

    async def receive(self, timeout_s=3):
        loop = asyncio.get_running_loop()
        data = await asyncio.wait_for(loop.sock_recv(self.socket, 4096), timeout_s)
        return Message.decode(data)

    async def silent(self, wait_s):
        """True if nothing arrives for a while."""
        try:
            await self.receive(wait_s)
        except asyncio.TimeoutError:
            return True
        return False

    def send(self, code, mtype=CON, mid=None, token=b"t", **options):
        message = Message(code=code, payload=options.pop("payload", b""))
        message.mtype = mtype
        if mid is None:
            self.next_mid += 1
            mid = self.next_mid
        message.mid = mid
        message.token = token
        for name, value in options.items():
            setattr(message.opt, name, value)
        self.socket.send(message.encode())
        return message

    async def ask(self, code, path, **options):
        sent = self.send(code, uri_path=path, **options)
        answer = await self.receive()
        assert answer.mid == sent.mid or sent.mtype is NON
        return answer

    async def register(self, query=QUERY, payload=LINKS, **options):
        answer = await self.ask(
            POST, ("rd",), uri_query=query, payload=payload, content_format=40, **options
        )
        if answer.code is CREATED:
            self.location = answer.opt.location_path
        return answer

    def answer(self, request, code, **options):
        """The piggybacked answer to a request of the server."""
        self.send(code, mtype=ACK, mid=request.mid, token=request.token, **options)


class Bench:
    """Server, HTTP session and one registered client."""

    def __init__(self, server, http, client):
        self.server = server
        self.client = client
        self.streams = []
        self._http = http

    async def call(self, method, path, **arguments):
        """(status, body) of an HTTP request; the body is parsed if it is JSON."""
        async with self._http.request(
            method, self.server.http_uri + path, **arguments
        ) as response:
            text = await response.text()
            kind = response.content_type
            return response.status, json.loads(text) if kind == "application/json" else text

    def later(self, method, path, **arguments):
        return asyncio.ensure_future(self.call(method, "/clients/board" + path, **arguments))

    async def scripted(self, method, path, code, answer=None, **arguments):
        """Calls the API, answers the request that reaches the client; (request, status, body)."""
        call = self.later(method, path, **arguments)
        request = await self.client.receive()
        self.client.answer(request, code, **(answer or {}))
        return (request, *await call)

    async def events(self, query="", log=False):
        """Function that gives the next (kind, data) of the event stream.

        Entries of the log of CoAP messages are left out, or with log=True all but them.
        """
        response = await self._http.get(self.server.http_uri + "/event" + query)
        self.streams.append(response)
        assert response.content_type == "text/event-stream"

        async def following():
            kind = None
            while True:
                line = (await asyncio.wait_for(response.content.readline(), 5)).decode().strip()
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    if (kind == "COAPLOG") == log:
                        return kind, json.loads(line[6:])

        # the stream is open when its first, empty line is here
        await asyncio.wait_for(response.content.readline(), 5)
        return following


@asynccontextmanager
async def bench(register=True, **arguments):
    async with DeskServer(0, 0, **arguments) as server:
        client = FakeClient(server.coap_port)
        async with aiohttp.ClientSession() as http:
            try:
                if register:
                    assert (await client.register()).code is CREATED
                b = Bench(server, http, client)
                yield b
                for stream in b.streams:
                    stream.close()
            finally:
                client.socket.close()


def run(work):
    asyncio.run(asyncio.wait_for(work, 30))


def float_tlv(rid, value):
    return b"\xe4" + struct.pack(">Hf", rid, value)


def blocks(payload, exponent):
    size = 16 << exponent
    for number in range(-(-len(payload) // size)):
        part = payload[number * size : (number + 1) * size]
        yield part, (number, (number + 1) * size < len(payload), exponent)
