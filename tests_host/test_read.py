"""Read (TS 1.1.1 Core section 6.3.1), through the wire."""

from helpers import Source, raises
from peer import ANY, Peer, Sample, content_format

from coap.message import Error
from coap.numbers import CON, NON
from lwm2m.formats import senml_cbor, tlv
from lwm2m.object import Object, parse_path
from lwm2m.objects.device import Device
from lwm2m.read import Target

CONTENT, UNAUTHORIZED, NOT_FOUND, METHOD_NOT_ALLOWED = 0x45, 0x81, 0x84, 0x85
NOT_ACCEPTABLE, SERVICE_UNAVAILABLE = 0x86, 0xA3
TEXT, LINK, OPAQUE, TLV = 0, 40, 42, 11542
SENML_JSON, SENML_CBOR = 110, 112


def rig(*objects):
    sample = Sample()
    peer = Peer(sample, *objects)
    peer.register()
    return peer, sample


def paths(base, payload):
    return [path for path, _ in tlv.decode(base, payload)]


def values(base, payload, kinds):
    return [tlv.value(kinds, raw) for _, raw in tlv.decode(base, payload)]


def code_of(peer, path, accept=None):
    response = peer.get(path, accept)
    if response.code >> 5 != 2:
        assert content_format(response) is None
    return response.code


def test_int_222_an_object():
    peer, sample = rig(Sample(7))
    sample.list = {3: 30, 1: 10}
    response = peer.get("/20000")
    assert response.code == CONTENT and content_format(response) == TLV
    found = paths((20000,), response.payload)
    first = [path for path in found if path[1] == 0]
    assert [path[2:] for path in first] == [
        (0,), (1,), (2,), (3,), (4,), (5,), (6,), (7,), (8,), (9, 1), (9, 3), (12,), (15, 0),
        (16,), (300,),
    ]  # fmt: skip
    # The second one has no list; what is executed, write-only or absent appears nowhere.
    assert [path[2] for path in found if path[1] == 7] == [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 300,
    ]  # fmt: skip


def test_int_223_an_instance():
    peer, _ = rig(Sample(7))
    for path in ("/20000/0", "/20000/7"):
        for accept in (None, TLV):
            response = peer.get(path, accept)
            assert response.code == CONTENT and content_format(response) == TLV
            base = parse_path([part.encode() for part in path.split("/")[1:]])
            found = paths(base, response.payload)
            assert found[0] == base + (0,) and found[-1] == base + (300,)
            assert response.payload[:8] == b"\xc6\x00sample"


def test_int_224_every_resource_as_text():
    peer, sample = rig()
    for rid, value, characters in (
        (0, "sample", b"sample"),
        (0, "\u00e9", b"\xc3\xa9"),
        (1, -7, b"-7"),
        (2, 0.25, b"0.25"),
        (3, True, b"1"),
        (3, False, b"0"),
        (4, 4102444800, b"4102444800"),
        (4, -1, b"-1"),
        (1, (1 << 63) - 1, b"9223372036854775807"),
        (1, -1 << 63, b"-9223372036854775808"),
        (7, (1 << 64) - 1, b"18446744073709551615"),
        (6, (3, 0), b"3:0"),
        (16, "</1>", b"</1>"),
        (300, 0.25, b"0.25"),
    ):
        sample.set(rid, value)
        for accept in (None, TEXT):
            response = peer.get("/20000/0/%d" % rid, accept)
            assert response.code == CONTENT
            assert content_format(response) == TEXT and response.payload == characters, rid
        response = peer.get("/20000/0/%d" % rid, TLV)
        assert content_format(response) == TLV
        ((path, raw),) = tlv.decode((20000, 0, rid), response.payload)
        assert path == (20000, 0, rid) and tlv.value(sample.row(rid)[2], raw) == value


def test_opaque():
    peer, sample = rig()
    sample.set(5, b"\x00\xff\x10")
    for accept in (None, OPAQUE):
        response = peer.get("/20000/0/5", accept)
        assert content_format(response) == OPAQUE and response.payload == b"\x00\xff\x10"
    response = peer.get("/20000/0/5", TEXT)
    assert content_format(response) == TEXT and response.payload == b"AP8Q"
    assert peer.get("/20000/0/5", TLV).payload == b"\xc3\x05\x00\xff\x10"
    sample.set(5, b"")
    response = peer.get("/20000/0/5")
    assert response.code == CONTENT and response.payload == b""


