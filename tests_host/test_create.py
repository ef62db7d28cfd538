"""Create and Delete (TS 1.1.1 Core sections 6.3.6, 6.3.7): with an id and without, all or none."""

import json

from peer import Peer, Random, Second, observe_of

from coap.message import Error
from coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CREATED,
    DELETED,
    INTERNAL_SERVER_ERROR,
    LINK,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OPAQUE,
    SERVICE_UNAVAILABLE,
    TEXT,
    TLV,
    UNAUTHORIZED,
    UNSUPPORTED_CONTENT_FORMAT,
)
from lwm2m.formats import senml_cbor, senml_json, tlv
from lwm2m.object import Object

DELETE = 4
CBOR, SENML_JSON, SENML_CBOR, OLD_JSON = 60, 110, 112, 11543


class Timer(Object):
    """What a server may create."""

    oid = 20010
    resources = (
        (0, "RW", "s", "name"),
        (1, "RW", "i", "period"),
        (2, "RW", "i[]", "steps"),
        (3, "R", "i", "count"),
        (4, "E", "", "run"),
        (5, "RW", "f", "level"),
        (6, "W", "s", "secret"),
    )
    limits = {1: (1, 1000)}
    mandatory = (0,)

    period = 60
    steps = {}
    count = 0
    secret = None
    name = None

    def __init__(self, iid):
        self.iid = iid
        self.changes = []
        self._level = 0.5

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        if value == 13:
            raise Error(SERVICE_UNAVAILABLE, "stuck")
        if value == 14:
            raise OSError(5)
        self._level = value

    def check(self, values):
        for rid, _, value in values:
            if rid == 0 and value == "refuse":
                raise Error(BAD_REQUEST, "refused")

    def changed(self, rid):
        self.changes.append(rid)
        super().changed(rid)

    def run(self, arguments):
        pass


class Plain(Timer):
    """The same without a mandatory resource."""

    oid = 20011
    mandatory = ()


def rig(*more):
    peer = Peer(Timer(0), Plain(0), *more)
    peer.table.creatable[20010] = Timer
    peer.table.creatable[20011] = Plain
    peer.register()
    return peer


def tlv_of(iid, *entries, oid=20010):
    """A TLV payload of (path below the instance, type, value); iid None: without the instance."""
    records = [((oid, iid or 0) + at, kind, value) for at, kind, value in entries]
    return tlv.encode((oid,) if iid is not None else (oid, 0), records)


NAME = ((0,), "s", "cook")
STEPS = (((2, 0), "i", 5), ((2, 7), "i", -6))


def location(response):
    return [bytes(part) for part in response.all(8)]


def created(peer, oid, payload, content_format, iid):
    """The Create succeeds and tells where; returns the instance."""
    generation = peer.table.generation
    response = peer.post("/%d" % oid, payload, content_format)
    assert response.code == CREATED, (hex(response.code), bytes(response.payload), payload)
    assert location(response) == [b"%d" % oid, b"%d" % iid], payload
    assert response.payload == b"" and len(response.options) == 2
    assert peer.table.generation > generation and not peer.session.endpoint.faults
    instance = peer.table.find(oid, iid)
    assert instance.iid == iid and instance.table is peer.table
    return instance


def refused(peer, code, payload, content_format=TLV, path="/20010", faults=0):
    """The Create fails with this code and adds nothing."""
    before = list(peer.table.instances)
    generation = peer.table.generation
    peer.session.unsaved = False
    response = peer.post(path, payload, content_format)
    assert response.code == code, (hex(response.code), path, payload, content_format)
    assert not location(response)
    assert peer.table.instances == before and peer.table.generation == generation
    assert not peer.session.unsaved and peer.session.endpoint.faults == faults


def test_create_with_an_id():
    for iid in (1, 5, 255, 256, 65534):
        peer = rig()
        new = created(peer, 20010, tlv_of(iid, NAME, ((1,), "i", 10), *STEPS), TLV, iid)
        assert (new.name, new.period, new.steps, new.level) == ("cook", 10, {0: 5, 7: -6}, 0.5)
        assert bytes(peer.get("/20010/%d/0" % iid, TEXT).payload) == b"cook"
        assert Timer.steps == {}
        again = peer.post("/20010", tlv_of(iid, NAME), TLV)
        assert again.code == BAD_REQUEST and bytes(again.payload) == b"it exists"


