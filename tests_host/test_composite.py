"""Composite operations (TS 1.1.1 Core sections 6.3.8, 6.3.9 and 6.4.4), through the wire."""

import json

from helpers import Source, raises, same_memory
from peer import Peer, Random, Sample, content_format, observe_of
from test_senml import LISTS, cbor_of, numbered

from coap.message import Error
from coap.numbers import DELETE, FETCH, IPATCH, NON, PATCH
from lwm2m.composite import CompositeTarget
from lwm2m.formats import senml_cbor, senml_json
from lwm2m.object import Object
from lwm2m.objects.device import Device

JSON, CBOR, ETCH_JSON, ETCH_CBOR = 110, 112, 320, 322
CHANGED, CONTENT, BAD_REQUEST, UNAUTHORIZED = 0x44, 0x45, 0x80, 0x81
NOT_FOUND, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE = 0x84, 0x85, 0x86
UNSUPPORTED_CONTENT_FORMAT, INTERNAL_SERVER_ERROR = 0x8F, 0xA0


class Security(Object):
    oid = 0
    resources = ((0, "RW", "s", "uri"), (5, "R", "o", "key"))
    uri = "coap://example"
    key = b"secret"


class Small(Object):
    oid = 20001
    resources = ((1, "RW", "i", "one"), (9, "RW", "i[]", "list"), (10, "W", "s", "secret"))

    def __init__(self, iid):
        self.iid = iid
        self.one = 1
        self.list = {3: 30}
        self.secret = "secret"

    def set(self, rid, value):
        setattr(self, self.row(rid)[3], value)
        self.changed(rid)


def rig(*objects, lifetime_s=3600):
    sample = Sample()
    peer = Peer(Security(), sample, Device(Source()), *objects, lifetime_s=lifetime_s)
    peer.table.find(3, 0).manufacturer = "maker"
    peer.register()
    return peer, sample


def listed(*paths):
    return [{"n": path} for path in paths]


def fetch(peer, *paths, number=JSON, **more):
    pack = listed(*paths)
    payload = json.dumps(pack).encode() if number in (JSON, ETCH_JSON) else cbor_of(pack)
    return peer.ask(FETCH, "", payload, number, **more)


def values(response):
    """{path as text: value} of an answer or notification in SenML-JSON."""
    found = {}
    assert response.code == CONTENT, response.code
    assert content_format(response) in (JSON, ETCH_JSON)
    base = ""
    for record in json.loads(str(response.payload, "utf8")):
        base = record.pop("bn", base)
        path = base + record.pop("n", "")
        assert path not in found
        ((_, found[path]),) = record.items()
    return found


def patch(peer, *records, number=JSON, **more):
    pack = list(records)
    payload = json.dumps(pack).encode() if number in (JSON, ETCH_JSON) else cbor_of(pack)
    return peer.ask(IPATCH, "", payload, number, **more).code


def test_int_229_and_280_read_composite():
    peer, sample = rig(Small(7))
    sample.list = {3: 30, 700: -7}
    paths = ("/3/0/16", "/3/0/11/0", "/20000/0/9", "/20000/0/2", "/20001", "/1/0/1")
    expected = {
        "/1/0/1": 3600,
        "/3/0/11/0": 0,
        "/3/0/16": "U",
        "/20000/0/2": 0.5,
        "/20000/0/9/3": 30,
        "/20000/0/9/700": -7,
        "/20001/7/1": 1,
        "/20001/7/9/3": 30,
    }
    response = fetch(peer, *paths)
    found = values(response)
    assert found == expected
    in_cbor = fetch(peer, *paths, number=CBOR)
    assert content_format(in_cbor) == CBOR
    read = list(senml_cbor.decode((), in_cbor.payload))
    assert ["/" + "/".join(map(str, path)) for path, _ in read] == [
        "/" + "/".join(map(str, path)) for path, _ in senml_json.decode((), response.payload)
    ]
    for path, raw in read:
        assert raw[1] == found["/" + "/".join(map(str, path))]
    # The value of now, each time.
    sample.number = 4.5
    assert values(fetch(peer, "/20000/0/2")) == {"/20000/0/2": 4.5}
    assert fetch(peer, "/20000/0/2", mtype=NON).mtype == NON


