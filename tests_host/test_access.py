"""Access control between two servers (object 2, TS 1.1.1 Core section 8)."""

import sys

from helpers import raises
from peer import Peer, Sample, Second

from coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CREATED,
    DELETED,
    LINK,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TEXT,
    TLV,
    UNAUTHORIZED,
)
from lwm2m import access
from lwm2m.formats import tlv

DELETE, FETCH, IPATCH = 4, 5, 7
SENML_JSON = 110
READ, WRITE, EXECUTE, REMOVE, CREATE = 1, 2, 4, 8, 16
OPERATIONS = (
    (READ, lambda peer: peer.get("/20000/0/1"), CONTENT),
    (READ, lambda peer: peer.get("/20000/0"), CONTENT),
    (READ, lambda peer: peer.ask(1, "/20000/0/1", observe=0, token=b"o"), CONTENT),
    (READ, lambda peer: peer.ask(1, "/20000/0/9/1", observe=1, token=b"o"), CONTENT),
    (READ, lambda peer: peer.attributes("/20000/0/1", "pmin=1"), CHANGED),
    (READ, lambda peer: peer.attributes("/20000/0", "pmin=1"), CHANGED),
    (WRITE, lambda peer: peer.put("/20000/0/1", b"5"), CHANGED),
    (WRITE, lambda peer: peer.post("/20000/0", b"\xc1\x01\x06", TLV), CHANGED),
    (WRITE, lambda peer: peer.post("/20000/0/9", b"\x41\x02\x06", TLV), CHANGED),
    (WRITE, lambda peer: peer.put("/20000/0/9/1", b"6"), CHANGED),
    (EXECUTE, lambda peer: peer.post("/20000/0/10"), CHANGED),
)


def servers(*objects):
    """Two servers of one client; the first owns all. Returns both and the sample."""
    sample = Sample()
    sample.list = {1: 10}
    peer = Peer(sample, *objects)
    peer.table.creatable[20000] = Sample
    second = Second(peer, 2)
    access.defaults(peer.client, 1)
    peer.register()
    second.register()
    peer.take()
    return peer, second, sample


def control_of(peer, oid, iid):
    return access.control(peer.table, oid, iid)


def state(peer, sample):
    return sample.values(), dict(peer.session.attributes), len(sample.executed)


def check(peer, sample, rights):
    """What the server may do is just this."""
    for right, operation, good in OPERATIONS:
        peer.session.attributes.clear()
        before = state(peer, sample)
        code = operation(peer).code
        assert code == (good if rights & right else UNAUTHORIZED), (right, rights, code)
        if not rights & right:
            assert state(peer, sample) == before
            observations = peer.session.observations
            assert not observations or not observations.all
        peer.session.cancel_observation()
    assert peer.get("/20000/0", LINK).code == CONTENT  # a Discover needs no right
    assert peer.get("/20000/0/1", LINK).code == CONTENT
    for path in ("/20000/5/1", "/20000/0/77", "/20000/5"):
        assert peer.get(path).code == NOT_FOUND
    assert peer.put("/20000/5/1", b"1").code == NOT_FOUND
    assert peer.ask(DELETE, "/20000/5").code == NOT_FOUND
    assert not peer.session.endpoint.faults


def test_the_defaults():
    peer, second, sample = servers()
    found = {
        (each.object_id, each.instance_id): (each.owner, each.acl) for each in peer.table.of(2)
    }
    assert found == {
        (1, 0): (1, {}),
        (1, 1): (2, {}),
        (20000, 0): (1, {0: READ}),
        (20000, 65535): (65535, {1: CREATE}),
    }
    assert [each.iid for each in peer.table.of(2)] == [0, 1, 2, 3]
    generation = peer.table.generation
    access.defaults(peer.client, 2)
    assert peer.table.generation == generation  # once is enough
    peer.table.remove(peer.table.find(2, 1))
    peer.table.add(Sample(3))
    access.defaults(peer.client, 2)
    assert control_of(peer, 1, 1).iid == 1  # the lowest id that is free
    assert control_of(peer, 20000, 3).owner == 2


