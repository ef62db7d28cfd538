"""How observations end, and what below an observed path comes and goes (RFC 7641 section 4.2)."""

from peer import Peer, Sample, observe_of

from coap.numbers import CHANGED, CON, CONTENT, CREATED, DELETE, DELETED, NON, RST, TLV
from lwm2m.object import Object

UNAUTHORIZED, NOT_FOUND, SERVICE_UNAVAILABLE = 0x81, 0x84, 0xA3


def rig(*objects, **more):
    sample = Sample()
    peer = Peer(sample, *objects, lifetime_s=20000000, **more)
    peer.register()
    return peer, sample


def notified(peer, ms=1000):
    """(token, code, payload) of the notifications in this time, Updates left out."""
    return [
        (message.token, message.code, message.payload)
        for _, message in peer.run(ms, peer.serve)
        if message.code != 2
    ]


def count(peer):
    return len(peer.session.observations.all)


def test_a_resource_that_becomes_absent_ends_with_a_4_04():
    peer, sample = rig()
    sample.blob = b"1"
    peer.observe("/20000/0/5", b"re")
    peer.observe("/20000/0", b"in")
    peer.table.add(Sample(9))  # everything is looked up anew
    assert notified(peer) == []
    sample.set(5, None)
    ended, told = notified(peer)
    assert ended[:2] == (b"in", CONTENT) or ended == (b"re", NOT_FOUND, b"")
    assert sorted([ended[:2], told[:2]]) == [(b"in", CONTENT), (b"re", NOT_FOUND)]
    assert count(peer) == 1
    sample.set(5, b"2")
    assert [token for token, _, _ in notified(peer)] == [b"in"]


def test_pmax_finds_a_resource_that_became_absent_unheard():
    peer, sample = rig()
    sample.blob = b"1"
    peer.attributes("/20000/0/5", "pmax=60")
    peer.observe("/20000/0/5")
    sample.blob = None
    assert notified(peer, 59999) == []
    assert notified(peer, 1) == [(b"ob", NOT_FOUND, b"")]
    assert count(peer) == 0 and notified(peer, 200000) == []


def test_no_valid_value_ends_nothing():
    peer, sample = rig()
    peer.attributes("/20000/0/12", "pmax=60", "gt=30", "epmax=10")
    peer.observe("/20000/0/12")
    sample.set(12, None)
    assert notified(peer, 300000) == [] and count(peer) == 1
    sample.set(12, 31.0)
    assert [code for _, code, _ in notified(peer)] == [CONTENT]


def test_an_instance_of_a_resource_that_is_deleted():
    peer, sample = rig()
    sample.list = {1: 10, 2: 20}
    peer.observe("/20000/0/9/2", b"ri")
    peer.observe("/20000/0/9/1", b"r1")
    peer.observe("/20000/0/9", b"re", TLV)
    # Replaced as a whole by a server: instance 2 is gone, 3 is new.
    assert peer.put("/20000/0/9", b"\x41\x01\x0b\x41\x03\x1e", TLV).code == CHANGED
    found = notified(peer)
    assert sorted([entry[:2] for entry in found]) == [
        (b"r1", CONTENT), (b"re", CONTENT), (b"ri", NOT_FOUND),
    ]  # fmt: skip
    (payload,) = [payload for token, _, payload in found if token == b"re"]
    assert payload == b"\x86\x09\x41\x01\x0b\x41\x03\x1e"
    # Updated in part: an instance is added below the path.
    assert peer.post("/20000/0/9", b"\x41\x04\x28", TLV).code == CHANGED
    ((token, _, payload),) = [entry for entry in notified(peer) if entry[0] == b"re"]
    assert payload == b"\x88\x09\x09\x41\x01\x0b\x41\x03\x1e\x41\x04\x28"
    assert count(peer) == 2


def test_a_server_deletes_and_creates_below_what_it_observes():
    class Removable(Sample):
        removable = True

    peer, sample = rig(Removable(7))
    peer.table.creatable[20000] = Removable
    for path, token in (("/20000/7/1", b"re"), ("/20000/7", b"in"), ("/20000", b"ob")):
        peer.observe(path, token)
    assert peer.ask(DELETE, "/20000/7").code == DELETED
    found = notified(peer)
    assert sorted([entry[:2] for entry in found]) == [
        (b"in", NOT_FOUND), (b"ob", CONTENT), (b"re", NOT_FOUND),
    ]  # fmt: skip
    assert count(peer) == 1
    assert peer.post("/20000", b"\x08\x08\x03\xc1\x01\x05", TLV).code == CREATED
    ((token, code, payload),) = notified(peer)
    assert (token, code) == (b"ob", CONTENT) and payload.count(b"sample") == 2


def test_a_final_notification_is_plain_and_has_no_sequence():
    peer, sample = rig(Sample(7))
    peer.observe("/20000/7")
    peer.session.confirmable = True
    peer.table.remove(peer.table.find(20000, 7))
    final = [message for _, message in peer.run(1000, peer.serve) if message.code == NOT_FOUND]
    assert len(final) == 1 and final[0].mtype == NON
    assert final[0].payload == b"" and observe_of(final[0]) is None


