"""A server made of bytes: drives one client session in tests of both interpreters."""

from helpers import FakeClock

from coap.message import Error, Message, uint, uint_bytes
from coap.numbers import ACK, CHANGED, CON, CREATED, DELETE, DELETED, SERVICE_UNAVAILABLE
from lwm2m import formats
from lwm2m.client import Client
from lwm2m.object import Object, Table, parse_path
from lwm2m.objects.server import Server
from lwm2m.read import find
from lwm2m.registration import REGISTERED

ANY = -1  # as Accept: none, the client may choose


def decode(data):
    message = Message()
    message.decode(data)
    return message


_buffer = bytearray(2048)


def encode(message):
    size = message.encode(_buffer)
    return bytes(memoryview(_buffer)[:size])


def not_random(n):
    return b"\x20" * n


class Random:
    """Numbers that look random and are the same in every run (a linear congruence)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])


class Sample(Object):
    """One resource of every kind, for tests."""

    oid = 20000
    resources = (
        (0, "R", "s", "name"),
        (1, "RW", "i", "integer"),
        (2, "RW", "f", "number"),
        (3, "RW", "b", "flag"),
        (4, "RW", "t", "time"),
        (5, "RW", "o", "blob"),
        (6, "RW", "l", "objlink"),
        (7, "RW", "u", "unsigned"),
        (8, "RW", "s", "text"),
        (9, "RW", "i[]", "list"),
        (10, "E", "", "run"),
        (11, "W", "s", "secret"),
        (12, "R", "f", "sensor"),
        (13, "R", "s", "absent"),
        (14, "RW", "s[]", "names"),
        (15, "R", "f[]", "probes"),
        (16, "RW", "c", "corelink"),
        (300, "RW", "f", "angle"),
    )
    limits = {8: (0, 10), 300: (0, 1)}

    name = "sample"
    integer = 1
    number = 0.5
    flag = False
    time = 0
    blob = b""
    objlink = (65535, 65535)
    unsigned = 0
    text = ""
    list = {}
    secret = None
    absent = None
    names = {}
    corelink = "</3>"

    def __init__(self, iid=0):
        self.iid = iid
        self.measured = 20.0  # None: no valid value now
        self.probed = {0: 1.5}
        self.executed = []
        self.turned = 0.25
        self.stuck = None  # what the setter of angle raises

    def set(self, rid, value):
        """A local change of a value."""
        name = "measured" if rid == 12 else self.row(rid)[3]
        setattr(self, name, value)
        self.changed(rid)

    @property
    def sensor(self):
        if self.measured is None:
            raise Error(SERVICE_UNAVAILABLE)
        return self.measured

    @property
    def probes(self):
        if self.probed is None:
            raise Error(SERVICE_UNAVAILABLE)
        return self.probed

    @property
    def angle(self):
        return self.turned

    @angle.setter
    def angle(self, value):
        if self.stuck and value != 0.25:
            raise self.stuck
        self.turned = value

    def check(self, values):
        for rid, _, value in values:
            if rid == 8 and value == "refuse":
                raise Error(0x80, "refused")

    def run(self, arguments):
        self.executed.append(arguments)
        if arguments == "0='fail'":
            raise Error(0xA0, "did not work")

    def values(self):
        """All that can be stored, to compare."""
        return [
            getattr(self, row[3])
            for row in self.resources
            if row[0] not in (10, 12, 15) and row[1] != "R"
        ]


class Peer:
    """One client with one session, and the server's end of the wire."""

    def __init__(self, *objects, lifetime_s=3600, start_ms=0, random=not_random, queue_mode=False):
        self.clock = FakeClock(start_ms)
        self.now_ms = 0  # time passed since the start
        self.sent = []  # datagrams from the client that nobody has looked at
        self.logged = []
        self.woken = 0
        self.polls = 0
        self.down = False  # the server is gone: nothing arrives, nothing comes
        self.table = Table()
        self.server = Server(1, lifetime_s=lifetime_s)
        self.table.add(self.server, *objects)
        self.client = Client(
            "test", self.table, self.clock, random, self.logged.append, self._wake
        )
        self.client.queue_mode = queue_mode
        self.session = self.client.add_server(self.server, self._send)
        self.registration = self.session.registration
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
        self.registration.start()
        self.client.poll()
        (request,) = self.take()
        self.answer(request, CREATED, [(8, part.encode()) for part in location])
        assert self.registration.state == REGISTERED
        self.session.unsaved = False  # as if the application had saved it
        return request

    def answer(self, request, code, options=(), payload=b""):
        """A piggy-backed response."""
        self.session.receive(
            encode(Message(2, code, request.mid, request.token, options, payload))
        )

    def empty(self, mtype, mid):
        self.session.receive(encode(Message(mtype, 0, mid)))

    def serve(self, message):
        """Answers as a server that accepts everything: for `run()`."""
        if message.mtype != CON:
            return
        if message.code == DELETE:
            self.answer(message, DELETED)
        elif message.code >> 5:
            self.empty(ACK, message.mid)
        elif b"ep=test" in message.all(15):
            self.answer(message, CREATED, [(8, b"rd"), (8, b"a1")])
        else:
            self.answer(message, CHANGED)

    def ask(self, code, path, payload=b"", content_format=None, accept=None, observe=None, **more):
        """Sends a CON request and returns the response, or None.

        A GET asks for what people can read, unless `accept` says otherwise.
        """
        if code == 1 and accept is None:
            accept = self._readable(path)
        self._mid += 1
        options = []
        if observe is not None:
            options.append((6, uint_bytes(observe)))
        options += [(11, part.encode()) for part in path.split("/")[1:]]
        if content_format is not None:
            options.append((12, uint_bytes(content_format)))
        for query in more.get("queries", ()):
            options.append((15, query if isinstance(query, bytes) else query.encode()))
        if accept is not None and accept != ANY:
            options.append((17, uint_bytes(accept)))
        options += more.get("more_options", [])
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

    def _readable(self, path):
        # Text for one value (opaque as it is), TLV for more.
        try:
            path = parse_path([part.encode() for part in path.split("/")[1:]])
            row = find(self.table, path)
        except Error:
            return None
        kind = row[2] if row else ""
        single = kind != "" and len(path) == 2 + len(kind[:2])
        return formats.preferred(kind, single, "1.0")

    def get(self, path, accept=None, **more):
        return self.ask(1, path, accept=accept, **more)

    def post(self, path, payload=b"", content_format=None, **more):
        return self.ask(2, path, payload, content_format, **more)

    def put(self, path, payload=b"", content_format=0, **more):
        return self.ask(3, path, payload, content_format, **more)

    def attributes(self, path, *queries):
        return self.ask(3, path, queries=queries)

    def observe(self, path, token=b"ob", accept=None):
        """Starts to observe, successfully; returns the response."""
        response = self.ask(1, path, accept=accept, observe=0, token=token)
        assert response.code == 0x45, response.code
        assert observe_of(response) is not None
        return response

    def run(self, ms, each=None):
        """Lets the time pass by what poll() returns, and no sooner.

        Returns [(milliseconds since the start, message)] of all that was sent, which
        `each(message)` sees first.
        """
        end = self.now_ms + ms
        seen = []
        in_vain = 0
        while True:
            wait = self.client.poll()
            self.polls += 1
            assert isinstance(wait, int) and wait >= 0
            messages = self.take()
            for message in messages:
                seen.append((self.now_ms, message))
                if each:
                    each(message)
            if messages:
                continue
            if self.now_ms + wait > end:
                self.advance(end - self.now_ms)
                return seen
            in_vain = in_vain + 1 if wait == 0 else 0
            assert in_vain < 3, "poll() asks to be called at once, for ever"
            self.advance(wait)

    def advance(self, ms):
        """Lets the time pass without a call of poll()."""
        self.now_ms += ms
        self.clock.advance(ms)


class Second(Peer):
    """One more server of the same client; time goes by `run()` of the first."""

    def __init__(self, peer, short_server_id):
        self.sent = []
        self.down = False
        self.table = peer.table
        self.client = peer.client
        self.server = Server(short_server_id, iid=short_server_id - 1, lifetime_s=3600)
        self.table.add(self.server)
        self.session = self.client.add_server(self.server, self._send)
        self.registration = self.session.registration
        self._mid = 1000


def content_format(message):
    value = message.first(12)
    return None if value is None else uint(value)


def observe_of(message):
    """The sequence number in a notification, or None."""
    value = message.first(6)
    return None if value is None else uint(value)