def test_int_225_resource_instances():
    peer, sample = rig()
    sample.set(9, {2: 20, 65534: -1, 0: 5})
    response = peer.get("/20000/0/9")
    assert content_format(response) == TLV
    assert response.payload == b"\x88\x09\x0a\x41\x00\x05\x41\x02\x14\x61\xff\xfe\xff"
    for riid, characters, data in (
        (2, b"20", b"\x41\x02\x14"),
        (65534, b"-1", b"\x61\xff\xfe\xff"),
    ):
        path = "/20000/0/9/%d" % riid
        for accept in (None, TEXT):
            response = peer.get(path, accept)
            assert response.code == CONTENT and response.payload == characters
            assert content_format(response) == TEXT
        assert peer.get(path, TLV).payload == data
    assert code_of(peer, "/20000/0/9/1") == NOT_FOUND
    sample.set(9, {1: 7})
    assert peer.get("/20000/0/9/1").payload == b"7"
    assert code_of(peer, "/20000/0/9/2") == NOT_FOUND
    sample.set(9, {})
    assert code_of(peer, "/20000/0/9") == NOT_FOUND
    assert code_of(peer, "/20000/0/9/1") == NOT_FOUND


def test_not_found():
    peer, _ = rig()
    for path in (
        "/20001", "/20000/1", "/20000/0/17", "/20000/0/13", "/20000/0/1/0", "/20000/0/1/65534",
        "/20000/0/14", "/20000/0/14/0", "/19999/0/1", "/2", "/65534", "/1/1", "/1/0/13",
        "/20000/0/12/0",
    ):  # fmt: skip
        for accept in (None, TEXT, TLV, OPAQUE, LINK):
            assert code_of(peer, path, accept) == NOT_FOUND, (path, accept)


def test_paths_that_are_none():
    peer, _ = rig()
    for path in (
        "", "/", "/20000/", "/20000//0", "/20000/0/1/", "/20000/0/9/0/0", "/020000", "/20000/00",
        "/20000/0/01", "/+3", "/-1", "/20000/0/1 ", "/a", "/20000/0/x", "/65535", "/65536",
        "/20000/0/65535", "/20000/0/99999999999999999999999", "/20000/0/\u0661", "/rd", "/bs",
        "/.well-known/core", "/1e3",
    ):  # fmt: skip
        assert code_of(peer, path) == NOT_FOUND, path


def test_not_readable_is_4_05():
    peer, sample = rig()
    sample.secret = "secret"
    for path in ("/20000/0/10", "/20000/0/11", "/1/0/8"):
        for accept in (None, TEXT, TLV, 60):
            assert code_of(peer, path, accept) == METHOD_NOT_ALLOWED, path
    for path in ("/20000", "/20000/0"):
        assert b"secret" not in peer.get(path).payload


def test_not_acceptable():
    peer, _ = rig()
    for path, accepts in (
        ("/20000", (TEXT, OPAQUE)),
        ("/20000/0", (TEXT, OPAQUE)),
        ("/20000/0/15", (TEXT, OPAQUE)),  # more than one value, even if there is but one
        ("/20000/0/1", (OPAQUE,)),
        ("/20000/0/15/0", (OPAQUE,)),
    ):
        for accept in accepts + (1, 41, 50, 61, 111, 113, 11544, 65535):
            response = peer.get(path, accept)
            assert response.code == NOT_ACCEPTABLE, (path, accept)


def test_no_valid_value_is_5_03_and_left_out_of_larger_reads():
    peer, sample = rig()
    assert peer.get("/20000/0/12").payload == b"20.0"
    sample.set(12, None)
    for accept in (None, TEXT, TLV):
        assert code_of(peer, "/20000/0/12", accept) == SERVICE_UNAVAILABLE
    for path in ("/20000", "/20000/0"):
        response = peer.get(path)
        assert response.code == CONTENT
        base = tuple([int(part) for part in path.split("/")[1:]])
        assert (20000, 0, 12) not in paths(base, response.payload)
        assert (20000, 0, 16) in paths(base, response.payload)
    sample.set(12, 21.5)
    assert peer.get("/20000/0/12").payload == b"21.5"
    sample.probed = None
    for path in ("/20000/0/15", "/20000/0/15/0"):
        assert code_of(peer, path) == SERVICE_UNAVAILABLE, path
    assert peer.get("/20000/0").code == CONTENT
    sample.probed = {0: 1.0}
    assert peer.get("/20000/0/15/0").payload == b"1.0"
    assert not peer.session.endpoint.faults


