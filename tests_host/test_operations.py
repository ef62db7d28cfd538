"""Execute, Discover, Write-Attributes and what no operation answers to, through the wire."""

from helpers import raises
from peer import Peer, Sample, content_format

from coap.message import Error
from coap.numbers import LINK, NON, OPAQUE, TEXT, TLV
from lwm2m.object import Object, Table, parse_path

CHANGED, CONTENT = 0x44, 0x45
BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, METHOD_NOT_ALLOWED = 0x80, 0x81, 0x84, 0x85
SERVICE_UNAVAILABLE = 0xA3
GET, POST, PUT, DELETE, FETCH, PATCH, IPATCH = 1, 2, 3, 4, 5, 6, 7


class Versioned(Object):
    oid = 3303
    version = "1.1"
    resources = (
        (5700, "R", "f", "value"),
        (5701, "R", "s", "unit"),
        (5605, "E", "", "reset"),
    )
    value = 21.5
    unit = None

    def __init__(self, iid=0):
        self.iid = iid


def rig(*objects):
    sample = Sample()
    peer = Peer(sample, *objects)
    peer.register()
    return peer, sample


# Execute (Core section 6.3.5)


def test_execute_with_and_without_arguments():
    peer, sample = rig()
    assert peer.post("/20000/0/10").code == CHANGED
    assert peer.post("/20000/0/10", b"0='text',1", TEXT).code == CHANGED
    assert peer.post("/20000/0/10", b"5").code == CHANGED
    assert peer.post("/20000/0/10", b"", mtype=NON).code == CHANGED
    assert sample.executed == ["", "0='text',1", "5", ""]


def test_execute_refused():
    peer, sample = rig(Versioned())
    for content_format_number in (LINK, OPAQUE, TLV, 60):
        assert peer.post("/20000/0/10", b"5", content_format_number).code == BAD_REQUEST
    for path in ("/20000/0/0", "/20000/0/1", "/20000/0/11", "/20000/0/12", "/3303/0/5700"):
        assert peer.post(path, b"").code == METHOD_NOT_ALLOWED, path
    for path in ("/20000/0/17", "/20000/1/10", "/20001/0/10", "/3303/1/5605"):
        assert peer.post(path, b"").code == NOT_FOUND, path
    for path in ("/20000/0/10/0", "/20000/0/10/65534"):
        assert peer.post(path, b"1").code == METHOD_NOT_ALLOWED, path
    assert peer.put("/20000/0/10", b"5").code == METHOD_NOT_ALLOWED
    assert peer.get("/20000/0/10").code == METHOD_NOT_ALLOWED
    assert peer.get("/20000/0/10/0").code == NOT_FOUND
    assert peer.session.endpoint.faults == 0
    assert sample.executed == []


def test_execute_that_fails():
    peer, sample = rig(Versioned())
    response = peer.post("/20000/0/10", b"0='fail'")
    assert response.code == 0xA0 and response.payload == b"did not work"
    assert peer.session.endpoint.faults == 0
    assert peer.post("/3303/0/5605").code == 0xA0  # no such method
    assert peer.session.endpoint.faults == 1 and len(peer.logged) == 2


def test_a_duplicate_executes_once():
    peer, sample = rig()
    for _ in range(3):
        assert peer.post("/20000/0/10", b"1", mid=500, token=b"x").code == CHANGED
    assert sample.executed == ["1"]


# Discover (Core section 6.3.2)


def discover(peer, path):
    response = peer.get(path, LINK)
    assert response.code == CONTENT and content_format(response) == LINK
    return str(response.payload, "ascii")


def test_int_260_discover():
    peer, sample = rig(Versioned(), Versioned(5))
    sample.list = {7: 70, 1: 10}
    assert discover(peer, "/3303") == (
        "</3303>;ver=1.1,</3303/0>,</3303/0/5700>,</3303/0/5605>,"
        "</3303/5>,</3303/5/5700>,</3303/5/5605>"
    )
    assert discover(peer, "/3303/5") == "</3303/5>,</3303/5/5700>,</3303/5/5605>"
    assert discover(peer, "/3303/5/5700") == "</3303/5/5700>"
    assert discover(peer, "/3303/5/5605") == "</3303/5/5605>"
    assert discover(peer, "/20000/0") == (
        "</20000/0>,</20000/0/0>,</20000/0/1>,</20000/0/2>,</20000/0/3>,</20000/0/4>,"
        "</20000/0/5>,</20000/0/6>,</20000/0/7>,</20000/0/8>,</20000/0/9>;dim=2,"
        "</20000/0/10>,</20000/0/11>,</20000/0/12>,</20000/0/15>;dim=1,</20000/0/16>,"
        "</20000/0/300>"
    )
    assert discover(peer, "/20000/0/9") == ("</20000/0/9>;dim=2,</20000/0/9/1>,</20000/0/9/7>")
    assert discover(peer, "/20000/0/9/7") == "</20000/0/9/7>"
    assert discover(peer, "/1") == (
        "</1>;ver=1.2,</1/0>,</1/0/0>,</1/0/1>,</1/0/2>,</1/0/3>,</1/0/4>,</1/0/5>,</1/0/6>"
        ",</1/0/7>,</1/0/8>,</1/0/9>,</1/0/14>,</1/0/15>,</1/0/16>,</1/0/17>,</1/0/18>"
        ",</1/0/19>,</1/0/20>,</1/0/23>"
    )


