"""The endpoint on a clock that stands still: reliability, duplicates, exchanges (RFC 7252).

The peer is the test itself: it hands datagrams in and finds what the endpoint sent in `wire`,
as (milliseconds since the start, bytes). Time passes only by what `poll()` asks for.
"""

from helpers import FakeClock, raises

from coap.endpoint import Endpoint
from coap.message import Error
from coap.numbers import IDLE_MS, SILENCE

CON, NON, ACK, RST = 0, 1, 2, 3
GET, POST, PUT, DELETE, FETCH, IPATCH = 1, 2, 3, 4, 5, 7
CREATED, CHANGED, CONTENT = 0x41, 0x44, 0x45
BAD_REQUEST, BAD_OPTION, NOT_FOUND = 0x80, 0x82, 0x84
INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE, PROXYING_NOT_SUPPORTED = 0xA0, 0xA3, 0xA5

EXCHANGE_LIFETIME_MS = 247000
MAX_TRANSMIT_WAIT_MS = 93000
SIZE = 200
PATH = b"\xb1a"  # Uri-Path "a"
WRAP_MS = 1 << 30


def packet(mtype, code, mid, token=b"", rest=b""):
    """A datagram from the header's fields; options and payload follow as bytes."""
    return bytes((0x40 | mtype << 4 | len(token), code, mid >> 8, mid & 255)) + token + rest


def other_token(token):
    """A token that the memory of answers can tell from this one by its hash of eight bits."""
    for number in range(256):
        other = b"o" + bytes((number,))
        if hash(other) & 255 != hash(token) & 255:
            return other


class Rig:
    """An endpoint with its surroundings."""

    def __init__(self, answer=None, start_ms=0, jitter=0, mid=0x1000, size=SIZE):
        self.clock = FakeClock(start_ms)
        self.wire = []
        self.handled = []  # the requests that reached the handler
        self.answers = []  # what on_done was given
        self.logged = []
        self.passed_ms = 0
        self.jitter = jitter  # the random byte that spreads the first time-out
        self.seed = bytes((mid >> 8, mid & 255))
        self.tokens = 0
        self.broken = False  # the link refuses datagrams
        self.answer = answer
        self.size = size
        self.endpoint = Endpoint(
            self.send, self.handle, self.clock, self.random, self.logged.append, size
        )

    def random(self, count):
        if count == 1:
            return bytes((self.jitter,))
        if count == 2:
            return self.seed
        self.tokens += 1
        return bytes(count - 1) + bytes((self.tokens,))

    def send(self, data):
        if self.broken:
            raise OSError(113, "EHOSTUNREACH")
        self.wire.append((self.passed_ms, bytes(data)))

    def handle(self, request, response):
        self.handled.append(
            (
                request.mtype,
                request.code,
                request.mid,
                bytes(request.token),
                [(number, bytes(value)) for number, value in request.options],
                bytes(request.payload),
            )
        )
        if self.answer:
            self.answer(request, response)
        else:
            response.code = CHANGED

    def done(self, message):
        # The message is only valid during the call: its fields are what is kept.
        if message:
            message = (message.mtype, message.code, bytes(message.payload))
        self.answers.append(message)

    def request(self, code=GET, options=((11, b"a"),), payload=b""):
        self.endpoint.request(code, options, payload, self.done)
        return self.take()[-1]

    def take(self):
        """What was sent since the last call."""
        sent = [data for _, data in self.wire]
        self.wire.clear()
        return sent

    def receive(self, data):
        """Hands a datagram in and returns what it made the endpoint send."""
        self.take()
        self.endpoint.receive(data)
        return self.take()

    def run(self, ms):
        """Lets time pass, calling poll() when it asked to be called and no sooner."""
        end = self.passed_ms + ms
        while True:
            wait = self.endpoint.poll()
            assert isinstance(wait, int) and 0 <= wait <= IDLE_MS
            if self.passed_ms + wait > end:
                break
            self.advance(wait)
        self.advance(end - self.passed_ms)

    def advance(self, ms):
        self.passed_ms += ms
        self.clock.advance(ms)

    def settled(self):
        """Proves that nothing is left behind once every time is over."""
        self.run(2 * 300000 + EXCHANGE_LIFETIME_MS)
        endpoint = self.endpoint
        assert endpoint.idle is True
        assert endpoint.poll() == IDLE_MS
        assert len(endpoint.buffer) == self.size
        assert not endpoint._kept or not len(endpoint._kept._whole)
        assert not endpoint._kept
        assert not endpoint._late and endpoint.exchange is None
        assert len(endpoint._known) <= 8


# Retransmission (section 4.2)


