"""Notifications longer than a block, and how the rest is fetched (RFC 7959 section 2.6)."""

from peer import Peer, Sample, content_format, observe_of
from test_evaluation import composite

from coap.message import uint, uint_bytes
from coap.numbers import CON, CONTENT, GET, NON, OPAQUE, TLV

ETAG, BLOCK2 = 4, 23


def rig():
    sample = Sample()
    peer = Peer(sample, lifetime_s=20000000)
    peer.register()
    return peer, sample


def pattern(size, seed):
    return bytes([(seed + i // 7) & 255 for i in range(size)])


def block_of(message):
    """(number, more, size)"""
    value = uint(message.first(BLOCK2))
    return value >> 4, value >> 3 & 1, 16 << (value & 7)


def rest(peer, first, path, accept, code=GET, payload=b"", content_format=None):
    """Fetches what a notification left over; returns the whole payload."""
    whole = first.payload
    number, more, size = block_of(first)
    assert (number, more) == (0, 1) and len(whole) == size
    while more:
        number += 1
        options = [(BLOCK2, uint_bytes(number << 4 | uint(first.first(BLOCK2)) & 7))]
        answer = peer.ask(code, path, payload, content_format, accept, more_options=options)
        assert answer.code == CONTENT and observe_of(answer) is None
        assert answer.first(ETAG) == first.first(ETAG)
        assert block_of(answer)[0] == number
        more = block_of(answer)[1]
        whole += answer.payload
    return whole


def test_the_first_block_is_told_and_the_rest_fetched():
    for confirmable in (False, True):
        peer, sample = rig()
        peer.session.confirmable = confirmable
        peer.observe("/20000/0/5", b"big", OPAQUE)
        value = pattern(1300, 1)
        sample.set(5, value)
        ((_, message),) = peer.run(1000, peer.serve)
        assert message.mtype == (CON if confirmable else NON) and message.token == b"big"
        assert content_format(message) == OPAQUE and observe_of(message) is not None
        sample.blob = b"nobody said so"  # what was told is what is fetched
        assert rest(peer, message, "/20000/0/5", OPAQUE) == value


def test_a_small_one_beside_it():
    peer, sample = rig()
    peer.observe("/20000/0/5", b"big", OPAQUE)
    peer.observe("/20000/0/1", b"small")
    sample.set(5, pattern(2000, 1))
    sample.set(1, 2)
    messages = dict([(message.token, message) for _, message in peer.run(1000)])
    assert sorted(messages) == [b"big", b"small"]
    assert messages[b"small"].first(BLOCK2) is None
    assert rest(peer, messages[b"big"], "/20000/0/5", OPAQUE) == pattern(2000, 1)
    sample.set(5, b"x")
    ((_, message),) = peer.run(1000)
    assert message.payload == b"x" and message.first(BLOCK2) is None


def test_an_instance_is_told_as_it_was():
    peer, sample = rig()
    sample.list = dict([(riid, riid) for riid in range(200)])
    response = peer.observe("/20000/0", b"in", TLV)
    assert block_of(response)[1] == 1 and observe_of(response) is not None
    sample.set(1, 77)
    ((_, message),) = peer.run(1000)
    expected = peer.session.observations.all[0].target.payload()
    sample.integer = 78
    assert rest(peer, message, "/20000/0", TLV) == expected


def test_int_304_a_large_composite():
    peer, sample = rig()
    sample.blob = pattern(900, 3)
    composite(peer, "/20000/0/1", "/20000/0/5")
    sample.set(1, 7)
    ((_, message),) = peer.run(1000)
    asked = b"\x82\xa1\x00\x6a/20000/0/1\xa1\x00\x6a/20000/0/5"
    whole = rest(peer, message, "", 112, 5, asked, 112)
    assert whole == peer.session.observations.all[0].target.payload()


def test_large_ones_are_stored_and_fetched_in_turn():
    peer, sample = rig()
    peer.server.storing = True
    peer.observe("/20000/0/5", b"big", OPAQUE)
    peer.session.online = False
    for seed in (1, 2, 3):
        sample.set(5, pattern(700, seed))
        peer.run(1000)
    peer.session.online = True
    for seed in (1, 2, 3):
        ((_, message),) = peer.run(0)
        assert message.mtype == CON
        assert rest(peer, message, "/20000/0/5", OPAQUE) == pattern(700, seed)
        peer.empty(2, message.mid)
    assert peer.run(100000) == []


def test_the_key_survives_a_restart():
    peer, sample = rig()
    peer.observe("/20000/0/5", b"big", OPAQUE)
    snapshot = peer.session.observations.snapshot()
    assert isinstance(snapshot[0][4], int)
    peer, sample = rig()
    peer.observe("/20000/0/1", b"first")
    observations = peer.session.observations
    observations.remove(None)
    observations.restore(snapshot)
    sample.set(5, pattern(600, 9))
    ((_, message),) = peer.run(1000)
    sample.blob = b""
    assert rest(peer, message, "/20000/0/5", OPAQUE) == pattern(600, 9)