def test_create_without_an_id_takes_the_lowest_that_is_free():
    peer = rig()
    for iid in (1, 2, 3):
        assert created(peer, 20010, tlv_of(None, NAME, *STEPS), TLV, iid).steps == {0: 5, 7: -6}
    assert peer.ask(DELETE, "/20010/2").code == DELETED
    created(peer, 20010, tlv_of(None, NAME), TLV, 2)
    created(peer, 20010, tlv_of(None, NAME), TLV, 4)
    assert [each.iid for each in peer.table.of(20010)] == [0, 1, 2, 3, 4]


def test_create_with_nothing_in_it():
    peer = rig()
    refused(peer, BAD_REQUEST, b"")  # 20010 has a mandatory resource
    new = created(peer, 20011, b"", TLV, 1)
    assert (new.name, new.period, new.steps) == (None, 60, {})
    created(peer, 20011, b"\x00\x09", TLV, 9)  # an object instance without resources
    created(peer, 20011, b"\x20\x12\x34", TLV, 0x1234)
    created(peer, 20011, b"[]", SENML_JSON, 2)
    created(peer, 20011, b"\x80", SENML_CBOR, 3)
    created(peer, 20011, b'{"e":[]}', OLD_JSON, 4)


def senml(*records):
    return json.dumps(list(records)).encode()


WITH_ID = (
    ({"bn": "/20010/7/", "n": "0", "vs": "cook"}, {"n": "1", "v": 10}, {"n": "2/7", "v": -6}),
    ({"bn": "/20010/", "n": "7/0", "vs": "cook"}, {"n": "7/1", "v": 10}, {"n": "7/2/7", "v": -6}),
    (
        {"bn": "/20010", "n": "/7/0", "vs": "cook"},
        {"n": "/7/1", "v": 10},
        {"n": "/7/2/7", "v": -6},
    ),
    ({"n": "/20010/7/0", "vs": "cook"}, {"n": "7/1", "v": 10}, {"n": "/20010/7/2/7", "v": -6}),
    ({"n": "7/0", "vs": "cook"}, {"n": "7/1", "v": 10}, {"n": "7/2/7", "v": -6}),
    ({"n": "7/2/7", "v": -6}, {"n": "7/1", "v": 10}, {"n": "7/0", "vs": "cook"}),
)
WITHOUT_ID = (
    ({"bn": "/20010/", "n": "0", "vs": "cook"}, {"n": "1", "v": 10}, {"n": "2/7", "v": -6}),
    ({"bn": "/20010", "n": "/0", "vs": "cook"}, {"n": "/1", "v": 10}, {"n": "/2/7", "v": -6}),
    ({"n": "0", "vs": "cook"}, {"n": "1", "v": 10}, {"n": "2/7", "v": -6}),
    ({"n": "2/7", "v": -6}, {"n": "1", "v": 10}, {"n": "0", "vs": "cook"}),
)
IN_CBOR = {"bn": b"\x21", "n": b"\x00", "v": b"\x02", "vs": b"\x03"}


def in_cbor(records):
    out = bytes((0x80 | len(records),))
    for record in records:
        out += bytes((0xA0 | len(record),))
        for key in record:
            value = record[key]
            out += IN_CBOR[key]
            if isinstance(value, str):
                out += bytes((0x60 | len(value),)) + value.encode()
            else:
                out += bytes((value if value >= 0 else 0x20 | ~value,))
    return out


def test_create_with_senml_and_json():
    assert list(senml_cbor.decode((20010,), in_cbor(WITH_ID[0]))) == list(
        senml_json.decode((20010,), senml(*WITH_ID[0]))
    )
    for packs, iid in ((WITH_ID, 7), (WITHOUT_ID, 1)):
        for pack in packs:
            old = senml(*pack).replace(b'"vs"', b'"sv"')
            forms = [(senml(*pack), SENML_JSON), (in_cbor(pack), SENML_CBOR)]
            if "bn" not in pack[0]:
                forms.append((b'{"e":' + old + b"}", OLD_JSON))
                if b"20010" not in old:
                    forms.append((b'{"bn":"/20010/","e":' + old + b"}", OLD_JSON))
            for payload, content_format in forms:
                peer = rig()
                new = created(peer, 20010, payload, content_format, iid)
                assert (new.name, new.period, new.steps) == ("cook", 10, {7: -6}), payload


