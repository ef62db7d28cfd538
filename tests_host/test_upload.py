"""Requests of ours that are too long for one datagram go in blocks (RFC 7959 section 2.3)."""

from helpers import raises
from lossy import Network
from peer import Random, decode, encode
from test_endpoint import Rig

from coap.endpoint import Endpoint
from coap.message import Message, uint, uint_bytes

CON, NON, ACK, RST = 0, 1, 2, 3
POST = 2
CREATED, CHANGED, CONTINUE = 0x41, 0x44, 0x5F
BAD_REQUEST, INCOMPLETE, TOO_LARGE = 0x80, 0x88, 0x8D
PATH, FORMAT, QUERY, BLOCK1, SIZE1 = 11, 12, 15, 27, 60
OPTIONS = [(PATH, b"rd"), (FORMAT, b"\x28"), (QUERY, b"ep=test")]


def body(size):
    return Random(size).bytes(size)


def block(num, more, szx):
    return uint_bytes(num << 4 | more << 3 | szx)


class Uploader(Rig):
    """A rig that sends a body, and the server in the test's own hands."""

    def __init__(self, payload, block_size=512):
        super().__init__(size=640)
        self.endpoint.block_size = block_size
        self.result = []
        self.sent = None  # the block that is under way, decoded
        self.endpoint.request(POST, OPTIONS, payload, self.finish)
        self.look()

    def finish(self, message):
        self.result.append(message and (message.code, bytes(message.payload)))

    def look(self):
        sent = [decode(data) for data in self.take()]
        assert len(sent) <= 1
        self.sent = sent[0] if sent else None
        if self.sent:
            assert self.sent.mtype == CON and self.sent.code == POST
            assert list(self.sent.options[:3]) == OPTIONS
            assert not self.endpoint.idle

    def block(self):
        """(num, more, szx, Size1 or None, payload) of the block under way."""
        value = uint(self.sent.first(BLOCK1))
        size = self.sent.first(SIZE1)
        size = size if size is None else uint(size)
        return value >> 4, value >> 3 & 1, value & 7, size, self.sent.payload

    def reply(self, code, options=(), payload=b"", separate=False):
        sent = self.sent
        if separate:
            self.endpoint.receive(encode(Message(ACK, 0, sent.mid)))
            assert self.take() == [] and not self.endpoint.idle
            message = Message(CON, code, 0x7000 + sent.mid % 256, sent.token, options, payload)
            self.endpoint.receive(encode(message))
            assert self.wire.pop(0)[1][:2] == b"\x60\0"
        else:
            message = Message(ACK, code, sent.mid, sent.token, options, payload)
            self.endpoint.receive(encode(message))
        self.look()

    def go_on(self, szx=None, separate=False):
        num, more, own = self.block()[:3]
        value = block(num, more, own if szx is None else szx)
        self.reply(CONTINUE, [(BLOCK1, value)], separate=separate)


def test_what_fits_goes_as_it_is():
    for size in (0, 1, 512):
        rig = Uploader(body(size))
        assert list(rig.sent.options) == OPTIONS and rig.sent.payload == body(size)


def test_a_body_goes_block_by_block():
    for block_size in (16, 64, 512, 1024):
        szx = {16: 0, 64: 2, 512: 5, 1024: 6}[block_size]
        for length in (block_size + 1, 2 * block_size, 3 * block_size + 5):
            for separate in (False, True):
                rig = Uploader(body(length), min(block_size, 512))
                szx = min(szx, 5)
                size = 16 << szx
                data = b""
                tokens = set()
                for num in range(100):
                    if length <= 512 and block_size > 512:
                        break
                    got = rig.block()
                    data += got[4]
                    more = int((num + 1) * size < length)
                    assert got[:4] == (num, more, szx, length if num == 0 else None)
                    tokens.add(bytes(rig.sent.token))
                    if not more:
                        break
                    rig.go_on(separate=separate)
                assert data == body(length)
                assert len(tokens) == num + 1  # one for each block
                assert rig.result == []
                rig.reply(CREATED, [(8, b"rd"), (BLOCK1, rig.sent.first(BLOCK1))], b"", separate)
                assert rig.result == [(CREATED, b"")] and rig.endpoint.idle
                rig.settled()
                assert rig.result == [(CREATED, b"")]


