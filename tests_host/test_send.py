"""Send: the client reports by itself (TS 1.1.1 Core section 6.4.6)."""

from helpers import raises
from peer import Peer, Sample, content_format

from coap.numbers import ACK, CHANGED, CON, POST
from lwm2m.formats import senml_cbor
from lwm2m.object import Object
from lwm2m.registration import REGISTERED

INTEGER = (20000, 0, 1)


class Security(Object):
    oid = 0
    resources = ((5, "R", "s", "key"),)
    key = "secret"


def registered(*objects, **more):
    peer = Peer(*(objects or (Sample(),)), **more)
    peer.register()
    return peer


def is_send(message):
    return message.code == POST and message.all(11) == [b"dp"]


def values(message):
    """{path: value} of a Send."""
    assert is_send(message) and message.mtype == CON and content_format(message) == 112
    return {path: raw[1] for path, raw in senml_cbor.decode((), message.payload)}


def sends(messages):
    return [values(message) for _, message in messages if is_send(message)]


def test_int_306_send():
    peer = registered(Sample(), Sample(1))
    done = []
    woken = peer.woken
    peer.session.send([INTEGER, (20000, 1, 0)], done.append)
    assert peer.woken > woken and done == []
    messages = peer.run(1000, peer.serve)
    assert sends(messages) == [{(20000, 0, 1): 1, (20000, 1, 0): "sample"}]
    assert messages[0][1].options == [(11, b"dp"), (12, b"\x70")]
    assert done == [CHANGED]
    assert peer.run(3000000, peer.serve) == [] and peer.registration.state == REGISTERED


def test_int_311_send_of_all_kinds_of_paths():
    sample = Sample()
    sample.list = {0: 5, 7: 6}
    peer = registered(sample, Security())
    peer.session.send([(20000, 0, 9)])
    peer.session.send([(20000, 0, 9, 7)])
    peer.session.send([(20000, 0)])
    peer.session.send(((20000,), (1, 0, 1)))
    one, two, three, four = sends(peer.run(1000, peer.serve))
    assert one == {(20000, 0, 9, 0): 5, (20000, 0, 9, 7): 6}
    assert two == {(20000, 0, 9, 7): 6}
    assert (20000, 0, 11) not in three and three[20000, 0, 12] == 20.0 and len(three) > 10
    three[1, 0, 1] = 3600
    assert four == three
    raises(ValueError, peer.session.send, [(0, 0, 5)])


def test_int_307_mute_send():
    peer = registered()
    assert peer.get("/1/0/23", accept=0).payload == b"0"
    assert peer.put("/1/0/23", b"1").code == CHANGED
    error = raises(ValueError, peer.session.send, [INTEGER])
    assert "/1/x/23" in str(error)
    assert peer.client.send([INTEGER]) == 0
    assert peer.run(1000) == []
    assert peer.put("/1/0/23", b"0").code == CHANGED
    assert peer.client.send([INTEGER]) == 1
    assert len(sends(peer.run(1000, peer.serve))) == 1


def test_muted_while_it_waits():
    peer = registered()
    done = []
    peer.post("/1/0/8")
    peer.client.poll()
    (update,) = peer.take()
    peer.session.send([INTEGER], done.append)
    peer.put("/1/0/23", b"1")
    peer.answer(update, CHANGED)
    assert sends(peer.run(1000, peer.serve)) == [] and done == [None]


def test_where_nothing_may_be_sent():
    peer = Peer(Sample())
    raises(ValueError, peer.session.send, [INTEGER])
    peer.registration.start()
    peer.client.poll()
    peer.take()
    raises(ValueError, peer.session.send, [INTEGER])
    peer.register()
    for paths in ([], [(9,)], [(20000, 3)], [(20000, 0, 13)], [(20000, 0, 10)], [(20000, 0, 11)]):
        raises(ValueError, peer.session.send, paths)
    peer.session.version = "1.0"
    raises(ValueError, peer.session.send, [INTEGER])
    peer.registration.stop()
    raises(ValueError, peer.session.send, [INTEGER])
    assert peer.client.send([INTEGER]) == 0