def test_create_where_senml_is_not_clear():
    peer = rig()
    name = {"n": "/20010/7/0", "vs": "cook"}
    for records in (
        (name, {"n": "/20010/8/1", "v": 10}),  # two instances
        (name, {"n": "/20010/1", "v": 10}),  # with an id and without
        (name, {"n": "/20011/7/1", "v": 10}),  # another object
        (name, {"n": "/20010/7", "v": 10}),
        (name, {"n": "/20010", "v": 10}),
        (name, {"n": "/", "v": 10}),
        (name, {"n": "/20010/7/2/7/0", "v": 10}),
        ({"n": "0", "vs": "cook"}, {"n": "1/2/7", "v": 1}),
        ({"n": "0", "vs": "cook"}, {"n": "8/1/0/0", "v": 1}),
        ({"n": "0", "vs": "cook"}, {"n": "1/2/7/0", "v": 1}),
        ({"n": "0", "vs": "cook"}, {"n": "2", "v": 1}),  # it is a multiple one
        ({"n": "0", "vs": "cook"}, {"n": "0", "vs": "cook"}),
        ({"n": "/20010/65535/0", "vs": "cook"},),
        ({"n": "/20010/65536/0", "vs": "cook"},),
        ({"n": "/20010/-1/0", "vs": "cook"},),
        ({"n": "/20010/0/0", "vs": "cook"},),  # it exists
        ({"n": "0"},),
        ({"n": "0", "vs": "cook", "v": 1},),
    ):
        refused(peer, BAD_REQUEST, senml(*records), SENML_JSON)
    for payload in (b"", b"{", b"[", b"[1]", b"{}", b"null", b"\xff"):
        refused(peer, BAD_REQUEST, payload, SENML_JSON)
        refused(peer, BAD_REQUEST, payload, SENML_CBOR)
    whole = in_cbor(WITH_ID[0])
    for end in range(len(whole)):
        refused(peer, BAD_REQUEST, whole[:end], SENML_CBOR)


def test_a_write_still_needs_all_ids():
    peer = rig()
    for records in (({"n": "/20010/0", "vs": "x"},), ({"n": "/20010", "vs": "x"},)):
        for method in (peer.put, peer.post):
            assert method("/20010/0", senml(*records), SENML_JSON).code == BAD_REQUEST
    assert peer.table.find(20010, 0).name is None


def test_create_refused_by_what_a_write_would_refuse():
    peer = rig()
    for iid in (None, 5):
        for entries in (
            (),  # the mandatory one is missing
            (((1,), "i", 10),),
            (((6,), "s", "cook"),),
            (((0,), "s", "refuse"),),  # by check()
            (NAME, ((1,), "i", 0)),  # out of the limits
            (NAME, ((1,), "s", "ten")),
            (NAME, ((2,), "i", 1)),  # one value for a multiple resource
            (NAME, ((1, 0), "i", 1)),
            (NAME, ((3,), "i", 1)),  # read only
            (NAME, ((4,), "s", "")),  # executable
            (NAME, ((77,), "i", 1)),  # unknown
            (NAME, NAME),
            (NAME, ((2, 0), "i", 1), ((2, 0), "i", 1)),
            (NAME, ((5,), "f", 2.0), ((5,), "f", 2.0)),
        ):
            refused(peer, BAD_REQUEST, tlv_of(iid, *entries))
        refused(peer, SERVICE_UNAVAILABLE, tlv_of(iid, NAME, ((5,), "f", 13.0)))
    refused(peer, INTERNAL_SERVER_ERROR, tlv_of(5, NAME, ((5,), "f", 14.0)), faults=1)


