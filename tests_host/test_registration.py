"""Register, Update, De-register (TS 1.1.1 Core section 6.2), driven by what poll() returns."""

from helpers import FakeClock
from peer import Peer, Random, Sample, decode, encode

from coap.message import Message
from coap.numbers import ACK, CHANGED, CON, CREATED, DELETED, RST, TLV
from lwm2m.client import Client
from lwm2m.object import Object, Table
from lwm2m.objects.server import Server
from lwm2m.registration import REGISTERED, STOPPED, links

POST, DELETE = 2, 4
BAD_REQUEST, FORBIDDEN, NOT_FOUND, INTERNAL_SERVER_ERROR = 0x80, 0x83, 0x84, 0xA0
BLOCK1, CONTINUE = 27, 0x5F
DAY_MS = 86400000
# With Peer's "random" byte the first time-out is 2125 ms, and it is doubled four times.
GIVEN_UP_MS = 2125 * 31
WRAP_MS = 1 << 30


class Temperature(Object):
    oid = 3303
    version = "1.1"
    resources = ()

    def __init__(self, iid):
        self.iid = iid


class Security(Object):
    oid = 0


def path(message):
    return b"/".join(message.all(11))


def queries(message):
    return [bytes(query) for query in message.all(15)]


def test_int_101_every_byte_of_the_register():
    peer = Peer()
    peer.registration.start()
    peer.client.poll()
    (data,) = peer.sent
    assert data == (
        b"\x44\x02\x20\x21"  # version 1, CON, token of 4 bytes; POST; message id
        b"    "  # the token
        b"\xb2rd"  # Uri-Path (11): rd
        b"\x11\x28"  # Content-Format (12): 40, link format
        b"\x39lwm2m=1.1"  # Uri-Query (15)
        b"\x07ep=test"
        b"\x07lt=3600"
        b"\x03b=U"
        b"\xff"
        b'</>;rt="oma.lwm2m";ct=112,</1>;ver=1.2,</1/0>'
    )
    assert len(data) == 89


def test_the_links_of_a_registration():
    peer = Peer(Temperature(3), Security(), Sample(2), Temperature(0), Sample(0))
    request = peer.register()
    assert request.payload == (
        b'</>;rt="oma.lwm2m";ct=112,</1>;ver=1.2,</1/0>,</3303>;ver=1.1,</3303/0>,</3303/3>,'
        b"</20000/0>,</20000/2>"
    )
    assert path(request) == b"rd" and request.mtype == CON and request.code == POST


def test_the_location_may_have_several_segments():
    for location in (("rd", "a1"), ("rd",), ("x", "y", "z", ""), ("\u00e9\n",), ()):
        peer = Peer()
        peer.register(location)
        peer.post("/1/0/8")
        ((_, update),) = peer.run(0, peer.serve)
        assert update.all(11) == [part.encode() for part in location]
        peer.registration.stop()
        (request,) = peer.take()
        assert request.code == DELETE and request.payload == b""
        assert request.options == [(11, part.encode()) for part in location]
        peer.answer(request, DELETED)
        assert peer.registration.state == STOPPED
    peer = Peer()
    peer.register(("rd", "a\x1b[2J\xe9"))  # nothing of it may steer a terminal
    assert peer.registration.location_text() == r"/rd/a\x1b[2J\xc3\xa9"
    assert peer.logged == [r"registered at /rd/a\x1b[2J\xc3\xa9 as test (lifetime 3600 s)"]


def test_a_location_too_long_to_use():
    peer = Peer()
    peer.register(["x" * 250] * 5)
    peer.post("/1/0/8")
    # The Update cannot be sent, which is as good as no answer: a new Register.
    messages = peer.run(1000, peer.serve)
    assert [path(message) for _, message in messages] == [b"rd"]
    assert peer.registration.state == REGISTERED
    peer.register(["x" * 250] * 5)
    peer.registration.stop()
    assert peer.registration.state == STOPPED and peer.take() == []


def test_a_register_that_cannot_be_sent():
    peer = Peer()
    peer.client.endpoint_name = "x" * 250  # beside a block of the links it is too much
    for iid in range(120):
        peer.table.add(Temperature(iid))
    peer.registration.start()
    peer.client.poll()
    assert 0 < peer.client.poll() <= 60000  # nothing was sent: the retry is not forgotten
    assert peer.run(59999) == [] and peer.registration.state not in (STOPPED, REGISTERED)
    assert "message too long" in peer.logged[0]
    for iid in range(10, 120):
        peer.table.remove(peer.table.find(3303, iid))
    peer.client.endpoint_name = "test"
    ((at, _),) = peer.run(1, peer.serve)
    assert at == 60000 and peer.registration.state == REGISTERED


