"""Periods and thresholds of notifications (TS 1.1.1 Core section 5.1.2), in virtual time."""

from peer import Peer, Sample

from coap.numbers import CHANGED

DAY_MS = 86400000
WRAP_MS = 1 << 30


def rig(**more):
    sample = Sample()
    peer = Peer(sample, lifetime_s=20000000, **more)
    peer.register()
    return peer, sample


def sent(peer, ms):
    """(milliseconds, payload) of the notifications in this time."""
    return [(at, message.payload) for at, message in peer.run(ms)]


def test_two_changes_inside_pmin_give_one_notification_with_the_latest_value():
    for start_ms in (0, WRAP_MS - 1, WRAP_MS - 3000, WRAP_MS // 2 - 2500):
        peer, sample = rig(start_ms=start_ms)
        peer.attributes("/20000/0/2", "pmin=5")
        peer.observe("/20000/0/2")
        assert sent(peer, 1000) == []
        sample.set(2, 1.0)
        assert sent(peer, 2000) == []
        sample.set(2, 2.0)
        assert sent(peer, 10000) == [(5000, b"2.0")]
        sample.set(2, 3.0)  # later than pmin: at once
        assert sent(peer, 1000) == [(13000, b"3.0")]
        sample.set(2, 4.0)
        assert sent(peer, 10000) == [(18000, b"4.0")]
        assert sent(peer, 100000) == []


def test_pmax():
    peer, sample = rig()
    peer.attributes("/20000/0/2", "pmax=60")
    peer.observe("/20000/0/2")
    assert sent(peer, 59999) == []
    assert sent(peer, 120001) == [(60000, b"0.5"), (120000, b"0.5"), (180000, b"0.5")]
    peer.run(10000)
    sample.set(2, 1.0)  # pmax alone does not keep a change back
    assert sent(peer, 60001) == [(190000, b"1.0"), (250000, b"1.0")]


def test_pmin_equal_to_pmax():
    peer, sample = rig()
    assert peer.attributes("/20000/0/2", "pmin=10", "pmax=10").code == CHANGED
    peer.observe("/20000/0/2")
    peer.run(1000)
    sample.set(2, 1.0)
    assert sent(peer, 29000) == [(10000, b"1.0"), (20000, b"1.0"), (30000, b"1.0")]


def test_gt_and_lt_both_ways():
    peer, sample = rig()
    sample.set(2, 20.0)
    peer.attributes("/20000/0/2", "gt=25", "lt=-5")
    peer.observe("/20000/0/2")
    heard = []
    for value in (24.0, 25.0, 25.5, 30.0, 25.0, 0.0, -5.0, -5.5, -9.0, -5.0, 24.0, 26.0, -6.0):
        sample.set(2, value)
        heard += [float(payload) for _, payload in sent(peer, 1000)]
    # Beyond 25 and back, below -5 and back; 25 and -5 themselves are on the inner side.
    assert heard == [25.5, 25.0, -5.5, -5.0, 26.0, -6.0]


def test_one_threshold_alone():
    for query, values, expected in (
        ("gt=0", (-1, 0, 1, 2, 0, -1), [1, 0]),
        ("lt=0", (1, 0, -1, -2, 0, 1), [-1, 0]),
        ("st=3", (1, 2, 3, 5, 6, 4, 3, 0), [3, 6, 3, 0]),
        ("st=0", (1, 1, 2), [1, 1, 2]),
    ):
        peer, sample = rig()
        sample.set(1, 0)
        peer.attributes("/20000/0/1", query)
        peer.observe("/20000/0/1")
        heard = []
        for value in values:
            sample.set(1, value)
            heard += [int(payload) for _, payload in sent(peer, 1000)]
        assert heard == expected, query


def test_st_counts_from_the_value_last_sent():
    peer, sample = rig()
    sample.set(2, 20.0)
    peer.attributes("/20000/0/2", "st=1")
    peer.observe("/20000/0/2")
    heard = []
    for value in (20.5, 20.75, 21.0, 21.5, 20.5, 20.0, 19.5, 19.0):  # creeping counts, too
        sample.set(2, value)
        heard += [float(payload) for _, payload in sent(peer, 1000)]
    assert heard == [21.0, 20.0, 19.0]


def test_st_with_pmin_looks_at_the_value_when_pmin_is_over():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "st=5", "pmin=10")
    sample.set(1, 0)
    peer.observe("/20000/0/1")
    sample.set(1, 9)
    assert sent(peer, 5000) == []
    sample.set(1, 1)  # back again before anyone was told
    assert sent(peer, 20000) == []
    sample.set(1, -5)
    assert sent(peer, 1000) == [(25000, b"-5")]
    sample.set(1, 1)
    assert sent(peer, 8999) == []
    assert sent(peer, 1) == [(35000, b"1")]


def test_pmax_sends_whatever_the_thresholds_say():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "gt=100", "pmax=30")
    peer.observe("/20000/0/1")
    sample.set(1, 50)
    assert sent(peer, 29999) == []
    assert sent(peer, 1) == [(30000, b"50")]
    sample.set(1, 101)
    assert sent(peer, 1000) == [(30000, b"101")]


