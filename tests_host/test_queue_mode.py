"""Queue mode: asleep but for a while after each exchange (TS 1.1.1 Core section 6.2.1)."""

from peer import Peer, Sample

from coap.numbers import ACK, CHANGED, CON, CONTENT, RST
from lwm2m.registration import REGISTERED

WRAP_MS = 1 << 30


def registered(**more):
    peer = Peer(Sample(), queue_mode=True, **more)
    peer.register()
    return peer


def queries(message):
    return [bytes(query) for query in message.all(15)]


def test_the_register_says_so():
    peer = Peer(queue_mode=True)
    assert queries(peer.register())[2:] == [b"lt=3600", b"b=U", b"Q"]
    peer.server.lifetime_s = 600
    ((_, update),) = peer.run(0, peer.serve)
    assert queries(update) == [b"lt=600"]
    assert b"Q" not in queries(Peer().register())


def test_awake_for_the_longest_that_an_answer_may_take():
    for start_ms in (0, WRAP_MS - 5000):
        peer = registered(start_ms=start_ms)
        assert peer.client.awake_ms == 93000
        peer.advance(92999)
        assert peer.session.reachable()
        assert peer.get("/20000/0/1").code == CONTENT  # and again
        peer.advance(92999)
        assert peer.session.reachable()
        peer.advance(1)
        assert not peer.session.reachable()
        assert peer.registration.state == REGISTERED


def test_asleep_it_hears_nothing():
    peer = registered()
    peer.get("/20000/0/1", accept=0)
    peer.get("/20000/0/1", accept=0)  # a read that is remembered
    peer.advance(93000)
    for _ in range(3):
        assert peer.get("/20000/0/1", accept=0) is None
        assert peer.put("/20000/0/1", b"5") is None
        assert peer.post("/1/0/8") is None
        peer.empty(CON, 99)  # a ping
        peer.session.receive(b"\x40\x01\x00")  # malformed
    assert peer.take() == [] and not peer.server.asked
    assert peer.table.find(20000, 0).integer == 1
    assert not peer.session.reachable() and peer.session.endpoint.malformed == 0


def test_the_next_update_wakes():
    peer = registered()
    assert peer.run(3479999) == [] and not peer.session.reachable()
    ((at, update),) = peer.run(1, peer.serve)
    assert at == 3480000 and update.payload == b""
    assert peer.session.reachable() and peer.get("/20000/0/1").code == CONTENT


def test_wake_up():
    peer = registered()
    woken = peer.woken
    peer.session.queue.wake_up()  # it is awake
    assert peer.run(92999) == [] and peer.woken == woken
    peer.advance(1)
    peer.session.queue.wake_up()
    peer.session.queue.wake_up()
    assert peer.woken > woken and not peer.session.reachable()
    messages = peer.run(1000, peer.serve)
    assert [message.all(11) for _, message in messages] == [[b"rd", b"a1"]]
    assert peer.session.reachable()
    peer = Peer()  # without queue mode nothing has to be woken
    peer.register()
    assert peer.session.queue is None
    peer.advance(1000000)
    assert peer.session.reachable() and not peer.server.asked


def test_it_does_not_fall_asleep_while_an_exchange_is_open():
    peer = registered()
    peer.client.awake_ms = 1000
    peer.advance(93000)
    peer.session.queue.wake_up()
    peer.client.poll()
    (update,) = peer.take()
    assert len(peer.run(40000)) == 4
    assert peer.session.reachable()
    peer.empty(ACK, update.mid)
    peer.run(20000)
    assert peer.session.reachable()
    peer.answer(update, CHANGED)
    peer.advance(999)
    assert peer.session.reachable()
    peer.advance(1)
    assert not peer.session.reachable()


def test_a_server_that_is_gone_is_found_again():
    peer = registered()
    peer.down = True
    peer.run(3600000)
    peer.down = False
    peer.run(2 * 3600000, peer.serve)
    assert peer.registration.state == REGISTERED
    assert queries(peer.register())[-1] == b"Q"


def test_the_awake_time_can_be_chosen():
    peer = registered()
    peer.client.awake_ms = 5000
    peer.get("/20000/0/1")
    peer.advance(4999)
    assert peer.session.reachable()
    peer.advance(1)
    assert not peer.session.reachable()
    peer.empty(RST, 5)
    assert not peer.session.reachable()