def test_int_102_an_update_tells_only_what_has_changed():
    peer = Peer()
    peer.register()
    assert peer.run(3479999) == []
    ((at, update),) = peer.run(1, peer.serve)
    assert at == 3480000 and path(update) == b"rd/a1" and update.code == POST
    assert [number for number, _ in update.options] == [11, 11]
    assert update.payload == b"" and peer.registration.state == REGISTERED
    # The lifetime
    assert peer.put("/1/0/1", b"600").code == CHANGED
    ((at, update),) = peer.run(1000, peer.serve)
    assert at == 3480000 and queries(update) == [b"lt=600"] and update.payload == b""
    assert peer.run(478999) == []
    ((at, update),) = peer.run(1, peer.serve)
    assert at == 3480000 + 480000 and queries(update) == []
    # Objects that came
    peer.table.add(Sample(1))
    ((_, update),) = peer.run(1000, peer.serve)
    assert update.payload == b'</>;rt="oma.lwm2m";ct=112,</1>;ver=1.2,</1/0>,</20000/1>'
    assert update.options[2:] == [(12, b"\x28")]
    # and went, with a new lifetime and binding at the same time
    peer.table.remove(peer.table.find(20000, 1))
    peer.server.lifetime_s, peer.server.binding = 3600, "UQ"
    ((_, update),) = peer.run(1000, peer.serve)
    assert update.payload == b'</>;rt="oma.lwm2m";ct=112,</1>;ver=1.2,</1/0>'
    assert update.options[2:] == [(12, b"\x28"), (15, b"lt=3600"), (15, b"b=UQ")]
    assert peer.run(3000000, peer.serve) == []


def test_int_104_update_trigger():
    peer = Peer()
    peer.register()
    for content in (b"", b"0"):
        assert peer.post("/1/0/8", content).code == CHANGED
        ((_, update),) = peer.run(1000, peer.serve)
        assert path(update) == b"rd/a1" and queries(update) == [] and update.payload == b""
        assert peer.run(1000) == []
    # Asked again while one is under way: a second one.
    peer.post("/1/0/8")
    peer.client.poll()
    (update,) = peer.take()
    peer.post("/1/0/8")
    assert peer.run(1000) == []
    peer.answer(update, CHANGED)
    assert len(peer.run(10000, peer.serve)) == 1


def test_int_107_a_lifetime_written_while_an_update_is_under_way():
    peer = Peer()
    peer.register()
    peer.put("/1/0/1", b"600")
    peer.client.poll()
    (update,) = peer.take()
    peer.put("/1/0/1", b"700")
    peer.answer(update, CHANGED)
    ((_, update),) = peer.run(1000, peer.serve)
    assert queries(update) == [b"lt=700"]
    assert peer.run(578999) == []
    assert len(peer.run(2, peer.serve)) == 1


def test_when_updates_are_due():
    for lifetime_s, period_ms in (
        (1, 333),
        (60, 20000),
        (180, 60000),
        (181, 61000),
        (3600, 3480000),
        (86400, 86280000),
        (2592000, 2591880000),
    ):
        for start_ms in (0, WRAP_MS - 400):
            peer = Peer(lifetime_s=lifetime_s, start_ms=start_ms)
            peer.register()
            times = [at for at, _ in peer.run(3 * period_ms, peer.serve)]
            assert times == [period_ms, 2 * period_ms, 3 * period_ms], lifetime_s


def test_the_lifetime_counts_from_the_request_not_from_the_answer():
    peer = Peer(lifetime_s=90)
    peer.registration.start()
    peer.client.poll()
    (request,) = peer.take()
    peer.run(25000)  # the answers were lost: the server's lifetime runs already
    peer.answer(request, CREATED, [(8, b"rd"), (8, b"a1")])
    ((at, update),) = peer.run(5000)
    assert at == 30000
    peer.run(20000)
    peer.answer(update, CHANGED)
    ((at, _),) = peer.run(10000)
    assert at == 60000


