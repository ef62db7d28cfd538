"""A server made of bytes: drives one client session in tests of both interpreters."""

from helpers import FakeClock

from coap.message import Message, uint, uint_bytes
from coap.numbers import CON, CREATED
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.server import Server
from lwm2m.registration import REGISTERED


def decode(data):
    message = Message()
    start = message.decode_header(data)
    message.decode_options(data, start)
    return message


def encode(message):
    buffer = bytearray(2048)
    return bytes(buffer[: message.encode(buffer)])


def not_random(n):
    return b"\x20" * n


class Peer:
    """One client with one session, and the server's end of the wire."""

    def __init__(self, *objects, lifetime_s=3600, start_ms=0):
        self.clock = FakeClock(start_ms)
        self.sent = []  # datagrams from the client that nobody has looked at
        self.logged = []
        self.woken = 0
        self.down = False  # the server is gone: nothing arrives, nothing comes
        self.table = Table()
        self.server = Server(1, lifetime_s=lifetime_s)
        self.table.add(self.server, *objects)
        self.client = Client(
            "test", self.table, self.clock, not_random, self.logged.append, self._wake
        )
        self.session = self.client.add_server(self.server, self._send)
        self._mid = 0

    def _send(self, data):
        if not self.down:
            self.sent.append(bytes(data))

    def _wake(self):
        self.woken += 1

    def take(self):
        """The messages that the client has sent since the last call, decoded."""
        messages = [decode(data) for data in self.sent]
        self.sent.clear()
        return messages

    def register(self, location=("rd", "a1")):
        """Starts the registration and accepts it; returns the Register request."""
        self.session.registration.start()
        self.client.poll()
        (request,) = self.take()
        self.answer(request, CREATED, [(8, part.encode()) for part in location])
        assert self.session.registration.state == REGISTERED
        return request

    def answer(self, request, code, options=(), payload=b""):
        """A piggy-backed response."""
        self.session.receive(
            encode(Message(2, code, request.mid, request.token, options, payload))
        )

    def empty(self, mtype, mid):
        self.session.receive(encode(Message(mtype, 0, mid)))

    def ask(self, code, path, payload=b"", content_format=None, accept=None, observe=None, **more):
        """Sends a CON request and returns the response, or None."""
        self._mid += 1
        options = []
        if observe is not None:
            options.append((6, uint_bytes(observe)))
        options += [(11, part.encode()) for part in path.split("/")[1:]]
        if content_format is not None:
            options.append((12, uint_bytes(content_format)))
        options += [(15, query.encode()) for query in more.get("queries", ())]
        if accept is not None:
            options.append((17, uint_bytes(accept)))
        mid = more.get("mid", self._mid)
        token = more.get("token", b"tk%d" % (self._mid % 100))
        data = encode(Message(more.get("mtype", CON), code, mid, token, options, payload))
        self.session.receive(data)
        messages = self.take()
        if not messages:
            return None
        (response,) = messages
        assert response.token == token
        return response

    def get(self, path, accept=None, **more):
        return self.ask(1, path, accept=accept, **more)

    def post(self, path, payload=b"", content_format=None, **more):
        return self.ask(2, path, payload, content_format, **more)

    def put(self, path, payload=b"", content_format=0, **more):
        return self.ask(3, path, payload, content_format, **more)

    def attributes(self, path, *queries):
        return self.ask(3, path, queries=queries)

    def run(self, ms, each=None):
        """Lets the time pass by what poll() returns; `each(message)` sees what is sent."""
        end = ms
        while True:
            wait = self.client.poll()
            for message in self.take():
                if each:
                    each(message)
            wait = min(self.client.poll(), wait) if self.sent else wait
            if wait >= end:
                self.clock.advance(end)
                self.client.poll()
                return
            wait = max(wait, 1)
            end -= wait
            self.clock.advance(wait)


def content_format(message):
    value = message.options.first(12)
    return None if value is None else uint(value)
