"""Connectivity Statistics (7): counted while a server wants it, over the wire."""

from peer import Peer

from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, METHOD_NOT_ALLOWED
from firmware.objects.statistics import Statistics
from lwm2m.formats import tlv
from lwm2m.object import Late

TLV = 11542


class App:
    statistics = None


class Counted(Peer):
    """A peer whose messages pass a connection, as they do in the firmware."""

    def __init__(self):
        class Connection:
            trace = None

        self.place = Connection
        self.app = App()
        super().__init__(Late(7, self._make))
        self.app.client = self.client
        self.connection = Connection()
        self.connection.app = self.app
        self.sizes = [[], []]  # sent, received: while it counts
        receive = self.session.receive

        def taken(data):
            self._pass(True, data)
            receive(data)

        self.session.receive = taken
        self.register()

    def _make(self, oid):
        return Statistics(self.app, self.place)

    def _pass(self, incoming, data):
        if self.connection.trace:
            self.connection.trace(incoming, data)
        self.sizes[incoming].append(len(data))

    def _send(self, data):
        if hasattr(self, "connection"):
            self._pass(False, data)
        super()._send(data)

    def values(self):
        """{rid: value}; what is read counts as well, so the sizes are those of before."""
        sizes = [list(each) for each in self.sizes]
        self.table.drop()
        response = self.get("/7/0", accept=TLV)
        assert response.code == CONTENT
        found = {
            path[2]: tlv.value("i", raw) for path, raw in tlv.decode((7, 0), response.payload)
        }
        # The request was counted before the answer was made.
        sizes[True].append(self.sizes[True][-1])
        return found, sizes

    def start(self):
        assert self.post("/7/0/6").code == CHANGED
        # The request itself came before.
        self.sizes = [self.sizes[False][-1:], []]

    def expected(self, sizes, period_s=0):
        sent, received = sizes
        total = sum(sent) + sum(received)
        return {
            2: (sum(sent) + 512) // 1024,
            3: (sum(received) + 512) // 1024,
            4: max(sent + received),
            5: total // (len(sent) + len(received)),
            8: period_s,
        }


def test_nothing_is_counted_before_the_start():
    peer = Counted()
    assert peer.values()[0] == {2: 0, 3: 0, 4: 0, 5: 0, 8: 0}
    assert peer.place.trace is None and peer.app.statistics is None


def test_int_901_a_collection():
    peer = Counted()
    peer.start()
    for _ in range(60):
        assert peer.get("/7/0", accept=TLV).code == CONTENT
    found, sizes = peer.values()
    assert found == peer.expected(sizes) and found[2] > 1 and found[3] >= 1
    assert peer.post("/7/0/7").code == CHANGED
    stopped = peer.values()[0]
    for _ in range(60):
        peer.get("/7/0", accept=TLV)
    assert peer.values()[0] == stopped and peer.place.trace is None
    peer.start()  # from zero
    found, sizes = peer.values()
    assert found == peer.expected(sizes) and found[2] == 0


def test_int_905_the_period_is_written():
    peer = Counted()
    assert peer.values()[0][8] == 0
    assert peer.put("/7/0/8", b"60").code == CHANGED
    assert peer.values()[0][8] == 60
    for wrong in (b"-1", b"2147483648", b"x", b""):
        assert peer.put("/7/0/8", wrong).code == BAD_REQUEST
    assert peer.values()[0][8] == 60
    assert peer.put("/7/0/2", b"1").code == METHOD_NOT_ALLOWED
    assert peer.put("/7/0", b"", TLV).code == CHANGED  # a Write that leaves it out
    assert peer.values()[0][8] == 0


def test_a_period_ends_by_itself():
    peer = Counted()
    assert peer.put("/7/0/8", b"60").code == CHANGED
    peer.start()
    peer.advance(59000)
    found, sizes = peer.values()
    assert found == peer.expected(sizes, 60)
    count = peer.app.statistics[2]
    peer.advance(2000)
    for _ in range(5):
        peer.get("/7/0/4")
    assert peer.app.statistics[2] == count and peer.place.trace is None


def test_int_910_observation_and_notification():
    peer = Counted()
    assert peer.attributes("/7/0", "pmin=2", "pmax=10").code == CHANGED
    assert peer.put("/7/0/8", b"0").code == CHANGED
    peer.observe("/7/0", accept=TLV)
    peer.start()
    averages = []

    def each(message):
        peer.serve(message)
        found = {path[2]: raw for path, raw in tlv.decode((7, 0), message.payload)}
        averages.append(tlv.value("i", found[5]))

    told = peer.run(43000, each)
    times = [at // 1000 for at, _ in told]
    assert times[0] == 2 and len(times) == 5, times  # what began, then by pmax
    assert averages[-1] > 0
    assert peer.post("/7/0/7").code == CHANGED
    assert peer.get("/7/0", accept=TLV, observe=1, token=b"ob").code == CONTENT
    assert peer.run(30000) == []


def test_a_trace_goes_on_and_comes_back():
    peer = Counted()
    seen = []

    def trace(connection, incoming, data):
        seen.append((connection, incoming, bytes(data)))

    peer.place.trace = trace
    peer.start()
    peer.get("/7/0/4")
    assert [each[1] for each in seen] == [True, False, True, False]
    assert seen[0][0] is peer.connection
    # Another one begins meanwhile: it is found when the object is asked for.
    others = []
    peer.place.trace = lambda connection, incoming, data: others.append(incoming)
    peer.table.drop()
    peer.get("/7/0/4")
    count = peer.app.statistics[2]
    peer.get("/7/0/4")
    assert peer.app.statistics[2] == count + 2 and len(others) == 4
    assert peer.post("/7/0/7").code == CHANGED
    peer.get("/7/0/4")
    # The last answer of a collection is no part of it.
    assert peer.app.statistics[5] is None and peer.place.trace is not None


def test_start_twice_counts_once():
    peer = Counted()
    peer.start()
    peer.start()
    found, sizes = peer.values()
    assert found == peer.expected(sizes)
    assert peer.app.statistics[6] is None
