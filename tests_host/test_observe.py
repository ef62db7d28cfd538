"""Observe, notify, cancel (TS 1.1.1 Core section 6.4, RFC 7641), driven by what poll() returns."""

from peer import Peer, Sample, content_format, encode, observe_of

from coap.message import Message
from coap.numbers import ACK, CHANGED, CON, CONTENT, GET, NON, RST, TEXT, TLV
from lwm2m.object import Object

SERVICE_UNAVAILABLE, NOT_FOUND = 0xA3, 0x84
DAY_MS = 86400000


def rig(*objects, **more):
    sample = Sample()
    peer = Peer(sample, *objects, lifetime_s=more.pop("lifetime_s", 20000000), **more)
    peer.register()
    return peer, sample


def sent(peer, ms, each=None):
    """(milliseconds, payload) of the notifications in this time; `each` answers."""
    return [(at, message.payload) for at, message in peer.run(ms, each)]


def count(peer):
    observations = peer.session.observations
    return len(observations.all) if observations else 0


def test_int_301_a_resource():
    peer, sample = rig()
    response = peer.observe("/20000/0/2", b"t1")
    assert response.payload == b"0.5" and content_format(response) == TEXT
    first = observe_of(response)
    assert sent(peer, 100000) == []
    sample.set(2, 1.5)
    sample.set(1, 99)  # another resource
    ((at, message),) = peer.run(1000)
    assert at == 100000 and message.mtype == NON and message.code == CONTENT
    assert message.token == b"t1" and message.payload == b"1.5"
    assert content_format(message) == TEXT and observe_of(message) > first
    assert [number for number, _ in message.options] == [6, 12]
    assert sent(peer, 100000) == []


def test_every_level_and_format():
    peer, sample = rig(Sample(3))
    sample.list = {1: 10, 2: 20}
    for path, accept, token in (
        ("/20000", None, b"ob"),
        ("/20000/0", TLV, b"in"),
        ("/20000/0/9", None, b"re"),
        ("/20000/0/9/2", None, b"ri"),
        ("/20000/0/9/2", TLV, b"rt"),
        ("/20000/3", None, b"other"),
        ("/20000/0/1", None, b"another"),
    ):
        peer.observe(path, token, accept)
    sample.set(9, {1: 11, 2: 21})
    messages = dict([(message.token, message) for _, message in peer.run(1000)])
    assert sorted(messages) == [b"in", b"ob", b"re", b"ri", b"rt"]
    assert messages[b"ri"].payload == b"21" and content_format(messages[b"ri"]) == TEXT
    assert messages[b"rt"].payload == b"\x41\x02\x15" and content_format(messages[b"rt"]) == TLV
    assert messages[b"re"].payload == b"\x86\x09\x41\x01\x0b\x41\x02\x15"
    for token, path in ((b"ob", "/20000"), (b"in", "/20000/0"), (b"re", "/20000/0/9")):
        assert messages[token].payload == peer.get(path).payload
        assert content_format(messages[token]) == TLV


def test_int_302_cancel_by_reset():
    peer, sample = rig()
    peer.observe("/20000/0/1", b"keep")
    peer.observe("/20000/0/2", b"drop")
    sample.set(2, 1.0)
    ((_, message),) = peer.run(1000)
    peer.empty(RST, (message.mid + 1) & 0xFFFF)  # none of ours
    assert count(peer) == 2
    peer.empty(RST, message.mid)
    assert count(peer) == 1
    sample.set(2, 2.0)
    sample.set(1, 2)
    assert [message.token for _, message in peer.run(1000)] == [b"keep"]


def test_int_303_cancel_by_observe_1():
    peer, sample = rig()
    peer.observe("/20000/0/1", b"keep")
    peer.observe("/20000/0/2", b"drop")
    response = peer.get("/20000/0/2", observe=1, token=b"none")
    assert response.code == CONTENT and count(peer) == 2
    response = peer.get("/20000/0/2", observe=1, token=b"drop")
    assert response.code == CONTENT and response.payload == b"0.5"
    assert observe_of(response) is None and count(peer) == 1
    sample.set(2, 1.0)
    assert peer.run(1000) == []
    for observe in (2, 77, 65536):  # neither: a plain read
        response = peer.get("/20000/0/2", observe=observe, token=b"drop")
        assert response.payload == b"1.0" and observe_of(response) is None and count(peer) == 1


