"""A server that speaks LwM2M 1.0 and nothing later (TS 1.1.1 Core section 6.2.1)."""

from peer import Peer, Sample

from coap.numbers import CHANGED, CREATED
from lwm2m.object import Object
from lwm2m.registration import REGISTERED

PRECONDITION_FAILED = 0x8C


class Device(Object):
    oid = 3


class Monitoring(Object):
    oid = 4


class Temperature(Object):
    oid = 3303
    version = "1.1"


def queries(message):
    return [bytes(query) for query in message.all(15)]


def registers(peer, ms=1):
    """The Registers within this time; the first ones are refused for their version."""

    def answer(message):
        if message.all(11) == [b"rd"] and b"lwm2m=1.1" in message.all(15):
            peer.answer(message, PRECONDITION_FAILED)
        else:
            peer.serve(message)

    return [message for _, message in peer.run(ms, answer)]


def test_at_once_again_as_1_0():
    peer = Peer(Device(), Monitoring(), Temperature(), Sample())
    peer.registration.start()
    first, second = registers(peer)
    assert queries(first) == [b"lwm2m=1.1", b"ep=test", b"lt=3600", b"b=U"]
    assert queries(second) == [b"lwm2m=1.0", b"ep=test", b"lt=3600", b"b=U"]
    # The preferred format, and versions where they are not those that LwM2M 1.0 takes for given
    assert first.payload == (
        b'</>;rt="oma.lwm2m";ct=112,</1>;ver=1.2,</1/0>,</3/0>,</4/0>,</3303>;ver=1.1,'
        b"</3303/0>,</20000/0>"
    )
    assert second.payload == (
        b'</>;rt="oma.lwm2m";ct=11542,</1>;ver=1.2,</1/0>,</3>;ver=1.1,</3/0>,</4>;ver=1.2,'
        b"</4/0>,</3303>;ver=1.1,</3303/0>,</20000/0>"
    )
    assert peer.registration.state == REGISTERED and peer.session.version == "1.0"
    # What came is told in the same way.
    peer.table.add(Sample(5))
    (update,) = registers(peer)
    assert b"ct=11542" in update.payload and b"</3>;ver=1.1" in update.payload


def test_an_update_says_nothing_of_the_version():
    peer = Peer()
    peer.registration.start()
    registers(peer)
    peer.post("/1/0/8")
    (update,) = registers(peer)
    assert queries(update) == [] and update.payload == b""
    assert peer.put("/1/0/1", b"600").code == CHANGED
    (update,) = registers(peer)
    assert queries(update) == [b"lt=600"]


def test_a_fresh_start_tries_1_1_again():
    peer = Peer()
    peer.registration.start()
    registers(peer)
    assert peer.session.version == "1.0"
    peer.register()
    assert peer.session.version == "1.1" and peer.registration.state == REGISTERED


def test_a_server_that_speaks_neither():
    peer = Peer()
    peer.registration.start()
    messages = peer.run(60000, lambda message: peer.answer(message, PRECONDITION_FAILED))
    found = [(at, queries(message)[0]) for at, message in messages]
    assert found == [(0, b"lwm2m=1.1"), (0, b"lwm2m=1.0"), (60000, b"lwm2m=1.0")]
    assert peer.registration.state != REGISTERED


def test_1_0_is_kept_while_it_is_tried_again():
    peer = Peer()
    peer.registration.start()
    peer.client.poll()
    (request,) = peer.take()
    peer.answer(request, PRECONDITION_FAILED)
    messages = peer.run(60000, lambda message: peer.answer(message, 0xA3))
    assert [queries(message)[0] for _, message in messages] == [b"lwm2m=1.0"] * 2
    messages = peer.run(120000, lambda message: peer.answer(message, CREATED, [(8, b"x")]))
    assert [queries(message)[0] for _, message in messages] == [b"lwm2m=1.0"]
    assert peer.registration.state == REGISTERED and peer.session.version == "1.0"


def test_4_12_to_an_update_is_no_matter_of_versions():
    peer = Peer()
    peer.register()
    peer.post("/1/0/8")
    peer.client.poll()
    (update,) = peer.take()
    peer.answer(update, PRECONDITION_FAILED)
    ((_, register),) = peer.run(1, peer.serve)
    assert queries(register)[0] == b"lwm2m=1.1" and peer.session.version == "1.1"


def test_queue_mode_in_1_0_is_part_of_the_binding():
    peer = Peer(queue_mode=True)
    peer.registration.start()
    first, second = registers(peer)
    assert queries(first)[2:] == [b"lt=3600", b"b=U", b"Q"]
    assert queries(second)[2:] == [b"lt=3600", b"b=UQ"]
