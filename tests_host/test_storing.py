"""Notifications while the server cannot be reached: stored, or the latest only (/1/x/6)."""

from peer import ANY, Peer, Sample, content_format, observe_of

from coap.numbers import CON, CONTENT, NON, RST, TEXT, TLV

SENML_CBOR, SENML_JSON = 112, 110
NOT_FOUND = 0x84


def rig(storing=True, *objects):
    sample = Sample()
    peer = Peer(sample, *objects, lifetime_s=20000000)
    peer.server.storing = storing
    peer.register()
    return peer, sample


def sent(peer, ms, each=None):
    return [(at, message.payload) for at, message in peer.run(ms, each or peer.serve)]


def count(peer):
    return len(peer.session.observations.all)


def stored(peer):
    return len(peer.session.observations.stored)


def pack(payload):
    """The records of SenML-CBOR: [{label: value}], of integers and strings."""
    value, end = item(payload, 0)
    assert end == len(payload)
    return value


def item(data, at):
    kind, number = data[at] >> 5, data[at] & 31
    at += 1
    if number > 23:
        size = 1 << (number - 24)
        number = int.from_bytes(data[at : at + size], "big")
        at += size
    if kind < 2:
        return (~number if kind else number), at
    if kind == 3:
        return str(data[at : at + number], "utf8"), at + number
    assert kind in (4, 5), kind
    items = []
    for _ in range(number * (kind - 3)):
        value, at = item(data, at)
        items.append(value)
    if kind == 5:
        items = dict([(items[i], items[i + 1]) for i in range(0, len(items), 2)])
    return items, at


def test_without_storing_only_the_latest_value_goes():
    peer, sample = rig(False)
    peer.observe("/20000/0/1")
    peer.session.online = False
    for value in range(2, 9):
        sample.set(1, value)
        assert peer.run(10000) == []
    assert stored(peer) == 0
    peer.session.online = True
    assert sent(peer, 100000) == [(70000, b"8")]


def test_without_storing_what_came_back_by_itself_is_not_told():
    peer, sample = rig(False)
    peer.attributes("/20000/0/1", "gt=50")
    peer.observe("/20000/0/1")
    peer.session.online = False
    sample.set(1, 60)
    assert peer.run(1000) == []
    sample.set(1, 2)
    assert peer.run(1000) == []
    peer.session.online = True
    assert peer.run(1000) == []
    sample.set(1, 60)
    assert sent(peer, 0) == [(3000, b"60")]


def test_without_storing_a_period_that_ended_goes_at_once():
    peer, _ = rig(False)
    peer.attributes("/20000/0/1", "pmax=60")
    peer.observe("/20000/0/1")
    peer.session.online = False
    polls = peer.polls
    assert peer.run(200000) == []
    assert peer.polls < polls + 10
    peer.session.online = True
    assert sent(peer, 60000) == [(200000, b"1"), (260000, b"1")]


def test_stored_notifications_go_in_order_with_their_age():
    peer, sample = rig()
    first = observe_of(peer.observe("/20000/0/1", accept=ANY))
    peer.session.online = False
    for value in (10, 20, 30):
        sample.set(1, value)
        assert peer.run(10000) == []
    assert stored(peer) == 3
    peer.session.online = True
    messages = peer.run(1000, peer.serve)
    assert stored(peer) == 0
    packs = []
    for at, message in messages:
        assert at == 30000 and message.mtype == CON and message.code == CONTENT
        assert content_format(message) == SENML_CBOR and message.token == b"ob"
        assert observe_of(message) > first
        first = observe_of(message)
        (record,) = pack(message.payload)
        packs.append((record[2], record.get(-3, 0)))  # v, bt
    assert packs == [(10, -30), (20, -20), (30, -10)]
    sample.set(1, 40)  # and on as ever
    ((_, message),) = peer.run(1000)
    (record,) = pack(message.payload)
    assert record[2] == 40 and -3 not in record and message.mtype == NON


def test_other_formats_go_in_order_without_a_time():
    for accept, expected in (
        (TEXT, [b"10", b"20"]),
        (TLV, [b"\xc1\x01\x0a", b"\xc1\x01\x14"]),
        (SENML_JSON, None),
    ):
        peer, sample = rig()
        peer.observe("/20000/0/1", accept=accept)
        peer.session.online = False
        for value in (10, 20):
            sample.set(1, value)
            peer.run(10000)
        peer.session.online = True
        messages = peer.run(1000, peer.serve)
        payloads = [message.payload for _, message in messages]
        if expected is None:
            assert [b'"bt":-20' in payloads[0], b'"bt":-10' in payloads[1]] == [True, True]
        else:
            assert payloads == expected
        assert {content_format(message) for _, message in messages} == {accept}