def test_every_combination_of_rights():
    for rights in range(32):
        for acl in ({2: rights}, {0: rights}, {0: 31 - rights, 2: rights}, {1: 31, 2: rights}):
            if rights in (1, 6, 0, 15, 31) or 2 in acl and len(acl) == 1:
                peer, second, sample = servers()
                control_of(peer, 20000, 0).acl = acl
                check(second, sample, rights)


def test_an_owner_has_all_rights_where_no_entry_tells_otherwise():
    for acl, rights in (({}, 31), ({0: 0}, 31), ({2: 0}, 31), ({1: 1}, 1), ({1: 0, 0: 31}, 0)):
        peer, second, sample = servers()
        control_of(peer, 20000, 0).acl = acl
        check(peer, sample, rights)
    for acl in ({}, {1: 31}, {3: 31}):  # and who is no owner has none
        peer, second, sample = servers()
        control_of(peer, 20000, 0).acl = acl
        check(second, sample, 0)


def test_an_instance_without_access_control_is_nobodys():
    peer, second, sample = servers()
    peer.table.remove(control_of(peer, 20000, 0))
    peer.take()
    second.take()
    for each in (peer, second):
        check(each, sample, 0)


def test_a_single_server_may_do_everything():
    sample = Sample()
    sample.list = {1: 10}
    peer = Peer(sample)
    peer.register()
    kept = sys.modules.pop("lwm2m.access")
    try:
        check(peer, sample, 31)
        peer.table.add(access.AccessControl(0, 20000, 0, 7, {1: 0}))
        peer.run(1000, peer.serve)
        check(peer, sample, 31)  # whatever object 2 says (section 8.2)
        assert "lwm2m.access" not in sys.modules
    finally:
        sys.modules["lwm2m.access"] = kept


def test_without_object_2_there_is_no_access_control():
    sample = Sample()
    sample.list = {1: 10}
    peer = Peer(sample)
    second = Second(peer, 2)
    peer.register()
    second.register()
    peer.take()
    for each in (peer, second):
        check(each, sample, 31)


def test_object_0_is_forbidden_and_object_1_ones_own():
    peer, second, _ = servers()
    for each, own, other in ((peer, 0, 1), (second, 1, 0)):
        assert each.get("/1/%d/1" % own).code == CONTENT
        assert each.put("/1/%d/1" % own, b"500").code == CHANGED
        assert each.post("/1/%d/8" % own).code == CHANGED
        for path in ("/1/%d" % other, "/1/%d/1" % other):
            assert each.get(path).code == UNAUTHORIZED
            assert each.attributes(path, "pmin=1").code == UNAUTHORIZED
        assert each.put("/1/%d/1" % other, b"600").code == UNAUTHORIZED
        assert each.post("/1/%d/8" % other).code == UNAUTHORIZED
        assert each.get("/0/0").code == UNAUTHORIZED
    assert peer.server.lifetime_s == second.server.lifetime_s == 500


def test_a_whole_object_shows_what_may_be_read():
    peer, second, _ = servers(Sample(4))
    control_of(peer, 20000, 4).acl = {}
    for each, seen in ((peer, [0, 4]), (second, [0])):
        response = each.get("/20000", TLV)
        assert response.code == CONTENT
        paths = [path for path, _ in tlv.decode((20000,), response.payload)]
        assert sorted({path[1] for path in paths}) == seen
    assert peer.attributes("/20000", "pmin=1").code == CHANGED  # needs no right at an object
    assert second.attributes("/20000", "pmin=1").code == CHANGED


def test_composite_requests_keep_to_the_rights():
    peer, second, sample = servers(Sample(4))
    control_of(peer, 20000, 4).acl = {}
    paths = b'[{"n":"/20000/0/1"},{"n":"/20000/4/1"}]'
    response = second.ask(FETCH, "", paths, SENML_JSON, SENML_JSON)
    assert response.code == CONTENT
    assert b"0/1" in response.payload and b"4/1" not in response.payload
    values = b'[{"n":"/20000/0/1","v":7},{"n":"/20000/4/1","v":7}]'
    assert second.ask(IPATCH, "", values, SENML_JSON).code == UNAUTHORIZED
    assert sample.integer == 1
    assert peer.ask(IPATCH, "", values, SENML_JSON).code == CHANGED and sample.integer == 7