def test_the_peer_wants_smaller_blocks():
    rig = Uploader(body(1300))
    rig.go_on(3)  # what was sent counts (section 2.3, figure 8)
    assert rig.block() == (4, 1, 3, None, body(1300)[512:640])
    rig.go_on(0)
    assert rig.block() == (40, 1, 0, None, body(1300)[640:656])
    rig.go_on(6)  # larger ones are not for the peer to ask
    assert rig.block() == (41, 1, 0, None, body(1300)[656:672])
    for num in range(41, 81):
        assert rig.block()[0] == num
        rig.go_on(7)
    assert rig.block() == (81, 0, 0, None, body(1300)[1296:])
    rig.reply(CHANGED)
    assert rig.result == [(CHANGED, b"")]


def test_too_large_blocks_begin_anew():
    rig = Uploader(body(1300))
    rig.reply(TOO_LARGE, [(BLOCK1, block(0, 1, 2)), (SIZE1, b"\x40")])
    assert rig.block() == (0, 1, 2, 1300, body(1300)[:64])
    rig.go_on()
    rig.reply(TOO_LARGE, [(BLOCK1, block(1, 1, 1))])
    assert rig.block() == (0, 1, 1, 1300, body(1300)[:32])
    for value in (None, block(0, 1, 1), block(0, 1, 6)):  # no way to do better
        rig = Uploader(body(1300), 32)
        rig.reply(TOO_LARGE, [(BLOCK1, value)] if value else [], b"why")
        assert rig.result == [(TOO_LARGE, b"why")] and rig.endpoint.idle


def test_a_body_that_was_lost_is_sent_once_more():
    rig = Uploader(body(1300))
    rig.go_on()
    rig.reply(INCOMPLETE)
    assert rig.block() == (0, 1, 5, 1300, body(1300)[:512])
    rig.go_on()
    rig.go_on()
    assert rig.block()[:2] == (2, 0)
    rig.reply(INCOMPLETE, (), b"again")
    assert rig.result == [(INCOMPLETE, b"again")] and rig.endpoint.idle
    rig = Uploader(body(1300))
    rig.reply(INCOMPLETE, [(BLOCK1, block(0, 1, 1))])  # with smaller blocks then
    assert rig.block()[:4] == (0, 1, 1, 1300)


def test_any_other_answer_is_the_result():
    for code in (CHANGED, CREATED, BAD_REQUEST, 0x84, 0x8C, 0xA0, 0xA3, CONTINUE):
        rig = Uploader(body(1300))
        rig.reply(code, (), b"text")  # no Block1: the peer did not understand
        assert rig.result == [(code, b"text")] and rig.endpoint.idle, code
        rig.settled()
    for code in (BAD_REQUEST, 0x84, 0xA3):
        rig = Uploader(body(1300))
        rig.go_on()
        rig.reply(code, [(BLOCK1, block(1, 1, 5))], b"text")
        assert rig.result == [(code, b"text")]
    # The last block is the last, whatever is said to it.
    rig = Uploader(body(600))
    rig.go_on()
    rig.go_on()
    assert rig.result == [(CONTINUE, b"")] and rig.endpoint.idle
    # Each block for itself: the last answer counts (section 2.3).
    rig = Uploader(body(600))
    rig.reply(CHANGED, [(BLOCK1, block(0, 0, 5))])
    assert rig.block()[:2] == (1, 0)
    rig.reply(CREATED, [(BLOCK1, block(1, 0, 5))])
    assert rig.result == [(CREATED, b"")]


def test_silence_and_reset():
    rig = Uploader(body(1300))
    rig.go_on()
    first = encode(rig.sent)
    rig.run(62000)
    assert [data for _, data in rig.wire] == [first] * 4
    assert rig.result == [None] and rig.endpoint.idle
    rig = Uploader(body(1300))
    rig.go_on()
    rig.receive(encode(Message(RST, 0, rig.sent.mid)))
    assert rig.result == [None] and rig.endpoint.idle


def test_cancel_ends_it():
    rig = Uploader(body(1300))
    rig.go_on()
    sent = rig.sent
    rig.endpoint.cancel()
    assert rig.endpoint.idle
    rig.endpoint.receive(encode(Message(ACK, CONTINUE, sent.mid, sent.token, [(BLOCK1, b"\x1d")])))
    assert rig.take() == [] and rig.result == []
    rig.settled()


def test_an_exchange_is_under_way_the_whole_time():
    rig = Uploader(body(1300))
    raises(RuntimeError, rig.endpoint.request, POST, OPTIONS, b"", rig.finish)
    raises(RuntimeError, rig.endpoint.request, POST, OPTIONS, body(600), rig.finish)
    rig.go_on()
    raises(RuntimeError, rig.endpoint.request, POST, OPTIONS, body(600), rig.finish)
    rig.go_on()
    rig.reply(CHANGED)
    assert rig.result == [(CHANGED, b"")]