def test_object_0_is_4_01():
    class Security(Object):
        oid = 0
        resources = ((0, "R", "s", "uri"), (5, "R", "o", "key"))
        uri = "coap://example"
        key = b"secret"

    peer, _ = rig(Security())
    for path in ("/0", "/0/0", "/0/0/0", "/0/0/5", "/0/0/5/0", "/0/9", "/0/0/99"):
        for accept in (None, TEXT, TLV, LINK, OPAQUE):
            response = peer.get(path, accept)
            assert response.code == UNAUTHORIZED and b"secret" not in response.payload, path
        assert peer.get(path, observe=0).code == UNAUTHORIZED
    assert peer.session.observations is None or not len(peer.session.observations.all)


def test_non_confirmable_and_without_token():
    peer, _ = rig()
    response = peer.get("/20000/0/2", mtype=NON)
    assert response.mtype == NON and response.payload == b"0.5"
    for _ in range(3):
        response = peer.get("/20000/0/2", token=b"", mtype=CON)
        assert response.payload == b"0.5" and response.token == b""


def test_a_repeated_read_sees_the_new_value():
    peer, sample = rig()
    endpoint = peer.session.endpoint
    for value in (1.5, 2.5, 2.5, -3.5):
        sample.number = value  # even where nobody calls changed()
        response = peer.get("/20000/0/2")
        assert response.payload == b"%s" % str(value).encode() and content_format(response) == TEXT
        payload = peer.get("/20000/0").payload
        assert tlv.encode((20000, 0), (((20000, 0, 2), "f", value),)) in payload
    assert len(endpoint._known) == 2  # the endpoint remembered them
    peer.put("/20000/0/2", b"7.25")
    assert peer.get("/20000/0/2").payload == b"7.25"
    sample.list = {1: 1}
    assert peer.get("/20000/0/9").payload == b"\x83\x09\x41\x01\x01"
    sample.list[1] = 2  # a dictionary stays the same object
    assert peer.get("/20000/0/9").payload == b"\x83\x09\x41\x01\x02"
    assert peer.get("/20000/0/9/1").payload == b"2"
    sample.list[1] = 3
    assert peer.get("/20000/0/9/1").payload == b"3"
    sample.list = {}
    assert code_of(peer, "/20000/0/9/1") == NOT_FOUND
    sample.blob = b"1"
    assert peer.get("/20000/0/5").payload == b"1"
    sample.blob = None
    assert code_of(peer, "/20000/0/5") == NOT_FOUND
    sample.blob = b"2"
    assert peer.get("/20000/0/5").payload == b"2"
    assert not endpoint.faults


def test_a_repeated_read_of_a_value_that_becomes_invalid():
    peer, sample = rig()
    for _ in range(2):
        assert peer.get("/20000/0/12").payload == b"20.0"
    sample.measured = None
    for _ in range(2):
        assert code_of(peer, "/20000/0/12") == SERVICE_UNAVAILABLE
    sample.measured = 22.0
    assert peer.get("/20000/0/12").payload == b"22.0"


def test_repeated_reads_follow_instances():
    peer, _ = rig()
    second = Sample(7)
    assert code_of(peer, "/20000/7/1") == NOT_FOUND
    peer.table.add(second)
    second.integer = 9
    for _ in range(2):
        assert peer.get("/20000/7/1").payload == b"9"
    both = peer.get("/20000").payload
    peer.table.remove(second)
    for _ in range(2):
        assert code_of(peer, "/20000/7/1") == NOT_FOUND
    assert len(peer.get("/20000").payload) < len(both)
    third = Sample(7)
    third.integer = 3
    peer.table.add(third)  # another object in the same place
    assert peer.get("/20000/7/1").payload == b"3"
    second.integer = 4
    assert peer.get("/20000/7/1").payload == b"3"
    assert peer.get("/20000").payload.count(b"\xc6\x00sample") == 2


def test_repeated_reads_end_with_the_registration():
    peer, _ = rig()
    for path in ("/20000/0/2", "/20000/0"):
        assert peer.get(path).code == CONTENT
        assert peer.get(path).code == CONTENT
    peer.registration.stop()
    peer.take()
    assert peer.get("/20000/0/2") is None and peer.get("/20000/0") is None
    peer.register()
    assert peer.get("/20000/0/2").code == CONTENT
    peer.registration.start()  # the link was lost
    assert peer.get("/20000/0/2") is None