def test_int_261_discover_shows_attributes():
    peer, sample = rig(Versioned(), Versioned(5))
    sample.list = {1: 10, 7: 70}
    for path, queries in (
        ("/3303", ("pmax=600",)),
        ("/3303/0", ("pmin=5",)),
        ("/3303/0/5700", ("pmin=10", "gt=25.5", "lt=-10", "st=0.25")),
        ("/3303/5/5700", ("pmax=60",)),
        ("/20000/0/9", ("pmin=3",)),
        ("/20000/0/9/7", ("gt=100", "pmax=9")),
    ):
        assert peer.attributes(path, *queries).code == CHANGED, path
    # At an object or instance: what was set there, nothing inherited
    assert discover(peer, "/3303") == (
        "</3303>;ver=1.1;pmax=600,</3303/0>;pmin=5,"
        "</3303/0/5700>;pmin=10;gt=25.5;lt=-10;st=0.25,</3303/0/5605>,"
        "</3303/5>,</3303/5/5700>;pmax=60,</3303/5/5605>"
    )
    assert discover(peer, "/3303/0") == (
        "</3303/0>;pmin=5,</3303/0/5700>;pmin=10;gt=25.5;lt=-10;st=0.25,</3303/0/5605>"
    )
    # At a resource: inherited ones too
    assert discover(peer, "/3303/0/5700") == (
        "</3303/0/5700>;pmin=10;pmax=600;gt=25.5;lt=-10;st=0.25"
    )
    assert discover(peer, "/3303/5/5700") == "</3303/5/5700>;pmax=60"
    assert discover(peer, "/3303/0/5605") == "</3303/0/5605>;pmin=5;pmax=600"
    assert discover(peer, "/20000/0/9") == (
        "</20000/0/9>;dim=2;pmin=3,</20000/0/9/1>,</20000/0/9/7>;pmax=9;gt=100"
    )
    assert discover(peer, "/20000/0/9/7") == "</20000/0/9/7>;pmin=3;pmax=9;gt=100"
    assert discover(peer, "/20000/0/9/1") == "</20000/0/9/1>;pmin=3"


def test_discover_what_is_not_there_or_not_valid():
    peer, sample = rig()
    for path in ("/3303", "/20000/1", "/20000/0/17", "/20000/0/13", "/20000/0/9", "/20000/0/1/0"):
        assert peer.get(path, LINK).code == NOT_FOUND, path
    assert peer.get("", LINK).code == NOT_FOUND
    sample.measured = sample.probed = None  # 5.03 at the moment, but there
    assert "</20000/0/12>,</20000/0/15>;dim=0," in discover(peer, "/20000/0")
    assert discover(peer, "/20000/0/15") == "</20000/0/15>;dim=0"
    assert discover(peer, "/20000/0/12") == "</20000/0/12>"

    class Commands(Object):
        oid = 20005
        resources = ((1, "W", "s[]", "commands"),)
        commands = None

    peer.table.add(Commands())
    assert discover(peer, "/20005") == "</20005>,</20005/0>,</20005/0/1>;dim=0"
    assert peer.get("/20005/0/1/0").code == NOT_FOUND
    assert not peer.session.endpoint.faults


# Write-Attributes (Core sections 5.1.2, 6.3.4)


def test_attributes_at_every_level():
    peer, sample = rig()
    store = peer.session.attributes
    sample.list = {1: 10}
    for path in ("/20000", "/20000/0", "/20000/0/2", "/20000/0/8", "/20000/0/9", "/20000/0/9/1"):
        key = parse_path([part.encode() for part in path.split("/")[1:]])
        assert peer.attributes(path, "pmin=1", "pmax=10").code == CHANGED, path
        assert store[key] == {"pmin": 1, "pmax": 10}
        assert peer.attributes(path, "pmax=20").code == CHANGED  # the other stays
        assert store[key] == {"pmin": 1, "pmax": 20}
        assert peer.attributes(path, "pmin").code == CHANGED  # without a value: removed
        assert store[key] == {"pmax": 20}
        assert peer.attributes(path, "pmin", "pmax=").code == CHANGED
        assert key not in store
    assert store == {}