def test_no_memory_for_the_next_block_ends_it():
    rig = Uploader(body(1300))
    notify = rig.endpoint.notify  # whatever is sent goes this way

    def fail(*args):
        raise MemoryError("used up")

    rig.endpoint.notify = fail
    rig.go_on()
    rig.endpoint.notify = notify
    assert rig.result == [None] and rig.endpoint.idle and rig.endpoint.faults == 1
    assert "used up" in rig.logged[0]
    rig.endpoint.request(POST, OPTIONS, body(600), rig.finish)
    rig.settled()


def test_options_too_long_start_nothing():
    rig = Rig(size=640)
    raises(ValueError, rig.endpoint.request, POST, [(PATH, b"x" * 200)], body(600), rig.done)
    assert rig.endpoint.idle and rig.wire == []


def test_late_copies_of_answers_change_nothing():
    rig = Uploader(body(1300))
    sent = rig.sent
    message = encode(Message(ACK, CONTINUE, sent.mid, sent.token, [(BLOCK1, block(0, 1, 5))]))
    rig.endpoint.receive(message)
    rig.look()
    second = rig.sent
    rig.endpoint.receive(message)
    assert rig.take() == []
    rig.sent = second
    rig.go_on()
    rig.endpoint.receive(message)
    assert rig.take() == []


class Store:
    """A server that puts bodies together after the standard, and forgets them now and then."""

    faults = 0

    def __init__(self, random, send):
        self.random = random
        self.send = send
        self.bodies = []
        self.data = b""
        self.answers = {}  # by message id: what was executed is not executed again

    def poll(self):
        return 86400000

    def receive(self, data):
        request = decode(data)
        answer = self.answers.get(request.mid)
        if answer is None:
            code, options = self.execute(request)
            answer = encode(Message(ACK, code, request.mid, request.token, options))
            self.answers[request.mid] = answer
        self.send(answer)

    def execute(self, request):
        value = uint(request.first(BLOCK1))
        num, more, szx = value >> 4, value >> 3 & 1, value & 7
        lot = self.random.below(40)
        start = num << szx + 4
        if not num:
            self.data = b""
        if lot == 0 and szx:
            return TOO_LARGE, [(BLOCK1, block(0, 1, szx - 1))]
        if start != len(self.data) or lot == 1:
            return INCOMPLETE, []
        self.data += request.payload
        smaller = szx - 1 if szx and lot > 30 else szx
        if more:
            return CONTINUE, [(BLOCK1, block(num, more, smaller))]
        self.bodies.append(self.data)
        return CREATED, [(BLOCK1, block(num, more, smaller))]


def test_bodies_over_a_bad_network():
    results = {}
    for seed in range(60):

        def nothing(request, response):
            response.code = CHANGED

        network = Network(seed, nothing, nothing, loss=(0, 15, 30)[seed % 3])
        store = Store(Random(seed), network.far.send)
        network.far = store
        for number in range(3):
            payload = bytes((number,)) + body(600 + network.random.below(2500))
            network.near.block_size = (16, 64, 256, 512, 1024)[network.random.below(5)]
            if len(payload) <= network.near.block_size:
                continue
            done = []

            def finish(message, done=done):
                done.append(message and message.code)

            network.near.request(POST, OPTIONS, payload, finish)
            assert not network.near.idle
            assert network.run(lambda done=done, near=network.near: done or near.idle), seed
            assert len(done) == 1 and network.near.idle
            result = done[0]
            assert result in (CREATED, None, INCOMPLETE, TOO_LARGE), (seed, result)
            assert result != CREATED or store.bodies[-1] == payload
            assert store.bodies.count(payload) <= 1
            results[result] = results.get(result, 0) + 1
        assert network.near.faults == 0 and network.far.faults == 0, network.logged
    assert results[CREATED] > 60 and results[None], results


def test_from_endpoint_to_endpoint():
    for seed in range(30):
        bodies = []

        def keep(request, response, bodies=bodies):
            bodies.append(request.payload)
            response.code = CREATED

        network = Network(seed, keep, keep, loss=seed % 25)
        network.near.block_size = 1024
        network.far.block_size = (16, 128, 512)[seed % 3]
        payload = body(1025 + 100 * seed)
        done = []
        network.near.request(POST, OPTIONS, payload, done.append)
        assert network.run(lambda done=done: done)
        assert bodies == [payload] or (bodies == [] and done == [None])
    assert isinstance(network.near, Endpoint)