def test_create_of_broken_tlv():
    peer = rig()
    for payload in (
        tlv_of(5, NAME) + tlv_of(6, NAME),  # two instances
        tlv_of(0, NAME),  # it exists
        tlv_of(65535, NAME),
        b"\x08\x05\x06" + tlv_of(5, NAME),
        tlv_of(None, NAME) + tlv_of(7, ((1,), "i", 1)),
        b"\x41\x00\x05",  # a resource instance
        b"\xff" * 9,
    ):
        refused(peer, BAD_REQUEST, payload)
    whole = tlv_of(5, NAME, ((1,), "i", 10), *STEPS)
    for end in range(1, len(whole)):
        refused(peer, BAD_REQUEST, whole[:end])
    created(peer, 20010, whole, TLV, 5)


def test_create_of_damaged_payloads():
    random = Random(20010)
    wholes = [
        (tlv_of(5, NAME, ((1,), "i", 10), *STEPS), TLV),
        (tlv_of(None, NAME, ((1,), "i", 10), *STEPS), TLV),
        (senml(*WITH_ID[0]), SENML_JSON),
        (senml(*WITHOUT_ID[0]), SENML_JSON),
        (in_cbor(WITH_ID[1]), SENML_CBOR),
        (in_cbor(WITHOUT_ID[0]), SENML_CBOR),
        (b'{"bn":"/20010/","e":[{"n":"7/0","sv":"cook"}]}', OLD_JSON),
    ]
    peer = rig()
    codes = set()
    for turn in range(700):
        whole, content_format = wholes[turn % len(wholes)]
        damaged = bytearray(whole)
        for _ in range(1 + random.below(3)):
            damaged[random.below(len(damaged))] = random.below(256)
        damaged = bytes(damaged[: 1 + random.below(2 * len(damaged))])
        before = list(peer.table.instances)
        response = peer.post("/20010", damaged, content_format)
        codes.add(response.code)
        if response.code == CREATED:
            oid, iid = [int(part) for part in location(response)]
            new = peer.table.find(oid, iid)
            assert oid == 20010 and new not in before and isinstance(new.name, str), damaged
            assert isinstance(new.period, int) and 1 <= new.period <= 1000, damaged
            assert peer.ask(DELETE, "/%d/%d" % (oid, iid)).code == DELETED
        else:
            assert response.code == BAD_REQUEST, (hex(response.code), damaged)
        assert peer.table.instances == before, damaged
        if turn % 100 == 99:
            peer.advance(300000)  # the answers to what came before need not be kept any longer
    assert codes == {CREATED, BAD_REQUEST} and not peer.session.endpoint.faults


def test_create_formats():
    peer = rig()
    refused(peer, BAD_REQUEST, tlv_of(5, NAME), None)
    for content_format in (TEXT, LINK, OPAQUE, CBOR, 50, 11544, 65535):
        refused(peer, UNSUPPORTED_CONTENT_FORMAT, tlv_of(5, NAME), content_format)


def test_create_where_it_is_not_allowed():
    peer = rig()
    for path, code in (("/1", METHOD_NOT_ALLOWED), ("/20012", NOT_FOUND), ("/0", UNAUTHORIZED)):
        for content_format in (None, TEXT, TLV, SENML_JSON):
            refused(peer, code, b"\x00\x05", content_format, path)
    peer.table.remove(peer.table.find(20011, 0))
    created(peer, 20011, b"", TLV, 0)  # the object is known though no instance is there

    def full(iid):
        raise Error(SERVICE_UNAVAILABLE, "no more")

    peer.table.creatable[20010] = full
    refused(peer, SERVICE_UNAVAILABLE, tlv_of(5, NAME))


def test_the_limit_of_instances():
    peer = rig()
    for iid in range(1, 16):
        created(peer, 20011, b"", TLV, iid)
    refused(peer, SERVICE_UNAVAILABLE, b"", TLV, "/20011")
    assert peer.ask(DELETE, "/20011/3").code == DELETED
    created(peer, 20011, b"\x00\x63", TLV, 99)