def test_thresholds_belong_to_numbers():
    peer, sample = rig()
    store = peer.session.attributes
    sample.list = {1: 10}
    for path in ("/20000/0/1", "/20000/0/2", "/20000/0/4", "/20000/0/7", "/20000/0/9/1"):
        key = parse_path([part.encode() for part in path.split("/")[1:]])
        assert peer.attributes(path, "gt=20.5", "lt=-3", "st=1").code == CHANGED, path
        assert store.pop(key) == {"gt": 20.5, "lt": -3.0, "st": 1.0}
    for path in (
        "/20000", "/20000/0", "/20000/0/0", "/20000/0/3", "/20000/0/5", "/20000/0/6",
        "/20000/0/8", "/20000/0/9", "/20000/0/10", "/20000/0/16",
    ):  # fmt: skip
        for query in ("gt=1", "lt=1", "st=1", "gt", "st="):
            assert peer.attributes(path, "pmin=5", query).code == BAD_REQUEST, (path, query)
            assert store == {}


def test_attributes_that_are_refused_store_nothing():
    peer, _ = rig()
    store = peer.session.attributes
    for queries in (
        ("pmin=10", "pmax=9"),
        ("pmax=9", "pmin=10"),
        ("lt=10", "gt=10"),
        ("lt=11", "gt=10"),
        ("lt=5", "gt=15", "st=5"),
        ("lt=-20", "gt=-25"),
        ("pmin=-1",),
        ("pmax=-1",),
        ("st=-0.5",),
        ("pmin=1.5",),
        ("pmin=1e2",),
        ("pmin=x",),
        ("pmin= 1",),
        ("gt=x",),
        ("gt=nan",),
        ("lt=inf",),
        ("lt=-inf",),
        ("st=1e999",),
        ("gt=.",),
        ("pmin=" + "9" * 21,),
        ("pmin=1", "unknown=1"),
        ("pmin=1", "unknown"),
        ("pmin=1", ""),
        ("pmin=1", "=1"),
        ("Pmin=1",),
        (" pmin=1",),
        ("pmin=1=2",),
        (b"\xff",),
        (b"pmin=\xff",),
        (b"pmin=1", b"\xc3"),
        ("pmin=\u0661",),
    ):
        assert peer.attributes("/20000/0/2", *queries).code == BAD_REQUEST, queries
        assert store == {}
    for queries in (
        ("pmin=10", "pmax=10"),
        ("lt=5", "gt=15.5", "st=5"),
        ("gt=-10", "lt=-20"),
        ("pmin=0", "st=0"),
        ("pmax=0", "pmin=10"),  # 0: no maximum
        ("lt=1e3",),
    ):
        assert peer.attributes("/20000/0/2", *queries).code == CHANGED, queries
        assert len(store) == 1
        store.clear()
    # Against what is stored already
    assert peer.attributes("/20000/0/2", "pmin=10", "lt=0").code == CHANGED
    assert peer.attributes("/20000/0/2", "pmax=5").code == BAD_REQUEST
    assert peer.attributes("/20000/0/2", "gt=-1").code == BAD_REQUEST
    assert peer.attributes("/20000/0/2", "gt=10", "st=5").code == BAD_REQUEST
    assert store == {(20000, 0, 2): {"pmin": 10, "lt": 0.0}}
    assert peer.attributes("/20000/0/2", "pmin", "pmax=5").code == CHANGED
    assert store == {(20000, 0, 2): {"pmax": 5, "lt": 0.0}}
    assert not peer.session.endpoint.faults


def test_attributes_where_nothing_is():
    peer, _ = rig()
    for path in (
        "/20001",
        "/20000/1",
        "/20000/0/17",
        "/20000/0/13",
        "/20000/0/9/1",
        "/20000/0/1/0",
    ):
        assert peer.attributes(path, "pmin=1").code == NOT_FOUND, path
    assert peer.attributes("", "pmin=1").code == NOT_FOUND
    assert peer.put("/20000/0/2", b"1", TEXT, queries=("pmin=1",)).code == BAD_REQUEST
    assert peer.put("/20000/0/2", b"1", None, queries=("pmin=1",)).code == BAD_REQUEST
    assert peer.session.attributes == {}
    # A query means nothing to the other operations.
    assert peer.get("/20000/0/2", queries=("pmin=1",)).payload == b"0.5"
    assert peer.post("/20000/0/10", queries=("pmin=1",)).code == CHANGED
    assert peer.session.attributes == {}


