"""The memory of answers: what it finds, when it is full, when it forgets (RFC 7252, 4.5)."""

from coap.duplicates import Duplicates

CHANGED = 0x44
CREATED = 0x41
EXCHANGE_LIFETIME_S = 247  # RFC 7252 section 4.8.2
LIMIT = 256  # answers in all
WHOLE_LIMIT = 16  # answers kept byte by byte


def keep(kept, mid, token, code, now_s, whole=None):
    """As the endpoint does it: it asks before the request is executed."""
    assert not kept.full(now_s)
    kept.keep(mid, token, code, now_s, whole)


def other_token(token):
    """A token that the memory can tell from this one: it compares a hash of eight bits."""
    for number in range(256):
        other = b"o" + bytes((number,))
        if hash(other) & 255 != hash(token) & 255:
            return other


class Blocks(list):
    """What takes no more than so many blocks, as a full heap does."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def append(self, block):
        if len(self) >= self.limit:
            raise MemoryError
        super().append(block)


def test_a_new_request_is_not_known():
    kept = Duplicates()
    assert kept.find(1, b"t", 0) is None
    assert len(kept) == 0
    assert not kept.full(0)


def test_every_code_and_message_id_comes_back():
    for code in (0x00, 0x41, 0x44, 0x45, 0x80, 0x9F, 0xA0, 0xBF, 0xFF):
        for mid in (0, 1, 255, 256, 65535):
            for token in (b"", b"t", b"12345678"):
                kept = Duplicates()
                keep(kept, mid, token, code, 5)
                assert kept.find(mid, token, 5) == (code, None)
                assert kept.find(mid ^ 1, token, 5) is None


def test_an_answer_costs_a_small_integer_of_the_boards():
    kept = Duplicates()
    keep(kept, 65535, b"t", 0xFF, (1 << 29) - 1)
    for mids, entries in kept._blocks:
        assert 0 <= max(mids + entries) < 1 << 30


def test_a_whole_answer_comes_back_byte_by_byte():
    kept = Duplicates()
    keep(kept, 7, b"t", CREATED, 0, b"\x61\x41\x00\x07t\x82rd")
    assert kept.find(7, b"t", 0) == (CREATED, b"\x61\x41\x00\x07t\x82rd")


def test_another_token_is_another_request():
    kept = Duplicates()
    keep(kept, 7, b"t", CHANGED, 0)
    assert kept.find(7, other_token(b"t"), 0) is None
    assert kept.find(7, b"t", 0) == (CHANGED, None)


def test_a_newer_answer_takes_the_place_of_the_older():
    kept = Duplicates()
    other = other_token(b"t")
    keep(kept, 7, b"t", CREATED, 0, b"whole")
    keep(kept, 7, other, CHANGED, 1)
    assert len(kept) == 1
    assert kept.find(7, other, 1) == (CHANGED, None)  # and not the bytes of the older one
    assert kept.find(7, b"t", 1) is None


def test_found_for_exchange_lifetime_and_not_longer():
    for start_s in (0, 1, 776, 777, 1023, 1024, 1000000, (1 << 29) - 100):
        kept = Duplicates()
        keep(kept, 7, b"t", CHANGED, start_s)
        for age_s in (0, 1, 100, EXCHANGE_LIFETIME_S):
            assert kept.find(7, b"t", start_s + age_s) == (CHANGED, None), (start_s, age_s)
        for age_s in range(EXCHANGE_LIFETIME_S + 1, 800):
            assert kept.find(7, b"t", start_s + age_s) is None, (start_s, age_s)


def test_expire_drops_the_old_and_keeps_the_young():
    kept = Duplicates()
    keep(kept, 1, b"t", CHANGED, 1000)
    keep(kept, 2, b"t", CREATED, 1000, b"whole")
    keep(kept, 3, b"t", CHANGED, 1100)
    keep(kept, 4, b"t", CREATED, 1100, b"young")
    kept.expire(1000 + EXCHANGE_LIFETIME_S)
    assert len(kept) == 4
    kept.expire(1000 + EXCHANGE_LIFETIME_S + 1)
    assert len(kept) == 2
    assert kept.find(1, b"t", 1248) is None
    assert kept.find(3, b"t", 1248) == (CHANGED, None)
    assert kept.find(4, b"t", 1248) == (CREATED, b"young")
    kept.expire(1100 + EXCHANGE_LIFETIME_S + 1)
    assert len(kept) == 0
    # the bytes went with their code
    keep(kept, 2, b"t", CREATED, 1400)
    assert kept.find(2, b"t", 1400) == (CREATED, None)


def test_full_of_codes_until_the_lifetime_is_over():
    kept = Duplicates()
    for mid in range(LIMIT):
        assert not kept.full(10)
        keep(kept, mid, b"t", CHANGED, 10)
    assert len(kept) == LIMIT
    assert kept.full(10)
    assert kept.full(10 + EXCHANGE_LIFETIME_S)
    for mid in range(LIMIT):  # nothing was forgotten before its time
        assert kept.find(mid, b"t", 10 + EXCHANGE_LIFETIME_S) == (CHANGED, None)
    assert not kept.full(10 + EXCHANGE_LIFETIME_S + 1)
    assert len(kept) == 0


def test_full_where_the_heap_is():
    # No memory for one more block: the request is refused before it acts, nothing is forgotten.
    kept = Duplicates()
    kept._blocks = Blocks(2)
    while not kept.full(10):
        kept.keep(len(kept), b"t", CHANGED, 10)
    assert len(kept) == LIMIT // 4
    for mid in range(LIMIT // 4):
        assert kept.find(mid, b"t", 10) == (CHANGED, None)
    assert not kept.full(10 + EXCHANGE_LIFETIME_S + 1)


def test_keeping_one_more_needs_no_new_memory():
    kept = Duplicates()
    for mid in range(LIMIT):
        kept.full(10)
        sizes = [len(part) for block in kept._blocks for part in block]
        kept.keep(mid, b"t", CHANGED, 10)
        assert [len(part) for block in kept._blocks for part in block] == sizes


def test_full_of_whole_answers_until_the_lifetime_is_over():
    kept = Duplicates()
    for mid in range(WHOLE_LIMIT):
        assert not kept.full(10)
        keep(kept, mid, b"t", CREATED, 10, b"whole")
    assert kept.full(10)
    assert len(kept) == WHOLE_LIMIT
    assert kept.full(10 + EXCHANGE_LIFETIME_S)
    assert not kept.full(10 + EXCHANGE_LIFETIME_S + 1)


def test_full_makes_room_only_for_what_expired():
    kept = Duplicates()
    keep(kept, 0, b"t", CHANGED, 0)
    for mid in range(1, LIMIT):
        keep(kept, mid, b"t", CHANGED, 100)
    assert kept.full(100)
    assert not kept.full(EXCHANGE_LIFETIME_S + 1)
    assert len(kept) == LIMIT - 1


def test_swept_every_500_seconds_it_never_takes_old_for_young():
    kept = Duplicates()
    keep(kept, 7, b"t", CHANGED, 0)
    for now_s in range(0, 5000, 500):
        kept.expire(now_s)
        assert len(kept) == (1 if now_s == 0 else 0)
        if now_s:
            assert kept.find(7, b"t", now_s + 24) is None