def test_confirmable_notifications():
    peer, sample = rig()
    peer.session.confirmable = True
    peer.observe("/20000/0/2")
    sample.set(2, 1.0)
    ((_, message),) = peer.run(1000, peer.serve)
    assert message.mtype == CON and peer.session.endpoint.idle
    sample.set(2, 2.0)
    ((_, message),) = peer.run(1000, lambda message: peer.empty(RST, message.mid))
    assert message.mtype == CON and count(peer) == 0 and peer.session.endpoint.idle
    peer.observe("/20000/0/2")
    sample.set(2, 3.0)
    messages = peer.run(100000)  # nobody answers
    assert [at for at, _ in messages] == [2000, 4125, 8375, 16875, 33875]
    assert count(peer) == 0 and peer.session.endpoint.idle
    sample.set(2, 4.0)
    assert peer.run(1000) == []


def test_a_time_out_does_not_end_a_later_observation():
    peer, sample = rig()
    peer.session.confirmable = True
    peer.observe("/20000/0/2", b"same")
    sample.set(2, 1.0)
    peer.run(1000)
    peer.observe("/20000/0/2", b"same")  # the server lost it and observes again
    peer.run(100000)
    assert count(peer) == 1


def test_one_notification_in_a_day_is_confirmable():
    peer, sample = rig()
    peer.attributes("/20000/0/2", "pmax=36000")  # 10 hours
    peer.observe("/20000/0/2")
    messages = peer.run(3 * DAY_MS, peer.serve)
    assert [at // 3600000 for at, _ in messages] == [10, 20, 30, 40, 50, 60, 70]
    assert [message.mtype for _, message in messages] == [NON, NON, CON, NON, NON, CON, NON]
    assert count(peer) == 1
    messages = peer.run(DAY_MS)  # the server is gone
    assert count(peer) == 0 and len(messages) == 1 + 1 + 4
    assert peer.run(DAY_MS) == []


def test_the_sequence_rises_and_wraps():
    peer, sample = rig()
    observed = observe_of(peer.observe("/20000/0/1"))
    for value in range(5):
        sample.set(1, 100 + value)
        ((_, message),) = peer.run(1000)
        assert observe_of(message) > observed
        observed = observe_of(message)
    # Observing again with the same token is no step back (RFC 7641 section 4.4).
    response = peer.observe("/20000/0/1")
    assert observe_of(response) > observed and count(peer) == 1
    peer.session.observations.sequence = 0xFFFFFE
    numbers = []
    for value in range(4):
        sample.set(1, value)
        ((_, message),) = peer.run(1000)
        assert len(message.first(6)) <= 3
        numbers.append(observe_of(message))
    assert numbers == [0xFFFFFF, 0, 1, 2]


def test_no_valid_value_is_not_told_and_ends_nothing():
    peer, sample = rig()
    peer.attributes("/20000/0/12", "pmax=60")
    peer.observe("/20000/0/12", b"re")
    peer.observe("/20000/0", b"in")
    sample.set(12, None)
    messages = peer.run(200000)
    assert [message.token for _, message in messages] == [b"in"]
    assert count(peer) == 2
    sample.set(12, 25.0)
    messages = peer.run(1000)
    assert sorted([message.token for _, message in messages]) == [b"in", b"re"]
    sample.set(12, None)
    assert peer.get("/20000/0/12", observe=0, token=b"new").code == SERVICE_UNAVAILABLE
    assert count(peer) == 2 and not peer.session.endpoint.faults


def test_the_limit():
    peer, sample = rig()
    for number in range(20):
        peer.observe("/20000/0/1", b"%d" % number)
    for _ in range(2):
        response = peer.get("/20000/0/1", observe=0, token=b"more")
        assert response.code == SERVICE_UNAVAILABLE and observe_of(response) is None
        assert count(peer) == 20
    peer.observe("/20000/0/1", b"7")  # one that is there already may come again
    assert count(peer) == 20
    sample.set(1, 5)
    assert len(peer.run(1000)) == 20
    peer.get("/20000/0/1", observe=1, token=b"3")
    peer.observe("/20000/0/1", b"more")
    assert count(peer) == 20


def test_a_written_resource_is_notified_to_its_writer():
    peer, _ = rig()
    peer.observe("/20000/0/1")
    assert peer.put("/20000/0/1", b"77").code == CHANGED
    assert sent(peer, 1000) == [(0, b"77")]
    assert peer.put("/20000/0/1", b"x").code == 0x80
    assert sent(peer, 1000) == []
    assert peer.put("/20000/0", b"", TLV).code == CHANGED  # back to its default
    assert sent(peer, 1000) == [(2000, b"1")]


def test_the_same_token_again_replaces():
    peer, sample = rig()
    peer.observe("/20000/0/1", b"t")
    peer.observe("/20000/0/2", b"t")
    assert count(peer) == 1
    sample.set(1, 9)
    sample.set(2, 9.5)
    assert sent(peer, 1000) == [(0, b"9.5")]
    peer.observe("/20000/0/2", b"u")  # two tokens, one path: both are served
    sample.set(2, 1.5)
    assert len(peer.run(1000)) == 2
    peer.observe("/20000/0/2", b"")  # a token may be empty
    assert count(peer) == 3
    peer.get("/20000/0/2", observe=1, token=b"")
    assert count(peer) == 2


def test_observations_end_with_the_registration():
    for how in ("start", "failed update", "stop"):
        peer, sample = rig()
        peer.attributes("/20000/0/1", "pmin=3", "gt=50")
        peer.observe("/20000/0/1")
        if how == "start":
            peer.registration.start()
        elif how == "stop":
            peer.registration.stop()
        else:
            peer.post("/1/0/8")
            peer.client.poll()
            (update,) = peer.take()
            peer.answer(update, NOT_FOUND)
        sample.set(1, 100)
        messages = peer.run(1000)
        assert len(messages) == 1 and messages[0][1].mtype == CON, how  # Register, De-register
        assert count(peer) == 0
        peer.table.add(Sample(5))
        assert [message for _, message in peer.run(1) if message.mtype == NON] == []
        peer.register()
        sample.set(1, 10)
        assert peer.run(10000) == []
        # The attributes outlive the observation.
        assert peer.session.attributes == {(20000, 0, 1): {"pmin": 3, "gt": 50.0}}


def test_a_confirmable_notification_waits_for_the_update():
    peer, sample = rig()
    peer.session.confirmable = True
    peer.observe("/20000/0/2")
    peer.post("/1/0/8")
    peer.client.poll()
    (update,) = peer.take()
    sample.set(2, 1.0)
    assert peer.run(1000) == []  # NSTART is 1
    sample.set(2, 2.0)
    peer.answer(update, CHANGED)
    ((at, message),) = peer.run(1000, peer.serve)
    assert at == 1000 and message.payload == b"2.0" and message.mtype == CON
    # The other way round: an Update waits for the ACK of a notification.
    sample.set(2, 3.0)
    peer.client.poll()
    (notification,) = peer.take()
    peer.post("/1/0/8")
    assert peer.run(1000) == []
    peer.empty(ACK, notification.mid)
    messages = peer.run(1000, peer.serve)
    assert [message.code for _, message in messages] == [2]


def test_a_plain_notification_does_not_wait():
    peer, sample = rig()
    peer.observe("/20000/0/2")
    peer.post("/1/0/8")
    peer.client.poll()
    peer.take()
    sample.set(2, 1.0)
    assert sent(peer, 1000) == [(0, b"1.0")]


def test_two_servers_have_their_own_observations_and_attributes():
    from lwm2m.objects.server import Server

    peer, sample = rig()
    second = Server(2, 1, 20000000)
    peer.table.add(second)
    heard = []
    other = peer.client.add_server(second, lambda data: heard.append(bytes(data)))
    other.registration.start()
    peer.run(0, peer.serve)
    register = bytes(heard.pop())
    token = register[4 : 4 + (register[0] & 15)]
    other.receive(b"\x64\x41" + register[2:4] + token + b"\x82rd")
    assert other.registration.state == peer.registration.state
    peer.attributes("/20000/0/1", "pmin=100")
    assert other.attributes == {}
    peer.observe("/20000/0/1")
    # GET with Observe (an empty option) and Uri-Path 20000/0/1
    other.receive(b"\x51\x01\x00\x07t\x60\x5520000\x010\x011")
    heard.clear()
    sample.set(1, 5)
    assert peer.run(1000) == [] and len(heard) == 1 and heard[0][-1:] == b"\x05"
    assert len(peer.run(100000)) == 1 and len(heard) == 1
    other.receive(b"\x70\x00" + heard[0][2:4])  # a RST ends the one it belongs to
    assert not other.observations.all and count(peer) == 1


def test_an_object_that_fails_ends_neither_the_poll_nor_the_session():
    class Faulty(Object):
        oid = 3300
        resources = ((5700, "R", "f", "value"), (5601, "R", "f", "minimum"))
        fail = False
        minimum = 1.0

        @property
        def value(self):
            if self.fail:
                raise OSError(5, "bus")
            return 1.5

    faulty = Faulty()
    peer = Peer(faulty)
    peer.register()
    assert peer.get("/3300/0/5700", observe=0).code == CONTENT
    assert peer.get("/3300/0/5601", observe=0).code == CONTENT
    faulty.fail = True
    faulty.minimum = 2.0
    faulty.changed(5700)
    faulty.changed(5601)
    assert peer.client.poll() == 1000
    assert peer.logged[-1].startswith("OSError: ")
    peer.clock.advance(1000)
    peer.client.poll()
    assert [bytes(message.payload) for message in peer.take()] == [b"2.0"]


def test_a_notification_without_memory_is_only_late():
    class Full(Object):
        oid = 3300
        resources = ((5700, "R", "f", "value"),)
        full = False

        @property
        def value(self):
            if self.full:
                raise MemoryError("no piece of the heap")
            return 2.5

    full = Full()
    peer = Peer(full)
    peer.register()
    assert peer.get("/3300/0/5700", observe=0).code == CONTENT
    full.full = True
    full.changed(5700)
    assert peer.client.poll() == 1000 and peer.take() == []
    full.full = False
    peer.clock.advance(1000)
    peer.client.poll()
    assert [bytes(message.payload) for message in peer.take()] == [b"2.5"]


def test_an_observe_option_that_is_too_long_is_not_recognized():
    peer = Peer(Sample())
    peer.register()
    path = [(11, b"20000"), (11, b"0"), (11, b"2")]
    for value, observed in ((b"\0\0\0", 1), (b"\0\0\0\0", 0)):
        peer.session.cancel_observation()
        peer.session.receive(encode(Message(CON, GET, 900, b"t", [(6, value)] + path)))
        (answer,) = peer.take()
        assert answer.code == CONTENT
        assert count(peer) == observed


def test_cancelled_while_there_is_no_valid_value():
    peer, sample = rig()
    peer.observe("/20000/0/12")
    sample.measured = None
    assert peer.get("/20000/0/12", observe=1, token=b"ob").code == SERVICE_UNAVAILABLE
    assert count(peer) == 0


def test_one_without_memory_holds_up_no_other():
    peer, sample = rig()

    def full(*args):
        raise MemoryError

    for token in (b"a", b"b"):
        peer.observe("/20000/0", token, TLV)
    peer.observe("/20000/0/1", b"c", TEXT)
    for each in peer.session.observations.all[:2]:
        each.target.payload = full
    sample.set(1, 20)
    assert [message.token for _, message in peer.run(5000)] == [b"c"]


def test_a_threshold_is_looked_at_again_when_there_is_memory():
    peer, sample = rig()
    assert peer.attributes("/20000/0/1", "gt=10").code == CHANGED
    peer.observe("/20000/0/1", b"ob", TEXT)
    (each,) = peer.session.observations.all

    def full():
        del each.target.number
        raise MemoryError

    each.target.number = full
    sample.set(1, 20)
    assert sent(peer, 5000) == [(1000, b"20")]
