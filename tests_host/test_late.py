"""Objects that are made when somebody asks for them, over the wire."""

from peer import Peer, Sample

from coap.numbers import CHANGED, CONTENT, INTERNAL_SERVER_ERROR, NOT_FOUND
from lwm2m.formats import senml_json
from lwm2m.object import Late, Table
from lwm2m.registration import links

TEXT = 0
LINK = 40
SENML_JSON = 110


class Source:
    """What a late object tells of, and keeps."""

    integer = 1
    executed = 0
    made = 0


class Telling(Sample):
    """Has no state of its own."""

    resources = (
        (1, "RW", "i", "integer"),
        (9, "R", "i[]", "list"),
        (10, "E", "", "run"),
    )
    source = Source

    @property
    def integer(self):
        return self.source.integer

    @integer.setter
    def integer(self, value):
        self.source.integer = value

    @property
    def list(self):
        return {0: self.source.integer}

    def run(self, arguments):
        self.source.executed += 1


class Short:
    """Makes instances when there is memory, which is not for the first times."""

    def __init__(self, made, times):
        self.made = made
        self.times = times

    def make(self, oid):
        self.times -= 1
        if self.times >= 0:
            raise MemoryError
        return self.made(oid)


def late():
    """(peer that has registered, the source)."""
    source = Source()

    def make(oid):
        source.made += 1
        made = Telling()
        made.oid = oid
        made.source = source
        return made

    peer = Peer(Late(20, make, "2.1"), Sample())
    peer.register()
    return peer, source


def test_what_a_registration_tells_makes_nothing():
    peer, source = late()
    assert b"</20>;ver=2.1,</20/0>,</20000/0>" in links(peer.table, "1.1")
    peer.table.add(Late(7, None))
    peer.client.poll()
    (update,) = peer.take()
    assert b",</7/0>,</20>;ver=2.1," in bytes(update.payload)
    assert not source.made


def test_only_who_asks_for_it_has_it_made():
    peer, source = late()
    assert peer.get("/20000/0/1").code == CONTENT
    assert peer.get("/20/1").code == peer.get("/21/0").code == NOT_FOUND
    assert not source.made
    assert bytes(peer.get("/20/0/1").payload) == b"1"
    assert bytes(peer.get("/20/0/1").payload) == b"1"
    assert source.made == 1
    peer.table.drop()
    source.integer = 7
    assert bytes(peer.get("/20/0/1").payload) == b"7"
    assert source.made == 2


def test_all_operations():
    peer, source = late()
    for drop in (True, False):
        if drop:
            peer.table.drop()
        assert peer.put("/20/0/1", b"5").code == CHANGED
        assert source.integer == 5
        peer.table.drop()
        assert peer.post("/20/0/10").code == CHANGED
        assert source.executed == 1
        source.executed = 0
        for path in ("/20", "/20/0"):
            response = peer.get(path, SENML_JSON)
            found = list(senml_json.decode((), bytes(response.payload)))
            assert [at for at, _ in found] == [(20, 0, 1), (20, 0, 9, 0)], path
        response = peer.get("/20", LINK)
        expected = b"</20>;ver=2.1,</20/0>,</20/0/1>,</20/0/9>;dim=1,</20/0/10>"
        assert bytes(response.payload) == expected
        assert peer.attributes("/20/0/1", "gt=3").code == CHANGED
        assert peer.attributes("/20/0/1", "gt").code == CHANGED


def test_its_own_rows_make_nothing():
    peer, source = late()
    entry = peer.table.entry(20, 0)
    entry.own = ([2, "R", "i", "memory"], [3, "E", "", "restart"])
    entry.source = own = Source()
    own.memory = 51
    called = []
    own.restart = called.append
    assert bytes(peer.get("/20/0/2").payload) == b"51"
    assert peer.post("/20/0/3", b"0").code == CHANGED
    assert called == ["0"] and not source.made
    assert peer.get("/20/0/4").code == NOT_FOUND
    assert source.made == 1


def test_an_observation_holds_no_instance():
    peer, source = late()
    peer.observe("/20/0/1", accept=TEXT)
    peer.table.drop()
    made = source.made
    source.integer = 9
    peer.table.changed(20, 0, 1)
    ((_, told),) = peer.run(1000)
    assert bytes(told.payload) == b"9" and source.made == made + 1
    peer.table.drop()
    assert peer.table.entry(20, 0).made is None


def test_a_change_of_the_instance_is_told():
    peer, _ = late()
    peer.observe("/20/0/1", accept=TEXT)
    assert peer.put("/20/0/1", b"6").code == CHANGED
    ((_, told),) = peer.run(1000)
    assert bytes(told.payload) == b"6"


def test_no_memory_to_make_it():
    # Once more when some was given back; else it is an answer as good as any.
    for times, code in ((1, CONTENT), (3, INTERNAL_SERVER_ERROR)):
        peer, _ = late()
        entry = peer.table.entry(20, 0)
        entry.make = Short(entry.make, times).make
        assert peer.get("/20/0/1", TEXT).code == code
        assert entry.made is None or code == CONTENT


def test_a_table_of_them():
    table = Table()
    first, second = Late(5, None), Late(4, None)
    table.add(first, second)
    assert table.instances == [second, first] and table.of(5) == [first]
    try:
        table.add(Late(5, None))
        raise AssertionError("added twice")
    except ValueError:
        pass
    table.remove(first)
    assert table.entry(5, 0) is None and table.find(5, 0) is None