def test_object_2_is_read_by_all_and_written_by_its_owners():
    peer, second, _ = servers()
    number = control_of(peer, 20000, 0).iid
    for each in (peer, second):
        assert bytes(each.get("/2/%d/0" % number, TEXT).payload) == b"20000"
        assert bytes(each.get("/2/%d/2/0" % number, TEXT).payload) == b"1"
        assert each.get("/2").code == CONTENT
        assert each.attributes("/2/%d" % number, "pmin=1").code == CHANGED
        assert each.ask(DELETE, "/2/%d" % number).code == UNAUTHORIZED
        assert each.post("/2", b"", TLV).code == METHOD_NOT_ALLOWED
        assert each.put("/2/%d/0" % number, b"5").code in (UNAUTHORIZED, METHOD_NOT_ALLOWED)
        assert each.put("/2/77/3", b"5").code == NOT_FOUND
        create = control_of(peer, 20000, 65535).iid
        assert each.put("/2/%d/3" % create, b"1").code == UNAUTHORIZED
    assert second.put("/2/%d/3" % number, b"2").code == UNAUTHORIZED
    assert second.put("/20000/0/1", b"5").code == UNAUTHORIZED
    peer.session.unsaved = False
    assert peer.post("/2/%d/2" % number, b"\x41\x02\x03", TLV).code == CHANGED
    assert peer.session.unsaved
    assert control_of(peer, 20000, 0).acl == {0: 1, 2: 3}
    assert second.put("/20000/0/1", b"5").code == CHANGED
    # The owner gives it away
    assert peer.put("/2/%d/3" % number, b"2").code == CHANGED
    assert peer.put("/20000/0/1", b"6").code == UNAUTHORIZED
    assert peer.put("/2/%d/3" % number, b"1").code == UNAUTHORIZED
    assert second.put("/2/%d/3" % number, b"1").code == CHANGED


def test_nonsense_for_object_2_changes_nothing():
    peer, second, _ = servers()
    number = control_of(peer, 20000, 0).iid
    path = "/2/%d" % number
    for below, payload in (
        ("", b"\x83\x02\x41\x02\x20"),  # past 31
        ("", b"\x83\x02\x41\x02\xff"),
        ("", b"\xc1\x02\x01"),
        ("", b"\xc1\x03\xff"),
        ("", b"\xc4\x03\x00\x01\x00\x00"),
        ("", b"\x86\x02\x41\x02\x01\x41\x02\x01"),
        ("/2", b"\x41\x02"),
        ("/2", b"\x41\x02\x20"),
    ):
        for method in (peer.put, peer.post):
            assert method(path + below, payload, TLV).code == BAD_REQUEST, payload
    assert peer.put(path, b"\xc1\x00\x01", TLV).code == METHOD_NOT_ALLOWED
    control = control_of(peer, 20000, 0)
    assert (control.owner, control.acl) == (1, {0: 1})
    assert peer.put(path, b"\x83\x02\x41\x02\x01", TLV).code == CHANGED  # the owner stays
    assert (control.owner, control.acl) == (1, {2: 1})
    assert peer.put(path, b"\xc1\x03\x01", TLV).code == CHANGED
    assert (control.owner, control.acl) == (1, {})
    assert access.AccessControl.acl == {}


def test_a_right_that_is_taken_away_counts_at_once():
    peer, second, sample = servers()
    for _ in range(3):  # remembered after the first
        assert second.get("/20000/0/1").code == CONTENT
    second.observe("/20000/0/1", token=b"o1")
    second.observe("/20000", token=b"o2")
    number = control_of(peer, 20000, 0).iid
    assert peer.put("/2/%d/2" % number, b"\x41\x00\x00", TLV).code == CHANGED
    peer.run(20, peer.serve)
    final = [each for each in second.take() if each.token == b"o1"]
    assert len(final) == 1 and final[0].code >> 5 == 4
    assert len(second.session.observations.all) == 1
    assert second.get("/20000/0/1").code == UNAUTHORIZED
    sample.set(1, 9)
    peer.run(1000, peer.serve)
    for message in second.take():
        assert b"sample" not in message.payload
    assert peer.get("/20000/0/1").code == CONTENT
    assert peer.put("/2/%d/2" % number, b"\x41\x02\x01", TLV).code == CHANGED
    second.take()
    assert second.get("/20000/0/1").code == CONTENT