def test_it_waits_for_the_exchange_that_is_under_way():
    sample = Sample()
    peer = registered(sample)
    peer.post("/1/0/8")
    peer.client.poll()
    (update,) = peer.take()
    for value in range(4):
        sample.set(1, value)
        peer.session.send([INTEGER])
    raises(ValueError, peer.session.send, [INTEGER])
    assert peer.run(1000) == []
    peer.answer(update, CHANGED)
    # One after the other, with the values of their time
    seen = peer.run(1000, peer.serve)
    assert sends(seen) == [{INTEGER: value} for value in range(4)]
    peer.session.send([INTEGER])
    assert len(peer.run(1000, peer.serve)) == 1


def test_what_becomes_of_it():
    for code in (0x80, 0x84, 0x85, 0xA0, 0x45):
        peer = registered()
        done = []
        peer.session.send([INTEGER], done.append)
        peer.client.poll()
        (request,) = peer.take()
        peer.answer(request, code)
        assert done == [code]
        assert peer.run(100000) == [] and peer.registration.state == REGISTERED
    done = []
    peer.session.send([INTEGER], done.append)
    assert len(peer.run(100000)) == 5 and done == [None]
    assert peer.registration.state == REGISTERED
    peer.session.send([INTEGER], done.append)
    peer.client.poll()
    (request,) = peer.take()
    peer.empty(3, request.mid)
    assert done == [None, None]


def test_what_the_end_of_a_registration_cuts_off():
    for ends in (lambda peer: peer.registration.start(), lambda peer: peer.registration.stop()):
        peer = registered()
        done = []
        peer.session.send([INTEGER], done.append)
        peer.session.send([INTEGER], lambda code: 1 / 0)  # its own business
        peer.session.send([INTEGER], done.append)
        peer.client.poll()
        assert len(peer.take()) == 1
        ends(peer)
        assert done == [None, None]
        assert sends(peer.run(100000, peer.serve)) == []
        peer.register()
        peer.session.send([INTEGER], done.append)
        assert len(sends(peer.run(1000, peer.serve))) == 1 and done[2:] == [CHANGED]


def test_a_fault_of_the_caller():
    peer = registered()
    peer.session.send([INTEGER], lambda code: 1 / 0)
    peer.session.send([INTEGER])
    assert len(sends(peer.run(1000, peer.serve))) == 2
    assert [line for line in peer.logged if line.startswith("ZeroDivisionError")]


def test_no_memory():
    sample = Sample()
    peer = registered(sample)
    done = []
    peer.session.send([INTEGER], done.append)
    peer.session.send([INTEGER], done.append)
    request = peer.session.endpoint.request

    def fails(*args):
        raise MemoryError("none")

    peer.session.endpoint.request = fails
    assert peer.run(0) == [] and done == [None]
    peer.session.endpoint.request = request
    assert len(sends(peer.run(2000, peer.serve))) == 1 and done == [None, CHANGED]
    assert "MemoryError: none" in peer.logged


def test_asleep_it_wakes():
    peer = registered(Sample(), queue_mode=True)
    peer.advance(100000)
    assert not peer.session.reachable()
    peer.session.send([INTEGER])
    ((_, message),) = peer.run(1000, peer.serve)
    assert is_send(message) and peer.session.reachable()
    assert peer.get("/20000/0/1") is not None


def test_offline_it_waits():
    peer = registered()
    peer.session.online = False
    peer.session.send([INTEGER])
    assert peer.run(1000000) == []
    peer.session.online = True
    assert len(sends(peer.run(1000, peer.serve))) == 1


def test_a_separate_response():
    peer = registered()
    done = []
    peer.session.send([INTEGER], done.append)
    peer.client.poll()
    (request,) = peer.take()
    peer.empty(ACK, request.mid)
    peer.run(50000)
    assert done == []
    peer.run(50000)
    assert done == [None]


def test_acks_without_end_do_not_keep_it_open():
    peer = registered()
    done = []
    peer.session.send([INTEGER], done.append)
    ((_, request),) = peer.run(0)
    for _ in range(3):
        peer.empty(ACK, request.mid)
        peer.run(50000)
    assert done == [None]
