"""Queue mode: what happens to notifications that are due while the client is asleep.

Without storing (/1/x/6) whatever is due wakes it; with storing pmax does, and a full store.
"""

from peer import ANY, Peer, Sample
from test_storing import pack, rig, stored

from coap.numbers import CON, CONTENT, NON

POST = 2


class Sleeper:
    """Queue mode as a session sees it, asleep until somebody says otherwise."""

    def __init__(self, session):
        self.asleep = True
        self.calls = 0
        session.reachable = lambda: session.online and not self.asleep
        session.queue = self

    def wake_up(self):
        self.calls += 1  # and nothing comes of it


def test_asleep_without_storing_whatever_is_due_wakes_up():
    peer, sample = rig(False)
    peer.attributes("/20000/0/2", "gt=50", "pmin=5")
    peer.observe("/20000/0/1", b"one")
    peer.observe("/20000/0/2", b"two")
    sleeper = Sleeper(peer.session)
    sample.set(2, 1.5)  # no reason
    assert peer.run(10000) == [] and sleeper.calls == 0
    sample.set(2, 51.5)
    assert peer.run(0) == [] and sleeper.calls > 0
    sample.set(1, 2)
    peer.run(1000)
    sleeper.asleep = False
    messages = peer.run(1000)
    assert sorted([message.payload for _, message in messages]) == [b"2", b"51.5"]


def test_asleep_with_storing_a_change_waits_and_pmax_wakes_up_in_time():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "pmax=60")
    peer.observe("/20000/0/1", accept=ANY)
    sleeper = Sleeper(peer.session)
    for value in (2, 3, 4):
        peer.run(15000)
        sample.set(1, value)
    peer.run(14999)
    assert sleeper.calls == 0 and stored(peer) == 3
    peer.run(1)  # 60 s since the server was told last, whatever was stored meanwhile
    assert sleeper.calls > 0
    sleeper.asleep = False
    packs = [pack(message.payload)[0] for _, message in peer.run(1000, peer.serve)]
    assert [(record[2], record[-3]) for record in packs] == [(2, -45), (3, -30), (4, -15)]
    sleeper.asleep = True
    sleeper.calls = 0
    peer.run(58000)
    assert sleeper.calls == 0
    peer.run(1000)
    assert sleeper.calls > 0 and stored(peer) == 1  # nothing changed: pmax alone


def test_asleep_a_store_that_fills_wakes_up():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    sleeper = Sleeper(peer.session)
    for value in range(17):
        assert sleeper.calls == 0, value
        sample.set(1, value)
        peer.run(1000)
    assert sleeper.calls == 1 and stored(peer) == 17
    peer.session.online = False  # there is no waking up without a link
    for value in range(40):
        sample.set(1, value)
        peer.run(1000)
    assert sleeper.calls == 1


def queue_mode(storing):
    """A client in queue mode that has just fallen asleep, at 100 s."""
    sample = Sample()
    peer = Peer(sample, lifetime_s=86400, queue_mode=True)
    peer.server.storing = storing
    peer.register()
    return peer, sample


def asleep(peer):
    peer.run(100000 - peer.now_ms)
    assert not peer.session.reachable()


def sent(peer, ms):
    return [(at, message.code) for at, message in peer.run(ms, peer.serve)]


def test_int_108_an_update_goes_before_the_notification():
    peer, sample = queue_mode(False)
    peer.observe("/20000/0/1")
    asleep(peer)
    sample.set(1, 5)
    (at, update), (later, message) = peer.run(1000, peer.serve)
    assert update.code == POST and update.mtype == CON
    assert message.code == CONTENT and message.payload == b"5" and message.mtype == NON
    assert 100000 <= at == later <= 100100  # and no later than that
    sample.set(1, 6)  # awake now
    assert sent(peer, 1000) == [(101000, CONTENT)]


def test_a_server_that_does_not_answer_the_update_ends_it():
    peer, sample = queue_mode(True)
    peer.attributes("/20000/0/1", "pmax=300")
    peer.observe("/20000/0/1")
    asleep(peer)
    messages = peer.run(400000)  # nobody is there: Update, its copies, then Registers
    assert {message.code for _, message in messages} == {POST}
    assert len(peer.session.observations.all) == 0


def test_int_109_stored_ones_go_together_when_pmax_ends():
    peer, sample = queue_mode(True)
    peer.attributes("/20000/0/1", "pmax=600")
    peer.observe("/20000/0/1", accept=ANY)
    asleep(peer)
    for value in (2, 3, 4):
        sample.set(1, value)
        assert peer.run(100000, peer.serve) == []
    messages = peer.run(199999, peer.serve)
    assert messages == []
    messages = peer.run(1000, peer.serve)
    assert [message.code for _, message in messages] == [POST] + [CONTENT] * 3
    assert {600000 <= at <= 600100 for at, _ in messages} == {True}
    packs = [pack(message.payload)[0] for _, message in messages[1:]]
    ages = [(record[2], -record[-3]) for record in packs]
    assert [value for value, _ in ages] == [2, 3, 4]
    assert [age for _, age in ages] == [500, 400, 300]


def test_stored_ones_go_with_the_update_that_is_due_anyway():
    peer, sample = queue_mode(True)
    peer.observe("/20000/0/1")
    asleep(peer)
    sample.set(1, 2)
    due_ms = 86400000 - 120000
    assert sent(peer, 86400000) == [(due_ms, POST), (due_ms, CONTENT)]


def test_a_period_that_ends_asleep_wakes_up_in_time():
    for storing in (False, True):
        peer, sample = queue_mode(storing)
        peer.attributes("/20000/0/1", "pmax=300")
        peer.observe("/20000/0/1")
        found = sent(peer, 1000000)
        assert [code for _, code in found] == [POST, CONTENT] * 3, storing
        for index in range(3):
            due_ms = 300000 * (index + 1)
            assert due_ms <= found[2 * index][0] <= due_ms + 100 * (index + 1)