def test_retransmission_doubles_and_gives_up():
    for jitter, first in ((0, 2000), (255, 3000), (128, 2501)):
        for start_ms in (0, WRAP_MS - 1, WRAP_MS - 7000, WRAP_MS // 2 - 5000):
            rig = Rig(jitter=jitter, start_ms=start_ms)
            rig.endpoint.request(GET, [(11, b"a")], b"", rig.done)
            rig.run(first * 31 - 1)
            times = [at for at, _ in rig.wire]
            assert times == [0, first, first * 3, first * 7, first * 15], (jitter, start_ms)
            assert len({data for _, data in rig.wire}) == 1  # the same bytes each time
            assert rig.wire[0][1] == packet(CON, GET, 0x1001, b"\0\0\0\1", PATH)
            assert rig.answers == []
            assert not rig.endpoint.idle
            rig.run(1)
            assert rig.answers == [None]
            assert len(rig.wire) == 5
            rig.settled()
            assert len(rig.wire) == 5 and rig.answers == [None]


def test_the_first_timeout_lies_between_two_and_three_seconds():
    for jitter in range(256):
        rig = Rig(jitter=jitter)
        rig.request()
        assert 2000 <= rig.endpoint.poll() <= 3000
        assert rig.wire == []


def test_silence_is_told_from_the_second_repetition_on():
    for jitter, first_ms in ((0, 2000), (255, 3000)):
        rig = Rig(jitter=jitter)
        told = []
        rig.endpoint.on_silence = lambda rig=rig, told=told: told.append(rig.passed_ms)
        rig.endpoint.request(GET, (), b"", rig.done)
        rig.run(200000)
        assert told == [first_ms * 3, first_ms * 7, first_ms * 15] and rig.answers == [None]
        # Of one that has acknowledged the request it is only asked once whether it is there.
        told.clear()
        begin_ms = rig.passed_ms
        rig.endpoint.request(GET, (), b"", rig.done)
        _, data = rig.wire[-1]
        rig.endpoint.receive(packet(ACK, 0, data[2] << 8 | data[3]))
        rig.run(92999)
        assert told == [begin_ms + 20000] and rig.answers == [None]
        rig.run(1)
        assert rig.answers == [None, None] and len(told) == 1


def test_who_hears_of_the_silence_may_begin_anew():
    rig = Rig()

    def begin_anew():
        rig.endpoint.cancel()
        rig.endpoint.request(POST, (), b"", rig.done)
        rig.endpoint.on_silence = None

    rig.endpoint.on_silence = begin_anew
    rig.endpoint.request(GET, (), b"", rig.done)
    rig.run(200000)
    assert [data[1] for _, data in rig.wire] == [GET] * 3 + [POST] * 5


def test_a_late_poll_retransmits_once_and_counts_from_there():
    rig = Rig()
    rig.request()
    rig.advance(10000)
    assert rig.endpoint.poll() == 4000
    assert rig.endpoint.poll() == 4000
    assert len(rig.take()) == 1


def test_a_retransmission_does_not_change_with_what_was_sent_meanwhile():
    rig = Rig()
    first = rig.request(POST, [(11, b"rd")], b"links")
    rig.receive(packet(CON, GET, 5, b"tok", PATH))
    rig.endpoint.notify(b"obs", [(6, b"\1")], b"a long notification")
    rig.take()
    rig.run(2000)
    assert rig.take() == [first]


def test_a_link_that_is_back_carries_at_once_what_waits():
    rig = Rig()
    rig.endpoint.resume()  # nothing
    first = rig.request()
    rig.run(50000)  # all repetitions but the last wait
    assert len(rig.take()) == 4
    rig.endpoint.resume()
    assert rig.take() == [first]
    begin = rig.passed_ms
    rig.run(100000)
    assert [at - begin for at, _ in rig.wire] == [2000, 6000, 14000, 30000]
    assert rig.answers == [None] and rig.endpoint.idle
    rig.wire.clear()
    # What is acknowledged waits for its answer as before.
    rig.request()
    rig.receive(packet(ACK, 0, 0x1002))
    rig.endpoint.resume()
    assert rig.take() == []
    rig.settled()


def test_one_exchange_at_a_time():
    rig = Rig()
    assert rig.endpoint.idle is True
    rig.request()
    assert rig.endpoint.idle is False
    raises(RuntimeError, rig.endpoint.request, GET, (), b"", rig.done)
    raises(RuntimeError, rig.endpoint.notify, b"t", (), b"", rig.done)
    assert rig.wire == [] and rig.answers == []
    assert rig.receive(packet(ACK, CONTENT, 0x1001, b"\0\0\0\1")) == []
    assert rig.endpoint.idle is True
    rig.request()
    rig.settled()


def test_cancel_tells_nobody():
    rig = Rig()
    rig.request()
    rig.endpoint.respond(b"t", CHANGED)
    rig.endpoint.cancel()
    assert rig.endpoint.idle is True
    rig.settled()
    assert rig.wire == [] and rig.answers == []


def test_a_request_longer_than_the_buffer_starts_nothing():
    rig = Rig()
    raises(ValueError, rig.endpoint.request, POST, (), b"x" * SIZE, rig.done)
    raises(ValueError, rig.endpoint.notify, b"t", (), b"x" * SIZE, rig.done)
    raises(ValueError, rig.endpoint.notify, b"t", (), b"x" * SIZE)
    assert rig.wire == [] and rig.endpoint.idle
    rig.settled()


def test_mid_wraps_and_token_differs():
    rig = Rig(mid=65534)
    sent = []
    for _ in range(3):
        sent.append(rig.request())
        rig.endpoint.cancel()
    assert [data[2:4] for data in sent] == [b"\xff\xff", b"\0\0", b"\0\1"]
    assert len({data[4:8] for data in sent}) == 3
    assert Rig(mid=65535).endpoint.next_mid() == 0


# Responses (sections 5.2, 5.3.2)


def test_piggy_backed_response():
    rig = Rig()
    rig.request()
    data = packet(ACK, CONTENT, 0x1001, b"\0\0\0\1", b"\xff22")
    assert rig.receive(data) == []
    assert rig.answers == [(ACK, CONTENT, b"22")]
    assert rig.receive(data) == []  # its duplicate
    rig.settled()
    assert rig.wire == [] and len(rig.answers) == 1


def test_error_responses_reach_the_asker():
    for code in (0x80, 0x84, 0xA0, 0xA3, 0x5F):
        rig = Rig()
        rig.request()
        rig.receive(packet(ACK, code, 0x1001, b"\0\0\0\1"))
        assert rig.answers == [(ACK, code, b"")]


def test_separate_response_after_an_empty_ack():
    for mtype in (CON, NON):
        rig = Rig()
        rig.request()
        rig.run(1000)
        assert rig.receive(packet(ACK, 0, 0x1001)) == []
        rig.run(60000)  # no retransmission once acknowledged
        assert rig.wire == [] and rig.answers == [] and not rig.endpoint.idle
        sent = rig.receive(packet(mtype, CONTENT, 0x7777, b"\0\0\0\1", b"\xff22"))
        assert sent == ([packet(ACK, 0, 0x7777)] if mtype == CON else [])
        assert rig.answers == [(mtype, CONTENT, b"22")]
        rig.settled()
        assert rig.wire == [] and len(rig.answers) == 1


def test_separate_response_that_never_comes():
    rig = Rig()
    rig.request()
    rig.run(500)
    rig.receive(packet(ACK, 0, 0x1001))
    rig.run(MAX_TRANSMIT_WAIT_MS - 1)
    assert rig.answers == []
    rig.run(1)
    assert rig.answers == [None]
    rig.settled()
    assert rig.wire == [] and rig.answers == [None]


def test_separate_response_before_the_ack():
    for mtype in (CON, NON):
        rig = Rig()
        rig.request()
        sent = rig.receive(packet(mtype, CONTENT, 0x7777, b"\0\0\0\1"))
        assert sent == ([packet(ACK, 0, 0x7777)] if mtype == CON else [])
        assert rig.answers == [(mtype, CONTENT, b"")]
        assert rig.receive(packet(ACK, 0, 0x1001)) == []
        rig.settled()
        assert rig.wire == [] and len(rig.answers) == 1


def test_late_duplicate_of_a_con_response_is_acknowledged_again():
    rig = Rig()
    rig.request()
    data = packet(CON, CONTENT, 0x7777, b"\0\0\0\1")
    assert rig.receive(data) == [packet(ACK, 0, 0x7777)]
    assert rig.receive(data) == [packet(ACK, 0, 0x7777)]
    rig.request()  # the next exchange changes nothing
    assert rig.receive(data) == [packet(ACK, 0, 0x7777)]
    assert len(rig.answers) == 1 and not rig.endpoint.idle
    assert rig.receive(packet(CON, CONTENT, 0x7778, b"\0\0\0\1")) == [packet(RST, 0, 0x7778)]


def test_responses_nobody_waits_for():
    for token in (b"", b"\0\0\0\2", b"\0\0\0\1x", b"\0\0\0"):
        rig = Rig()
        rig.request()
        # wrong token: CON is rejected, the others are ignored
        assert rig.receive(packet(CON, CONTENT, 0x7777, token)) == [packet(RST, 0, 0x7777)]
        assert rig.receive(packet(CON, CONTENT, 0x1001, token)) == [packet(RST, 0, 0x1001)]
        assert rig.receive(packet(NON, CONTENT, 0x7777, token)) == []
        assert rig.receive(packet(ACK, CONTENT, 0x1001, token)) == []
        assert rig.answers == []
        rig.run(2000)
        assert len(rig.take()) == 1  # the request is still under way
    rig = Rig()
    rig.request()
    for mid in (0x1000, 0x1002, 0x0110, 0):  # right token, wrong message id
        assert rig.receive(packet(ACK, CONTENT, mid, b"\0\0\0\1")) == []
        assert rig.receive(packet(ACK, 0, mid)) == []
        assert rig.receive(packet(RST, 0, mid)) == []
    assert rig.receive(packet(RST, CONTENT, 0x1001, b"\0\0\0\1")) == []  # no RST has a code
    assert rig.answers == []
    rig.run(2000)
    assert len(rig.take()) == 1
    # nothing under way at all, and a notification under way that waits for no response
    for rig in (Rig(), Rig()):
        assert rig.receive(packet(CON, CONTENT, 1, b"t")) == [packet(RST, 0, 1)]
        assert rig.receive(packet(NON, CONTENT, 1, b"t")) == []
        assert rig.receive(packet(ACK, CONTENT, 1, b"t")) == []
        rig.settled()
    rig = Rig()
    rig.endpoint.notify(b"t", (), b"x", rig.done)
    assert rig.receive(packet(CON, CONTENT, 1, b"t")) == [packet(RST, 0, 1)]
    assert rig.answers == []


def test_a_response_with_an_unknown_critical_option_is_rejected():
    rig = Rig()
    rig.request()
    odd = b"\xd1\x0c!"  # option 25
    assert rig.receive(packet(CON, CONTENT, 9, b"\0\0\0\1", odd)) == [packet(RST, 0, 9)]
    assert rig.receive(packet(NON, CONTENT, 9, b"\0\0\0\1", odd)) == []
    assert rig.receive(packet(ACK, CONTENT, 0x1001, b"\0\0\0\1", odd)) == []
    assert rig.answers == []
    even = b"\xd1\x0b!"  # option 24 is elective
    rig.receive(packet(ACK, CONTENT, 0x1001, b"\0\0\0\1", even))
    assert rig.answers == [(ACK, CONTENT, b"")]


def test_reset_ends_a_request():
    rig = Rig()
    rig.request()
    assert rig.receive(packet(RST, 0, 0x1001)) == []
    assert rig.answers == [None]
    rig.settled()
    assert rig.wire == []
    rig.request()  # also after the empty ACK
    rig.receive(packet(ACK, 0, 0x1002))
    rig.receive(packet(RST, 0, 0x1002))
    assert rig.answers == [None, None]
    rig.settled()


def test_a_new_request_may_begin_while_the_old_one_ends():
    rig = Rig()
    endpoint = rig.endpoint

    def again(message):
        rig.done(message)
        endpoint.request(GET, (), b"", rig.done)

    endpoint.request(GET, (), b"", again)
    rig.receive(packet(ACK, CONTENT, 0x1001, b"\0\0\0\1"))
    assert not endpoint.idle
    rig.receive(packet(ACK, CHANGED, 0x1002, b"\0\0\0\2"))
    assert rig.answers == [(ACK, CONTENT, b""), (ACK, CHANGED, b"")]
    # the same out of a time-out
    rig.take()
    endpoint.request(GET, (), b"", again)
    rig.run(62000)
    assert rig.answers[2:] == [None]
    rig.run(62000)
    assert rig.answers[2:] == [None, None]
    assert [at % 62000 for at, _ in rig.wire] == 2 * [0, 2000, 6000, 14000, 30000]
    rig.settled()


def test_a_failing_on_done_is_counted_and_logged():
    rig = Rig()

    def fail(message):
        raise KeyError("spilled")

    rig.endpoint.request(GET, (), b"", fail)
    rig.receive(packet(ACK, CONTENT, 0x1001, b"\0\0\0\1"))
    rig.endpoint.request(GET, (), b"", fail)
    rig.run(62000)
    assert rig.endpoint.faults == 2 and len(rig.logged) == 2
    assert "KeyError" in rig.logged[0] and "spilled" in rig.logged[1]
    rig.settled()


# Messages that are no requests (sections 3, 4.2, 4.3)


def test_ping_is_answered_by_reset():
    rig = Rig()
    for mid in (0, 0x7D34, 65535):
        assert rig.receive(packet(CON, 0, mid)) == [packet(RST, 0, mid)]
    assert rig.handled == [] and rig.endpoint.malformed == 0
    assert IDLE_MS == 86400000  # a clock of 30 bits tells times up to 6 days apart
    rig.settled()


def test_ping_with_the_mid_of_our_exchange_does_not_end_it():
    rig = Rig()
    rig.request()
    assert rig.receive(packet(CON, 0, 0x1001)) == [packet(RST, 0, 0x1001)]
    assert rig.receive(packet(NON, 0, 0x1001)) == []
    assert rig.answers == [] and not rig.endpoint.idle


def test_empty_messages_without_a_meaning_are_ignored():
    rig = Rig()
    resets = []
    rig.endpoint.on_reset = resets.append  # who notified asks for those
    for mtype in (NON, ACK, RST):
        assert rig.receive(packet(mtype, 0, 5)) == []
    assert rig.handled == [] and resets == [5] and rig.endpoint.faults == 0


def test_another_version_is_ignored_without_a_word():
    rig = Rig()
    rig.receive(packet(CON, GET, 0, b"t", PATH))
    rig.handled.clear()
    for version in (0, 2, 3):
        for first in range(64):
            data = bytes((version << 6 | first, GET, 0, 1)) + b"12345678" + PATH
            assert rig.receive(data) == []
        assert rig.receive(bytes((version << 6, 0, 0, 1))) == []
    assert rig.handled == []


MALFORMED = (  # what follows the message type, behind a header with mid 0x0102
    (9, GET, b"123456789"),  # token length
    (15, GET, b"123456789012345"),
    (4, GET, b"tok"),  # token cut off
    (0, GET, b"\xff"),  # a marker without payload
    (0, POST, b"\xff"),
    (0, GET, b"\xb5abc"),  # value cut off
    (0, POST, b"\xb5abc"),
    (0, GET, b"\xf1\x00x"),
    (0, GET, b"\x1f\x00x"),
    (0, POST, b"\xe0\xff\xff"),
    (0, CONTENT, b"\xb5abc"),
    (0, 0, b"\xff"),  # an Empty message with something behind it
    (1, 0, b"t"),
)


def test_malformed_con_is_reset_and_the_others_silent():
    rig = Rig()
    count = 0
    for length, code, rest in MALFORMED:
        for mtype in (CON, NON, ACK, RST):
            data = bytes((0x40 | mtype << 4 | length, code, 1, 2)) + rest
            sent = rig.receive(data)
            assert sent == ([packet(RST, 0, 0x0102)] if mtype == CON else []), data
            count += 1
    for data in (b"", b"\x40", b"\x40\x01\x00"):  # no message id to reject
        assert rig.receive(data) == []
        count += 1
    assert rig.endpoint.malformed == count
    assert rig.handled == [] and rig.endpoint.faults == 0
    # a good one is served as before
    assert rig.receive(packet(CON, GET, 3, b"t", PATH)) == [packet(ACK, CHANGED, 3, b"t")]
    rig.settled()


def test_reserved_code_classes():
    rig = Rig()
    rig.request()
    for code_class in (1, 3, 6, 7):
        for detail in (0, 1, 5, 31):
            code = code_class << 5 | detail
            for token in (b"", b"t", b"\0\0\0\1"):
                sent = rig.receive(packet(CON, code, 0x0102, token))
                assert sent == [packet(RST, 0, 0x0102)], code
                for mtype in (NON, ACK, RST):
                    for mid in (0x0102, 0x1001):
                        assert rig.receive(packet(mtype, code, mid, token)) == [], code
    assert rig.handled == [] and rig.answers == [] and rig.endpoint.faults == 0


def test_a_request_in_an_ack_or_reset_is_ignored():
    rig = Rig()
    rig.request()
    for code in (GET, POST, PUT, DELETE, FETCH, IPATCH, 31):
        for mtype in (ACK, RST):
            for mid in (3, 0x1001):
                assert rig.receive(packet(mtype, code, mid, b"t", PATH)) == []
    assert rig.handled == [] and rig.answers == [] and not rig.endpoint.idle


# Requests (section 5.8) and their options (section 5.4)


def test_a_request_reaches_the_handler_and_its_answer_the_peer():
    def answer(request, response):
        response.code = CONTENT
        response.options = [(12, b"\x28")]
        response.payload = b"22"

    rig = Rig(answer)
    for code in (GET, POST, PUT, DELETE, FETCH, 6, IPATCH, 31):
        sent = rig.receive(packet(CON, code, 256 + code, b"tok", PATH + b"\xffpay"))
        assert sent == [packet(ACK, CONTENT, 256 + code, b"tok", b"\xc1\x28\xff22")]
        assert rig.handled[-1] == (CON, code, 256 + code, b"tok", [(11, b"a")], b"pay")
    # NON: a mid of ours
    sent = rig.receive(packet(NON, GET, 7, b"tok", PATH))
    assert sent == [packet(NON, CONTENT, 0x1001, b"tok", b"\xc1\x28\xff22")]
    sent = rig.receive(packet(NON, POST, 7, b"12345678", PATH))
    assert sent == [packet(NON, CONTENT, 0x1002, b"12345678", b"\xc1\x28\xff22")]
    rig.settled()


def test_every_request_starts_from_an_empty_response():
    answers = [CONTENT, CHANGED]

    def answer(request, response):
        assert response.code == 0 and response.payload == b"" and not response.options
        response.code = answers.pop(0)
        if response.code == CONTENT:
            response.options = [(12, b"")]
            response.payload = b"long"

    rig = Rig(answer)
    rig.receive(packet(CON, GET, 1, b"", PATH))
    assert rig.receive(packet(CON, POST, 2, b"", PATH)) == [packet(ACK, CHANGED, 2)]
    assert rig.logged == []


def test_a_get_without_payload_follows_one_with_payload():
    rig = Rig()
    for rest in (PATH + b"\xffpay", PATH, PATH + b"\xffpay", PATH, b"", PATH):
        rig.receive(packet(CON, GET, 1, b"t", rest))
        options = [(11, b"a")] if rest else []
        assert rig.handled[-1][4:] == (options, b"pay" if len(rest) > 2 else b"")


CRITICAL = (  # options that must not be ignored
    b"\x10",  # 1 If-Match
    b"\x50",  # 5 If-None-Match
    b"\x91x",  # 9 OSCORE
    b"\xd1\x0cx",  # 25
    b"\xb1a\xe0\xfe\xe7",  # 65535 behind a good Uri-Path
    b"\xd1\x04\x28\x00",  # Accept twice
    b"\xd3\x04\x00\x00\x28",  # Accept of three bytes
    b"\x73\x00\x16\x33",  # Uri-Port of three bytes
    b"\x72\x16\x33\x02\x16\x33",  # Uri-Port twice
    b"\x31h\x01h",  # Uri-Host twice
    b"\x3e\x00\x00" + b"h" * 269,
    b"\xbd\xf3" + b"a" * 256,  # Uri-Path of 256 bytes
    b"\xdd\x02\xf3" + b"q" * 256,  # Uri-Query of 256 bytes
)


def test_critical_options_that_cannot_be_obeyed():
    for rest in CRITICAL:
        for code in (GET, POST, FETCH):
            rig = Rig()
            for _ in range(2):  # also when the options were seen before
                sent = rig.receive(packet(CON, code, 5, b"t", rest))
                assert sent == [packet(ACK, BAD_OPTION, 5, b"t")], rest
                assert rig.receive(packet(NON, code, 5, b"t", rest)) == []
            assert rig.handled == [] and rig.endpoint.faults == 0
            rig.settled()


ELECTIVE = (
    b"\x40",  # an ETag that is too short
    b"\x64abcd",  # Observe of four bytes
    b"\xc3abc",  # Content-Format of three
    b"\xe1\xfe\xf1x",  # 65534
    b"\xd1\x2fx",  # 60 Size1
    b"\x60\x00",  # Observe twice
)
UNDERSTOOD = (
    b"\x31h\x42\x16\x33\x41a\x01b\x41q\x01r\x22\x2d\x16",  # all five, repeated where they may be
    b"\xbd\xf2" + b"a" * 255,  # Uri-Path of 255 bytes
    b"\x3d\xf2" + b"h" * 255,
    b"\xb0\x00",  # empty segments
)


def test_elective_options_are_ignored_and_the_understood_pass():
    for rest in ELECTIVE + UNDERSTOOD:
        for code in (GET, POST, FETCH):
            rig = Rig(size=1152)
            sent = rig.receive(packet(CON, code, 5, b"t", rest))
            assert sent == [packet(ACK, CHANGED, 5, b"t")], rest
            assert len(rig.receive(packet(NON, code, 6, b"t", rest))) == 1
            assert len(rig.handled) == 2


def test_proxy_options_are_refused():
    for rest in (b"\xd8\x16coap://h", b"\xd4\x1acoap", b"\xb1a\xd4\x0bcoap"):
        for code in (GET, POST):
            rig = Rig()
            sent = rig.receive(packet(CON, code, 5, b"t", rest))
            assert sent == [packet(ACK, PROXYING_NOT_SUPPORTED, 5, b"t")]
            # section 5.10.2 asks for the answer whatever the type
            sent = rig.receive(packet(NON, code, 5, b"t", rest))
            assert sent == [packet(NON, PROXYING_NOT_SUPPORTED, 0x1001, b"t")]
            assert rig.handled == []


def test_a_read_is_answered_again_without_the_handler():
    values = [b"21.5"]

    def payload():
        if values[0] is None:
            raise Error(SERVICE_UNAVAILABLE)
        return values[0]

    def answer(request, response):
        response.code = CONTENT
        response.options = [(12, b"")]
        response.payload = payload()
        response.again = payload

    rig = Rig(answer)
    long_way = rig.receive(packet(CON, GET, 7, b"tok", PATH))
    assert long_way == [packet(ACK, CONTENT, 7, b"tok", b"\xc0\xff21.5")]
    assert rig.receive(packet(CON, GET, 7, b"tok", PATH)) == long_way
    values[0] = b"22.75"
    sent = rig.receive(packet(CON, GET, 8, b"another!", PATH))
    assert sent == [packet(ACK, CONTENT, 8, b"another!", b"\xc0\xff22.75")]
    sent = rig.receive(packet(CON, GET, 9, b"", PATH))
    assert sent == [packet(ACK, CONTENT, 9, b"", b"\xc0\xff22.75")]
    (sent,) = rig.receive(packet(NON, GET, 10, b"tok", PATH))
    assert sent[:2] == b"\x53\x45" and sent[4:] == b"tok\xc0\xff22.75"
    assert len(rig.handled) == 1
    # A value that is gone goes the long way and is told by the handler.
    values[0] = None
    sent = rig.receive(packet(CON, GET, 11, b"tok", PATH))
    assert sent == [packet(ACK, SERVICE_UNAVAILABLE, 11, b"tok")]
    assert len(rig.handled) == 2
    values[0] = b"x" * 2000
    (sent,) = rig.receive(packet(CON, GET, 12, b"tok", PATH))
    assert sent[1] == INTERNAL_SERVER_ERROR and len(rig.endpoint.buffer) == 200
    values[0] = b"1"
    rig.endpoint.forget()
    rig.receive(packet(CON, GET, 13, b"tok", PATH))
    assert len(rig.handled) == 4
    # Same bytes behind another header: not a GET, another version, a reserved token length.
    assert rig.receive(packet(CON, POST, 14, b"tok", PATH)) != []
    assert len(rig.handled) == 5
    data = packet(CON, GET, 15, b"tok", PATH)
    assert rig.receive(bytes([0x83]) + data[1:]) == []
    assert rig.receive(packet(ACK, GET, 16, b"tok", PATH)) == []
    assert rig.receive(b"\x49\x01\x00\x11123456789" + PATH) == [packet(RST, 0, 0x11)]
    assert len(rig.handled) == 5


def test_remembered_reads_stay_few_and_short():
    def answer(request, response):
        response.code = CONTENT
        response.payload = b"1"
        response.again = lambda: b"1"

    rig = Rig(answer)
    many = b"\xb1a" + b"\x01a" * 500  # cheap to send, dear to keep
    rig.receive(packet(CON, GET, 1, b"t", many))
    assert len(rig.handled) == 1 and len(rig.endpoint._known) == 0
    for number in range(100):
        rig.receive(packet(CON, GET, number, b"t", b"\xb2" + bytes((number, 0))))
        assert len(rig.endpoint._known) <= 8
    assert len(rig.handled) == 101


# Duplicates (section 4.5)


def created(request, response):
    response.code = CREATED
    response.options = [(8, b"a"), (8, b"1")]


def test_what_changes_something_is_executed_once():
    for answer in (None, created):
        for code in (POST, PUT, DELETE, 6, IPATCH):
            rig = Rig(answer)
            data = packet(CON, code, 0x0203, b"tok", PATH + b"\xffx")
            first = rig.receive(data)
            assert len(first) == 1 and first[0][:7] == packet(
                ACK, CHANGED if answer is None else CREATED, 0x0203, b"tok"
            )
            rig.receive(packet(CON, GET, 0x0204, b"other", PATH))  # the buffer is used meanwhile
            rig.handled.clear()
            for _ in range(3):
                rig.run(20000)
                assert rig.receive(data) == first
            assert rig.handled == []
            rig.settled()


def test_a_duplicate_of_an_error_hears_its_code():
    def answer(request, response):
        raise Error(BAD_REQUEST, "why it is bad")

    rig = Rig(answer)
    data = packet(CON, PUT, 3, b"t", PATH)
    assert rig.receive(data) == [packet(ACK, BAD_REQUEST, 3, b"t", b"\xffwhy it is bad")]
    assert rig.receive(data) == [packet(ACK, BAD_REQUEST, 3, b"t")]
    assert len(rig.handled) == 1
    rig.settled()


def test_a_duplicate_non_is_neither_executed_nor_answered():
    for answer in (None, created):
        rig = Rig(answer)
        data = packet(NON, POST, 3, b"t", PATH)
        assert len(rig.receive(data)) == 1
        assert rig.receive(data) == []
        assert len(rig.handled) == 1
        assert not rig.endpoint._kept._whole  # nobody will ask for these bytes
        rig.settled()


def test_get_and_fetch_are_computed_again():
    def answer(request, response):
        response.code = CONTENT
        response.payload = b"%d" % len(rig.handled)

    for code in (GET, FETCH):
        rig = Rig(answer)
        data = packet(CON, code, 3, b"t", PATH)
        assert rig.receive(data) == [packet(ACK, CONTENT, 3, b"t", b"\xff1")]
        assert rig.receive(data) == [packet(ACK, CONTENT, 3, b"t", b"\xff2")]
        assert not rig.endpoint._kept and len(rig.handled) == 2
        assert rig.endpoint.poll() == IDLE_MS


def test_full_is_service_unavailable_until_exchange_lifetime():
    for answer, limit in ((None, 256), (created, 16)):
        rig = Rig(answer)
        for mid in range(limit):
            rig.receive(packet(CON, POST, mid, b"t", PATH))
        assert len(rig.handled) == limit
        refused = [packet(ACK, SERVICE_UNAVAILABLE, limit, b"t")]
        new = packet(CON, POST, limit, b"t", PATH)
        assert rig.receive(new) == refused
        assert rig.receive(packet(NON, POST, limit, b"t", PATH)) == [
            packet(NON, SERVICE_UNAVAILABLE, 0x1001, b"t")
        ]
        assert len(rig.receive(packet(CON, GET, 999, b"t", PATH))) == 1  # GET needs no room
        rig.handled.clear()
        rig.run(EXCHANGE_LIFETIME_MS - 1)
        assert rig.receive(new) == refused
        rig.receive(packet(CON, POST, 0, b"t", PATH))  # still known
        assert rig.handled == []
        rig.run(1001)
        assert rig.receive(new) != refused
        rig.receive(packet(CON, POST, 0, b"t", PATH))  # a new request by now
        assert len(rig.handled) == 2
        rig.settled()


def test_a_message_id_may_come_again_after_exchange_lifetime():
    for after_ms, count in ((EXCHANGE_LIFETIME_MS, 1), (EXCHANGE_LIFETIME_MS + 1000, 2)):
        for offset_ms in (0, 1, 500, 999):
            rig = Rig()
            rig.advance(offset_ms)
            data = packet(CON, POST, 3, b"t", PATH)
            rig.receive(data)
            rig.run(after_ms)
            rig.receive(data)
            assert len(rig.handled) == count, (after_ms, offset_ms)


def test_same_message_id_with_another_token_is_a_new_request():
    rig = Rig()
    other = other_token(b"t")
    assert rig.receive(packet(CON, POST, 3, b"t", PATH)) == [packet(ACK, CHANGED, 3, b"t")]
    assert rig.receive(packet(CON, POST, 3, other, PATH)) == [packet(ACK, CHANGED, 3, other)]
    assert len(rig.handled) == 2


def test_ages_across_the_wrap_of_the_clock():
    for before_ms in (1, 1000, 100000, 247000, 260000):
        rig = Rig(start_ms=WRAP_MS - before_ms)
        data = packet(CON, POST, 3, b"t", PATH)
        rig.receive(data)
        rig.run(EXCHANGE_LIFETIME_MS - 1000)
        rig.receive(data)
        assert len(rig.handled) == 1, before_ms
        rig.run(3000)
        rig.receive(data)
        assert len(rig.handled) == 2, before_ms
        rig.settled()


def test_quiet_weeks_before_a_request():
    for days in (3, 6, 7, 12, 13, 20):
        rig = Rig(start_ms=12345)
        rig.run(days * 86400000)
        data = packet(CON, POST, 3, b"t", PATH)
        rig.receive(data)
        assert rig.endpoint.poll() == 300000  # the sweep
        rig.run(EXCHANGE_LIFETIME_MS)
        rig.receive(data)
        assert len(rig.handled) == 1
        rig.run(1000)
        rig.receive(data)
        assert len(rig.handled) == 2
        rig.settled()


def test_thirty_days_on_the_clock():
    rig = Rig()
    data = packet(CON, POST, 3, b"t", PATH)
    day_ms = 86400000
    for day in range(30):  # the clock wraps twice
        rig.receive(data)
        rig.run(200000)
        rig.receive(data)
        assert len(rig.handled) == day + 1
        rig.run(day_ms - 200000 - 137)
    rig.settled()


# Answers (sections 5.2 and 5.9)


def test_an_error_raised_is_the_response():
    def answer(request, response):
        response.payload = b"half done"
        response.options = [(12, b"")]
        raise Error(NOT_FOUND, "no such object" if request.code == GET else "")

    rig = Rig(answer)
    sent = rig.receive(packet(CON, GET, 3, b"t", PATH))
    assert sent == [packet(ACK, NOT_FOUND, 3, b"t", b"\xffno such object")]
    assert rig.receive(packet(CON, POST, 4, b"t", PATH)) == [packet(ACK, NOT_FOUND, 4, b"t")]
    assert rig.receive(packet(NON, GET, 3, b"t", PATH)) == [
        packet(NON, NOT_FOUND, 0x1001, b"t", b"\xffno such object")
    ]
    assert rig.endpoint.faults == 0 and rig.logged == []


def test_any_other_exception_is_5_00_counted_and_logged():
    kinds = [KeyError, ValueError, OSError, MemoryError, ZeroDivisionError]

    def answer(request, response):
        response.payload = b"half done"
        response.options = [(12, b"")]
        raise kinds[len(rig.handled) - 1]("spilled")

    rig = Rig(answer)
    for mid in range(len(kinds)):
        sent = rig.receive(packet(CON, POST, mid, b"t", PATH))
        assert sent == [packet(ACK, INTERNAL_SERVER_ERROR, mid, b"t")]
        assert rig.endpoint.faults == mid + 1
        assert kinds[mid].__name__ in rig.logged[mid] and "spilled" in rig.logged[mid]
    assert rig.endpoint.lost == 0
    # without a log they are counted all the same
    endpoint = Endpoint(rig.send, rig.handle, rig.clock, rig.random)
    rig.handled.clear()
    endpoint.receive(packet(CON, GET, 1, b"t", PATH))
    assert endpoint.faults == 1 and rig.take() == [packet(ACK, INTERNAL_SERVER_ERROR, 1, b"t")]


def test_silence():
    def answer(request, response):
        response.code = SILENCE
        response.payload = b"x"

    def refuse(request, response):
        raise Error(SILENCE)

    for rig in (Rig(answer), Rig(refuse)):
        for mtype in (CON, NON):
            for code in (GET, POST):
                assert rig.receive(packet(mtype, code, 3, b"t", PATH)) == []
        assert len(rig.handled) == 4 and rig.logged == []
        rig.settled()


def test_an_answer_that_cannot_be_sent_is_5_00_and_executed_once():
    def too_long(request, response):
        response.code = CONTENT
        response.payload = b"x" * SIZE

    def too_long_options(request, response):
        response.code = CONTENT
        response.options = [(8, b"x" * SIZE)]

    def out_of_order(request, response):
        response.code = CONTENT
        response.options = [(12, b""), (8, b"x")]

    def no_bytes(request, response):
        response.code = CONTENT
        response.payload = None

    for answer in (too_long, too_long_options, out_of_order, no_bytes):
        for code in (GET, POST):
            rig = Rig(answer)
            data = packet(CON, code, 3, b"t", PATH)
            for _ in range(2):
                sent = rig.receive(data)
                assert len(sent) == 1 and len(sent[0]) <= SIZE
                assert sent[0][:5] == packet(ACK, INTERNAL_SERVER_ERROR, 3, b"t")
            count = 2 if code == GET else 1
            assert len(rig.handled) == count
            assert rig.endpoint.faults == count and len(rig.logged) == count
            assert not rig.endpoint._kept or not rig.endpoint._kept._whole
            rig.settled()


def test_an_answer_that_just_fits():
    def answer(request, response):
        response.code = CONTENT
        response.payload = b"x" * (SIZE - 6)

    rig = Rig(answer)
    sent = rig.receive(packet(CON, GET, 3, b"t", PATH))
    assert sent == [packet(ACK, CONTENT, 3, b"t", b"\xff" + b"x" * (SIZE - 6))]
    rig.settled()


def test_a_handler_may_send_something_of_its_own():
    def answer(request, response):
        response.code = CHANGED
        response.payload = b"mine"
        rig.endpoint.notify(b"obs", [(6, b"\1")], b"notification")

    rig = Rig(answer)
    assert rig.receive(packet(CON, POST, 3, b"t", PATH)) == [
        packet(NON, CONTENT, 0x1001, b"obs", b"\x61\1\xffnotification"),
        packet(ACK, CHANGED, 3, b"t", b"\xffmine"),
    ]


# Separate responses of ours (section 5.2.2)


def later(request, response):
    """Leaves the response empty: respond() follows."""


def test_separate_response():
    rig = Rig(later)
    data = packet(CON, POST, 3, b"tok", PATH)
    assert rig.receive(data) == [packet(ACK, 0, 3)]
    rig.run(5000)
    assert rig.receive(data) == [packet(ACK, 0, 3)]  # a duplicate meanwhile
    rig.endpoint.respond(b"tok", CHANGED, [(12, b"")], b"done")
    response = packet(CON, CHANGED, 0x1001, b"tok", b"\xc0\xffdone")
    assert rig.take() == [response]
    assert not rig.endpoint.idle
    rig.run(2000)
    assert rig.take() == [response]  # retransmitted
    assert rig.receive(data) == [packet(ACK, 0, 3)]
    assert len(rig.handled) == 1
    assert rig.receive(packet(ACK, 0, 0x1001)) == []
    assert rig.endpoint.idle
    rig.settled()
    assert rig.wire == [] and rig.logged == []


def test_separate_response_to_a_non_request():
    rig = Rig(later)
    assert rig.receive(packet(NON, GET, 3, b"tok", PATH)) == []
    rig.endpoint.respond(b"tok", CONTENT)
    sent = rig.take()
    assert len(sent) == 1 and sent[0][0] == 0x43 and sent[0][1] == CONTENT
    assert sent[0][4:] == b"tok"


def test_separate_response_nobody_acknowledges():
    for reset in (False, True):
        rig = Rig(later)
        rig.endpoint.respond(b"tok", CHANGED)
        if reset:
            assert rig.receive(packet(RST, 0, 0x1001)) == []
            assert rig.endpoint.idle
        else:
            rig.run(62000)
            assert [at for at, _ in rig.wire] == [0, 2000, 6000, 14000, 30000]
        rig.settled()
        assert rig.logged == []


def test_separate_responses_wait_for_their_turn():
    rig = Rig()
    rig.request()
    for token in (b"1", b"2", b"3", b"4"):
        rig.endpoint.respond(token, CHANGED, (), token)
    assert rig.take() == [] and rig.endpoint.lost == 0
    rig.endpoint.respond(b"5", CHANGED)  # one more than fits
    assert rig.endpoint.lost == 1
    rig.receive(packet(ACK, CONTENT, 0x1001, b"\0\0\0\1"))
    assert rig.endpoint.idle is False  # they go first
    rig.endpoint.respond(b"6", CHANGED)
    assert rig.endpoint.lost == 2
    for number in (1, 2, 3, 4):
        rig.run(0)
        token = b"%d" % number
        mid = 0x1001 + number
        assert rig.take() == [packet(CON, CHANGED, mid, token, b"\xff" + token)]
        rig.run(0)
        assert rig.take() == []  # NSTART is 1
        rig.receive(packet(ACK, 0, mid))
    assert rig.endpoint.idle is True
    rig.settled()
    assert rig.wire == []


def test_a_waiting_response_goes_out_after_a_time_out_too():
    rig = Rig()
    rig.request()
    rig.endpoint.respond(b"1", CHANGED)
    rig.run(62000)
    assert rig.answers == [None]
    assert rig.wire[-1] == (62000, packet(CON, CHANGED, 0x1002, b"1"))
    rig.settled()


def test_a_separate_response_too_long_is_5_00():
    rig = Rig()
    rig.endpoint.respond(b"1", CONTENT, (), b"x" * SIZE)
    rig.endpoint.respond(b"2", CONTENT, (), b"x" * SIZE)  # this one waits
    for token in (b"1", b"2"):
        rig.run(0)
        sent = rig.take()
        assert len(sent) == 1
        assert sent[0][:2] == b"\x41\xa0" and sent[0][4:5] == token
        rig.receive(packet(ACK, 0, sent[0][2] << 8 | sent[0][3]))
    assert rig.endpoint.faults == 2 and len(rig.logged) == 2
    rig.settled()
    assert rig.wire == []


def test_wake_tells_that_poll_has_something_new():
    rig = Rig()
    woken = []
    rig.endpoint.wake = lambda: woken.append(len(woken))
    rig.receive(packet(CON, GET, 1, b"t", PATH))
    assert woken == []  # a GET leaves nothing for later
    rig.receive(packet(CON, POST, 2, b"t", PATH))
    assert len(woken) == 1
    rig.receive(packet(ACK, 0, 5))
    assert len(woken) == 2
    rig.endpoint.respond(b"t", CHANGED)  # retransmission begins
    assert len(woken) == 3
    rig.endpoint.respond(b"u", CHANGED)  # this one waits
    assert len(woken) == 4


# Notifications (RFC 7641)


def test_confirmable_notification():
    rig = Rig()
    mid = rig.endpoint.notify(b"obs", [(6, b"\1")], b"22", rig.done)
    assert mid == 0x1001
    data = packet(CON, CONTENT, 0x1001, b"obs", b"\x61\1\xff22")
    assert rig.take() == [data]
    rig.run(2000)
    assert rig.take() == [data]
    rig.receive(packet(ACK, 0, 0x1001))
    assert rig.answers == [(ACK, 0, b"")]
    rig.settled()
    assert rig.wire == []


def test_confirmable_notification_refused_or_lost():
    rig = Rig()
    resets = []
    rig.endpoint.on_reset = resets.append
    rig.endpoint.notify(b"obs", (), b"22", rig.done)
    assert rig.receive(packet(RST, 0, 0x1001)) == []
    assert rig.answers == [False] and resets == []
    assert rig.answers[0] is False
    rig.endpoint.notify(b"obs", (), b"22", rig.done)
    rig.run(62000)
    assert rig.answers[1] is None and len(rig.answers) == 2
    rig.settled()


def test_reset_of_a_non_confirmable_notification():
    rig = Rig()
    resets = []
    nobody = rig.endpoint.on_reset
    rig.endpoint.on_reset = resets.append
    mid = rig.endpoint.notify(b"obs", [(6, b"\1")], b"22")
    assert mid == 0x1001 and rig.endpoint.idle
    assert rig.take() == [packet(NON, CONTENT, mid, b"obs", b"\x61\1\xff22")]
    rig.request()  # an exchange of its own does not hide the RST
    assert rig.receive(packet(RST, 0, mid)) == []
    assert resets == [mid] and rig.answers == []
    rig.endpoint.on_reset = nobody
    assert rig.receive(packet(RST, 0, mid)) == []
    assert rig.endpoint.faults == 0
    # an ACK for it means nothing
    assert rig.receive(packet(ACK, 0, mid)) == [] and rig.answers == []
    rig.settled()


def test_notification_with_another_code():
    rig = Rig()
    rig.endpoint.notify(b"obs", (), b"", None, NOT_FOUND)
    assert rig.take() == [packet(NON, NOT_FOUND, 0x1001, b"obs")]


# A link that refuses datagrams


def test_a_refused_datagram_costs_itself():
    rig = Rig()
    endpoint = rig.endpoint
    rig.broken = True
    endpoint.receive(packet(CON, GET, 1, b"t", PATH))
    endpoint.receive(packet(CON, POST, 2, b"t", PATH))
    endpoint.receive(packet(CON, POST, 2, b"t", PATH))
    endpoint.receive(packet(CON, 0, 3))
    endpoint.receive(packet(CON, GET, 4, b"t", b"\x10"))
    endpoint.receive(b"\x40\x01\x00\x05\xff")
    endpoint.notify(b"obs", (), b"22")
    assert endpoint.lost == 7
    endpoint.request(GET, [(11, b"a")], b"", rig.done)
    assert endpoint.lost == 8 and not endpoint.idle
    rig.run(2000)
    assert endpoint.lost == 9 and rig.wire == []
    rig.broken = False
    rig.run(4000)
    assert rig.take() == [packet(CON, GET, 0x1002, b"\0\0\0\1", PATH)]
    rig.receive(packet(ACK, CONTENT, 0x1002, b"\0\0\0\1"))
    assert rig.answers == [(ACK, CONTENT, b"")]
    # the POST was executed once, and its answer is heard now
    assert rig.receive(packet(CON, POST, 2, b"t", PATH)) == [packet(ACK, CHANGED, 2, b"t")]
    assert [entry[1] for entry in rig.handled] == [GET, POST]
    assert endpoint.faults == 0 and rig.logged == []
    rig.settled()


def test_a_link_that_refuses_everything_gives_up_in_time():
    rig = Rig()
    rig.broken = True
    rig.endpoint.request(GET, (), b"", rig.done)
    rig.endpoint.respond(b"t", CHANGED)
    rig.run(62000)
    assert rig.answers == [None]
    rig.run(62000)
    assert rig.endpoint.idle and rig.endpoint.lost == 10
    rig.settled()


# Everything together


def test_nothing_leaks_from_a_busy_peer():
    def answer(request, response):
        kind = request.mid % 5
        if kind == 0:
            created(request, response)
        elif kind == 1:
            raise Error(BAD_REQUEST, "no")
        elif kind == 2:
            raise ValueError("spilled")
        elif kind == 3:
            rig.endpoint.respond(request.token, CHANGED)
        else:
            response.code = CHANGED

    rig = Rig(answer, mid=65000)
    for mid in range(400):
        code = (GET, POST, PUT, DELETE, FETCH, IPATCH)[mid % 6]
        data = packet(mid & 1, code, mid, b"%d" % mid, b"\xb3%03d" % mid)
        rig.receive(data)
        rig.receive(data)
        if mid % 7 == 0:
            rig.receive(data[: mid % len(data)])
        rig.run(1000)
    changing = [mid for _, code, mid, _, _, _ in rig.handled if code not in (GET, FETCH)]
    assert len(changing) == len(set(changing)) > 0  # once, though each came twice
    assert rig.endpoint.malformed > 0
    rig.settled()


def test_nothing_escapes_where_there_is_no_memory_at_all():
    class Mute(Exception):
        def __str__(self):
            raise MemoryError

    def answer(request, response):
        raise Mute

    def full(data):
        raise MemoryError

    rig = Rig(answer)
    assert rig.receive(packet(CON, POST, 1, b"t", PATH)) == [
        packet(ACK, INTERNAL_SERVER_ERROR, 1, b"t")
    ]
    assert rig.logged == ["Mute"]
    rig.endpoint.send = full
    malformed = packet(CON, GET, 2, b"t", b"\xff")
    for data in (malformed, packet(CON, GET, 3, b"t", PATH), packet(CON, 0, 4)):
        rig.endpoint.receive(data)
    assert rig.endpoint.faults == 5
