"""A session over a restart: state.dump() and restore.load()."""

import json

from helpers import raises
from peer import Peer, Random, Sample, decode, observe_of

from coap.message import uint
from lwm2m import access
from lwm2m.objects.server import Server
from lwm2m.registration import REGISTERED, STOPPED
from lwm2m.restore import load
from lwm2m.state import dump

NUMBER = "/20000/0/2"
MASK = 0xFFFFFF


def lived():
    """A session in which a server did all that is kept."""
    peer = Peer(Sample())
    peer.register()
    assert peer.attributes(NUMBER, "pmin=5", "gt=25.5", "lt=-1").code == 0x44
    assert peer.attributes("/20000", "pmax=60").code == 0x44
    peer.observe(NUMBER, b"\x00\xffob")
    peer.observe("/20000/0/1", b"other")
    for rid, value in ((1, b"600"), (2, b"3"), (6, b"1")):
        assert peer.put("/1/0/%d" % rid, value).code == 0x44
    peer.run(0, peer.serve)  # the Update with the lifetime
    return peer


def restarted(data, sample=None):
    """A new session on the same account."""
    peer = Peer(sample or Sample())
    load(peer.session, data)
    return peer


def untouched(peer):
    """True when nothing was restored."""
    session = peer.session
    return (
        session.registration.state == STOPPED
        and not session.attributes
        and session.observations is None
        and (session.server.lifetime_s, session.server.pmin_s) == (3600, 0)
        and session.server.storing is False
    )


def test_all_of_it_comes_back():
    old = lived()
    data = dump(old.session)
    new = restarted(data)
    assert new.registration.state == REGISTERED
    assert new.registration.location == [b"rd", b"a1"]
    assert new.session.attributes == old.session.attributes
    server = new.session.server
    assert (server.lifetime_s, server.pmin_s, server.pmax_s) == (600, 3, 0)
    assert server.storing is True
    assert len(new.session.observations.all) == 2
    # One Update, which has nothing new to tell, and no Register.
    new.client.poll()
    (update,) = new.take()
    assert [bytes(part) for part in update.all(11)] == [b"rd", b"a1"]
    assert not update.all(15) and not update.payload
    new.answer(update, 0x44)
    # The server hears on under the same token, with a higher number.
    sample = new.table.find(20000, 0)
    sample.set(1, 7)
    sent = [message for _, message in new.run(60000) if message.code >> 5 == 2]
    tokens = {bytes(message.token) for message in sent}
    assert b"other" in tokens
    for message in sent:
        ahead = (observe_of(message) - old.session.observations.sequence) & MASK
        assert 0 < ahead < 1 << 23


def test_the_same_bytes_as_long_as_nothing_changes():
    old = lived()
    data = dump(old.session)
    sample = old.table.find(20000, 0)
    for value in range(500):  # notifications change nothing that is kept
        sample.set(1, value)
        old.run(5000, old.serve)
    assert old.session.observations.sequence >= 500
    assert dump(old.session) == data


def test_what_a_server_did_not_write_is_left_to_the_account():
    peer = Peer(Sample(), lifetime_s=600)
    peer.register()
    kept = json.loads(dump(peer.session))
    assert kept["s"] == {"1": 600}
    assert "o" not in kept and "c" not in kept and not kept["a"]


def test_a_number_above_all_that_may_be_sent_is_kept():
    peer = lived()
    observations = peer.session.observations
    for start in (0, 1, 4095, 12287, 12288, 16383, 16384, MASK - 5000, MASK - 1, MASK):
        observations.sequence = observations.reserved = start
        kept = json.loads(dump(peer.session))["q"]
        assert 4096 <= (kept - start) & MASK < 4096 + 16384, start
        assert uint(b"") <= kept <= MASK


def test_a_restart_after_a_restart():
    peer = lived()
    sequences = [peer.session.observations.sequence]
    for _ in range(5):
        peer = restarted(dump(peer.session))
        peer.run(0, peer.serve)
        peer.table.find(20000, 0).set(1, 5)
        for _, message in peer.run(5000, peer.serve):
            if observe_of(message) is not None:
                sequences.append(observe_of(message))
    assert len(sequences) > 5
    for at in range(1, len(sequences)):
        assert 0 < (sequences[at] - sequences[at - 1]) & MASK < 1 << 23


HOSTILE = (
    b"",
    b"[",
    b"[]",
    b"5",
    b"null",
    b'"s"',
    b"{}",
    b"[" * 3000,
    b'{"r": null, "s": {}, "a": {}}',
    b'{"r": 5, "s": {}, "a": {}}',
    b'{"r": [], "s": {}, "a": {}}',
    b'{"r": {}, "s": {}, "a": {}}',
    b"\xff\xfe",
)
# key, what it is made
WRONG = (
    ("s", 5),
    ("s", []),
    ("s", {"x": 1}),
    ("s", {"99": 1}),
    ("s", {"0": 1}),
    ("s", {"8": 1}),
    ("s", {"1": 0}),
    ("s", {"1": -5}),
    ("s", {"1": "60"}),
    ("s", {"1": True}),
    ("s", {"1": 1.5}),
    ("s", {"1": None}),
    ("s", {"1": 1 << 70}),
    ("s", {"6": 1}),
    ("s", {"7": "nonsense"}),
    ("s", {"7": 5}),
    ("a", 5),
    ("a", []),
    ("a", {"": ";pmin=5"}),
    ("a", {"3303/x": ";pmin=5"}),
    ("a", {"3303/0/5700/1/2": ";pmin=5"}),
    ("a", {"70000": ";pmin=5"}),
    ("a", {"3303": ";pmin=-5"}),
    ("a", {"3303": ";pmin=5;pmax=3"}),
    ("a", {"3303": ";unheard=3"}),
    ("a", {"3303": 5}),
    ("a", {"%d" % i: ";pmin=5" for i in range(5, 200)}),
    ("q", "x"),
    ("q", None),
    ("q", 1.5),
    ("o", 5),
    ("r", None),
    ("r", []),
    ("r", {"location": "x"}),
)


