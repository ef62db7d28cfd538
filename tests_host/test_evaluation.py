"""epmin and epmax: when the criteria of a notification are looked at (TS 1.1.1 Core 5.1.2)."""

from peer import Peer, Sample

from coap.numbers import CHANGED, CONTENT
from lwm2m.object import Object


class Drifting(Object):
    """Values that move by themselves: nobody calls changed(). Looks are counted."""

    oid = 20001
    resources = (
        (0, "R", "i", "level"),
        (1, "R", "s", "name"),
        (2, "R", "i[]", "levels"),
        (3, "R", "t", "still"),
    )

    still = 7

    def __init__(self):
        self.now = 100
        self.looks = 0
        self.text = "a"
        self.many = {0: 1, 1: 2}

    @property
    def level(self):
        self.looks += 1
        return self.now

    @property
    def name(self):
        return self.text

    @property
    def levels(self):
        return self.many


def rig():
    sample = Sample()
    drifting = Drifting()
    peer = Peer(sample, drifting, lifetime_s=20000000)
    peer.register()
    return peer, sample, drifting


def sent(peer, ms):
    return [(at, message.payload) for at, message in peer.run(ms, peer.serve)]


def test_epmin_holds_an_evaluation_back():
    peer, sample, _ = rig()
    peer.attributes("/20000/0/1", "epmin=10")
    peer.observe("/20000/0/1")
    peer.run(1000)
    sample.set(1, 2)
    sample.set(1, 3)
    assert sent(peer, 8999) == []
    assert sent(peer, 1) == [(10000, b"3")]
    assert sent(peer, 100000) == []
    sample.set(1, 4)  # the last look is longer ago than that
    assert sent(peer, 1000) == [(110000, b"4")]


def test_epmin_sees_only_what_is_there_when_it_looks():
    peer, sample, _ = rig()
    peer.attributes("/20000/0/1", "epmin=10", "gt=50")
    peer.observe("/20000/0/1")
    peer.run(1000)
    sample.set(1, 60)
    peer.run(5000)
    sample.set(1, 1)  # it was beyond the threshold in between
    assert sent(peer, 20000) == []
    sample.set(1, 60)
    assert sent(peer, 0) == [(26000, b"60")]


def test_an_evaluation_in_vain_counts():
    peer, _, drifting = rig()
    peer.attributes("/20001/0/0", "epmin=10", "gt=500")
    peer.observe("/20001/0/0")
    peer.run(20000)
    drifting.looks = 0
    for second in range(59):
        drifting.now = 101 + second
        drifting.changed(0)
        peer.run(1000)
    assert drifting.looks == 6  # a sensor that is dear to read is read that often
    drifting.now = 501
    drifting.changed(0)
    assert sent(peer, 10000) == [(80000, b"501")]


def test_epmax_notices_what_moves_by_itself():
    peer, _, drifting = rig()
    peer.attributes("/20001", "epmax=30")
    for path, token in (
        ("/20001/0/0", b"nu"), ("/20001/0/1", b"st"), ("/20001/0/2", b"re"),
        ("/20001/0/2/1", b"ri"), ("/20001/0/3", b"no"),
    ):  # fmt: skip
        peer.observe(path, token)
    assert sent(peer, 100000) == []  # nothing has moved
    drifting.now = 101
    drifting.text = "b"
    drifting.many = {0: 1, 1: 3}
    seen = peer.run(100000)
    assert {at for at, _ in seen} == {120000}
    assert sorted([message.token for _, message in seen]) == [b"nu", b"re", b"ri", b"st"]
    drifting.many = {0: 2, 1: 3}
    assert [message.token for _, message in peer.run(100000)] == [b"re"]


def test_epmax_of_a_whole_instance():
    peer, _, drifting = rig()
    peer.attributes("/20001/0", "epmax=30")
    peer.observe("/20001/0", b"in")
    peer.observe("/20001", b"ob")  # nothing is inherited upwards
    assert sent(peer, 59000) == []
    drifting.text = "b"
    assert [(at, message.token) for at, message in peer.run(200000)] == [(60000, b"in")]


def test_epmax_looks_at_the_thresholds():
    peer, _, drifting = rig()
    peer.attributes("/20001/0/0", "epmax=30", "st=5")
    peer.observe("/20001/0/0")
    drifting.now = 104
    assert sent(peer, 60000) == []
    drifting.now = 105
    assert sent(peer, 60000) == [(90000, b"105")]
    drifting.now = 101
    assert sent(peer, 60000) == []
    drifting.now = 100
    drifting.changed(0)  # said: at once
    assert sent(peer, 1000) == [(180000, b"100")]


def test_epmax_below_pmin_waits_for_pmin():
    peer, _, drifting = rig()
    peer.attributes("/20001/0/0", "epmax=10", "epmin=10", "pmin=25")
    peer.observe("/20001/0/0")
    drifting.now = 101
    assert sent(peer, 24999) == []
    drifting.now = 102
    assert sent(peer, 1) == [(25000, b"102")]
    assert sent(peer, 100000) == []


def test_epmin_equal_to_epmax_looks_exactly_then():
    peer, _, drifting = rig()
    assert peer.attributes("/20001/0/0", "epmin=10", "epmax=10").code == CHANGED
    peer.observe("/20001/0/0")
    heard = []
    for second in range(45):
        drifting.now = second
        drifting.changed(0)
        heard += sent(peer, 1000)
    assert heard == [(10000, b"9"), (20000, b"19"), (30000, b"29"), (40000, b"39")]


