"""Observations over a restart: snapshot, restore, and a sequence that never steps back."""

import json

from peer import ANY, Peer, Sample, content_format, observe_of
from test_evaluation import composite

from coap.numbers import CONTENT, TEXT, TLV
from lwm2m.observe import Observations

MASK = 0xFFFFFF


def rig(*objects):
    sample = Sample()
    peer = Peer(sample, *objects, lifetime_s=20000000)
    peer.register()
    return peer, sample


def snapshot_of(peer):
    """As it comes back from the flash."""
    return json.loads(json.dumps(peer.session.observations.snapshot()))


def none_yet(peer):
    """The observations of the session, of which there are none."""
    peer.observe("/20000/0/0", b"first")
    peer.session.cancel_observation(b"first")
    return peer.session.observations


def after(entries, reserved=0, *objects):
    """A client after the restart, registered still, with these observations."""
    peer, sample = rig(*objects)
    observations = none_yet(peer)
    observations.sequence = observations.reserved = reserved
    peer.session.unsaved = False
    observations.restore(entries)
    assert not peer.session.unsaved  # it is what is saved already
    return peer, sample


def later(old, new):
    """RFC 7641 section 3.4, the server's view, without its clock."""
    return old < new < old + (1 << 23) or old > new + (1 << 23)


def count(peer):
    return len(peer.session.observations.all)


def test_a_snapshot_is_plain_json():
    peer, sample = rig()
    sample.list = {1: 1}
    peer.observe("/20000/0/1", b"\x00\xff", TEXT)
    peer.observe("/20000/0/9/1", b"", TLV)
    peer.observe("/20000", b"12345678", ANY)
    snapshot = snapshot_of(peer)
    assert [entry[:4] for entry in snapshot] == [
        ["00ff", [[20000, 0, 1]], TEXT, False],
        ["", [[20000, 0, 9, 1]], TLV, False],
        ["3132333435363738", [[20000]], 112, False],
    ]
    assert Observations(peer.session).snapshot() == []


def test_what_was_observed_is_told_after_the_restart():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "pmin=5")
    peer.observe("/20000/0/1", b"\x00\xff", TEXT)
    peer.observe("/20000/0", b"in", TLV)
    observations = peer.session.observations
    for observation in observations.all:
        observation.key = 0xCAFE1234
    snapshot = snapshot_of(peer)
    attributes = peer.session.attributes
    sample.set(1, 2)
    last = max([observe_of(message) for _, message in peer.run(10000)])

    peer, sample = after(snapshot, observations.reserved)
    assert count(peer) == 2
    assert [entry.key for entry in peer.session.observations.all] == [0xCAFE1234] * 2
    peer.session.attributes.update(attributes)
    peer.session.observations.retune()
    assert peer.run(100000) == []  # nothing has changed since the start
    sample.set(1, 3)
    messages = dict([(message.token, message) for _, message in peer.run(1000)])
    assert sorted(messages) == [b"\x00\xff", b"in"]
    message = messages[b"\x00\xff"]
    assert message.payload == b"3" and content_format(message) == TEXT
    assert content_format(messages[b"in"]) == TLV
    for token in messages:
        assert later(last, observe_of(messages[token]))
    assert peer.session.unsaved  # the next part of the sequence is reserved
    sample.set(1, 4)
    assert [at for at, message in peer.run(10000) if message.token != b"in"] == [105000]
    assert snapshot_of(peer) == snapshot


def test_pmax_counts_from_the_start():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    snapshot = snapshot_of(peer)
    peer, sample = after(snapshot)
    peer.server.pmax_s = 60
    peer.session.observations.retune()
    assert [at for at, _ in peer.run(120000)] == [60000, 120000]


def test_the_first_change_is_told_whatever_the_thresholds_say():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "gt=50")
    peer.observe("/20000/0/1")
    snapshot = snapshot_of(peer)
    attributes = peer.session.attributes
    peer, sample = rig()
    peer.session.attributes.update(attributes)
    none_yet(peer).restore(snapshot)
    assert peer.run(10000) == []
    sample.set(1, 7)
    assert [message.payload for _, message in peer.run(1000)] == [b"7"]
    sample.set(1, 8)
    assert peer.run(1000) == []
    sample.set(1, 51)
    assert [message.payload for _, message in peer.run(1000)] == [b"51"]


def test_int_304_a_composite_observation():
    peer, sample = rig()
    composite(peer, "/20000/0/1", "/20000/7/2")
    snapshot = snapshot_of(peer)
    peer, sample = after(snapshot)
    sample.set(1, 7)
    ((_, message),) = peer.run(1000)
    assert message.token == b"co" and message.code == CONTENT and b"20000/0/1" in message.payload
    assert snapshot_of(peer) == snapshot
    peer, sample = after([["ab", [[]], None, True, None]])  # of everything
    sample.set(1, 7)
    assert len(peer.run(1000)) == 1