def test_nonsense_restores_nothing():
    for data in HOSTILE:
        peer = Peer(Sample())
        raises(ValueError, load, peer.session, data)
        assert untouched(peer), data
    good = dump(lived().session)
    for key, value in WRONG:
        kept = json.loads(good)
        kept[key] = value
        peer = Peer(Sample())
        raises(ValueError, load, peer.session, json.dumps(kept).encode())
        assert untouched(peer), (key, value)


def test_bad_observations_are_passed_over():
    good = json.loads(dump(lived().session))
    for entry in (None, 5, [], ["zz", [[20000]], None, False, None], [[], [], [], [], []]):
        good["o"] = [entry]
        peer = restarted(json.dumps(good).encode())
        assert len(peer.session.observations.all) == 0
        assert peer.registration.state == REGISTERED


def test_damaged_bytes_restore_all_or_nothing():
    good = dump(lived().session)
    dice = Random(7)
    refused = 0
    for length in range(0, len(good), 7):
        peer = Peer(Sample())
        raises(ValueError, load, peer.session, good[:length])
        assert untouched(peer)
    for _ in range(150):
        data = bytearray(good)
        data[dice.below(len(data))] = dice.below(256)
        peer = Peer(Sample())
        try:
            load(peer.session, bytes(data))
            assert peer.registration.state == REGISTERED
        except ValueError:
            refused += 1
            assert untouched(peer)
    assert refused > 30


def two_servers():
    """A client of two servers with access control; the peer is the first of them."""
    peer = Peer(Sample())
    second = Server(2, 1, 60)
    peer.table.add(second)
    peer.client.add_server(second, lambda data: None)
    peer.table.add(
        access.AccessControl(0, 20000, 0, 1, {0: 1}), access.AccessControl(1, 3, 0, 1, {})
    )
    return peer


def test_rights_are_kept_by_the_first_session_alone():
    peer = two_servers()
    peer.table.find(2, 0).acl = {0: 1, 2: 7}
    peer.table.find(2, 1).owner = 2
    peer.register()
    data = dump(peer.session)
    assert b'"c"' not in dump(peer.client.sessions[1])
    new = two_servers()
    load(new.session, data)
    assert new.table.find(2, 0).acl == {0: 1, 2: 7}
    assert new.table.find(2, 1).owner == 2
    # An instance that is gone is passed over.
    third = two_servers()
    third.table.remove(third.table.find(2, 1))
    load(third.session, data)
    assert third.table.find(2, 0).acl == {0: 1, 2: 7}


def test_rights_that_are_nonsense():
    for kept in (
        5,
        [5],
        [[1, 2, 3]],
        [[20000, 0, 1, 5]],
        [[20000, 0, 1, [[1]]]],
        [[20000, 0, 1, [[0, 32]]]],
        [[20000, 0, 1, [[0, -1]]]],
        [[20000, 0, 1, [[0, 1.5]]]],
        [[20000, 0, 1, [[70000, 1]]]],
        [[20000, 0, 70000, [[0, 1]]]],
        [[20000, 0, "x", [[0, 1]]]],
        [[20000, 0, 2, [[0, 7]]], [3, 0, 1, [[0, 99]]]],
    ):
        peer = two_servers()
        try:
            access.restore(peer.table, kept)
            raise AssertionError(kept)
        except (ValueError, TypeError):
            pass
        assert peer.table.find(2, 0).acl == {0: 1}, kept


def test_the_update_can_be_decoded():
    # What is resumed is a whole message, with a location of several segments.
    peer = Peer(Sample())
    peer.register(("rd", "x y", "\u00e9"))
    data = dump(peer.session)
    new = restarted(data)
    new.client.poll()
    update = decode(new.sent[0])
    assert [bytes(part) for part in update.all(11)] == [b"rd", b"x y", "\u00e9".encode()]


def test_rights_stay_where_the_registration_is_nonsense():
    peer = Peer(Sample())
    table = peer.table
    access.control(table, 20000, 0, 1, {})
    kept = {"r": None, "s": {}, "a": {}, "c": [[20000, 0, 2, [[2, 31]]]]}
    raises(ValueError, load, peer.session, json.dumps(kept))
    assert access.control(table, 20000, 0).owner == 1 and untouched(peer)
    # and the other way round
    kept = json.loads(dump(lived().session))
    kept["c"] = [[20000, 0, 2, [[2, 99]]]]
    raises(ValueError, load, peer.session, json.dumps(kept))
    assert access.control(table, 20000, 0).owner == 1 and untouched(peer)