def test_a_right_that_is_withdrawn_ends_with_a_4_01():
    class Rights(Object):
        oid = 2
        resources = ((2, "RW", "i[]", "acl"),)
        acl = {1: 1}

    rights = Rights()
    peer, sample = rig(rights, Sample(7))
    peer.session.allowed = lambda oid, iid, right: oid != 20000 or iid != 7 or 1 in rights.acl
    peer.observe("/20000/7/1", b"re")
    peer.observe("/20000/7", b"in")
    peer.observe("/20000/0", b"other")
    peer.observe("/20000", b"ob")
    rights.acl = {}
    rights.changed(2)
    found = notified(peer)
    assert sorted([entry for entry in found if entry[1] != CONTENT]) == [
        (b"in", UNAUTHORIZED, b""), (b"re", UNAUTHORIZED, b""),
    ]  # fmt: skip
    assert count(peer) == 2
    sample.set(1, 5)
    assert sorted([token for token, _, _ in notified(peer)]) == [b"ob", b"other"]


def test_nothing_final_is_sent_while_the_server_cannot_be_reached():
    peer, sample = rig(Sample(7))
    peer.observe("/20000/7")
    peer.session.online = False
    peer.table.remove(peer.table.find(20000, 7))
    assert peer.run(100000) == [] and count(peer) == 1
    assert peer.session.observations.snapshot() == []  # it is over
    peer.session.online = True
    assert notified(peer) == [(b"ob", NOT_FOUND, b"")]
    assert count(peer) == 0


def test_a_reset_may_name_one_of_the_last_notifications():
    for late in range(6):
        peer, sample = rig()
        peer.observe("/20000/0/1", b"other")
        peer.observe("/20000/0/2", b"drop")
        mids = []
        for value in range(6):
            sample.set(1, value)
            sample.set(2, value + 0.5)
            for _, message in peer.run(1000):
                if message.token == b"drop":
                    mids.insert(0, message.mid)
        assert len(mids) == 6
        peer.empty(RST, mids[late])
        assert count(peer) == (1 if late < 4 else 2), late  # the last four are known
        sample.set(2, 99.5)
        assert len(peer.run(1000)) == (0 if late < 4 else 1)


def test_keep_is_asked_for_when_observations_come_and_go_only():
    peer, sample = rig()
    session = peer.session

    def unsaved():
        found = session.unsaved
        session.unsaved = False
        return found

    peer.observe("/20000/0/1")
    assert unsaved()
    for value in range(5):
        sample.set(1, value)
        assert len(peer.run(1000)) == 1
    assert not unsaved()
    peer.get("/20000/0/1", observe=1, token=b"none")
    assert not unsaved()
    peer.get("/20000/0/1", observe=1, token=b"ob")
    assert unsaved()
    peer.observe("/20000/0/1")
    unsaved()
    sample.set(1, 77)
    ((_, message),) = peer.run(1000)
    peer.empty(RST, message.mid)
    assert unsaved()
    session.confirmable = True
    peer.observe("/20000/0/1")
    unsaved()
    sample.set(1, 78)
    messages = peer.run(100000)  # nobody answers
    assert {message.mtype for _, message in messages} == {CON} and count(peer) == 0
    assert unsaved()
    # An answer that cannot be given is kept from nobody.
    assert peer.get("/20000/0/77", observe=0).code == NOT_FOUND and not unsaved()


def test_a_path_that_goes_away_ends_with_a_4_04():
    peer, sample = rig(Sample(7))
    second = peer.table.find(20000, 7)
    for path, token in (("/20000/7/1", b"re"), ("/20000/7", b"in"), ("/20000", b"ob")):
        peer.observe(path, token)
    peer.observe("/20000/0/1", b"stays")
    peer.table.remove(second)
    messages = peer.run(1000, peer.serve)
    final = [message for _, message in messages if message.code == NOT_FOUND]
    assert sorted([message.token for message in final]) == [b"in", b"re"]
    for message in final:
        assert message.mtype == NON and message.payload == b"" and observe_of(message) is None
    # Whoever observes the object is told of what is left.
    (changed,) = [message for _, message in messages if message.code == CONTENT]
    assert changed.token == b"ob" and changed.payload.count(b"sample") == 1
    assert count(peer) == 2
    peer.table.add(Sample(8))
    messages = [message for _, message in peer.run(1000, peer.serve) if message.code == CONTENT]
    assert [message.token for message in messages] == [b"ob"]
    assert messages[0].payload.count(b"sample") == 2
    peer.table.remove(sample)
    peer.table.remove(peer.table.find(20000, 8))
    messages = [message for _, message in peer.run(1000, peer.serve) if message.code == NOT_FOUND]
    assert sorted([message.token for message in messages]) == [b"ob", b"stays"]
    assert count(peer) == 0


def test_a_final_notification_without_memory_is_only_late():
    peer, sample = rig()
    peer.observe("/20000/0/1")
    notify = peer.session.endpoint.notify

    def full(*args):
        if args[-1] != NOT_FOUND:  # the Update with what is left
            return notify(*args)
        peer.session.endpoint.notify = notify
        raise MemoryError

    peer.session.endpoint.notify = full
    peer.table.remove(sample)
    codes = [message.code for _, message in peer.run(5000, peer.serve) if message.code > 31]
    assert codes == [NOT_FOUND] and count(peer) == 0
