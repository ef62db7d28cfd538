"""Several servers: who registers first, and that none spoils it for the others."""

from helpers import FakeClock
from peer import Random, Sample, decode, encode

from coap.message import Message
from coap.numbers import ACK, CHANGED, CREATED, DELETED
from lwm2m.access import defaults
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.server import Server
from lwm2m.registration import REGISTERED, STOPPED

SERVICE_UNAVAILABLE = 0xA3


class Servers:
    """A client of several servers; `order` has a Registration Priority Order for each."""

    def __init__(self, *order):
        self.clock = FakeClock(5)
        self.now_ms = 0
        self.logged = []
        self.table = Table()
        self.sample = Sample()
        self.table.add(self.sample)
        self.client = Client(
            "test", self.table, self.clock, Random(1).bytes, self.logged.append, lambda: None
        )
        self.refuses = set()  # numbers of servers that refuse to register us
        self.silent = set()
        self.seen = []  # (seconds, number of the server, "register" ...)
        self.sessions = []
        for number, place in enumerate(order):
            server = Server(number + 1, number, 3600)
            server.priority_order = place
            server.retry_count, server.retry_timer_s, server.sequence_delay_s = 2, 10, 100
            self.table.add(server)
            self.sessions.append(
                self.client.add_server(server, lambda data, n=number: self.serve(n, data))
            )

    def serve(self, number, data):
        message = decode(data)
        if not message.code or message.code >> 5:
            return
        code = CHANGED
        what = b"/".join(message.all(11)).decode()
        if what == "rd" and message.code == 2:
            code = SERVICE_UNAVAILABLE if number in self.refuses else CREATED
        elif message.code == 4:
            code = DELETED
            what = "delete"
        self.seen.append((self.now_ms // 1000, number, what))
        if number not in self.silent:
            answer = Message(ACK, code, message.mid, message.token, [(8, b"rd"), (8, b"1")])
            self.sessions[number].receive(encode(answer))

    def start(self, *numbers):
        for number in numbers or range(len(self.sessions)):
            self.sessions[number].registration.start()

    def run(self, seconds):
        """What was seen in this time: (seconds since the start, number of the server)."""
        end = self.now_ms + seconds * 1000
        self.seen = []
        while True:
            wait = self.client.poll()
            if self.now_ms + wait > end:
                self.advance(end - self.now_ms)
                return [(at, number) for at, number, what in self.seen if what == "rd"]
            self.advance(wait)

    def advance(self, ms):
        self.now_ms += ms
        self.clock.advance(ms)

    def states(self):
        return [session.registration.state == REGISTERED for session in self.sessions]


def test_without_an_order_all_at_once():
    net = Servers(None, None, None)
    net.refuses = {0}
    net.start()
    assert net.run(1) == [(0, 0), (0, 1), (0, 2)]
    assert net.states() == [False, True, True]


def test_in_ascending_order():
    for order, expected in (
        ((1, 2, 3), [0, 1, 2]),
        ((3, 2, 1), [2, 1, 0]),
        ((20, 0, 7), [1, 2, 0]),
        ((5, 5, 5), [0, 1, 2]),
        ((1, None, 0), [1, 2, 0]),
    ):
        net = Servers(*order)
        net.start()
        assert net.run(1) == [(0, number) for number in expected], order
        assert net.states() == [True] * 3


def test_the_next_waits_for_the_answer():
    net = Servers(2, 1)
    net.silent = {1}
    net.start()
    # Five transmissions, then an attempt more: the sequence is over before the next begins.
    found = net.run(60)
    assert {number for _, number in found} == {1}
    net.silent = set()
    assert net.run(100)[-1][1] == 0 and net.states() == [True, True]


def test_a_failed_registration_lets_others_pass():
    net = Servers(1, 2)
    net.refuses = {0}
    net.start()
    assert net.run(120) == [(0, 0), (10, 0), (10, 1), (110, 0), (120, 0)]
    assert net.states() == [False, True]
    net = Servers(1, 2)
    net.refuses = {0}
    net.sessions[0].server.sequence_count = 2
    net.start()
    assert net.run(120) == [(0, 0), (10, 0), (110, 0), (120, 0), (120, 1)]


def test_or_blocks_them():
    net = Servers(1, 2, None, 0)
    net.refuses = {0}
    net.sessions[0].server.failure_block = True
    net.start()
    found = net.run(120)
    assert found == [(0, 2), (0, 3), (0, 0), (10, 0), (110, 0), (120, 0)]
    net.refuses = set()
    assert net.run(100) == [(220, 0), (220, 1)]
    assert net.states() == [True] * 4


def test_the_initial_delay():
    # From the start where nothing comes before, else from the one before
    net = Servers(1, 2, None)
    for number, delay_s in enumerate((5, 30, 20)):
        net.sessions[number].server.initial_delay_s = delay_s
    net.start()
    assert net.run(40) == [(5, 0), (20, 2), (35, 1)]
    # until the first success only
    net.start()
    assert net.run(40) == [(40, 0), (40, 1), (40, 2)]


def test_the_initial_delay_of_a_single_server():
    net = Servers(None)
    net.sessions[0].server.initial_delay_s = 1000
    net.start()
    assert net.run(300) == []
    net.start()  # a new link in between
    assert net.run(699) == []
    assert net.run(1) == [(1000, 0)]
    # Written later it has no effect on what is registered.
    net.sessions[0].server.initial_delay_s = 2000
    net.start()
    assert net.run(1) == [(1000, 0)]


def test_retries_do_not_wait_for_the_initial_delay():
    net = Servers(None)
    net.sessions[0].server.initial_delay_s = 50
    net.refuses = {0}
    net.start()
    assert net.run(61) == [(50, 0), (60, 0)]


def test_a_link_that_does_not_come_up():
    net = Servers(1, 2)
    net.start(1)
    assert net.run(59) == []
    assert net.run(2) == [(60, 1)]
    net = Servers(1, 2)
    net.start(1)
    assert net.run(30) == []
    net.start(0)
    assert net.run(1) == [(30, 0), (30, 1)]
    net = Servers(1, 2)
    net.sessions[0].server.failure_block = True
    net.start(1)
    assert net.run(100000) == []


def test_one_that_was_stopped_holds_up_nobody():
    net = Servers(1, 2)
    net.start()
    net.run(1)
    net.sessions[0].registration.stop()
    net.sessions[1].registration.start()
    assert net.run(1) == [(1, 1)]
    assert net.sessions[0].registration.state == STOPPED


def test_one_that_is_disabled_holds_up_nobody():
    net = Servers(1, 2)
    net.start()
    net.run(1)
    net.sessions[0].server.disable(None)
    net.sessions[1].registration.start()
    assert net.run(2) == [(1, 1)] and net.states() == [False, True]


def test_a_fault_of_one_session_does_not_end_the_others():
    net = Servers(None, None)

    def fails(now_ms):
        raise RuntimeError("broken")

    net.sessions[0].registration.poll = fails
    net.sessions[0].observe(b"x", FakeTarget())
    net.start()
    assert net.run(3) == [(0, 1)]
    # Once a second, and where something else was due
    assert 4 <= net.logged.count("RuntimeError: broken") <= 6
    assert net.run(3600) == [] and net.states() == [False, True]


class FakeTarget:
    """What an observation needs of a target that never changes."""

    path = (20000, 0, 1)
    paths = (path,)
    composite = False

    def number(self):
        return None


def test_a_fault_of_one_part_does_not_end_the_session():
    net = Servers(None)
    session = net.sessions[0]
    session.observe(b"x", FakeTarget())
    net.start()
    net.run(1)
    session.observe(b"x", FakeTarget())

    def fails(now_ms):
        raise RuntimeError("broken")

    session.observations.poll = fails
    net.run(7200)
    assert [what for _, _, what in net.seen] == ["rd/1"] * 2  # its Updates
    assert net.states() == [True]


def test_a_fault_of_an_endpoint_ends_no_session():
    net = Servers(None, None)

    def fails():
        raise MemoryError("none")

    net.sessions[0].endpoint.poll = fails
    net.start()
    net.run(10)
    assert net.states() == [True, True] and "MemoryError: none" in net.logged


def test_rights_count_where_there_are_several():
    for order, expected in (((None,), [True]), ((None, None), [True, False])):
        net = Servers(*order)
        defaults(net.client, 1)
        assert [session.allowed(20000, 0, 2) for session in net.sessions] == expected
        assert all([session.allowed(20000, 0, 1) for session in net.sessions])


def test_a_send_goes_to_all_that_take_it():
    net = Servers(None, None, None, None)
    net.refuses = {3}
    net.start()
    net.run(1)
    net.sessions[0].server.mute_send = True
    net.sessions[1].version = "1.0"
    assert net.client.send([(20000, 0, 1)]) == 1
    net.run(1)
    assert [(number, what) for _, number, what in net.seen] == [(2, "dp")]