def test_thresholds_on_an_instance_of_a_resource():
    peer, sample = rig()
    sample.list = {1: 10, 2: 20}
    peer.attributes("/20000/0/9/2", "gt=25")
    peer.observe("/20000/0/9/2")
    heard = []
    for value in (21, 26, 30, 25):
        sample.set(9, {1: value, 2: value})
        heard += [payload for _, payload in sent(peer, 1000)]
    assert heard == [b"26", b"25"]


def test_thresholds_do_not_hold_back_those_who_observe_above():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "gt=100")
    peer.observe("/20000/0", b"up")
    sample.set(1, 5)
    assert [message.token for _, message in peer.run(1000)] == [b"up"]


def test_a_maximum_of_0_or_below_the_minimum_is_ignored():
    for queries in (
        (("/20000/0/2", "pmax=0"),),
        (("/20000", "pmax=5"), ("/20000/0/2", "pmin=10")),  # each for itself is right
        (("/20000", "pmax=5"), ("/20000/0", "pmax=0")),
    ):
        peer, sample = rig()
        for query in queries:
            assert peer.attributes(*query).code == CHANGED
        peer.observe("/20000/0/2")
        assert sent(peer, 100000) == []
        sample.set(2, 1.0)
        assert sent(peer, 100000) == [(100000, b"1.0")]


def test_the_nearest_attribute_counts():
    peer, sample = rig()
    sample.list = {1: 1}
    for path, pmin in (("/20000", 40), ("/20000/0", 30), ("/20000/0/9", 20), ("/20000/0/9/1", 10)):
        peer.attributes(path, "pmin=%d" % pmin)
    for path, token in (("/20000", b"40"), ("/20000/0", b"30"), ("/20000/0/9", b"20")):
        peer.observe(path, token)
    peer.observe("/20000/0/9/1", b"10")
    peer.observe("/20000/0/1", b"30 too")
    sample.set(9, {1: 2})
    sample.set(1, 2)
    assert [(at, message.token) for at, message in peer.run(100000)] == [
        (10000, b"10"),
        (20000, b"20"),
        (30000, b"30"),
        (30000, b"30 too"),
        (40000, b"40"),
    ]


def test_the_default_periods_of_the_server_object():
    peer, sample = rig()
    peer.server.pmin_s, peer.server.pmax_s = 10, 60
    peer.observe("/20000/0/2")
    sample.set(2, 1.0)
    assert sent(peer, 80000) == [(10000, b"1.0"), (70000, b"1.0")]
    # They may be written at any time; an attribute overrides them.
    assert peer.put("/1/0/3", b"20").code == CHANGED
    assert sent(peer, 20000) == [(90000, b"1.0")]
    assert peer.put("/1/0/3", b"0").code == CHANGED
    assert peer.put("/1/0/2", b"30").code == CHANGED
    sample.set(2, 2.0)
    assert sent(peer, 100000) == [(120000, b"2.0")]
    assert peer.attributes("/20000/0/2", "pmin=0").code == CHANGED
    sample.set(2, 3.0)
    assert sent(peer, 1000) == [(200000, b"3.0")]
    sample.set(2, 4.0)
    assert sent(peer, 1000) == [(201000, b"4.0")]


def test_attributes_written_after_observing():
    peer, sample = rig()
    peer.observe("/20000/0/2")
    sample.set(2, 1.0)
    assert sent(peer, 1000) == [(0, b"1.0")]
    woken = peer.woken
    peer.attributes("/20000/0/2", "pmin=10")
    assert peer.woken > woken  # poll() has to be called for a shorter wait
    sample.set(2, 2.0)
    assert sent(peer, 8999) == []
    peer.attributes("/20000", "pmax=15")
    assert sent(peer, 15001) == [(10000, b"2.0"), (25000, b"2.0")]
    peer.attributes("/20000/0/2", "pmin", "st=5")
    sample.set(2, 3.0)
    assert sent(peer, 1000) == []
    peer.attributes("/20000/0/2", "st")
    sample.set(2, 4.0)
    assert sent(peer, 1000) == [(26000, b"4.0")]


def test_periods_across_the_wrap_of_the_clock():
    for start_ms in (WRAP_MS - 30000, WRAP_MS // 2 - 30000, WRAP_MS - 1):
        peer, sample = rig(start_ms=start_ms)
        peer.attributes("/20000/0/2", "pmin=20", "pmax=50")
        peer.observe("/20000/0/2")
        peer.run(15000)
        sample.set(2, 1.0)
        assert sent(peer, 65000) == [(20000, b"1.0"), (70000, b"1.0")]


def test_a_maximum_of_ten_days():
    peer, _ = rig()
    peer.attributes("/20000/0/2", "pmax=864000")
    peer.observe("/20000/0/2")
    messages = peer.run(25 * DAY_MS, peer.serve)
    assert [at for at, _ in messages] == [10 * DAY_MS, 20 * DAY_MS]
