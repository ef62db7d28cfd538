"""Block-wise transfer of what the peer asks for: Block1 in, Block2 out (RFC 7959)."""

import sys

from lossy import Network
from peer import Peer, Random, Sample, decode, encode
from test_endpoint import Rig

from coap.block import key
from coap.message import Error, Message, uint, uint_bytes
from coap.numbers import IDLE_MS

CON, NON, ACK = 0, 1, 2
GET, POST, PUT, FETCH, IPATCH = 1, 2, 3, 5, 7
CHANGED, CONTENT, CONTINUE = 0x44, 0x45, 0x5F
BAD_REQUEST, BAD_OPTION, INCOMPLETE, TOO_LARGE = 0x80, 0x82, 0x88, 0x8D
ETAG, OBSERVE, PATH, FORMAT, QUERY, ACCEPT = 4, 6, 11, 12, 15, 17
BLOCK2, BLOCK1, SIZE2, SIZE1 = 23, 27, 28, 60


def block(num, more, szx):
    return uint_bytes(num << 4 | more << 3 | szx)


def body(size, seed=1):
    return Random(seed).bytes(size)


class Asker:
    """A rig, and the peer that speaks blocks with it."""

    def __init__(self, answer=None, size=640):
        self.rig = Rig(answer, size=size)
        self.endpoint = self.rig.endpoint
        self.bodies = []
        self.mid = 0x4000
        handle = self.endpoint.handler

        def keep(request, response):
            self.bodies.append(request.payload)
            handle(request, response)

        self.endpoint.handler = keep

    def ask(self, code, options, payload=b"", mid=None, mtype=CON):
        """Sends a request with a token of its own; returns the answer, or None."""
        self.mid += 1
        mid = self.mid if mid is None else mid
        token = b"t%d" % (mid % 1000)
        sent = self.rig.receive(encode(Message(mtype, code, mid, token, options, payload)))
        if not sent:
            return None
        assert len(sent) == 1
        answer = decode(sent[0])
        assert answer.token == token
        assert answer.mtype == (ACK if mtype == CON else NON)
        return answer

    def put(self, num, more, szx, payload, path=b"a", code=PUT, mid=None, others=()):
        """One block of a request; returns the answer."""
        options = [(PATH, path)] + [(BLOCK1, block(num, more, szx))] + list(others)
        options.sort()
        return self.ask(code, options, payload, mid)

    def put_all(self, payload, szx, code=PUT, path=b"a", others=(), last=()):
        """A whole body; returns the last answer."""
        size = 16 << szx
        start = 0
        while True:
            more = start + size < len(payload)
            answer = self.put(
                start // size,
                more,
                szx,
                payload[start : start + size],
                path,
                code,
                None,
                others if more else list(others) + list(last),
            )
            if not more:
                return answer
            assert answer.code == CONTINUE, answer.code
            assert answer.payload == b""
            start += size

    def get(self, num=None, szx=6, path=b"a", others=(), code=GET, payload=b"", mid=None):
        options = [(PATH, path)] + list(others)
        if num is not None:
            options.append((BLOCK2, block(num, 0, szx)))
        options.sort()
        return self.ask(code, options, payload, mid)


def blocks(answer, number):
    """(num, more, szx) of a block option, or None."""
    value = answer.first(number)
    if value is None:
        return None
    value = uint(value)
    return value >> 4, value >> 3 & 1, value & 7


# Block1: requests of the peer


def test_a_request_is_put_together_at_every_size():
    for szx in range(7):
        size = 16 << szx
        for length in (1, size - 1, size, size + 1, 2 * size, 3 * size + 7):
            payload = body(length)
            peer = Asker()
            answer = peer.put_all(payload, szx)
            assert answer.code == CHANGED and answer.payload == b""
            assert peer.bodies == [payload] and isinstance(peer.bodies[0], bytes)
            last = (length - 1) // size
            assert blocks(answer, BLOCK1) == (last, 0, szx)
            # only the last is remembered as executed
            assert len(peer.endpoint._kept) == 1
            assert not peer.rig.logged


def test_the_answer_to_a_block_names_it_and_asks_for_smaller_ones():
    peer = Asker()
    answer = peer.put(0, 1, 6, body(1024))
    assert answer.code == CONTINUE and blocks(answer, BLOCK1) == (0, 1, 5)
    # The peer goes on with 512 (section 2.3 scales the number), or stays with its size.
    answer = peer.put(2, 1, 5, b"x" * 512)
    assert answer.code == CONTINUE and blocks(answer, BLOCK1) == (2, 1, 5)
    answer = peer.put(3, 0, 5, b"yz")
    assert answer.code == CHANGED and blocks(answer, BLOCK1) == (3, 0, 5)
    assert peer.bodies == [body(1024) + b"x" * 512 + b"yz"]
    peer.endpoint.block_size = 16
    assert blocks(peer.put(0, 1, 5, body(512)), BLOCK1) == (0, 1, 0)
    assert blocks(peer.put(32, 1, 0, body(16)), BLOCK1) == (32, 1, 0)
    assert peer.put(33, 0, 0, b"").code == CHANGED
    assert peer.bodies[1] == body(512) + body(16)


