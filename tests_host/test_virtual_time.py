"""Weeks of life in a second: time passes by what poll() returns, across wraps of the clock."""

from peer import Peer, Sample

from coap.numbers import CHANGED, CON, IDLE_MS, NON
from lwm2m.registration import REGISTERED, STOPPED

DAY_MS = 86400000
WRAP_MS = 1 << 30  # 12.4 days
# ticks_diff() changes its sign half a period on.
STARTS = (0, 1, WRAP_MS - 1, WRAP_MS - 60000, WRAP_MS // 2 - 1000, WRAP_MS // 2, 123456789)


def long_run(start_ms, lifetime_s, days):
    """The times of updates and notifications, where the server answers at once.

    All are confirmable: the notifications are more than a day apart.
    """
    sample = Sample()
    peer = Peer(sample, lifetime_s=lifetime_s, start_ms=start_ms)
    peer.register()
    assert peer.attributes("/20000/0/1", "pmax=864000").code == CHANGED  # 10 days
    peer.observe("/20000/0/1")
    updates = []
    notifications = []
    for _ in range(days):  # day by day: the boards' interpreter cannot hold all the messages
        for at, message in peer.run(DAY_MS, peer.serve):
            assert message.mtype == CON
            if message.code == 2:
                assert message.payload == b"" and not message.all(15)
                updates.append(at)
            else:
                notifications.append(at)
    assert peer.registration.state == REGISTERED
    assert peer.logged == ["registered at /rd/a1 as test (lifetime %d s)" % lifetime_s]
    return peer, updates, notifications


def settled(peer):
    """Proves that nothing is left once the registration has ended."""
    peer.registration.stop()
    peer.run(700000, peer.serve)
    endpoint = peer.session.endpoint
    assert peer.registration.state == STOPPED
    assert endpoint.idle
    assert len(peer.session.observations.all) == 0
    assert endpoint.faults == endpoint.malformed == endpoint.lost == 0
    # Nothing is due, so no answer is kept either: they have a sweep.
    assert endpoint.poll() == IDLE_MS and peer.client.poll() == IDLE_MS
    assert peer.run(30 * DAY_MS) == []


def test_forty_days_with_a_lifetime_of_an_hour():
    for start_ms in (0, WRAP_MS - 1):
        peer, updates, notifications = long_run(start_ms, 3600, 40)
        # An Update 120 s before the end of each lifetime
        assert updates == list(range(3480000, 40 * DAY_MS + 1, 3480000))
        assert len(updates) == 993
        assert notifications == [day * DAY_MS for day in (10, 20, 30, 40)]
        # For each datagram a call that sends it and one that finds nothing more to do; one for
        # each day, and the sweep for the answer to the Write-Attributes.
        assert peer.polls <= 2 * (len(updates) + len(notifications)) + 2 * 40 + 5, peer.polls
        settled(peer)


def test_forty_days_with_a_lifetime_of_thirty_days():
    for start_ms in STARTS:
        peer, updates, notifications = long_run(start_ms, 30 * 86400, 61)
        assert updates == [30 * DAY_MS - 120000, 60 * DAY_MS - 240000], start_ms
        assert notifications == [day * DAY_MS for day in (10, 20, 30, 40, 50, 60)]
        assert peer.polls <= 2 * (len(updates) + len(notifications)) + 2 * 61 + 5, peer.polls
        settled(peer)


def test_the_longest_lifetime():
    for start_ms in (0, WRAP_MS - 1):
        peer = Peer(lifetime_s=0x7FFFFFFF, start_ms=start_ms)
        peer.register()
        assert peer.run(400 * DAY_MS, peer.serve) == []
        assert peer.polls < 410
        peer.put("/1/0/1", b"864000")
        messages = peer.run(21 * DAY_MS, peer.serve)
        begin = 400 * DAY_MS
        assert [at - begin for at, _ in messages] == [
            0,
            10 * DAY_MS - 120000,
            20 * DAY_MS - 240000,
        ]


def test_a_minimum_longer_than_half_the_clock():
    for start_ms in STARTS:
        sample = Sample()
        peer = Peer(sample, lifetime_s=0x7FFFFFFF, start_ms=start_ms)
        peer.register()
        peer.attributes("/20000/0/1", "pmin=700000")  # 8.1 days
        peer.observe("/20000/0/1")
        peer.run(DAY_MS)
        sample.set(1, 2)
        messages = peer.run(20 * DAY_MS, peer.serve)
        assert [at for at, _ in messages] == [700000000], start_ms
        sample.set(1, 3)
        messages = peer.run(DAY_MS, peer.serve)
        assert [at for at, _ in messages] == [21 * DAY_MS]


def test_a_value_that_changes_every_minute_for_forty_days():
    sample = Sample()
    peer = Peer(sample, lifetime_s=86400, start_ms=WRAP_MS - 7)
    peer.register()
    peer.attributes("/20000/0/1", "pmin=3600", "pmax=7200")
    peer.observe("/20000/0/1")
    hours = day = 0
    for minute in range(40 * 24 * 60):
        sample.set(1, minute)
        for at, message in peer.run(60000, peer.serve):
            if message.code == 2:
                continue
            hours += 1
            assert at == hours * 3600000
            # It is sent at the end of a run(), before the value of the next minute is set.
            assert int(message.payload) == hours * 60 - 1
            # Confirmable once the last of these is a day old
            confirmable = at >= day + DAY_MS
            assert message.mtype == (CON if confirmable else NON), hours
            if confirmable:
                day = at
    assert hours == 40 * 24 and day == 40 * DAY_MS
    assert peer.registration.state == REGISTERED and len(peer.session.observations.all) == 1
    settled(peer)


def test_a_server_that_answers_nothing_for_forty_days():
    for start_ms in (0, WRAP_MS - 3000):
        peer = Peer(Sample(), start_ms=start_ms)
        peer.server.sequence_delay_s = 86400
        peer.registration.start()
        registers = {}
        for _ in range(40):
            for at, message in peer.run(DAY_MS):
                registers.setdefault(message.mid, []).append(at)
        starts = sorted([times[0] for times in registers.values()])
        expected = [0]
        given_up_ms = 2125 * 31
        while True:
            for wait_s in (60, 120, 240, 480, 86400):
                expected.append(expected[-1] + given_up_ms + wait_s * 1000)
            if expected[-1] > 40 * DAY_MS:
                break
        assert starts == [at for at in expected if at <= 40 * DAY_MS]
        assert {len(times) for times in registers.values()} == {5}
        # Four waits and the end of them, twice at most, and what is between the attempts
        assert peer.polls <= 13 * len(starts) + 2 * 40, (peer.polls, len(starts))
        peer.run(2 * DAY_MS, peer.serve)
        assert peer.registration.state == REGISTERED


def test_poll_is_asked_for_no_sooner_than_needed():
    peer = Peer(Sample(), lifetime_s=30 * 86400)
    assert peer.client.poll() == IDLE_MS
    peer.register()
    assert peer.client.poll() == IDLE_MS  # a day: the clock has to be looked at
    peer.attributes("/20000/0/1", "pmax=100")
    peer.observe("/20000/0/1")
    assert peer.client.poll() == 100000
    peer.advance(99000)
    assert peer.client.poll() == 1000
    peer.advance(1000)
    assert peer.client.poll() == 100000 and len(peer.take()) == 1
    peer.advance(99000)
    assert peer.client.poll() == 1000
    peer.attributes("/20000/0/1", "pmin=99", "pmax=0")
    assert peer.client.poll() == 300000 - 199000  # the sweep of the answers that are kept
    peer.table.find(20000, 0).set(1, 2)
    assert peer.client.poll() == 300000 - 199000 and len(peer.take()) == 1
    peer.table.find(20000, 0).set(1, 3)
    assert peer.client.poll() == 99000 and peer.take() == []


def test_two_late_calls_catch_up():
    peer = Peer(Sample())
    peer.register()
    peer.attributes("/20000/0/1", "pmax=60")
    peer.observe("/20000/0/1")
    peer.advance(5 * DAY_MS)  # nobody called for days
    messages = peer.run(60000, peer.serve)
    late = 5 * DAY_MS
    assert sorted([at - late for at, _ in messages]) == [0, 0, 60000]  # one Update, no backlog
    peer.advance(5 * DAY_MS)
    assert len(peer.run(0, peer.serve)) == 2 and peer.registration.state == REGISTERED
