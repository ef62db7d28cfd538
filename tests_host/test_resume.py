"""A registration that goes on after a restart of the device."""

import json

from helpers import raises
from peer import Peer, Sample

from coap.numbers import CHANGED, DELETE, POST
from lwm2m.registration import REGISTERED, STOPPED
from lwm2m.restore import resume
from lwm2m.state import registered


def kept(*objects, location=("rd", "a1"), lifetime_s=3600, **more):
    """What a client that was registered keeps."""
    peer = Peer(*objects, lifetime_s=lifetime_s, **more)
    peer.register(location)
    return json.loads(json.dumps(registered(peer.registration)))


def queries(message):
    return [bytes(query) for query in message.all(15)]


def test_the_registration_goes_on_with_an_update():
    for location in (("rd", "a1"), ("x", "y", "", "\u00e9\n"), ()):
        peer = Peer(Sample())
        woken = peer.woken
        resume(peer.registration, kept(Sample(), location=location))
        assert peer.registration.state == REGISTERED and peer.woken > woken
        assert peer.session.reachable()
        ((at, update),) = peer.run(1000, peer.serve)
        assert at == 0 and update.code == POST
        assert update.options == [(11, part.encode()) for part in location]
        assert update.payload == b""
        assert peer.get("/20000/0/1") is not None
        assert peer.run(3478000) == [] and len(peer.run(2000, peer.serve)) == 1


def test_what_has_changed_is_told():
    peer = Peer(Sample(), Sample(1), lifetime_s=600)
    resume(peer.registration, kept(Sample()))
    ((_, update),) = peer.run(1000, peer.serve)
    assert queries(update) == [b"lt=600"] and b"</20000/1>" in update.payload
    assert peer.run(1000) == []
    peer = Peer(Sample())
    before = Peer(Sample())
    before.register()
    before.table.add(Sample(3))  # the server had not heard of it
    before.server.lifetime_s = 60
    snapshot = registered(before.registration)
    assert snapshot["knows"][0] == 3600
    peer.table.add(Sample(3))
    resume(peer.registration, snapshot)
    ((_, update),) = peer.run(1000, peer.serve)
    assert queries(update) == [] and b"</20000/3>" in update.payload


def test_the_version_goes_with_it():
    before = Peer()
    before.register()
    before.session.version = "1.0"
    peer = Peer()
    resume(peer.registration, registered(before.registration))
    assert peer.session.version == "1.0"
    ((_, update),) = peer.run(1000, peer.serve)
    assert update.payload == b""  # the links of 1.0 are what it knows
    peer.table.add(Sample())
    ((_, update),) = peer.run(1000, peer.serve)
    assert b"ct=11542" in update.payload


def test_a_server_that_knows_nothing_of_it():
    for code, wait_ms in ((0x84, 0), (0x80, 0), (None, 65875)):
        peer = Peer(Sample())
        resume(peer.registration, kept(Sample()))
        peer.client.poll()
        (update,) = peer.take()
        if code:
            peer.answer(update, code)
        messages = peer.run(wait_ms)
        register = messages[-1][1]
        assert register.all(11) == [b"rd"] and queries(register)[1] == b"ep=test"
        peer.answer(register, 0x41, [(8, b"new")])
        assert peer.registration.state == REGISTERED
        assert peer.registration.location_text() == "/new"


def test_only_a_registration_is_kept():
    peer = Peer()
    assert registered(peer.registration) is None
    peer.registration.start()
    assert registered(peer.registration) is None
    peer.register()
    assert registered(peer.registration) is not None
    peer.registration.stop()
    assert registered(peer.registration) is None


def test_nonsense():
    good = kept(Sample())
    table = [None, 1, "x", [], {}, [good], {"at": ["7264"]}]
    for key, values in (
        ("at", (None, 5, "7264", ["7"], ["zz"], [5], [None])),
        ("version", (None, 1.1, "1.2", "", [], {})),
        ("knows", (None, 5, "U", [], [60, "U"], [60, "U", 0, 0])),
    ):
        for value in values:
            bad = dict(good)
            bad[key] = value
            table.append(bad)
    for key in good:
        bad = dict(good)
        del bad[key]
        table.append(bad)
    for bad in table:
        peer = Peer(Sample())
        raises(Exception, resume, peer.registration, bad)
        assert peer.registration.state == STOPPED and peer.session.version == "1.1"
        assert peer.registration.location == () and peer.run(100000) == []
        peer.register()


def test_facts_that_nobody_can_have_been_told_are_told():
    bad = kept(Sample())
    bad["knows"] = ["60", None, [1]]
    peer = Peer(Sample())
    resume(peer.registration, bad)
    ((_, update),) = peer.run(0, peer.serve)
    assert queries(update) == [b"lt=3600", b"b=U"] and b"</20000/0>" in update.payload


def test_what_is_worth_writing_to_flash():
    peer = Peer(Sample())

    def unsaved():
        found = peer.session.unsaved
        peer.session.unsaved = False
        return found

    assert not unsaved()
    peer.registration.start()
    peer.run(0, peer.serve)
    assert unsaved()
    peer.run(10 * 3480000, peer.serve)  # Updates that tell nothing
    peer.post("/1/0/8")
    peer.run(0, peer.serve)
    peer.put("/20000/0/1", b"5")
    assert not unsaved()
    assert peer.put("/1/0/1", b"60").code == CHANGED
    assert unsaved()
    peer.run(0, peer.serve)
    assert unsaved() and registered(peer.registration)["knows"][0] == 60
    peer.table.add(Sample(9))
    unsaved()
    peer.run(0, peer.serve)
    assert unsaved()
    peer.registration.stop()
    unsaved()
    ((_, request),) = peer.run(0, peer.serve)
    assert request.code == DELETE and unsaved()


def test_offline_nothing_is_given_up():
    peer = Peer(Sample(), lifetime_s=600)
    peer.register()
    peer.observe("/20000/0/1")
    peer.session.online = False
    assert not peer.session.reachable()
    assert peer.run(5000000) == []
    assert peer.registration.state == REGISTERED
    peer.session.online = True
    ((_, update),) = peer.run(0, peer.serve)
    assert update.all(11) == [b"rd", b"a1"] and len(peer.session.observations.all) == 1
    # An exchange that was under way tells nothing of the server.
    peer.post("/1/0/8")
    peer.client.poll()
    peer.take()
    peer.session.online = False
    assert len(peer.run(200000)) == 4
    assert peer.registration.state == REGISTERED
    peer.session.online = True
    ((_, update),) = peer.run(0, peer.serve)
    assert update.all(11) == [b"rd", b"a1"] and len(peer.session.observations.all) == 1
    assert "no answer" not in " ".join(peer.logged)


def test_offline_while_registering():
    peer = Peer()
    peer.registration.start()
    peer.client.poll()
    peer.take()
    peer.session.online = False
    peer.run(100000)
    peer.session.online = True
    ((at, register),) = peer.run(0, peer.serve)
    assert at == 100000 and register.all(11) == [b"rd"]
    assert peer.registration.state == REGISTERED