def test_the_age_is_that_of_the_moment_it_leaves():
    peer, sample = rig()
    peer.observe("/20000/0/1", accept=ANY)
    peer.session.online = False
    for value in (10, 20):
        sample.set(1, value)
        peer.run(1000)
    peer.session.online = True
    ((_, message),) = peer.run(0)
    assert pack(message.payload)[0][-3] == -2
    peer.run(1500)  # the first is answered late, the second waits for it
    peer.empty(2, message.mid)
    ((_, message),) = peer.run(0)
    assert pack(message.payload)[0][-3] == -2 and stored(peer) == 1


def two_stored():
    """(peer, sample) with two notifications of each of two observations to be told."""
    peer, sample = rig()
    peer.observe("/20000/0/1", b"one")
    peer.observe("/20000/0/2", b"two")
    peer.session.online = False
    for rid, value in ((1, 5), (2, 5.5), (1, 6), (2, 6.5)):
        sample.set(rid, value)
        peer.run(1000)
    peer.session.online = True
    return peer, sample


def test_several_observations_keep_the_order_of_what_happened():
    peer, _ = two_stored()
    messages = peer.run(1000, peer.serve)
    assert [(message.token, message.payload) for _, message in messages] == [
        (b"one", b"5"), (b"two", b"5.5"), (b"one", b"6"), (b"two", b"6.5"),
    ]  # fmt: skip


def test_what_is_due_meanwhile_waits_behind_what_is_stored():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    peer.session.online = False
    for value in (2, 3):
        sample.set(1, value)
        peer.run(1000)
    peer.session.online = True
    ((_, message),) = peer.run(0)
    sample.set(1, 4)
    assert peer.run(0) == [] and stored(peer) == 3
    peer.empty(2, message.mid)
    assert [payload for _, payload in sent(peer, 1000)] == [b"3", b"4"]


def test_the_store_is_bounded_and_drops_the_oldest():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    peer.session.online = False
    for value in range(100):
        sample.set(1, value)
        peer.run(1000)
    observations = peer.session.observations
    assert len(observations.stored) == 32
    peer.session.online = True
    payloads = [payload for _, payload in sent(peer, 1000)]
    assert payloads == [b"%d" % value for value in range(68, 100)]


def test_records_count_not_notifications():
    peer, sample = rig()
    peer.observe("/20000/0", accept=TLV)  # some 14 records
    peer.session.online = False
    for value in range(5):
        sample.set(1, value)
        peer.run(1000)
    observations = peer.session.observations
    size = len(observations.stored[0][2])
    assert 10 < size <= 16 and len(observations.stored) == 2
    assert [
        dict([(record[0], record[2]) for record in entry[2]])[(20000, 0, 1)]
        for entry in observations.stored
    ] == [3, 4]
    sample.names = dict([(riid, "n") for riid in range(40)])
    sample.changed(14)
    peer.run(1000)
    assert len(observations.stored) == 1  # too many for any other beside it
    peer.session.online = True
    assert len(sent(peer, 1000)) == 1


def test_periods_and_thresholds_hold_while_storing():
    peer, sample = rig()
    peer.attributes("/20000/0/1", "pmin=10", "pmax=60", "gt=50")
    peer.observe("/20000/0/1", accept=ANY)
    peer.session.online = False
    peer.run(1000)
    sample.set(1, 60)  # stored at 10 s
    peer.run(20000)
    sample.set(1, 70)  # not across the threshold
    peer.run(60000)  # pmax at 70 s
    peer.session.online = True
    packs = [pack(message.payload)[0] for _, message in peer.run(0, peer.serve)]
    assert [(record[2], record[-3]) for record in packs] == [(60, -71), (70, -11)]


def test_storing_switched_off_meanwhile():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    peer.session.online = False
    sample.set(1, 2)
    peer.run(1000)
    peer.server.storing = False
    peer.session.online = True
    sample.set(1, 3)
    assert [payload for _, payload in sent(peer, 1000)] == [b"2", b"3"]
    peer.session.online = False
    sample.set(1, 4)
    sample.set(1, 5)
    peer.run(1000)
    assert stored(peer) == 0
    peer.session.online = True
    assert [payload for _, payload in sent(peer, 1000)] == [b"5"]