def test_int_105_a_failed_update_is_followed_by_a_register():
    for code in (NOT_FOUND, BAD_REQUEST, FORBIDDEN, INTERNAL_SERVER_ERROR, CREATED, RST, None):
        peer = Peer()
        peer.register()
        peer.post("/1/0/8")
        peer.client.poll()
        (update,) = peer.take()
        waited = 0
        if code == RST:
            peer.empty(RST, update.mid)
        elif code is None:
            waited = GIVEN_UP_MS
            messages = peer.run(waited - 1)
            assert len(messages) == 4
        else:
            peer.answer(update, code)
        ((at, register),) = peer.run(1)
        assert at == waited and path(register) == b"rd", code
        assert queries(register) == [b"lwm2m=1.1", b"ep=test", b"lt=3600", b"b=U"]
        assert register.payload and register.token is not None
        assert peer.registration.state != REGISTERED
        assert peer.get("/1/0/1") is None  # not registered: not our server
        peer.answer(register, CREATED, [(8, b"new")])
        assert peer.registration.state == REGISTERED
        peer.post("/1/0/8")
        ((_, update),) = peer.run(1000, peer.serve)
        assert path(update) == b"new"


def test_retries_of_a_refused_register():
    for code, delay in ((FORBIDDEN, 0), (RST, 0), (None, GIVEN_UP_MS)):
        peer = Peer()
        peer.registration.start()

        def refuse(message, code=code, peer=peer):
            if code == RST:
                peer.empty(RST, message.mid)
            elif code:
                peer.answer(message, code)

        times = []
        seen = None
        for at, message in peer.run(3 * DAY_MS, refuse):
            assert path(message) == b"rd" and message.payload
            if message.mid != seen:
                seen = message.mid
                times.append(at)
        expected = [0]
        for wait_s in (60, 120, 240, 480, 3600) * 2:
            expected.append(expected[-1] + delay + wait_s * 1000)
        assert times[:11] == expected[: len(times[:11])] and len(times) >= 11, code
        assert "next attempt in 480 s" in peer.logged[3]
        assert peer.registration.state not in (REGISTERED, STOPPED)