def test_a_duplicate_creates_once():
    peer = rig()
    first = peer.post("/20010", tlv_of(None, NAME), TLV, mid=500, token=b"x")
    again = peer.post("/20010", tlv_of(None, NAME), TLV, mid=500, token=b"x")
    assert first.code == again.code == CREATED
    assert location(first) == location(again) == [b"20010", b"1"]
    assert len(peer.table.of(20010)) == 2
    assert peer.ask(DELETE, "/20010/1", mid=501, token=b"y").code == DELETED
    assert peer.ask(DELETE, "/20010/1", mid=501, token=b"y").code == DELETED
    assert peer.ask(DELETE, "/20010/1").code == NOT_FOUND


def test_the_links_are_registered_anew():
    peer = rig()
    created(peer, 20010, tlv_of(5, NAME), TLV, 5)
    peer.client.poll()
    (update,) = peer.take()
    assert b"</20010/5>" in bytes(update.payload)
    peer.answer(update, CHANGED)
    assert peer.ask(DELETE, "/20010/5").code == DELETED
    peer.client.poll()
    (update,) = peer.take()
    assert update.payload and b"</20010/5>" not in bytes(update.payload)


def test_int_308_observers_hear_of_a_create():
    peer = rig()
    peer.observe("/20010", token=b"all")
    created(peer, 20010, tlv_of(5, NAME), TLV, 5)
    heard = [each for _, each in peer.run(1000, peer.serve) if each.token == b"all"]
    assert len(heard) == 1 and observe_of(heard[0]) is not None and b"cook" in heard[0].payload


def test_delete():
    peer = rig()
    created(peer, 20010, tlv_of(5, NAME), TLV, 5)
    created(peer, 20010, tlv_of(6, NAME), TLV, 6)
    response = peer.ask(DELETE, "/20010/5")
    assert response.code == DELETED and response.payload == b"" and not response.options
    assert peer.get("/20010/5").code == NOT_FOUND and peer.table.find(20010, 6)
    assert peer.ask(DELETE, "/20010/5").code == NOT_FOUND
    created(peer, 20010, tlv_of(5, NAME), TLV, 5)


def test_delete_refused():
    peer = rig()
    created(peer, 20010, tlv_of(5, NAME, *STEPS), TLV, 5)
    before = list(peer.table.instances)
    for path, code in (
        ("/20010/0", METHOD_NOT_ALLOWED),  # it is the application's own
        ("/1/0", METHOD_NOT_ALLOWED),
        ("/20010", METHOD_NOT_ALLOWED),
        ("/20010/5/0", METHOD_NOT_ALLOWED),
        ("/20010/5/2/7", METHOD_NOT_ALLOWED),
        ("/20010/8", NOT_FOUND),
        ("/20012/0", NOT_FOUND),
        ("", NOT_FOUND),
        ("/0/0", UNAUTHORIZED),
    ):
        assert peer.ask(DELETE, path).code == code, path
    assert peer.table.instances == before and peer.table.find(20010, 5).steps == {0: 5, 7: -6}
    mine = Plain(3)
    mine.removable = True  # an application can leave that to the servers
    peer.table.add(mine)
    assert peer.ask(DELETE, "/20011/3").code == DELETED


def test_delete_forgets_what_was_said_about_it():
    peer = rig()
    second = Second(peer, 2)
    second.register()
    peer.take()
    created(peer, 20010, tlv_of(5, NAME, *STEPS), TLV, 5)
    peer.run(1000, peer.serve)
    second.take()
    for each in (peer, second):
        for path in ("/20010", "/20010/0", "/20010/5", "/20010/5/1", "/20010/5/2/7", "/20011/0"):
            assert each.attributes(path, "pmin=1").code == CHANGED
        each.session.unsaved = False
    second.observe("/20010/5/1", token=b"gone")
    second.observe("/20010/0/1", token=b"kept")
    assert peer.ask(DELETE, "/20010/5").code == DELETED
    for each in (peer, second):
        kept = {(20010,): {"pmin": 1}, (20010, 0): {"pmin": 1}, (20011, 0): {"pmin": 1}}
        assert each.session.attributes == kept and each.session.unsaved
    peer.run(20, peer.serve)
    (final,) = [message for message in second.take() if message.token == b"gone"]
    assert final.code == NOT_FOUND
    assert len(second.session.observations.all) == 1