def test_requests_before_the_registration_are_ignored():
    sample = Sample()
    peer = Peer(sample)
    registration = peer.registration
    for step in ("stopped", "started", "sent", "refused"):
        if step == "started":
            registration.start()
        elif step == "sent":
            peer.client.poll()
            (request,) = peer.take()
        elif step == "refused":
            peer.answer(request, 0x83)
        for mtype in (CON, NON):
            assert peer.get("/20000/0/1", mtype=mtype) is None, step
            assert peer.get("/20000/0/1", observe=0, mtype=mtype) is None
            assert peer.get("/20000", LINK, mtype=mtype) is None
            assert peer.put("/20000/0/1", b"5", mtype=mtype) is None
            assert peer.post("/20000/0/10", mtype=mtype) is None
            assert peer.attributes("/20000/0/1", "pmin=1") is None
            assert peer.ask(4, "/20000/0", mtype=mtype) is None
            assert peer.get("/nothing", mtype=mtype) is None
    assert sample.integer == 1 and sample.executed == [] and peer.session.attributes == {}
    peer.register()
    assert peer.get("/20000/0/1").payload == b"1"
    assert peer.session.endpoint.poll() > 0 and peer.session.observations is None


def test_device():
    source = Source()
    device = Device(source)
    peer, _ = rig(device)
    assert code_of(peer, "/3/0/0") == NOT_FOUND
    device.manufacturer = "maker"
    assert peer.get("/3/0/0").payload == b"maker"
    assert peer.get("/3/0/16").payload == b"U"
    assert peer.get("/3/0/11").payload == b"\x83\x0b\x41\x00\x00"
    source.errors = 1 << 8 | 1 << 2
    assert peer.get("/3/0/11").payload == b"\x86\x0b\x41\x00\x02\x41\x01\x08"
    source.errors = 1 << 2
    assert peer.get("/3/0/11").payload == b"\x83\x0b\x41\x00\x02"
    assert peer.post("/3/0/12").code == 0x44
    assert peer.get("/3/0/11/0").payload == b"0"
    assert peer.post("/3/0/4", b"0").code == 0x44 and source.called == [("reboot", "0")]
    assert code_of(peer, "/3/0/13") == NOT_FOUND  # without a clock


def test_a_target_whose_value_went_away_before_the_first_look():
    sample = Sample()
    peer = Peer(sample)
    sample.name = "there"
    target = Target(peer.session, (20000, 0, 0), TEXT)
    sample.name = None
    assert raises(Error, target.payload).code == NOT_FOUND
    sample.name = "again"
    assert target.payload() == b"again" and target.payload() is target.payload()


def test_the_number_of_a_target():
    sample = Sample()
    sample.list = {4: 40}
    peer = Peer(sample)
    for path, number in (
        ((20000, 0, 1), 1),
        ((20000, 0, 2), 0.5),
        ((20000, 0, 4), 0),
        ((20000, 0, 7), 0),
        ((20000, 0, 12), 20.0),
        ((20000, 0, 9, 4), 40),
        ((20000, 0, 0), None),
        ((20000, 0, 3), None),
        ((20000, 0, 5), None),
        ((20000, 0, 9), None),
        ((20000, 0), None),
        ((20000,), None),
    ):
        assert Target(peer.session, path).number() == number, path
    target = Target(peer.session, (20000, 0, 12))
    sample.measured = None
    assert target.number() is None


def test_int_237_without_accept():
    peer, sample = rig()
    sample.blob = b"\x00\xff"
    sample.list = {3: 30}
    for path in ("/20000", "/20000/0", "/20000/0/2", "/20000/0/5", "/20000/0/9", "/20000/0/9/3"):
        response = peer.get(path, ANY)
        assert response.code == CONTENT and content_format(response) == SENML_CBOR, path
        assert response.payload == peer.get(path, SENML_CBOR).payload
        base = tuple([int(part) for part in path.split("/")[1:]])
        found = [at for at, _ in senml_cbor.decode(base, response.payload)]
        assert found and (len(base) < 3 or len(found) == 1), path
    assert peer.get("/20000/0/2", ANY).payload == (
        b"\x81\xa2\x21\x6a/20000/0/2\x02\xfa\x3f\x00\x00\x00"
    )
    # A server of LwM2M 1.0 gets what it knows.
    peer.session.version = "1.0"
    peer.session.endpoint.forget()
    for path, number in (
        ("/20000", TLV),
        ("/20000/0", TLV),
        ("/20000/0/2", TEXT),
        ("/20000/0/5", OPAQUE),
        ("/20000/0/9", TLV),
        ("/20000/0/9/3", TEXT),
    ):
        assert content_format(peer.get(path, ANY)) == number, path