def test_formats_of_a_read_composite():
    peer, _ = rig()
    for number, default in ((JSON, JSON), (CBOR, CBOR), (ETCH_JSON, JSON), (ETCH_CBOR, CBOR)):
        response = fetch(peer, "/20000/0/1", number=number)
        assert response.code == CONTENT and content_format(response) == default
        for accept in (JSON, CBOR, ETCH_JSON, ETCH_CBOR):
            response = fetch(peer, "/20000/0/1", number=number, accept=accept)
            assert response.code == CONTENT and content_format(response) == accept
            module = senml_json if accept in (JSON, ETCH_JSON) else senml_cbor
            assert list(module.decode((), response.payload)) == [((20000, 0, 1), ("v", 1))]
        for accept in (0, 40, 42, 60, 11542, 11543, 11544, 50, 65535):
            response = fetch(peer, "/20000/0/1", number=number, accept=accept)
            assert response.code == NOT_ACCEPTABLE and not response.options
            assert fetch(peer, "/20000/0/1", number=number, accept=accept, observe=0).code == (
                NOT_ACCEPTABLE
            )
    for number in (None, 0, 40, 42, 60, 11542, 11543, 50, 65535):
        for code in (FETCH, IPATCH):
            response = peer.ask(code, "", b'[{"n":"/3"}]', number)
            assert response.code == UNSUPPORTED_CONTENT_FORMAT, number
    assert peer.session.observations is None


def test_int_235_read_composite_on_the_root():
    peer, sample = rig(Small(0), Small(7))
    peer.table.remove(sample)
    peer.table.remove(peer.server)
    peer.table.remove(peer.table.find(3, 0))
    whole = {"/20001/0/1": 1, "/20001/0/9/3": 30, "/20001/7/1": 1, "/20001/7/9/3": 30}
    for number in (JSON, CBOR):
        response = fetch(peer, "/", number=number, accept=JSON)
        assert values(response) == whole  # nothing of object 0, nothing that is write-only
        # What another path holds is not said twice.
        paths = ("/20001/0/1", "/", "/3", "/", "/0/0/0")
        assert values(fetch(peer, *paths, number=number, accept=JSON)) == whole
    twice = values(fetch(peer, "/20001/0/9", "/20001/0", "/20001/0/9", "/20001/0/9/3"))
    assert twice == {"/20001/0/1": 1, "/20001/0/9/3": 30}
    assert set(values(fetch(peer, "/20001/0/1", "/20001/7"))) == {
        "/20001/0/1",
        "/20001/7/1",
        "/20001/7/9/3",
    }


def test_int_236_and_281_partial_presence():
    peer, sample = rig(Sample(7))
    sample.secret = "secret"
    for path in (
        "/0", "/0/0", "/0/0/0", "/0/0/5", "/2", "/19999", "/19999/0/1", "/20000/8", "/20000/8/1",
        "/20000/0/17", "/20000/0/13", "/20000/0/9", "/20000/0/9/1", "/20000/0/1/0",
        "/20000/0/15/1", "/20000/0/10", "/20000/0/11", "/1/0/8",
    ):  # fmt: skip
        for number, empty in ((JSON, b"[]"), (CBOR, b"\x80")):
            response = fetch(peer, path, number=number)
            assert (response.code, response.payload) == (CONTENT, empty), path
            assert content_format(response) == number
        assert values(fetch(peer, "/3/0/16", path, "/20000/0/1")) == {
            "/3/0/16": "U",
            "/20000/0/1": 1,
        }
    sample.measured = None  # 5.03 when it is read alone
    assert values(fetch(peer, "/20000/0/12", "/20000/0/1")) == {"/20000/0/1": 1}
    forbidden = []
    peer.session.allowed = lambda oid, iid, right: (oid, iid, right) not in forbidden
    forbidden.append((20000, 7, 1))
    assert values(fetch(peer, "/20000/7", "/20000/7/1", "/20000/0/1")) == {"/20000/0/1": 1}
    response = fetch(peer, "/", number=CBOR)
    assert b"20000/0/1" in response.payload and b"20000/7/1" not in response.payload