def test_gaps_and_missing_starts():
    peer = Asker()
    assert peer.put(1, 1, 0, body(16)).code == INCOMPLETE
    assert peer.put(1, 0, 0, b"end").code == INCOMPLETE
    assert peer.put(0xFFFFF, 1, 6, body(1024)).code == INCOMPLETE
    assert peer.put(0, 1, 0, body(16)).code == CONTINUE
    assert peer.put(2, 1, 0, body(16)).code == INCOMPLETE
    assert peer.put(2, 0, 0, b"").code == INCOMPLETE
    # What was there is there still: the next block fits.
    assert peer.put(1, 0, 0, b"end").code == CHANGED
    assert peer.bodies == [body(16) + b"end"]
    assert peer.put(2, 0, 0, b"end").code == INCOMPLETE  # it is over


def test_a_repeated_block_is_answered_again():
    peer = Asker()
    parts = [body(16, 1), body(16, 2), body(16, 3)]
    peer.put(0, 1, 0, parts[0], mid=1)
    for mid in (1, 1):  # its copy
        assert blocks(peer.put(0, 1, 0, parts[0], mid=mid), BLOCK1) == (0, 1, 0)
    assert peer.put(1, 1, 0, parts[1], mid=2).code == CONTINUE
    for mid in (2, 3):  # the copy, and the same block sent again
        assert blocks(peer.put(1, 1, 0, parts[1], mid=mid), BLOCK1) == (1, 1, 0)
    assert peer.put(0, 1, 0, parts[0], mid=1).code == CONTINUE  # late, and starts nothing
    assert peer.put(2, 0, 0, parts[2], mid=4).code == CHANGED
    assert peer.put(2, 0, 0, parts[2], mid=4).code == CHANGED  # its copy is not executed
    assert peer.bodies == [b"".join(parts)]
    # Late copies after the end begin nothing either.
    assert peer.put(0, 1, 0, parts[0], mid=1).code == INCOMPLETE
    assert peer.put(1, 1, 0, parts[1], mid=2).code == INCOMPLETE
    assert len(peer.bodies) == 1 and not peer.endpoint._blocks._bodies


def test_blocks_of_two_bodies_are_never_mixed():
    # The late copy of a block of an earlier body arrives before the block of the new one.
    peer = Asker()
    peer.put(0, 1, 0, body(16, 1), mid=1)
    peer.put(0, 1, 0, body(16, 2), mid=5)
    peer.put(1, 1, 0, body(16, 3), mid=2)
    assert peer.put(1, 1, 0, body(16, 4), mid=6).code == INCOMPLETE
    assert peer.put(2, 0, 0, b"end", mid=7).code == CHANGED  # who ignores a 4.08 means it
    peer = Asker()
    peer.put(0, 1, 0, body(16, 1), mid=1)
    peer.put(0, 1, 0, body(16, 2), mid=5)
    peer.put(1, 1, 0, body(16, 4), mid=6)
    assert peer.put(1, 1, 0, body(16, 3), mid=2).code == INCOMPLETE  # after it: changes nothing
    assert peer.put(1, 0, 0, body(16, 4)[:3], mid=8).code == INCOMPLETE  # shorter now
    assert peer.put(2, 0, 0, b"end", mid=7).code == CHANGED
    assert peer.bodies == [body(16, 2) + body(16, 4) + b"end"]


def test_block_0_starts_anew():
    peer = Asker()
    peer.put(0, 1, 0, body(16, 1))
    peer.put(1, 1, 0, body(16, 2))
    assert peer.put(0, 1, 1, body(32, 3)).code == CONTINUE
    assert peer.put(1, 0, 1, b"end").code == CHANGED
    assert peer.bodies == [body(32, 3) + b"end"]
    peer.put(0, 1, 0, body(16, 1))
    assert peer.put(0, 0, 0, b"alone").code == CHANGED
    assert peer.bodies[1:] == [b"alone"]
    assert peer.put(1, 0, 0, b"end").code == INCOMPLETE


def test_an_only_block_is_an_ordinary_request():
    peer = Asker()
    for szx in range(7):
        answer = peer.put(0, 0, szx, b"x" * (16 << szx))
        assert answer.code == CHANGED and blocks(answer, BLOCK1) == (0, 0, szx)
        answer = peer.put(0, 0, szx, b"")
        assert answer.code == CHANGED
    assert len(peer.bodies) == 14


def test_blocks_of_a_wrong_size():
    peer = Asker(size=1152)
    for szx in range(7):
        size = 16 << szx
        for length in (0, 1, size - 1, size + 1):
            answer = peer.put(0, 1, szx, b"x" * length)
            assert answer.code == BAD_REQUEST and answer.payload, (szx, length)
        assert peer.put(0, 0, szx, b"x" * (size + 1)).code == BAD_REQUEST
    for more in (0, 1):  # 7 is for other transports (RFC 8323)
        for length in (0, 16, 1024):
            assert peer.put(0, more, 7, b"x" * length).code == BAD_REQUEST
    assert peer.bodies == [] and peer.endpoint.faults == 0


def test_block_options_that_are_no_block_options():
    peer = Asker()
    for number in (BLOCK1, BLOCK2):
        for value in (b"\0\0\0\0", b"\x01\0\0\0\6", b"x" * 40):
            for code in (GET, POST, PUT, FETCH):
                answer = peer.ask(code, [(PATH, b"a"), (number, value)], b"x")
                assert answer.code == BAD_OPTION, value
                assert peer.ask(code, [(PATH, b"a"), (number, value)], mtype=NON) is None
        options = [(PATH, b"a"), (number, b"\x08"), (number, b"\x18")]
        assert peer.ask(PUT, options, body(16)).code == BAD_OPTION  # twice
    assert peer.bodies == [] and peer.endpoint._blocks is None
    # Leading zeros are allowed (RFC 7252 section 3.2).
    assert peer.ask(PUT, [(PATH, b"a"), (BLOCK1, b"\0\0\x08")], body(16)).code == CONTINUE
    assert peer.ask(PUT, [(PATH, b"a"), (BLOCK1, b"\0\x10")], b"end").code == CHANGED