def test_the_numbers_of_senml_etch():
    peer, _ = rig()
    for number, like in ((320, SENML_JSON), (322, SENML_CBOR)):
        for path in ("/20000/0", "/20000/0/2"):
            response = peer.get(path, number)
            assert response.code == CONTENT and content_format(response) == number
            assert response.payload == peer.get(path, like).payload


class Rights:
    """Takes the place of a session's `allowed`: no right to what is named."""

    def __init__(self, peer):
        self.none = []
        peer.session.allowed = self.allowed

    def allowed(self, oid, iid, right):
        return (oid, iid, right) not in self.none


def test_access_rights():
    second = Sample(7)
    peer, sample = rig(second)
    rights = Rights(peer)
    whole = [path[1] for path in paths((20000,), peer.get("/20000").payload)]
    assert set(whole) == {0, 7}
    rights.none.append((20000, 7, 1))
    peer.session.endpoint.forget()
    assert {path[1] for path in paths((20000,), peer.get("/20000").payload)} == {0}
    for path in ("/20000/7", "/20000/7/1", "/20000/7/15/0", "/20000/7/10"):
        assert code_of(peer, path) == UNAUTHORIZED, path
        assert peer.get(path, observe=0).code == UNAUTHORIZED
    assert code_of(peer, "/20000/7/17") == NOT_FOUND and code_of(peer, "/20000/8") == NOT_FOUND
    assert peer.get("/20000/0/1").payload == b"1"
    rights.none.append((20000, 0, 1))
    peer.session.endpoint.forget()
    response = peer.get("/20000", SENML_JSON)
    assert response.code == CONTENT and response.payload == b"[]"


def test_what_a_target_is_about():
    sample = Sample()
    sample.list = {3: 30}
    peer = Peer(sample)
    for path in ((20000,), (20000, 0), (20000, 0, 9), (20000, 0, 9, 3)):
        target = Target(peer.session, path)
        assert target.paths == (path,) and target.path == path and not target.composite


def test_a_target_is_renewed():
    second = Sample(7)
    peer = Peer(Sample(), second)
    target = Target(peer.session, (20000, 7, 2), SENML_JSON)
    old = target.payload()
    peer.table.remove(second)
    assert raises(Error, target.renew).code == NOT_FOUND
    third = Sample(7)
    third.number = 4.0
    peer.table.add(third)
    new = target.renew()
    assert new.accept == SENML_JSON and new.options == target.options
    assert new.payload() == b'[{"bn":"/20000/7/2","v":4.0}]' and target.payload() == old


def test_the_records_of_a_target_may_be_encoded_later():
    sample = Sample()
    sample.list = {3: 30}
    peer = Peer(sample)
    for path, accept, payload in (
        ((20000, 0, 2), SENML_JSON, b'[{"bn":"/20000/0/2","bt":-60,"v":0.5}]'),
        ((20000, 0, 9), SENML_JSON, b'[{"bn":"/20000/0/9/","bt":-60,"n":"3","v":30}]'),
        (
            (20000, 0, 2),
            None,
            b"\x81\xa3\x21\x6a/20000/0/2\x22\x38\x3b\x02\xfa\x3f\x00\x00\x00",
        ),
        ((20000, 0, 2), TEXT, b"0.5"),
        ((20000, 0, 2), 60, b"\xfa\x3f\x00\x00\x00"),
        ((20000, 0, 2), TLV, b"\xc4\x02\x3f\x00\x00\x00"),
        ((20000, 0, 2), 11543, b'{"bn":"/20000/0/2","e":[{"n":"","v":0.5}]}'),
        ((20000, 0, 5), OPAQUE, b""),
    ):
        target = Target(peer.session, path, accept)
        found = target.records()
        assert found == target.records() and target.encode(found) == target.payload()
        assert target.encode(found, 60) == payload, (path, accept)
    target = Target(peer.session, (20000, 0, 2), TEXT)
    records = target.records()
    sample.number = 9.0
    assert target.encode(records) == b"0.5" and target.payload() == b"9.0"
    target = Target(peer.session, (20000, 0, 12))
    sample.measured = None
    assert raises(Error, target.records).code == SERVICE_UNAVAILABLE
    target = Target(peer.session, (20000, 0, 9, 3))
    sample.list = {}
    assert raises(Error, target.records).code == NOT_FOUND
    assert Target(peer.session, (20000, 0)).records()