def test_bad_entries_are_left_out():
    good = ["aa", [[20000, 0, 1]], None, False, None]
    for bad in (
        None,
        5,
        "aa",
        [],
        {},
        good[:4],
        good + [1],
        [None] + good[1:],
        [5] + good[1:],
        ["a"] + good[1:],
        ["zz"] + good[1:],
        ["aa" * 9] + good[1:],
        ["bb", None, None, False, None],
        ["bb", 7, None, False, None],
        ["bb", [], None, False, None],
        ["bb", [[]], None, False, None],
        ["bb", [[20000, 0, 1], [20000, 0, 2]], None, False, None],
        ["bb", [[20000, 0, 77]], None, False, None],
        ["bb", [[20000, 5]], None, False, None],
        ["bb", [[4711]], None, False, None],
        ["bb", [["20000", 0, 1]], None, False, None],
        ["bb", ["/20000/0/1"], None, False, None],
        ["bb", [[20000, 0, [1]]], None, False, None],
        ["bb", [[0]], None, False, None],
        ["bb", [[0, 0, 5]], None, False, None],
        ["bb", [[0, 0, 5]], None, True, None],
        ["bb", [[20000, 0, 10]], None, False, None],  # write-only and executable
        ["bb", [[20000, 0, 11]], None, False, None],
        ["bb", [[20000, 0, 1]], 999, False, None],
        ["bb", [[20000, 0, 1]], "text", False, None],
        ["bb", [[20000, 0, 1]], [], False, None],
        ["bb", [[20000, 0]], TEXT, False, None],
        ["bb", [[20000, 0, 1]], TEXT, True, None],
        ["bb", [[20000, 0, 1]], None, False, "x"],
        ["bb", [[20000, 0, 1]], None, False, [1]],
        ["bb", 7, None, True, None],
    ):
        peer, sample = after([bad, good, bad])
        snapshot = snapshot_of(peer)
        assert [entry[0] for entry in snapshot] == ["aa"], bad
        sample.set(1, 5)
        assert [message.token for _, message in peer.run(1000)] == [b"\xaa"], bad
        assert peer.logged[1:] == []


def test_one_token_twice_and_more_than_the_limit():
    peer, sample = rig()
    observations = Observations(peer.session)
    observations.restore([["aa", [[20000, 0, 1]], 0, False, 1], ["aa", [[20000, 0, 2]], 0, 0, 2]])
    assert observations.snapshot() == [["aa", ((20000, 0, 2),), 0, False, 2]]
    peer, sample = after([["%02x" % token, [[20000]], None, False, 0] for token in range(30)])
    assert count(peer) == 20


def test_the_sequence_never_passes_what_is_reserved():
    peer, sample = rig()
    session = peer.session
    peer.observe("/20000/0/1")
    observations = session.observations
    session.unsaved = False
    saved = observations.reserved
    saves = 0
    for value in range(3000):
        sample.set(1, value)
        peer.client.poll()
        (message,) = peer.take()
        assert observe_of(message) == observations.sequence == value + 2
        assert later(observe_of(message), saved)
        if session.unsaved:
            # Saved a hundred notifications late, and still in time
            assert later(observe_of(message) + 100, saved)
            session.unsaved = False
            saved = observations.reserved
            saves += 1
    assert saves == 3


def test_a_restart_at_any_time_is_a_step_forward():
    sequence = 0xFFF800
    for run in range(12):
        peer, sample = after([["aa", [[20000, 0, 1]], None, False, None]], sequence)
        observations = peer.session.observations
        saved = sequence
        last = None
        for value in range(137 * run % 600):
            sample.set(1, value + 5)
            peer.client.poll()
            (message,) = peer.take()
            number = observe_of(message)
            assert 0 <= number <= MASK and len(message.first(6)) <= 3
            assert later(sequence if last is None else last, number)
            last = number
            if peer.session.unsaved:
                peer.session.unsaved = False
                saved = observations.reserved
        assert last is None or later(last, saved)
        sequence = saved  # the power fails here


def test_a_sequence_out_of_step_is_reserved_anew():
    peer, sample = rig()
    observations = Observations(peer.session)
    for sequence, reserved in ((0, 0), (500, 100), (5, 10**9), (5, -3), (MASK, MASK), (7, 2000)):
        observations.sequence = sequence
        observations.reserved = reserved
        peer.session.unsaved = False
        assert observations.add(b"t", FakeTarget()) == (sequence + 1) & MASK
        assert observations.reserved == (sequence + 1024) & MASK and peer.session.unsaved


class FakeTarget:
    paths = ((20000, 0, 1),)
    composite = False
