"""Disable, an Execute of /1/x/4 (TS 1.1.1 Core appendix E.2)."""

from peer import Peer, Sample

from coap.numbers import ACK, CHANGED, CON, CREATED, DELETE, DELETED, POST
from lwm2m.registration import REGISTERED, STOPPED

DAY_MS = 86400000
WRAP_MS = 1 << 30
GIVEN_UP_MS = 2125 * 31


def seen(messages):
    return [(at, message.code, b"/".join(message.all(11))) for at, message in messages]


def test_answered_then_de_registered_then_silent():
    for start_ms in (0, WRAP_MS - 1000):
        peer = Peer(Sample(), start_ms=start_ms)
        peer.register()
        peer.server.disable_timeout_s = 100
        peer.observe("/20000/0/1")
        answer = peer.post("/1/0/4")
        assert answer.code == CHANGED and answer.mtype == ACK
        assert seen(peer.run(0, peer.serve)) == [(0, DELETE, b"rd/a1")]
        assert peer.registration.state not in (REGISTERED, STOPPED)
        peer.run(50000)
        peer.table.find(20000, 0).set(1, 3)
        peer.put("/1/0/1", b"60")
        assert peer.get("/20000/0/1") is None and peer.post("/1/0/8") is None
        assert peer.run(49999, peer.serve) == []
        assert seen(peer.run(10, peer.serve)) == [(100001, POST, b"rd")]
        assert peer.registration.state == REGISTERED
        assert len(peer.session.observations.all) == 0
        assert peer.logged[1:3] == ["disabled for 100 s", "de-registered"]


def test_a_day_unless_told_otherwise():
    peer = Peer()
    peer.register()
    assert peer.get("/1/0/5", accept=0).payload == b"86400"
    peer.post("/1/0/4")
    peer.run(0, peer.serve)
    assert peer.run(DAY_MS) == []
    assert seen(peer.run(1, peer.serve)) == [(DAY_MS + 1, POST, b"rd")]


def test_the_timeout_can_be_written():
    for timeout_s in (0, 1, 30 * 86400):
        peer = Peer()
        peer.register()
        assert peer.put("/1/0/5", b"%d" % timeout_s).code == CHANGED
        peer.post("/1/0/4", b"")
        peer.run(0, peer.serve)
        peer.run(timeout_s * 1000 + 1, peer.serve)
        assert peer.registration.state == REGISTERED


def test_a_de_registration_that_is_not_answered():
    for timeout_s, again in ((100, 100001), (10, GIVEN_UP_MS)):
        peer = Peer()
        peer.register()
        peer.server.disable_timeout_s = timeout_s
        peer.post("/1/0/4")

        def serve(message, peer=peer):
            if message.code == POST:
                peer.serve(message)

        messages = peer.run(again, serve)
        assert [message.code for _, message in messages] == [DELETE] * 5 + [POST]
        assert messages[-1][0] == again and peer.registration.state == REGISTERED


def test_a_new_link_does_not_end_it():
    peer = Peer()
    peer.register()
    peer.server.disable_timeout_s = 1000
    peer.post("/1/0/4")
    peer.run(0, peer.serve)
    peer.run(300000)
    peer.registration.start()
    assert peer.run(700000) == []
    assert seen(peer.run(1, peer.serve)) == [(1000001, POST, b"rd")]
    # and one that comes while the server is being told
    peer.post("/1/0/4")
    peer.client.poll()
    (request,) = peer.take()
    assert request.code == DELETE
    peer.registration.start()
    peer.answer(request, DELETED)
    assert peer.run(999000) == []
    assert [message.code for _, message in peer.run(2000, peer.serve)] == [POST]


def test_a_stop_ends_it():
    for answered in (False, True):
        peer = Peer()
        peer.register()
        peer.post("/1/0/4")
        peer.client.poll()
        (request,) = peer.take()
        if answered:
            peer.answer(request, DELETED)
        peer.registration.stop()
        if not answered:
            peer.answer(request, DELETED)
        assert peer.registration.state == STOPPED
        assert peer.run(3 * DAY_MS) == []
        peer.register()


def test_while_an_update_is_under_way():
    for code in (CHANGED, 0x84):
        peer = Peer()
        peer.register()
        peer.server.disable_timeout_s = 100
        peer.post("/1/0/8")
        peer.client.poll()
        (update,) = peer.take()
        assert peer.post("/1/0/4").code == CHANGED
        peer.post("/1/0/8")  # the Disable is not forgotten for it
        peer.answer(update, code)
        messages = peer.run(99000, peer.serve)
        # After a failed Update there is nothing to de-register from.
        assert [message.code for _, message in messages] == ([DELETE] if code == CHANGED else [])
        assert [message.code for _, message in peer.run(2000, peer.serve)] == [POST]
        assert peer.registration.state == REGISTERED and not peer.server.asked


def test_it_cannot_be_read_or_written():
    peer = Peer()
    peer.register()
    assert peer.get("/1/0/4").code == 0x85 and peer.put("/1/0/4", b"1").code == 0x85
    assert peer.server.asked == 0


def test_a_register_that_fails_after_it():
    peer = Peer()
    peer.registration.start()
    peer.run(180000, lambda message: peer.answer(message, 0xA3))  # failures of another time
    peer.run(240000, peer.serve)
    assert peer.registration.state == REGISTERED
    begin = peer.now_ms
    peer.server.disable_timeout_s = 100
    peer.post("/1/0/4")
    peer.run(0, peer.serve)
    messages = peer.run(170000, lambda message: peer.answer(message, 0xA3))
    found = [(at - begin, message.mtype) for at, message in messages]
    assert found == [(100001, CON), (160001, CON)]
    peer.run(120000, lambda message: peer.answer(message, CREATED, [(8, b"x")]))
    assert peer.registration.state == REGISTERED