def test_too_large_a_body():
    peer = Asker()
    # announced: refused at once, with what would fit
    answer = peer.put(0, 1, 5, body(512), others=[(SIZE1, uint_bytes(4097))])
    assert answer.code == TOO_LARGE and uint(answer.first(SIZE1)) == 4096
    assert peer.put(1, 1, 5, body(512)).code == INCOMPLETE
    for value in (b"\xff\xff\xff\xff", b"\xff" * 30):
        assert peer.put(0, 1, 5, body(512), others=[(SIZE1, value)]).code == TOO_LARGE
    # just fitting
    answer = peer.put_all(body(4096), 5, others=[(SIZE1, uint_bytes(4096))])
    assert answer.code == CHANGED and peer.bodies == [body(4096)]
    # not announced: refused when it is too much
    for num in range(8):
        assert peer.put(num, 1, 5, body(512)).code == CONTINUE
    answer = peer.put(8, 0, 5, b"x")
    assert answer.code == TOO_LARGE and uint(answer.first(SIZE1)) == 4096
    assert not peer.endpoint._blocks._bodies
    peer.endpoint.body_limit = 100
    assert peer.put(0, 1, 3, body(128)).code == TOO_LARGE
    assert peer.put(0, 0, 3, body(101)).code == TOO_LARGE
    assert peer.put(0, 0, 3, body(100)).code == CHANGED
    assert peer.rig.logged == []


def test_transfers_are_kept_apart():
    peer = Asker()
    first = [(PATH, b"a"), (FORMAT, b""), (BLOCK1, b"\x08")]
    second = [(PATH, b"a"), (FORMAT, b"\x3c"), (BLOCK1, b"\x08")]
    for left, right in (
        (first, second),
        (first, [(PATH, b"b")] + first[1:]),
        (first, [(PATH, b"a"), (PATH, b"")] + first[1:]),
        (first, [(PATH, b"a"), (FORMAT, b""), (QUERY, b"q"), (BLOCK1, b"\x08")]),
    ):
        for code in (PUT, POST, FETCH, IPATCH):
            peer.bodies.clear()
            assert peer.ask(code, left, body(16, 1)).code == CONTINUE
            assert peer.ask(code, right, body(16, 2)).code == CONTINUE
            assert peer.ask(code, left[:-1] + [(BLOCK1, b"\x10")], b"one").code == CHANGED
            assert peer.ask(code, right[:-1] + [(BLOCK1, b"\x10")], b"two").code == CHANGED
            assert peer.bodies == [body(16, 1) + b"one", body(16, 2) + b"two"]
    # The same path with another method is another request.
    peer.put(0, 1, 0, body(16), code=PUT)
    assert peer.put(1, 0, 0, b"x", code=POST).code == INCOMPLETE


def test_many_started_transfers_take_no_more_room_than_two():
    peer = Asker()
    for number in range(300):
        assert peer.put(0, 1, 6, body(1024), path=b"%d" % number).code == CONTINUE
        assert len(peer.endpoint._blocks._bodies) <= 2
        assert len(peer.endpoint._blocks._starts) <= 4
    assert peer.put(1, 0, 6, b"", path=b"299").code == CHANGED
    assert peer.put(1, 0, 6, b"", path=b"298").code == CHANGED
    assert peer.put(1, 0, 6, b"", path=b"297").code == INCOMPLETE
    # The one used last stays.
    for path in (b"a", b"b", b"a"):
        peer.put(0, 1, 0, body(16), path=path)
    peer.put(0, 1, 0, body(16), path=b"c")
    assert peer.put(1, 0, 0, b"", path=b"a").code == CHANGED
    assert peer.put(1, 0, 0, b"", path=b"b").code == INCOMPLETE


def test_silence_ends_all_transfers():
    peer = Asker()
    peer.put(0, 1, 0, body(16))
    assert peer.endpoint.poll() == IDLE_MS  # nothing that had to be done
    peer.rig.advance(120000)
    peer.endpoint.poll()
    assert peer.put(1, 1, 0, body(16)).code == CONTINUE  # the time counts from here again
    peer.rig.advance(120000)
    peer.endpoint.poll()
    assert peer.endpoint._blocks
    peer.rig.advance(1001)
    peer.endpoint.poll()
    assert peer.endpoint._blocks is None
    assert peer.put(2, 0, 0, b"").code == INCOMPLETE
    peer.rig.settled()


class Short(bytearray):
    """Memory that is used up."""

    def extend(self, data):
        raise MemoryError


def test_no_memory_is_too_large_and_only_that():
    import coap.block

    peer = Asker()
    peer.put(0, 1, 0, body(16), path=b"other")
    coap.block.bytearray = Short
    try:
        assert peer.put(0, 1, 0, body(16)).code == TOO_LARGE
    finally:
        del coap.block.bytearray
    assert peer.put(1, 0, 0, b"").code == INCOMPLETE
    assert peer.put(1, 0, 0, b"x", path=b"other").code == CHANGED
    assert peer.bodies == [body(16) + b"x"] and peer.endpoint.faults == 0


def test_an_error_of_the_handler_is_heard_at_the_last_block():
    def refuse(request, response):
        raise Error(0x84, "no such object")

    peer = Asker(refuse)
    answer = peer.put_all(body(100), 0)
    assert answer.code == 0x84 and answer.payload == b"no such object"
    assert peer.bodies == [body(100)]
    answer = peer.put(6, 0, 0, body(100)[96:], mid=peer.mid)  # a copy
    assert answer.code == 0x84 and len(peer.bodies) == 1