def test_paths_that_are_none_are_4_00():
    peer, _ = rig()
    for pack in (
        [],
        {},
        [{}],
        [{"n": ""}],
        [{"n": "/3", "v": 1}],
        [{"n": "/3/0/x"}],
        [{"n": "/3"}, {"n": "/1/2/3/4/5"}],
        listed(*["/3/0/%d" % number for number in range(33)]),
        [{"n": "/3", "x_": 1}],
    ):
        for number, data in numbered(pack):
            for observe in (None, 0):
                response = peer.ask(FETCH, "", data, number, observe=observe)
                assert response.code == BAD_REQUEST, pack
    for number in (JSON, CBOR):
        for data in (
            b"",
            b"\xff",
            b"[" * 500,
            b"\x81" * 500,
            b"\x9f\xa0" * 200,
            b"\x9b" + b"\xff" * 8,
        ):
            for code in (FETCH, IPATCH):
                assert peer.ask(code, "", data, number).code == BAD_REQUEST, data
    assert peer.session.observations is None
    assert len(values(fetch(peer, *["/20000/0/%d" % number for number in range(1, 33)]))) == 11


def test_only_the_root_takes_them():
    peer, sample = rig()
    before = sample.values()
    payload = b'[{"n":"/20000/0/1","v":5}]'
    for code in (FETCH, PATCH, IPATCH):
        for path in ("/20000", "/20000/0", "/20000/0/1", "/20000/0/9/1", "/19999"):
            assert peer.ask(code, path, payload, JSON).code == METHOD_NOT_ALLOWED, (code, path)
        assert peer.ask(code, "/0/0", payload, JSON).code == UNAUTHORIZED
    for code in (PATCH, DELETE):
        assert peer.ask(code, "", payload, JSON).code == NOT_FOUND
    assert sample.values() == before


def test_before_the_registration_they_are_ignored():
    sample = Sample()
    peer = Peer(sample)
    for code in (FETCH, IPATCH):
        assert peer.ask(code, "", b'[{"n":"/20000/0/1","v":5}]', JSON) is None
    assert sample.integer == 1


def test_int_230_and_257_write_composite():
    for number in (JSON, CBOR, ETCH_JSON, ETCH_CBOR):
        second = Sample(7)
        peer, sample = rig(second)
        sample.list = {3: 30}
        sample.names = {0: "first", 1: "second"}
        before = sample.values()
        changed = []
        known = peer.table.on_changed

        def on_changed(*ids, to=changed, known=known):
            to.append(ids)
            known(*ids)

        peer.table.on_changed = on_changed
        assert CHANGED == patch(
            peer,
            {"bn": "/20000/0/", "n": "2", "v": 2.5},
            {"n": "9/3", "v": 31},
            {"n": "9/4", "v": 40},
            {"bn": "/20000/7/", "n": "1", "v": 70},
            {"bn": "", "n": "/20000/0/14/1", "vs": "new"},
            {"n": "/1/0/1", "v": 7200},
            {"n": "/20000/7/3", "vb": True},
            number=number,
        )
        assert (sample.number, sample.list) == (2.5, {3: 31, 4: 40})
        assert sample.names == {0: "first", 1: "new"}  # the rest stays
        assert (second.integer, second.flag, peer.server.lifetime_s) == (70, True, 7200)
        sample.number, sample.list, sample.names = 0.5, {3: 30}, {0: "first", 1: "second"}
        assert sample.values() == before
        assert sorted(changed) == [
            (1, 0, 1), (20000, 0, 2), (20000, 0, 9), (20000, 0, 14), (20000, 7, 1), (20000, 7, 3),
        ]  # fmt: skip
        assert peer.session.unsaved  # a setting of the server was among them
        peer.session.unsaved = False
        assert patch(peer, {"n": "/20000/7/1", "v": 71}, number=number) == CHANGED
        assert second.integer == 71 and not peer.session.unsaved