def test_create_needs_the_right_and_brings_an_owner():
    peer, second, _ = servers()
    assert second.post("/20000", b"", TLV).code == UNAUTHORIZED
    assert peer.post("/20000", b"", TLV).code == CREATED
    control = control_of(peer, 20000, 1)
    assert (control.owner, control.acl) == (1, {})
    second.take()
    assert second.get("/20000/1/1").code == UNAUTHORIZED
    assert peer.put("/20000/1/1", b"3").code == CHANGED
    control_of(peer, 20000, 65535).acl = {0: CREATE}
    assert second.post("/20000", b"\x00\x05", TLV).code == CREATED
    assert control_of(peer, 20000, 5).owner == 2
    peer.take()
    assert peer.get("/20000/5/1").code == UNAUTHORIZED
    assert second.get("/20000/5/1").code == CONTENT
    assert peer.ask(DELETE, "/20000/5").code == UNAUTHORIZED
    assert second.ask(DELETE, "/20000/1").code == UNAUTHORIZED
    assert peer.session.unsaved and second.session.unsaved
    assert second.ask(DELETE, "/20000/5").code == DELETED
    assert control_of(peer, 20000, 5) is None and control_of(peer, 20000, 1)
    peer.take()
    assert peer.ask(DELETE, "/20000/1").code == DELETED
    assert control_of(peer, 20000, 1) is None
    assert peer.ask(DELETE, "/20000/0").code == METHOD_NOT_ALLOWED  # its own, but not removable
    peer.table.remove(control_of(peer, 20000, 65535))
    peer.take()
    assert peer.post("/20000", b"", TLV).code == UNAUTHORIZED


def test_a_create_that_fails_leaves_no_access_control():
    peer, second, _ = servers()
    before = list(peer.table.instances)
    for payload in (b"\xc1\x01", b"\xc1\x00\x01", b"\x00\x00", b"\xc1\x4d\x01"):
        assert peer.post("/20000", payload, TLV).code == BAD_REQUEST
    assert peer.table.instances == before


def test_int_950_951_attributes_and_observations_are_each_servers_own():
    peer, second, sample = servers()
    assert peer.attributes("/20000/0/1", "pmin=5").code == CHANGED
    assert second.attributes("/20000/0/1", "pmin=1", "gt=10").code == CHANGED
    assert b"pmin=5" in peer.get("/20000/0/1", LINK).payload
    assert b"gt" not in peer.get("/20000/0/1", LINK).payload
    assert b"pmin=1" in second.get("/20000/0/1", LINK).payload
    peer.observe("/20000/0/1", token=b"same")
    second.observe("/20000/0/1", token=b"same")
    peer.run(10000, peer.serve)
    second.take()
    sample.set(1, 5)  # below the threshold of the second
    assert [message.token for _, message in peer.run(20, peer.serve)] == [b"same"]
    assert second.take() == []
    sample.set(1, 15)
    assert peer.run(3000, peer.serve) == []  # within its pmin
    assert [message.token for message in second.take()] == [b"same"]
    peer.run(3000, peer.serve)
    assert second.ask(1, "/20000/0/1", observe=1, token=b"same").code == CONTENT
    sample.set(1, 25)
    assert [message.token for _, message in peer.run(20000, peer.serve)] == [b"same"]
    assert second.take() == []


def test_ids_of_object_2_are_not_taken_twice():
    peer, _, _ = servers()
    raises(ValueError, peer.table.add, access.AccessControl(0, 1, 1, 1, {}))


def test_what_is_created_belongs_to_its_creator_even_under_an_old_id():
    peer, second, _ = servers()
    control_of(peer, 20000, 65535).acl = {1: CREATE, 2: CREATE}
    new = b"\x08\x05\x03\xc1\x01\x05"
    assert peer.post("/20000", new, TLV).code == CREATED
    peer.table.remove(peer.table.find(20000, 5))  # by the application: the rights stay
    peer.session.unsaved = False
    assert second.post("/20000", new, TLV).code == CREATED
    assert peer.session.unsaved  # the rights of all are kept with the first session
    assert second.get("/20000/5/1").code == CONTENT
    assert peer.get("/20000/5/1").code == UNAUTHORIZED