def test_block1_in_non_confirmable_requests():
    peer = Asker()
    options = [(PATH, b"a"), (BLOCK1, b"\x08")]
    answer = peer.ask(POST, options, body(16), mtype=NON)
    assert answer.code == CONTINUE
    answer = peer.ask(POST, [(PATH, b"a"), (BLOCK1, b"\x10")], b"end", mtype=NON)
    assert answer.code == CHANGED and peer.bodies == [body(16) + b"end"]
    assert peer.ask(POST, [(PATH, b"a"), (BLOCK1, b"\x10")], b"end", peer.mid, NON) is None


# Block2: answers


class Answer:
    """A handler with a payload that may change."""

    def __init__(self, payload, options=((FORMAT, b"\x3c"),), code=CONTENT, again=False):
        self.payload = payload
        self.options = options
        self.code = code
        self.again = again
        self.seen = []

    def __call__(self, request, response):
        self.seen.append((request.code, request.first(OBSERVE), bytes(request.payload)))
        response.code = self.code
        response.payload = self.payload
        response.options = self.options
        if request.first(OBSERVE) == b"":
            response.options = ((OBSERVE, b"\7"),) + tuple(self.options)
        if self.again:
            response.again = lambda: self.payload


def fetch_all(peer, szx=6, **more):
    """All blocks of a GET; returns (body, the answers)."""
    answers = [peer.get(0, szx, **more)]
    data = answers[0].payload
    while blocks(answers[-1], BLOCK2)[1]:
        size = 16 << blocks(answers[-1], BLOCK2)[2]
        answers.append(peer.get(len(data) // size, blocks(answers[-1], BLOCK2)[2], **more))
        assert answers[-1].code == CONTENT
        data += answers[-1].payload
    return data, answers


def test_a_long_answer_goes_in_blocks_at_every_size():
    for szx in range(7):
        size = 16 << szx
        for length in (1, size - 1, size, size + 1, 3 * size, 4000):
            peer = Asker(Answer(body(length)))
            data, answers = fetch_all(peer, szx)
            assert data == body(length)
            assert len({answer.first(ETAG) for answer in answers}) == 1
            assert 1 <= len(answers[0].first(ETAG)) <= 8
            assert [uint(answer.first(SIZE2)) for answer in answers[:1]] == [length]
            for num, answer in enumerate(answers):
                assert blocks(answer, BLOCK2) == (num, num + 1 < len(answers), min(szx, 5))
                assert answer.first(FORMAT) == b"\x3c"
                assert num == 0 or answer.first(SIZE2) is None
            assert len(peer.bodies) == 1, "the handler is asked once"
            assert peer.rig.logged == []


def test_without_a_block_option_only_what_is_too_long_is_cut():
    for length, cut in ((0, False), (512, False), (513, True), (5000, True)):
        peer = Asker(Answer(body(length)))
        answer = peer.get()
        assert answer.code == CONTENT
        assert blocks(answer, BLOCK2) == ((0, 1, 5) if cut else None)
        assert (answer.first(ETAG) is not None) == cut
        assert answer.payload == body(length)[:512]
        assert peer.endpoint._blocks is None or cut
    peer = Asker(Answer(body(300)))
    peer.endpoint.block_size = 256
    assert blocks(peer.get(), BLOCK2) == (0, 1, 4)
    assert peer.get(1, 4).payload == body(300)[256:]


def test_any_block_and_any_smaller_size_at_any_time():
    payload = body(2000)
    peer = Asker(Answer(payload))
    random = Random(3)
    for _ in range(300):
        szx = random.below(7)
        size = 16 << szx
        num = random.below((2000 + size - 1) // size)
        answer = peer.get(num, szx)
        start = num * size
        got_num, more, got_szx = blocks(answer, BLOCK2)
        got_size = 16 << got_szx
        assert got_szx <= min(szx, 5) and got_num * got_size == start
        assert answer.payload == payload[start : start + got_size]
        assert more == (start + got_size < 2000)
    # A last block that comes out exactly.
    peer = Asker(Answer(body(1024)))
    assert blocks(peer.get(1, 5), BLOCK2) == (1, 0, 5)


def test_blocks_past_the_end():
    peer = Asker(Answer(body(1024)))
    for num, szx in ((2, 5), (1, 6), (64, 0), (0xFFFFF, 6), (0xFFFFF, 0), (3, 5)):
        assert peer.get(num, szx).code == BAD_REQUEST
    assert peer.get(0, 7).code == BAD_REQUEST
    assert peer.get(1, 7).code == BAD_REQUEST
    assert peer.get(1, 5).code == CONTENT
    peer = Asker(Answer(b""))
    answer = peer.get(0, 6)  # no body: nothing to cut
    assert answer.code == CONTENT and blocks(answer, BLOCK2) is None
    assert peer.endpoint.faults == 0


def test_the_etag_tells_of_a_change():
    handler = Answer(body(1500))
    peer = Asker(handler)
    first = peer.get(0, 5)
    handler.payload = body(1500, 2)
    # It goes on with what was begun, until it is asked for anew.
    assert peer.get(1, 5).payload == body(1500)[512:1024]
    assert peer.get(1, 5).first(ETAG) == first.first(ETAG)
    second = peer.get(0, 5)
    assert second.first(ETAG) != first.first(ETAG)
    assert peer.get(2, 5).payload == body(1500, 2)[1024:]
    assert len(handler.seen) == 2
    handler.payload = body(1500)
    assert peer.get(0, 5).first(ETAG) == first.first(ETAG)


def test_a_representation_that_is_gone_is_made_anew():
    handler = Answer(body(1500))
    peer = Asker(handler)
    etag = peer.get(0, 5).first(ETAG)
    peer.rig.advance(121000)
    peer.endpoint.poll()
    assert peer.endpoint._blocks is None
    answer = peer.get(1, 5)
    assert answer.payload == body(1500)[512:1024] and answer.first(ETAG) == etag
    assert peer.get(2, 5).payload == body(1500)[1024:]
    assert len(handler.seen) == 2  # made once more, not for each block
    # longer than what is kept: made for each of them
    handler.payload = body(5000)
    assert fetch_all(peer, 5)[0] == body(5000)
    assert len(handler.seen) == 12
    assert not peer.endpoint._blocks.answers
    handler.payload = body(600)  # and a shorter one now
    assert peer.get(5, 5).code == BAD_REQUEST


def test_few_representations_are_kept():
    handler = Answer(body(4000))
    peer = Asker(handler)
    for number in range(100):
        peer.get(path=b"%d" % number)
        assert len(peer.endpoint._blocks.answers) <= 2
    handler.seen.clear()
    for number in (99, 98):
        assert peer.get(1, 5, path=b"%d" % number).payload == body(4000)[512:1024]
    assert handler.seen == []
    peer.get(1, 5, path=b"97")
    assert len(handler.seen) == 1


def test_accept_and_query_tell_representations_apart():
    def answer(request, response):
        response.code = CONTENT
        response.payload = (request.first(ACCEPT) or request.first(QUERY) or b"-") * 600

    peer = Asker(answer)
    kinds = ([], [(ACCEPT, b"\x28")], [(QUERY, b"q")])
    for kind in kinds:
        for other in kinds:
            peer.get(0, 5, others=kind)
            peer.get(0, 5, others=other)
            byte = kind[0][1] if kind else b"-"
            assert peer.get(1, 5, others=kind).payload == byte * 88


def test_observe_counts_with_the_first_block_only():
    handler = Answer(body(1000))
    peer = Asker(handler)
    answer = peer.get(others=[(OBSERVE, b"")])
    assert uint(answer.first(OBSERVE)) == 7 and blocks(answer, BLOCK2) == (0, 1, 5)
    numbers = [number for number, _ in answer.options]
    assert numbers == [ETAG, OBSERVE, FORMAT, BLOCK2, SIZE2]
    for observe in ([], [(OBSERVE, b"")], [(OBSERVE, b"\1")]):
        answer = peer.get(1, 5, others=observe)
        assert answer.first(OBSERVE) is None and answer.payload == body(1000)[512:]
    assert len(handler.seen) == 1
    peer.endpoint._blocks = None
    answer = peer.get(1, 5, others=[(OBSERVE, b"")])  # made anew: the handler sees no Observe
    assert handler.seen[1] == (GET, None, b"") and answer.first(OBSERVE) is None


def test_a_long_notification_and_its_rest():
    handler = Answer(body(1300, 9))
    peer = Asker(handler)
    request = Message(CON, GET, 1, b"", [(PATH, b"a"), (ACCEPT, b"\x70")])
    payload = body(1300)
    for confirm in (None, peer.rig.done):
        options = ((OBSERVE, b"\5"), (FORMAT, b"\x70"))
        mid = peer.endpoint.notify(b"obs", options, payload, confirm, key=key(request))
        (sent,) = [decode(data) for data in peer.rig.take()]
        assert sent.mid == mid and sent.token == b"obs" and sent.code == CONTENT
        assert sent.mtype == (CON if confirm else NON)
        assert [number for number, _ in sent.options] == [ETAG, OBSERVE, FORMAT, BLOCK2, SIZE2]
        assert blocks(sent, BLOCK2) == (0, 1, 5) and uint(sent.first(SIZE2)) == 1300
        data = sent.payload
        for num in (1, 2):
            answer = peer.get(num, 5, others=[(ACCEPT, b"\x70")])
            assert answer.first(ETAG) == sent.first(ETAG)
            assert answer.first(OBSERVE) is None and answer.first(FORMAT) == b"\x70"
            data += answer.payload
        assert data == payload and handler.seen == []
        payload = body(1300, 2)
    # Without a key the rest comes from the handler.
    peer.endpoint._blocks = None
    peer.rig.receive(encode(Message(ACK, 0, mid)))
    peer.endpoint.notify(b"obs", (), body(1300))
    assert peer.get(1, 5).payload == body(1300, 9)[512:1024]
    # What fits is sent whole, and needs nothing of this.
    peer.endpoint._blocks = None
    peer.rig.take()
    peer.endpoint.notify(b"obs", (), body(512), key=5)
    assert decode(peer.rig.take()[0]).payload == body(512)
    assert peer.endpoint._blocks is None


def test_a_read_that_comes_in_blocks_is_not_answered_from_memory():
    handler = Answer(body(600), again=True)
    peer = Asker(handler)
    peer.get()
    assert not peer.endpoint._known
    peer.get(0, 2)
    handler.payload = b"short"
    assert peer.get(0, 2).payload == b"short"
    assert not peer.endpoint._known
    peer.get()
    assert peer.endpoint._known
    assert peer.get().payload == b"short" and blocks(peer.get(), BLOCK2) is None
    assert blocks(peer.get(0, 2), BLOCK2) == (0, 0, 2)  # the remembered one has no such option
    handler.payload = body(2000)  # grown: the long way again
    assert blocks(peer.get(), BLOCK2) == (0, 1, 5)


def test_the_long_answer_to_a_post():
    handler = Answer(body(1200), code=CHANGED)
    peer = Asker(handler)
    for code in (POST, PUT, IPATCH):
        handler.seen.clear()
        answer = peer.ask(code, [(PATH, b"a")], b"x")
        mid = peer.mid
        assert answer.code == CHANGED and blocks(answer, BLOCK2) == (0, 1, 5)
        copy = peer.ask(code, [(PATH, b"a")], b"x", mid)
        assert copy.payload == answer.payload and blocks(copy, BLOCK2) == (0, 1, 5)
        options = [(PATH, b"a"), (BLOCK2, block(1, 0, 5))]
        answer = peer.ask(code, options)
        assert answer.code == CHANGED and answer.payload == body(1200)[512:1024]
        assert len(handler.seen) == 1
        peer.endpoint._blocks = None
        assert peer.ask(code, options).code == INCOMPLETE  # not executed again
        assert len(handler.seen) == 1


def test_fetch_with_both_options():
    # A composite read: the request comes in Block1, the answer goes in Block2 (section 3.3).
    # The rest is asked for with the body left out, repeated, or with its last block again.
    handler = Answer(body(1400))
    for szx in (2, 4):
        for rest in ("left out", "repeated", "last block"):
            peer = Asker(handler)
            handler.seen.clear()
            question = body(90, 5)
            answer = peer.put_all(question, szx, FETCH, last=[(BLOCK2, block(0, 0, 4))])
            assert answer.code == CONTENT and blocks(answer, BLOCK2) == (0, 1, 4)
            assert blocks(answer, BLOCK1) == (89 >> szx + 4, 0, szx)
            numbers = [number for number, _ in answer.options]
            assert numbers == [ETAG, FORMAT, BLOCK2, BLOCK1, SIZE2]
            copy = peer.put(
                89 >> szx + 4,
                0,
                szx,
                question[89 >> szx + 4 << szx + 4 :],
                b"a",
                FETCH,
                peer.mid,
                [(BLOCK2, block(0, 0, 4))],
            )
            assert copy.payload == answer.payload and len(handler.seen) == 1
            data = answer.payload
            for num in range(1, 6):
                options = [(PATH, b"a"), (BLOCK2, block(num, 0, 4))]
                payload = {"left out": b"", "repeated": question}.get(rest, b"part")
                if rest == "last block":
                    options.append((BLOCK1, block(1, 0, 4)))
                answer = peer.ask(FETCH, options, payload)
                assert answer.code == CONTENT and blocks(answer, BLOCK2)[0] == num
                data += answer.payload
            assert data == body(1400)
            assert handler.seen == [(FETCH, None, question)]


def test_fetch_in_one_datagram_with_a_long_answer():
    def answer(request, response):
        response.code = CONTENT
        response.payload = request.payload * 300

    peer = Asker(answer)
    first = peer.get(code=FETCH, payload=b"abc")
    assert blocks(first, BLOCK2) == (0, 1, 5)
    peer.get(code=FETCH, payload=b"xyz")
    # The body tells which; without it, it is the latest.
    assert peer.get(1, 5, code=FETCH, payload=b"abc").payload == (b"abc" * 300)[512:]
    assert peer.get(1, 5, code=FETCH, payload=b"xyz").payload == (b"xyz" * 300)[512:]
    assert peer.get(1, 5, code=FETCH).payload == (b"xyz" * 300)[512:]
    assert len(peer.bodies) == 2
    peer.endpoint._blocks = None
    assert peer.get(1, 5, code=FETCH).code == INCOMPLETE
    assert peer.get(1, 5, code=FETCH, payload=b"xyz").payload == (b"xyz" * 300)[512:]
    assert peer.get(1, 5, path=b"b", code=FETCH).code == INCOMPLETE


def test_a_put_with_block2_but_no_answer_body():
    peer = Asker()
    answer = peer.ask(PUT, [(PATH, b"a"), (BLOCK2, block(0, 0, 4))], b"x")
    assert answer.code == CHANGED and list(answer.options) == []


def test_errors_are_not_cut():
    def answer(request, response):
        raise Error(0x84, "gone " * 20)

    peer = Asker(answer)
    for num in (0, 3):
        answer = peer.get(num, 0)
        assert answer.code == 0x84 and answer.payload == b"gone " * 20
        assert blocks(answer, BLOCK2) is None


def test_separate_responses_and_silence_stay_what_they_are():
    def later(request, response):
        response.code = 0

    peer = Asker(later)
    sent = peer.rig.receive(encode(Message(CON, GET, 5, b"t", [(PATH, b"a"), (BLOCK2, b"\2")])))
    assert sent == [b"\x60\0\0\5"]
    peer.endpoint.respond(b"t", CONTENT, (), b"short")
    assert decode(peer.rig.take()[0]).payload == b"short"

    def silent(request, response):
        response.code = -1

    peer = Asker(silent)
    assert peer.get(0, 2) is None


def test_the_key():
    def of(code, *options, payload=b""):
        return key(Message(CON, code, 1, b"t", options, payload))

    base = of(GET, (PATH, b"3"), (PATH, b"0"))
    assert 0 <= base < 1 << 32
    same = (
        of(GET, (OBSERVE, b""), (PATH, b"3"), (PATH, b"0"), (BLOCK2, b"\x16")),
        of(GET, (3, b"host"), (PATH, b"3"), (PATH, b"0"), (BLOCK1, b"\1"), (SIZE1, b"\1")),
        of(GET, (PATH, b"3"), (PATH, b"0"), payload=b"x"),
    )
    assert [name == base for name in same] == [True] * 3
    others = (
        base,
        of(FETCH, (PATH, b"3"), (PATH, b"0")),
        of(GET, (PATH, b"30")),
        of(GET, (PATH, b"3/0")),
        of(GET, (PATH, b""), (PATH, b"30")),
        of(GET, (PATH, b"3"), (PATH, b"0"), (QUERY, b"q")),
        of(GET, (PATH, b"3"), (PATH, b"0"), (FORMAT, b"q")),
        of(GET, (PATH, b"3"), (PATH, b"0"), (ACCEPT, b"q")),
        of(GET, (PATH, b"3"), (PATH, b"0"), (ACCEPT, b"")),
    )
    assert len(set(others)) == len(others)
    one = of(FETCH, (PATH, b"3"), payload=b"one")
    two = of(FETCH, (PATH, b"3"), payload=b"two")
    assert one != two and one >> 16 == two >> 16
    assert of(GET, (FORMAT, b"x" * 300)) != of(GET, (FORMAT, b"x" * 299))


def test_an_endpoint_without_blocks_loads_none_of_it():
    import coap

    found = {}
    for name in ("coap.block", "coap.upload", "coap.download"):
        if name in sys.modules:
            found[name] = sys.modules.pop(name)
            delattr(coap, name[5:])
    try:
        peer = Asker(Answer(body(500)))
        peer.get()
        peer.ask(PUT, [(PATH, b"a")], body(500))
        peer.get(code=FETCH, payload=b"x")
        peer.get(others=[(SIZE2, b""), (SIZE1, b""), (258, b"\2")])
        peer.endpoint.notify(b"t", (), body(512))
        peer.endpoint.request(POST, [(PATH, b"rd")], body(512), peer.rig.done)
        assert not [name for name in sys.modules if name in found or name == "coap.block"]
        peer.get(0, 5)
        assert "coap.block" in sys.modules
    finally:
        for name in found:
            sys.modules[name] = found[name]
            setattr(coap, name[5:], found[name])


def test_random_datagrams_with_blocks():
    handler = Answer(body(700))
    peer = Asker(handler)
    random = Random(11)
    codes = set()
    for _ in range(3000):
        code = (GET, POST, PUT, FETCH)[random.below(4)]
        options = [(PATH, b"ab"[random.below(2) :][:1])]
        if random.below(2):
            options.append((OBSERVE, random.bytes(random.below(3))))
        for number in (BLOCK2, BLOCK1, SIZE2, SIZE1):
            if random.below(2):
                size = random.below(5)
                value = random.bytes(size) if random.below(2) else bytes((random.below(64),))
                options.append((number, value))
        options.sort()
        size = (0, 16, 32, 64, random.below(600))[random.below(5)]
        answer = peer.ask(code, options, body(size), random.below(60), random.below(2))
        if answer:
            codes.add(answer.code)
            assert answer.code >> 5 in (2, 4) or answer.code == 0xA3
            assert len(answer.payload) <= 512
        kept = peer.endpoint._blocks
        if kept:
            assert len(kept._bodies) <= 2 and len(kept.answers) <= 2 and len(kept._starts) <= 4
            for _, data in kept._bodies:
                assert len(data) <= 4096
        if random.below(100) == 0:
            peer.rig.run(400000)
            peer.bodies.clear()
            handler.seen.clear()
    assert peer.endpoint.faults == 0, peer.rig.logged
    assert {CONTENT, CONTINUE, BAD_REQUEST, BAD_OPTION, INCOMPLETE} <= codes


# Through the whole client


def test_a_client_with_many_objects():
    # Its Register goes in blocks, and so does what is read and written afterwards.
    samples = [Sample(iid) for iid in range(120)]
    peer = Peer(*samples)
    peer.registration.start()
    peer.client.poll()
    links = b""
    while peer.registration.state != "registered":
        (request,) = peer.take()
        num, more, szx = blocks(request, BLOCK1)
        assert num * 512 == len(links) and szx == 5
        assert b"ep=test" in request.all(QUERY)
        assert (request.first(SIZE1) is not None) == (num == 0)
        links += request.payload
        options = [(8, b"rd"), (8, b"a1")] if not more else []
        options.append((BLOCK1, request.first(BLOCK1)))
        peer.answer(request, CONTINUE if more else 0x41, options)
        assert not more or not peer.session.endpoint.idle
    assert len(links) > 1024 and links.endswith(b"</20000/119>")
    assert links.count(b"</20000/") == 120 and peer.session.endpoint.idle

    def ask(code, num, szx, number, more=0, payload=b""):
        peer._mid += 1
        options = [(PATH, b"20000"), (PATH, b"7")]
        if number == BLOCK1:
            options += [(PATH, b"5"), (FORMAT, b"\x2a")]
        options.append((number, block(num, more, szx)))
        request = Message(CON, code, peer._mid, b"tk", options, payload)
        peer.session.receive(encode(request))
        (answer,) = peer.take()
        return answer

    blob = body(700)
    for num in range(11):
        answer = ask(PUT, num, 2, BLOCK1, num < 10, blob[64 * num : 64 * num + 64])
        assert answer.code == (CONTINUE if num < 10 else CHANGED)
        assert samples[7].blob == (b"" if num < 10 else blob)
    assert isinstance(samples[7].blob, bytes) and samples[8].blob == b""
    data = b""
    more = 1
    while more:
        answer = ask(GET, len(data) // 128, 3, BLOCK2)
        assert answer.code == CONTENT
        more = blocks(answer, BLOCK2)[1]
        data += answer.payload
    whole = ask(GET, 0, 5, BLOCK2)
    assert blob in data and uint(whole.first(SIZE2)) == len(data)
    assert whole.payload == data[:512] and len(data) > 700


# Over a bad network


class Walk:
    """A peer that sends bodies and fetches them with nothing but single requests.

    It is written from the standard alone and repeats nothing by itself but the datagram.
    """

    def __init__(self, endpoint, random):
        self.endpoint = endpoint
        self.random = random
        self.result = None

    def send(self, payload, szx, on_done):
        self.payload = payload
        self.szx = szx
        self.at = 0
        self.tries = 4
        self.on_done = on_done
        self.next()

    def next(self):
        size = 16 << self.szx
        more = self.at + size < len(self.payload)
        options = [(PATH, b"a"), (BLOCK1, block(self.at // size, more, self.szx))]
        part = self.payload[self.at : self.at + size]
        self.endpoint.request(PUT, options, part, self.sent)

    def sent(self, message):
        if message is None:
            self.on_done(None)
        elif message.code == CONTINUE:
            assert blocks(message, BLOCK1)[1] == 1
            self.at += 16 << self.szx
            self.szx = min(self.szx, blocks(message, BLOCK1)[2])
            if self.szx and self.random.below(5) == 0:
                self.szx -= 1
            self.next()
        elif message.code == INCOMPLETE and self.tries:
            self.tries -= 1
            self.at = 0
            self.next()
        else:
            self.on_done(message.code)


def test_requests_over_a_bad_network():
    answered = silent = 0
    for seed in range(60):
        taken = []

        def handler(request, response, taken=taken):
            taken.append(bytes(request.payload))
            response.code = CHANGED

        network = Network(seed, handler, handler, loss=(0, 15, 30)[seed % 3])
        walk = Walk(network.far, network.random)
        network.far.block_size = 1024  # it cuts by itself
        bodies = []
        for number in range(4):
            payload = bytes((number,)) + body(network.random.below(3000), seed)
            results = []
            walk.send(payload, network.random.below(7), results.append)
            assert network.run(lambda results=results: results), seed
            bodies.append((payload, results[0]))
        # Whatever arrived is one of the bodies as a whole, in order, and no more than once.
        assert taken == [payload for payload, _ in bodies if payload in taken], seed
        for payload, result in bodies:
            assert result in (CHANGED, None, INCOMPLETE), (seed, result)
            assert result != CHANGED or payload in taken
            answered += result == CHANGED
            silent += result is None
        assert network.near.faults == 0 and network.far.faults == 0, network.logged
    assert answered > 200 and silent, (answered, silent)


def test_answers_over_a_bad_network():
    whole = changed = 0
    for seed in range(60):
        versions = [body(network_size, seed) for network_size in (1500 + seed, 700, 3000)]
        current = [0]

        def handler(request, response, versions=versions, current=current):
            response.code = CONTENT
            response.payload = versions[current[0]]

        network = Network(seed, handler, handler, loss=(0, 15, 30)[seed % 3])
        random = network.random
        for _ in range(4):
            state = {"data": b"", "etag": None, "szx": 6, "end": None}

            def ask(state=state, network=network):
                size = 16 << state["szx"]
                options = [(PATH, b"a")]
                if state["data"]:
                    num = len(state["data"]) // size
                    options.append((BLOCK2, block(num, 0, state["szx"])))
                network.far.request(GET, options, b"", state["got"])

            def got(message, state=state, ask=ask, random=random, current=current):
                if message is None or message.code != CONTENT:
                    state["end"] = "failed"
                    return
                if not state["data"]:
                    state["etag"] = message.first(ETAG)
                elif state["etag"] != message.first(ETAG):
                    state["end"] = "changed"
                    return
                num, more, szx = blocks(message, BLOCK2)
                assert num << szx + 4 == len(state["data"])
                state["data"] += message.payload
                state["szx"] = szx - 1 if szx > 2 and random.below(4) == 0 else szx
                if random.below(20) == 0:
                    current[0] = random.below(3)
                if more:
                    ask()
                else:
                    state["end"] = "whole"

            state["got"] = got
            ask()
            assert network.run(lambda state=state: state["end"]), seed
            if state["end"] == "whole":
                assert state["data"] in versions
                whole += 1
            changed += state["end"] == "changed"
        assert network.near.faults == 0 and network.far.faults == 0, network.logged
    assert whole > 150, (whole, changed)


def test_a_size_that_is_none_is_refused_before_anything_is_done():
    sample = Sample()
    peer = Peer(sample)
    peer.register()
    wrong = [(BLOCK2, b"\x07")]
    path = "/20000/0/1"
    assert peer.ask(GET, path, observe=0, more_options=wrong).code == BAD_REQUEST
    assert not peer.session.observations
    assert peer.post("/20000/0/10", more_options=wrong).code == BAD_REQUEST
    assert sample.executed == []


def test_what_was_fetched_is_forgotten_with_the_right_to_it():
    sample = Sample()
    sample.names = {riid: "x" * 10 for riid in range(60)}
    peer = Peer(sample)
    peer.register()
    path = "/20000/0/14"
    more = [(BLOCK2, block(1, 0, 5))]
    assert peer.get(path).code == CONTENT
    assert peer.get(path, more_options=more).code == CONTENT
    peer.session.allowed = lambda oid, iid, right: False
    peer.table.changed(2, 0, 2)
    assert peer.get(path, more_options=more).code == 0x81