def test_the_retry_parameters_of_the_server_object():
    peer = Peer()
    peer.server.retry_count, peer.server.retry_timer_s, peer.server.sequence_delay_s = 3, 10, 100
    peer.registration.start()
    messages = peer.run(300000, lambda message: peer.answer(message, FORBIDDEN))
    assert [at // 1000 for at, _ in messages] == [0, 10, 30, 130, 140, 160, 260, 270, 290]
    # The count begins anew after a success.
    peer.run(100000, peer.serve)
    assert peer.registration.state == REGISTERED
    peer.registration.start()
    start = peer.now_ms
    messages = peer.run(100000, lambda message: peer.answer(message, FORBIDDEN))
    assert [(at - start) // 1000 for at, _ in messages] == [0, 10, 30]
    peer.server.retry_count = 1
    peer.registration.start()
    start = peer.now_ms
    messages = peer.run(200000, lambda message: peer.answer(message, FORBIDDEN))
    assert [(at - start) // 1000 for at, _ in messages] == [0, 100, 200]


def test_a_server_lost_for_days_is_found_again():
    for start_ms in (0, WRAP_MS - 5000):
        peer = Peer(start_ms=start_ms)
        peer.register()
        peer.down = True
        peer.run(20 * DAY_MS + 12345, peer.serve)
        assert peer.registration.state != REGISTERED
        peer.down = False
        messages = peer.run(DAY_MS + 200000, peer.serve)
        assert peer.registration.state == REGISTERED
        registers = [at for at, message in messages if path(message) == b"rd"]
        assert len(registers) == 1 and len(messages) >= 1
        peer.run(DAY_MS, peer.serve)
        assert peer.registration.state == REGISTERED and peer.session.endpoint.faults == 0


def test_int_103_de_register():
    for code in (DELETED, NOT_FOUND, RST):
        peer = Peer()
        peer.register()
        peer.registration.stop()
        (request,) = peer.take()
        assert request.code == DELETE and request.mtype == CON and path(request) == b"rd/a1"
        assert peer.registration.state != STOPPED
        peer.registration.stop()  # asked twice: told once
        assert peer.take() == []
        assert peer.get("/1/0/1") is None
        if code == RST:
            peer.empty(RST, request.mid)
        else:
            peer.answer(request, code)
        assert peer.registration.state == STOPPED
        assert peer.logged[-1].startswith("de-registered") == (code == DELETED)
        assert peer.run(DAY_MS) == [] and peer.session.endpoint.idle


def test_a_de_registration_that_nobody_answers():
    peer = Peer()
    peer.register()
    peer.registration.stop()
    messages = peer.run(GIVEN_UP_MS)
    assert len(messages) == 5 and {message.code for _, message in messages} == {DELETE}
    assert peer.registration.state == STOPPED
    assert peer.logged[-1] == "not de-registered: no answer"
    assert peer.run(DAY_MS) == []


def in_state(state):
    """A client in this state, and the request that it waits for an answer to."""
    peer = Peer(Sample())
    request = None
    if state == "stopped":
        return peer, None
    if state == "about to register":
        peer.registration.start()
        return peer, None
    if state in ("registering", "waiting"):
        peer.registration.start()
        peer.client.poll()
        (request,) = peer.take()
        if state == "waiting":
            peer.answer(request, FORBIDDEN)
        return peer, request
    peer.register()
    if state == "updating":
        peer.post("/1/0/8")
        peer.client.poll()
        (request,) = peer.take()
    elif state == "de-registering":
        peer.registration.stop()
        (request,) = peer.take()
    elif state == "notifying":
        peer.session.confirmable = True
        peer.observe("/20000/0/1")
        peer.table.find(20000, 0).set(1, 5)
        peer.client.poll()
        (request,) = peer.take()
    return peer, request


STATES = (
    "stopped",
    "about to register",
    "registering",
    "waiting",
    "registered",
    "updating",
    "de-registering",
    "notifying",
)


def test_start_in_every_state():
    for state in STATES:
        for late in (None, CHANGED, CREATED, DELETED, NOT_FOUND, RST):
            peer, request = in_state(state)
            peer.registration.start()
            assert peer.registration.state not in (STOPPED, REGISTERED)
            if request and late:  # the answer to what was under way means nothing now
                if late == RST:
                    peer.empty(RST, request.mid)
                else:
                    peer.answer(request, late, [(8, b"late")])
            assert peer.registration.state != REGISTERED, (state, late)
            messages = peer.run(0, peer.serve)
            assert [path(message) for _, message in messages] == [b"rd"], (state, late)
            assert peer.registration.state == REGISTERED
            assert peer.registration.location == [b"rd", b"a1"]
            assert peer.run(3000000, peer.serve) == []


def test_stop_in_every_state():
    for state in STATES:
        peer, request = in_state(state)
        peer.registration.stop()
        messages = peer.run(0, peer.serve)
        if state in ("registered", "updating", "notifying"):
            assert [message.code for _, message in messages] == [DELETE], state
        else:
            assert messages == [], state
        if request:
            peer.answer(request, DELETED if state == "de-registering" else CREATED)
        assert peer.registration.state == STOPPED, state
        assert peer.run(3 * DAY_MS) == [] and peer.session.endpoint.idle
        peer.register()
        assert peer.registration.state == REGISTERED


def test_a_separate_response():
    peer = Peer()
    peer.registration.start()
    peer.client.poll()
    (request,) = peer.take()
    peer.empty(ACK, request.mid)
    assert peer.run(20000) == []
    peer.session.receive(encode(Message(CON, CREATED, 7777, request.token, [(8, b"x")])))
    (ack,) = peer.take()
    assert ack.mtype == ACK and ack.mid == 7777 and ack.code == 0
    assert peer.registration.state == REGISTERED
    # Acknowledged, then never answered: given up in the end
    peer.post("/1/0/8")
    peer.client.poll()
    (update,) = peer.take()
    peer.empty(ACK, update.mid)
    ((at, register),) = peer.run(93000)
    assert path(register) == b"rd" and at == 20000 + 93000


def test_an_answer_to_another_request_is_ignored():
    peer = Peer(random=Random(5).bytes)
    peer.registration.start()
    peer.client.poll()
    (request,) = peer.take()
    request.token = b"none"
    peer.answer(request, CREATED, [(8, b"x")])
    assert peer.registration.state != REGISTERED and peer.run(1000) == []


def test_the_client_is_woken():
    peer = Peer(Sample())
    for action in (
        peer.registration.start,
        peer.register,
        lambda: peer.post("/1/0/8"),
        lambda: peer.put("/1/0/1", b"900"),
        lambda: peer.observe("/20000/0/1"),
        lambda: peer.table.find(20000, 0).set(1, 4),
        lambda: peer.table.add(Sample(4)),
        peer.registration.stop,
    ):
        before = peer.woken
        action()
        assert peer.woken > before


class Lossy:
    """A client and a server with a bad network between: all its time is the fake clock's."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.clock = FakeClock(self.random.below(WRAP_MS))
        self.now_ms = 0
        self.flying = []  # (arrival, to the client?, datagram)
        self.registered = {}  # location: end of the lifetime
        self.handed_out = 0
        self.bad = True
        self.answered = {}  # (mid, token): the answer, as a server that knows duplicates
        self.sample = Sample()
        self.table = Table()
        self.server = Server(1, lifetime_s=300)
        self.table.add(self.server, self.sample)
        self.logged = []
        self.client = Client(
            "test", self.table, self.clock, self.random.bytes, self.logged.append, lambda: None
        )
        self.session = self.client.add_server(self.server, self.to_server)

    def fly(self, to_client, data):
        if self.bad and self.random.below(100) < 30:
            return
        for _ in range(2 if self.bad and self.random.below(100) < 20 else 1):
            delay = self.random.below(4000) if self.bad else 20
            self.flying.append((self.now_ms + delay, to_client, bytes(data)))

    def to_server(self, data):
        self.fly(False, data)

    def serve(self, data):
        message = decode(data)
        if message.mtype != CON or not message.code or message.code >> 5:
            return
        key = (message.mid, bytes(message.token))
        if key not in self.answered:
            if len(self.answered) > 100:
                self.answered = {}
            self.answered[key] = encode(self.answer(message))
        self.fly(True, self.answered[key])

    def answer(self, message):
        options = []
        where = path(message)
        alive = self.registered.get(where, -1) >= self.now_ms
        if message.code == DELETE:
            code = DELETED if self.registered.pop(where, None) else NOT_FOUND
        elif where == b"rd":
            self.handed_out += 1
            self.registered = {b"rd/%d" % self.handed_out: self.now_ms + 300000}
            code = CREATED
            options = [(8, b"rd"), (8, b"%d" % self.handed_out)]
        elif alive:
            self.registered[where] = self.now_ms + 300000
            code = CHANGED
        else:
            code = NOT_FOUND
        return Message(ACK, code, message.mid, message.token, options)

    def run(self, ms):
        end = self.now_ms + ms
        while self.now_ms < end:
            wait = self.client.poll()
            arrival = end
            for entry in self.flying:
                arrival = min(arrival, entry[0])
            step = max(0, min(wait, arrival - self.now_ms, end - self.now_ms))
            self.now_ms += step
            self.clock.advance(step)
            due = [entry for entry in self.flying if entry[0] <= self.now_ms]
            self.flying = [entry for entry in self.flying if entry[0] > self.now_ms]
            for _, to_client, data in due:
                if to_client:
                    self.session.receive(data)
                else:
                    self.serve(data)


def test_loss_duplication_and_reordering_end_registered():
    for seed in range(60):
        net = Lossy(seed)
        registration = net.session.registration
        registration.start()
        for _ in range(12):
            net.run(60000 + net.random.below(120000))
            deed = net.random.below(6)
            if deed == 0:
                net.registered = {}  # the server restarts
            elif deed == 1:
                net.server.update({})
            elif deed == 2:
                registration.start()  # a new link
            elif deed == 3:
                net.table.generation += 1
        net.bad = False
        # The longest wait before the next attempt is sequence_delay_s.
        net.run(DAY_MS + 600000)
        assert registration.state == REGISTERED, seed
        assert b"/".join(registration.location) in net.registered, (seed, net.logged)
        # and it stays, known to the server at every moment
        before = net.handed_out
        for _ in range(20):
            net.run(100000)
            assert net.registered[b"/".join(registration.location)] >= net.now_ms, seed
        assert net.handed_out == before
        registration.stop()
        net.run(1000)
        assert registration.state == STOPPED and net.registered == {}
        net.run(600000)
        endpoint = net.session.endpoint
        assert endpoint.idle and endpoint.faults == 0 and endpoint.malformed == 0
        assert net.flying == []


def test_a_replace_without_lifetime_keeps_the_one_there_is():
    peer = Peer(lifetime_s=600)
    peer.register()
    peer.server.pmax_s = 60
    assert peer.put("/1/0", b"\xc1\x02\x05", TLV).code == CHANGED  # pmin 5 and nothing else
    assert (peer.server.lifetime_s, peer.server.pmin_s, peer.server.pmax_s) == (600, 5, 0)


def test_links_that_go_in_blocks():
    # Of a Register and of an Update (RFC 7959)
    peer = Peer()
    for iid in range(120):
        peer.table.add(Temperature(iid))
    peer.registration.start()
    for expected, code in ((b"rd", CREATED), (b"rd/a1", CHANGED)):
        payload = b""
        more = True
        peer.client.poll()
        while more:
            (request,) = peer.take()
            assert path(request) == expected and request.payload
            block = request.first(BLOCK1)
            more = block[-1] & 8
            payload += request.payload
            options = [(8, b"rd"), (8, b"a1")] if code == CREATED and not more else []
            peer.answer(request, CONTINUE if more else code, options + [(BLOCK1, block)])
            peer.client.poll()
        assert peer.registration.state == REGISTERED
        assert payload == links(peer.table, "1.1") and len(payload) > 1300
        assert peer.run(1000000) == []
        peer.table.add(Temperature(1000 + code))