def test_the_limit_of_attributes():
    peer, sample = rig()
    sample.list = dict([(riid, riid) for riid in range(40)])
    for riid in range(32):
        assert peer.attributes("/20000/0/9/%d" % riid, "pmin=1").code == CHANGED
    assert peer.attributes("/20000/0/9/32", "pmin=1").code == SERVICE_UNAVAILABLE
    assert len(peer.session.attributes) == 32
    assert peer.attributes("/20000/0/9/5", "pmin=2", "pmax=3").code == CHANGED
    assert peer.attributes("/20000/0/9/32", "pmin").code == CHANGED  # nothing to remove
    assert peer.attributes("/20000/0/9/5", "pmin", "pmax").code == CHANGED
    assert peer.attributes("/20000/0/9/32", "pmin=1").code == CHANGED
    assert len(peer.session.attributes) == 32


# What is no operation


def test_object_0_is_4_01_for_all():
    class Security(Object):
        oid = 0
        resources = ((0, "RW", "s", "uri"), (1, "E", "", "run"))
        uri = "coap://example"

        def run(self, arguments):
            raise AssertionError

    security = Security()
    for path in ("/0", "/0/0", "/0/0/0", "/0/0/1", "/0/0/0/0", "/0/5", "/0/0/77"):
        peer, _ = rig(security)
        for code in (POST, PUT, DELETE, FETCH, PATCH, IPATCH):
            for number in (None, TEXT, TLV, 60):
                assert peer.ask(code, path, b"x", number).code == UNAUTHORIZED, (code, path)
        assert peer.attributes(path, "pmin=1").code == UNAUTHORIZED
        assert peer.get(path, LINK).code == UNAUTHORIZED
        assert security.uri == "coap://example" and peer.session.attributes == {}


def test_methods_that_are_not_served():
    peer, sample = rig()
    before = sample.values()
    for path in ("/20000", "/20000/0", "/20000/0/1"):
        for code in (DELETE, FETCH, PATCH, IPATCH, 8, 31):
            assert peer.ask(code, path, b"x", TEXT).code == METHOD_NOT_ALLOWED, (code, path)
    for code in (POST, PUT):
        assert peer.ask(code, "/20000", b"x", TLV).code == METHOD_NOT_ALLOWED
    assert sample.values() == before and len(peer.table.instances) == 2


def test_bad_paths():
    peer, sample = rig()
    before = sample.values()
    for path in (
        "",
        "/",
        "/20000/0/1/",
        "/20000/0/01",
        "/20000/0/9/0/0",
        "/65535",
        "/rd",
        "/x/0/1",
    ):
        for code in (POST, PUT, DELETE, PATCH, FETCH):
            if path or code != FETCH:  # which is a Read-Composite on the root
                assert peer.ask(code, path, b"5", TEXT).code == NOT_FOUND, (code, path)
    assert sample.values() == before


def test_path_segments():
    assert parse_path([]) == ()
    assert parse_path([b"3303", b"0", b"5700", b"65534"]) == (3303, 0, 5700, 65534)
    for segments in (
        [b""], [b"00"], [b"01"], [b"65535"], [b"655340"], [b"-1"], [b"1 "], [b"\xff"], [b"a"],
        [b"3", b"0", b"1", b"2", b"3"], [b"9" * 255], [b"3", b""], [b"/"], [b"3/0"],
    ):  # fmt: skip
        assert raises(Error, parse_path, segments).code == NOT_FOUND, segments


def test_the_table():
    table = Table()
    heard = []
    table.on_changed = lambda oid, iid, rid: heard.append((oid, iid, rid))
    late, early, other = Sample(5), Sample(1), Versioned()
    table.add(late, early, other)
    assert table.instances == [other, early, late] and table.of(20000) == [early, late]
    assert table.find(20000, 5) is late and table.find(20000, 2) is None
    assert raises(ValueError, table.add, Sample(5)).args[0] == "/20000/5 is there already"
    assert table.instances == [other, early, late]
    del heard[:]
    early.changed(1)
    assert heard == [(20000, 1, 1)]
    generation = table.generation
    table.remove(late)
    assert heard[-1] == (20000, 5, None) and table.generation == generation + 1
    late.changed(1)  # it belongs to nobody now
    assert heard[-1] == (20000, 5, None)
    raises(ValueError, table.remove, late)
    assert early.row(300)[3] == "angle" and early.row(301) is None
    alone = Sample()
    alone.changed(1)
