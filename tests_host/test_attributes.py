"""Notification attributes: the rules of their values, and how they are inherited (5.1.2)."""

from helpers import raises
from peer import Peer, Sample

from coap.message import Error
from coap.numbers import CHANGED, LINK
from lwm2m.attributes import contradictory, effective, forget, linked, write

BAD_REQUEST = 0x80


def rig(*objects):
    sample = Sample()
    peer = Peer(sample, *objects, lifetime_s=20000000)
    peer.register()
    return peer, sample


def test_evaluation_periods_are_whole_seconds_at_every_level():
    peer, sample = rig()
    store = peer.session.attributes
    sample.list = {1: 1}
    paths = ("/20000", "/20000/0", "/20000/0/2", "/20000/0/8", "/20000/0/9", "/20000/0/9/1")
    for path in paths:
        assert peer.attributes(path, "epmin=5", "epmax=60").code == CHANGED, path
        for bad in ("epmin=1.5", "epmax=1e2", "epmin=-1", "epmax=x", "epmin=", "Epmin=1"):
            before = dict(store)
            code = peer.attributes(path, "pmin=1", bad).code
            assert code == (CHANGED if bad == "epmin=" else BAD_REQUEST), (path, bad)
            if bad == "epmin=":
                assert peer.attributes(path, "pmin", "epmin=5").code == CHANGED
            assert store == before, (path, bad)
    assert len(store) == len(paths)


def test_what_contradicts_itself():
    for attributes, expected in (
        ({}, False),
        ({"pmin": 10, "pmax": 9}, True),
        ({"pmin": 10, "pmax": 10}, False),
        ({"pmin": 10, "pmax": 0}, False),  # 0: no maximum
        ({"epmin": 10, "epmax": 9}, True),
        ({"epmin": 10, "epmax": 10}, False),
        ({"epmin": 10, "epmax": 0}, False),
        ({"epmin": 10, "pmax": 9}, False),  # they are apart
        ({"pmin": 10, "epmax": 9}, False),
        ({"epmax": 1}, False),
        ({"lt": -20, "gt": -10}, False),
        ({"lt": -10, "gt": -20}, True),
        ({"lt": 1, "gt": 1}, True),
        ({"lt": -1.5, "gt": 1.5, "st": 1.25}, False),
        ({"lt": -1.5, "gt": 1.5, "st": 1.5}, True),
        ({"gt": 0, "lt": 0}, True),
        ({"lt": 5, "st": 100}, False),
    ):
        assert contradictory(attributes) is expected, attributes


def test_all_or_none():
    store = {(3,): {"pmin": 5}}
    for queries in (
        (b"epmin=9", b"epmax=8"),
        (b"pmax=4",),
        (b"epmin=9", b"pmax=4"),
        (b"epmin=1", b"gt=5"),
        (b"epmin", b"unknown"),
    ):
        assert raises(Error, write, store, (3,), queries, False).code == BAD_REQUEST, queries
        assert store == {(3,): {"pmin": 5}}
    write(store, (3,), (b"epmin=9", b"epmax=9", b"pmin"), False)
    assert store == {(3,): {"epmin": 9, "epmax": 9}}
    assert raises(Error, write, store, (3,), (b"epmax=8",), False).code == BAD_REQUEST
    write(store, (3,), (b"epmin=", b"epmax"), False)
    assert store == {}


def test_the_nearest_level_counts():
    store = {
        (3,): {"pmin": 1, "pmax": 10, "epmin": 2},
        (3, 0): {"pmax": 20, "epmax": 30},
        (3, 0, 7): {"pmin": 3, "gt": 5},
        (3, 0, 7, 1): {"epmin": 4, "lt": 1},
        (3, 1): {"pmin": 99},
        (4,): {"pmin": 98},
    }
    for path, expected in (
        ((), {}),
        ((3,), {"pmin": 1, "pmax": 10, "epmin": 2}),
        ((3, 0), {"pmin": 1, "pmax": 20, "epmin": 2, "epmax": 30}),
        ((3, 0, 6), {"pmin": 1, "pmax": 20, "epmin": 2, "epmax": 30}),
        ((3, 0, 7), {"pmin": 3, "pmax": 20, "epmin": 2, "epmax": 30, "gt": 5}),
        ((3, 0, 7, 1), {"pmin": 3, "pmax": 20, "epmin": 4, "epmax": 30, "lt": 1}),
        ((3, 0, 7, 2), {"pmin": 3, "pmax": 20, "epmin": 2, "epmax": 30}),
        ((5, 0, 7), {}),
    ):
        assert effective(store, path) == expected, path
    effective(store, (3,))["pmin"] = 77  # a copy
    assert store[(3,)]["pmin"] == 1


def test_link_format():
    assert linked({}) == ""
    assert linked({"st": 0.5, "epmax": 60, "pmin": 0, "epmin": 5, "gt": -1.0, "pmax": 9}) == (
        ";pmin=0;pmax=9;epmin=5;epmax=60;gt=-1;st=0.5"
    )


def test_int_260_discover_shows_evaluation_periods():
    peer, sample = rig()
    sample.list = {7: 1}
    peer.attributes("/20000", "epmax=600")
    peer.attributes("/20000/0", "epmin=5", "pmax=60")
    peer.attributes("/20000/0/9", "epmin=6")
    peer.attributes("/20000/0/9/7", "epmax=30", "gt=-1.5")

    def discover(path):
        return str(peer.get(path, LINK).payload, "utf8")

    assert discover("/20000").startswith("</20000>;epmax=600,</20000/0>;pmax=60;epmin=5,")
    assert "</20000/0/9>;dim=1;epmin=6," in discover("/20000/0")
    assert discover("/20000/0/1") == "</20000/0/1>;pmax=60;epmin=5;epmax=600"
    assert discover("/20000/0/9") == (
        "</20000/0/9>;dim=1;pmax=60;epmin=6;epmax=600,</20000/0/9/7>;epmax=30;gt=-1.5"
    )
    assert discover("/20000/0/9/7") == "</20000/0/9/7>;pmax=60;epmin=6;epmax=30;gt=-1.5"


def test_discover_needs_no_right():
    peer, _ = rig()
    peer.session.allowed = lambda oid, iid, right: False
    for path in ("/20000", "/20000/0", "/20000/0/1"):
        payload = str(peer.get(path, LINK).payload, "utf8")
        assert "</20000/0/1>" in payload, path


def test_forget():
    store = {(3,): {}, (3, 0): {}, (3, 0, 7): {}, (3, 0, 7, 1): {}, (3, 1): {}, (30, 0): {}}
    assert forget(store, (3, 2)) is False and len(store) == 6
    assert forget(store, (3, 0)) is True
    assert sorted(store) == [(3,), (3, 1), (30, 0)]


def test_attributes_go_with_their_instance():
    peer, sample = rig(Sample(7))
    store = peer.session.attributes
    for path in ("/20000", "/20000/7", "/20000/7/1", "/20000/0/1"):
        assert peer.attributes(path, "pmin=1").code == CHANGED
    sample.set(1, 5)
    assert len(store) == 4
    peer.session.unsaved = False
    peer.table.remove(peer.table.find(20000, 7))
    assert sorted(store) == [(20000,), (20000, 0, 1)] and peer.session.unsaved
    peer.session.unsaved = False
    peer.table.add(Sample(7))
    assert len(store) == 2 and not peer.session.unsaved