def test_write_composite_is_all_or_nothing():
    second = Sample(7)
    peer, sample = rig(second)
    sample.list = {3: 30}
    good = {"n": "/20000/0/1", "v": 5}
    also = {"n": "/20000/7/1", "v": 5}
    security = peer.table.find(0, 0)
    before = sample.values(), second.values(), peer.server.lifetime_s
    peer.session.unsaved = False
    for bad, code in (
        ({"n": "/0/0/0", "vs": "x"}, UNAUTHORIZED),
        ({"n": "/0/9/0", "vs": "x"}, UNAUTHORIZED),
        ({"n": "/20000/8/1", "v": 1}, NOT_FOUND),
        ({"n": "/19999/0/1", "v": 1}, NOT_FOUND),
        ({"n": "/20000/7/17", "v": 1}, NOT_FOUND),
        ({"n": "/20000/7/0", "vs": "x"}, METHOD_NOT_ALLOWED),
        ({"n": "/20000/7/10", "v": 1}, METHOD_NOT_ALLOWED),
        ({"n": "/1/0/1", "v": 0}, BAD_REQUEST),  # out of its limits
        ({"n": "/1/0/7", "vs": "X"}, BAD_REQUEST),  # check() refuses
        ({"n": "/20000/7/8", "vs": "refuse"}, BAD_REQUEST),
        ({"n": "/20000/7/2", "vs": "x"}, BAD_REQUEST),
        ({"n": "/20000/7/2", "v": None}, BAD_REQUEST),
        ({"n": "/20000/7/2", "vs": None}, BAD_REQUEST),
        ({"n": "/20000/7/9", "v": None}, BAD_REQUEST),
        ({"n": "/20000/7/9", "v": 1}, BAD_REQUEST),
        ({"n": "/20000/7/9/3", "v": None}, BAD_REQUEST),  # nothing is removed
        ({"n": "/20000/7/9/3"}, BAD_REQUEST),
        ({"n": "/20000/7/2/0", "v": 1}, BAD_REQUEST),
        ({"n": "/20000/7", "v": 1}, BAD_REQUEST),
        ({"n": "/20000", "v": 1}, BAD_REQUEST),
        ({"n": "/", "v": 1}, BAD_REQUEST),
        ({"n": "/20000/7/9/0/0", "v": 1}, BAD_REQUEST),
        ({"n": "/20000/0/1", "v": 6}, BAD_REQUEST),  # twice
        ({"n": "/20000/7/2", "v": 1, "x_": 1}, BAD_REQUEST),
        (5, BAD_REQUEST),
    ):
        for number in (JSON, CBOR):
            for records in ((good, also, bad), (bad, good, also), (good, bad, also)):
                assert patch(peer, *records, number=number) == code, bad
                assert (sample.values(), second.values(), peer.server.lifetime_s) == before
    assert security.uri == "coap://example"
    for number in (JSON, CBOR):
        assert patch(peer, number=number) == BAD_REQUEST  # not even one value
    forbidden = [(20000, 7, 2)]
    peer.session.allowed = lambda oid, iid, right: (oid, iid, right) not in forbidden
    assert patch(peer, good, also) == UNAUTHORIZED
    assert (sample.values(), second.values(), peer.server.lifetime_s) == before
    assert not peer.session.unsaved
    forbidden.clear()
    assert patch(peer, good, also) == CHANGED and second.integer == 5


def test_a_write_composite_that_fails_half_way_is_taken_back():
    for error, code in (
        (Error(0xA3, "stuck"), 0xA3),
        (OSError(5), INTERNAL_SERVER_ERROR),
        (MemoryError(), INTERNAL_SERVER_ERROR),
    ):
        second = Sample(7)
        peer, sample = rig(second)
        second.stuck = error
        before = sample.values(), second.values(), peer.server.lifetime_s
        heard = []
        peer.table.on_changed = lambda oid, iid, rid, to=heard: to.append((oid, iid, rid))
        records = [
            {"n": "/20000/0/1", "v": 5},
            {"n": "/1/0/1", "v": 60},
            {"n": "/20000/7/1", "v": 5},
            {"n": "/20000/7/300", "v": 1},
            {"n": "/20000/0/2", "v": 5},
        ]
        assert patch(peer, *records) == code
        assert (sample.values(), second.values(), peer.server.lifetime_s) == before
        assert heard == []