def test_a_maximum_of_0_or_below_an_inherited_minimum_is_none():
    for queries in (("epmax=0",), ("epmax=5",)):
        peer, _, drifting = rig()
        peer.attributes("/20001", "epmin=6")
        assert peer.attributes("/20001/0/0", *queries).code == CHANGED
        peer.observe("/20001/0/0")
        drifting.now = 101
        assert sent(peer, 100000) == []
        drifting.changed(0)
        assert sent(peer, 1000) == [(100000, b"101")]


def test_pmax_is_no_reason_to_look_and_a_notification_is_a_look():
    peer, _, drifting = rig()
    peer.attributes("/20001/0/0", "epmax=40", "pmax=60")
    peer.observe("/20001/0/0")
    assert sent(peer, 60000) == [(60000, b"100")]
    drifting.now = 101
    assert sent(peer, 40000) == [(100000, b"101")]


def test_epmax_written_after_observing():
    peer, _, drifting = rig()
    peer.observe("/20001/0/0")
    drifting.now = 101
    assert sent(peer, 50000) == []
    peer.attributes("/20001/0/0", "epmax=20")
    assert sent(peer, 30000) == []  # counted from what it was then
    drifting.now = 102
    assert sent(peer, 30000) == [(90000, b"102")]
    peer.attributes("/20001/0/0", "epmax")
    drifting.now = 103
    assert sent(peer, 100000) == []


def test_poll_is_asked_for_when_the_next_look_is():
    peer, _, drifting = rig()
    peer.attributes("/20001/0/0", "epmax=30")
    peer.observe("/20001/0/0")
    peer.advance(400000)  # beyond the sweep of answers
    peer.client.poll()
    assert peer.client.poll() == 30000
    peer.advance(29000)
    assert peer.client.poll() == 1000


def test_an_object_that_fails_is_looked_at_no_sooner_than_epmax_says():
    class Faulty(Drifting):
        fail = False

        @property
        def level(self):
            if self.fail:
                self.looks += 1
                raise OSError(5, "bus")
            return self.now

    faulty = Faulty()
    sample = Sample()
    peer = Peer(faulty, sample, lifetime_s=20000000)
    peer.register()
    peer.attributes("/20001/0/0", "epmax=30")
    peer.observe("/20001/0/0")
    peer.observe("/20000/0/1", b"other")
    faulty.fail = True
    peer.run(301000)
    assert faulty.looks == 10
    sample.set(1, 5)
    assert [message.token for _, message in peer.run(60000)] == [b"other"]


def composite(peer, *paths):
    """Observes them together; a SenML-CBOR pack of names."""
    payload = bytes([0x80 + len(paths)])
    for path in paths:
        payload += b"\xa1\x00" + bytes([0x60 + len(path)]) + path.encode()
    response = peer.ask(5, "", payload, 112, accept=112, observe=0, token=b"co")
    assert response.code == CONTENT, response.code
    return response


def times(peer, ms):
    return [at for at, _ in peer.run(ms, peer.serve)]


def test_int_304_every_path_of_a_composite_has_its_own_minimum():
    peer, sample, drifting = rig()
    peer.attributes("/20000/0/1", "pmin=10")
    peer.attributes("/20000/0/2", "pmin=40")
    composite(peer, "/20000/0/1", "/20000/0/2", "/20001/0/1")
    sample.set(2, 1.0)
    assert times(peer, 5000) == []
    sample.set(1, 5)
    ((at, message),) = peer.run(30000)
    assert at == 10000 and message.token == b"co"
    for name in (b"/20000/0/1", b"/20000/0/2", b"/20001/0/1"):
        assert name[-1:] in message.payload  # all of them, whoever had the reason
    sample.set(2, 2.0)  # all were told at 10 s: from then it waits
    assert times(peer, 60000) == [50000]
    drifting.text = "b"
    drifting.changed(1)
    assert times(peer, 1000) == [95000]


def test_the_smallest_maximum_of_a_composite():
    peer, sample, _ = rig()
    peer.server.pmax_s = 100
    peer.attributes("/20000", "pmin=40")
    peer.attributes("/20000/0/1", "pmax=60")
    peer.attributes("/20000/0/2", "pmax=30")  # below what it inherits: none
    composite(peer, "/20000/0/1", "/20000/0/2", "/20000/0/3")
    assert times(peer, 130000) == [60000, 120000]


def test_thresholds_of_one_path_of_a_composite():
    peer, sample, drifting = rig()
    peer.attributes("/20000/0/1", "gt=50")
    peer.attributes("/20001/0/0", "epmax=30", "st=5")
    composite(peer, "/20000/0/1", "/20000/0/2", "/20001/0/0")
    sample.set(1, 40)
    assert times(peer, 1000) == []
    sample.set(1, 51)
    assert times(peer, 1000) == [1000]
    sample.set(2, 9.5)  # no condition: any change
    assert times(peer, 3000) == [2000]
    drifting.now = 104
    assert times(peer, 60000) == []
    drifting.now = 105
    assert times(peer, 30000) == [92000]


def test_a_path_of_a_composite_may_come_and_go():
    peer, sample, _ = rig()
    composite(peer, "/20000/0/1", "/20000/7/1")
    peer.table.add(Sample(7))
    notified = [message for _, message in peer.run(1000, peer.serve) if message.code == CONTENT]
    assert len(notified) == 1 and b"/7/1" in notified[0].payload
    peer.table.remove(peer.table.find(20000, 7))
    notified = [message for _, message in peer.run(1000, peer.serve) if message.code != 2]
    assert len(notified) == 1 and notified[0].code == CONTENT
    assert b"/7/1" not in notified[0].payload
    assert len(peer.session.observations.all) == 1


def test_a_composite_of_everything():
    peer, sample, _ = rig()
    composite(peer, "/")
    sample.set(1, 5)
    assert times(peer, 1000) == [0]