def test_an_observation_that_ended_takes_what_is_stored_with_it():
    peer, sample = two_stored()
    peer.get("/20000/0/1", observe=1, token=b"one")
    messages = peer.run(1000, peer.serve)
    assert [message.payload for _, message in messages] == [b"5.5", b"6.5"]
    assert stored(peer) == 0
    # A RST to the first: the rest of it is not wanted either.
    peer.session.online = False
    for value in (7.5, 8.5):
        sample.set(2, value)
        peer.run(1000)
    peer.session.online = True
    messages = peer.run(1000, lambda message: peer.empty(RST, message.mid))
    assert len(messages) == 1 and count(peer) == 0
    assert peer.run(1000) == [] and stored(peer) == 0


def test_the_final_notification_comes_after_what_is_stored():
    peer, sample = rig(True, Sample(7))
    second = peer.table.find(20000, 7)
    peer.observe("/20000/7/1", accept=TEXT)
    peer.session.online = False
    for value in (5, 6):
        second.set(1, value)
        peer.run(1000)
    peer.table.remove(second)
    assert peer.run(1000) == []
    peer.session.online = True
    messages = [message for _, message in peer.run(1000, peer.serve) if message.code != 2]
    assert [message.code for message in messages] == [CONTENT, CONTENT, NOT_FOUND]
    assert [message.payload for message in messages] == [b"5", b"6", b""] and count(peer) == 0


def test_a_link_that_goes_down_ends_no_observation():
    for storing in (False, True):
        peer, sample = rig(storing)
        peer.session.confirmable = True
        peer.observe("/20000/0/1")
        sample.set(1, 2)
        ((_, message),) = peer.run(0)  # it is under way
        peer.session.online = False
        peer.down = True
        peer.run(200000)
        assert count(peer) == 1
        peer.down = False
        peer.session.online = True
        assert [payload for _, payload in sent(peer, 1000)] == [b"2"], storing
        assert count(peer) == 1 and peer.session.endpoint.idle


def test_a_link_that_goes_down_while_the_store_is_emptied():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    peer.session.online = False
    for value in (2, 3):
        sample.set(1, value)
        peer.run(1000)
    peer.session.online = True
    peer.run(0)
    peer.session.online = False
    peer.down = True
    peer.run(200000)
    peer.down = False
    peer.session.online = True
    assert [payload for _, payload in sent(peer, 1000)] == [b"2", b"3"] and count(peer) == 1


def test_no_valid_value_is_not_stored():
    peer, sample = rig()
    peer.observe("/20000/0/12")
    peer.session.online = False
    sample.set(12, None)
    peer.run(1000)
    assert stored(peer) == 0 and count(peer) == 1
    sample.set(12, 25.5)
    peer.run(1000)
    peer.session.online = True
    assert [payload for _, payload in sent(peer, 1000)] == [b"25.5"]


def test_what_does_not_fit_holds_nothing_up():
    peer, sample = rig()
    peer.observe("/20000/0/5", b"big")
    peer.observe("/20000/0/1", b"small")

    def encode(records, age_s):
        raise ValueError

    for observation in peer.session.observations.all:
        if observation.token == b"big":
            observation.target.encode = encode
    peer.session.online = False
    sample.set(5, b"x")
    peer.run(1000)
    sample.set(1, 2)
    peer.run(1000)
    assert stored(peer) == 2
    peer.session.online = True
    assert [payload for _, payload in sent(peer, 86400000)] == [b"2"]


def test_observations_end_with_the_registration_and_so_does_the_store():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    peer.session.online = False
    sample.set(1, 2)
    peer.run(1000)
    assert stored(peer) == 1
    peer.session.online = True
    peer.registration.start()
    peer.run(1000, peer.serve)
    assert count(peer) == 0 and stored(peer) == 0
    peer.observe("/20000/0/1")
    assert peer.run(1000) == []


def test_nothing_asks_for_polls_while_there_is_no_link():
    for storing in (False, True):
        peer, sample = rig(storing)
        peer.attributes("/20000/0/1", "pmin=5")
        peer.observe("/20000/0/1")
        peer.session.online = False
        sample.set(1, 2)
        polls = peer.polls
        assert peer.run(86400000) == []
        assert peer.polls < polls + 10


def test_a_stored_value_that_the_format_cannot_hold_holds_up_nothing():
    peer, sample = rig()
    for rid in (1, 2):
        peer.observe("/20000/0/%d" % rid, b"o%d" % rid, SENML_JSON)
    peer.session.online = False
    sample.set(2, float("nan"))
    peer.run(1000)
    sample.set(1, 77)
    peer.run(1000)
    assert stored(peer) == 2
    peer.session.online = True
    ((_, payload),) = sent(peer, 10000)
    assert b'"v":77' in payload and stored(peer) == 0