def test_a_repeated_write_composite_is_executed_once():
    peer, sample = rig()
    for _ in range(3):
        assert patch(peer, {"n": "/20000/0/1", "v": 5}, mid=77, token=b"again") == CHANGED
        if sample.integer == 5:
            sample.integer = 6
    assert sample.integer == 6


def test_int_304_observe_composite():
    peer, sample = rig(Sample(7))
    sample.list = {3: 30}
    response = fetch(
        peer, "/20000/0/2", "/20000/0/9/3", "/3/0/16", "/19999", observe=0, token=b"oc"
    )
    assert observe_of(response) is not None
    assert values(response) == {"/20000/0/2": 0.5, "/20000/0/9/3": 30, "/3/0/16": "U"}
    assert peer.run(10000) == []
    last = observe_of(response)
    for rid, value, path, shown in (
        (2, 1.5, "/20000/0/2", 1.5),
        (9, {3: 31}, "/20000/0/9/3", 31),
    ):
        sample.set(rid, value)
        ((_, notification),) = peer.run(1000)
        assert notification.token == b"oc" and notification.code == CONTENT
        assert observe_of(notification) > last and content_format(notification) == JSON
        last = observe_of(notification)
        found = values(notification)
        assert len(found) == 3 and found[path] == shown and found["/3/0/16"] == "U"
    sample.set(1, 99)  # nobody asked for it
    peer.table.find(20000, 7).set(2, 9.0)
    assert peer.run(10000) == []
    sample.set(2, 2.5)
    sample.set(9, {})  # what goes away is left out, and comes back
    ((_, notification),) = peer.run(1000)
    assert values(notification) == {"/20000/0/2": 2.5, "/3/0/16": "U"}
    sample.set(9, {3: 1})
    ((_, notification),) = peer.run(1000)
    assert values(notification)["/20000/0/9/3"] == 1


def test_int_305_cancel_observe_composite():
    peer, sample = rig()
    fetch(peer, "/20000/0/2", observe=0, token=b"oc")
    fetch(peer, "/20000/0/2", observe=0, token=b"od", number=CBOR)
    sample.set(2, 1.5)
    assert sorted([message.token for _, message in peer.run(1000)]) == [b"oc", b"od"]
    response = fetch(peer, "/20000/0/2", observe=1, token=b"oc")
    assert values(response) == {"/20000/0/2": 1.5} and observe_of(response) is None
    sample.set(2, 2.5)
    ((_, notification),) = peer.run(1000)
    assert notification.token == b"od" and content_format(notification) == CBOR
    peer.empty(3, notification.mid)  # RST
    sample.set(2, 3.5)
    assert peer.run(1000) == []
    assert len(peer.session.observations.all) == 0


def test_int_308_to_310_observe_composite_while_instances_come_and_go():
    first = Small(0)
    peer, _ = rig(first)

    def notified():
        found = [message for _, message in peer.run(1000) if message.token == b"oc"]
        return values(found[-1])

    whole = {"/20001/0/1": 1, "/20001/0/9/3": 30, "/3/0/16": "U"}
    assert values(fetch(peer, "/20001", "/3/0/16", observe=0, token=b"oc")) == whole
    second = Small(7)
    peer.table.add(second)  # 308
    more = {"/20001/7/1": 1, "/20001/7/9/3": 30}
    more.update(whole)
    assert notified() == more
    second.set(1, 75)  # 310
    more["/20001/7/1"] = 75
    assert notified() == more
    peer.table.remove(second)  # 309
    assert notified() == whole
    peer.table.remove(first)  # nothing but /3/0/16 is left, and the observation stays
    assert notified() == {"/3/0/16": "U"}
    peer.table.add(Small(0))
    assert notified() == whole


def test_observing_the_root_and_nothing():
    peer, sample = rig()
    fetch(peer, "/", observe=0, token=b"rt", number=CBOR)
    response = fetch(peer, "/19999", observe=0, token=b"no")
    assert values(response) == {} and observe_of(response) is not None
    sample.set(2, 1.5)
    ((_, notification),) = peer.run(1000)
    assert notification.token == b"rt" and content_format(notification) == CBOR

    class Later(Object):
        oid = 19999
        resources = ((1, "R", "i", "one"),)
        one = 1

    peer.table.add(Later())
    found = [message for _, message in peer.run(1000) if message.token == b"no"]
    assert values(found[-1]) == {"/19999/0/1": 1}


def test_a_composite_target():
    sample = Sample()
    peer = Peer(sample, Sample(7))
    paths = ((20000, 0, 2), (20000, 7))
    target = CompositeTarget(peer.session, paths)
    assert target.composite and target.paths == paths and target.accept == CBOR
    assert target.options == ((12, bytes((CBOR,))),) and target.number() is None
    records = target.records()
    assert records[0] == ((20000, 0, 2), "f", 0.5) and len(records) == 14
    assert target.encode(records) == target.payload()
    sample.number = 9.0
    assert target.payload() != target.encode(records)
    assert target.encode(records[:1], 60) == (
        b"\x81\xa4\x21\x61/\x22\x38\x3b\x00\x6920000/0/2\x02\xfa\x3f\x00\x00\x00"
    )
    peer.table.remove(sample)
    renewed = target.renew()
    assert renewed.paths == paths and renewed.accept == CBOR
    peer.table.remove(peer.table.find(20000, 7))
    assert target.renew().payload() == b"\x80"
    peer.table.add(Security(), *[Sample(iid) for iid in range(10)])
    found = CompositeTarget(peer.session, ((),)).records()
    assert found[0][0] == (1, 0, 0) and found[-1][0] == (20000, 9, 300)
    assert [path[1] for path, _, _ in found if path[0] == 20000] == [
        iid for iid in range(10) for _ in range(13)
    ]
    assert raises(Error, CompositeTarget, peer.session, paths, 60).code == NOT_ACCEPTABLE


def test_cut_off_at_every_byte_changes_nothing_and_costs_no_memory():
    peer, sample = rig(Sample(7), lifetime_s=1000000)
    records = [
        {"bn": "/20000/0/", "n": "1", "v": 5},
        {"n": "5", "vd": "AQID"},
        {"n": "8", "vs": "\u00fctext"},
        {"bn": "/20000/7/", "n": "9/3", "v": -70000},
        {"n": "300", "v": 0.75},
        {"n": "6", "vlo": "3:0"},
    ]
    in_cbor = [dict(record) for record in records]
    in_cbor[1]["vd"] = b"\x01\x02\x03"
    datagrams = [(IPATCH, JSON, json.dumps(records).encode()), (IPATCH, CBOR, cbor_of(in_cbor))]
    for pack, _ in LISTS:
        if pack:
            for number, data in numbered(list(pack)):
                datagrams.append((FETCH, number, data))
    before = [instance.values() for instance in peer.table.of(20000)]

    def all_cut():
        for code, number, data in datagrams:
            for end in range(len(data)):
                response = peer.ask(code, "", data[:end], number, mtype=NON)
                assert response.code == BAD_REQUEST, (code, number, data[:end])
                peer.advance(1000)  # answers are kept for minutes, and their number is bound

    same_memory(peer, all_cut)
    assert [instance.values() for instance in peer.table.of(20000)] == before
    for code, number, data in datagrams:
        if code == IPATCH:
            assert peer.ask(code, "", data, number).code == CHANGED


def test_damaged_at_random_harms_nothing():
    peer, sample = rig(Sample(7), lifetime_s=1000000)
    random = Random(281)
    packs = (
        [{"bn": "/20000/0/", "n": "1"}, {"n": "9/3"}, {"n": "/3"}],
        [{"bn": "/20000/0/", "n": "1", "v": 5}, {"n": "9/3", "v": 1}, {"n": "8", "vs": "ab"}],
    )
    for _ in range(150):
        for pack in packs:
            for number, data in numbered(pack):
                damaged = bytearray(data)
                for _ in range(1 + random.below(3)):
                    damaged[random.below(len(damaged))] = random.below(256)
                for code in (FETCH, IPATCH):
                    response = peer.ask(code, "", bytes(damaged), number, mtype=NON)
                    assert response.code in (
                        CONTENT, CHANGED, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, METHOD_NOT_ALLOWED,
                        0xA3,
                    ), (response.code, damaged)  # fmt: skip
                peer.advance(3000)
            peer.run(1000)
    assert not peer.session.endpoint.faults
