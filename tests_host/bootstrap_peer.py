"""A Bootstrap-Server made of bytes, for tests of both interpreters."""

from helpers import Source
from peer import CHANGED, DELETE, Peer, Sample, not_random, uint

from lwm2m.bootstrap import Bootstrap
from lwm2m.client import Client
from lwm2m.formats import cbor, senml_cbor, senml_json, text, tlv
from lwm2m.object import Table
from lwm2m.objects.device import Device
from lwm2m.objects.security import NO_SEC, PSK, Security
from lwm2m.objects.server import Server

TEXT, CBOR, SENML_JSON, SENML_CBOR, TLV, LINK = 0, 60, 110, 112, 11542, 40
BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE = 0x80, 0x84, 0x85, 0x86
UNSUPPORTED_CONTENT_FORMAT, INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE = 0x8F, 0xA0, 0xA3
GET, POST, PUT = 1, 2, 3
MODULES = {TLV: tlv, SENML_JSON: senml_json, SENML_CBOR: senml_cbor, CBOR: cbor, TEXT: text}
SEVERAL = (TLV, SENML_JSON, SENML_CBOR)  # formats of more than one value
SILENT_MS = 93000
END_MS = 4000

# Rows of what servers write that the client does not know: type by rid.
UNKNOWN = {6: "i", 7: "o", 8: "o", 9: "s", 16: "i", 17: "o"}
KINDS = {
    0: {rid: kind for rid, _, kind, _ in Security.resources},
    1: {rid: kind for rid, _, kind, _ in Server.resources},
    2: {0: "i", 1: "i", 2: "i[]", 3: "i"},
}


def security(iid, short_server_id, uri="coap://server", **more):
    new = Security(iid)
    new.uri = uri
    new.mode = NO_SEC
    new.short_server_id = short_server_id
    for name, value in more.items():
        setattr(new, name, value)
    return new


def server(iid, short_server_id):
    new = Server(short_server_id, iid, 3600)
    new.binding = "U"
    return new


def factory():
    """What counts before: the Bootstrap-Server at /0/7, one server at /0/3 and /1/3."""
    return [
        security(3, 77, "coap://old"),
        security(7, None, "coaps://bs", bootstrap=True, mode=PSK, identity=b"me", key=b"k" * 16),
        server(3, 77),
    ]


def state(instances):
    """All values of all instances, to compare."""
    found = {}
    for each in instances:
        values = {}
        for rid, operations, _, name in each.resources:
            if operations != "E":
                values[rid] = getattr(each, name)
        found[each.oid, each.iid] = values
    return found


def payload(path, values, content_format=TLV):
    """The values in a format: {rid or (iid, rid): value}, below an object or an instance."""
    records = []
    for at in sorted(values):
        value = values[at]
        whole = path + (at if isinstance(at, tuple) else (at,))
        rid = whole[2]
        kind = KINDS[path[0]].get(rid) or UNKNOWN[rid]
        if isinstance(value, dict):
            for riid in sorted(value):
                records.append((whole + (riid,), kind, value[riid]))
        else:
            records.append((whole, kind, value))
    return bytes(MODULES[content_format].encode(path, records))


# A complete account in the words of a server, the unknown resources of SMS among them.
KEY = bytes(range(16))
SECURITY = {
    0: "coaps://new.example:5684",
    1: False,
    2: PSK,
    3: b"identity",
    4: b"",
    5: KEY,
    6: 3,
    7: b"",
    8: b"",
    9: "",
    10: 101,
    11: 0,
    12: 0,
    16: 0,
}
SERVER = {0: 101, 1: 300, 2: 1, 3: 60, 5: 86400, 6: True, 7: "U"}


class BootstrapPeer(Peer):
    """One client in a bootstrap, and the Bootstrap-Server's end of the wire."""

    def __init__(self, *objects, drafts=None, random=not_random, queries=(), queue_mode=False):
        # Not that of Peer: there is no registration.
        from helpers import FakeClock

        self.clock = FakeClock()
        self.now_ms = 0
        self.sent = []
        self.logged = []
        self.woken = self.polls = 0
        self.down = False
        self.table = Table()
        self.device = Device(Source())
        self.table.add(self.device, *(objects or (Sample(0),)))
        self.client = Client(
            "test", self.table, self.clock, random, self.logged.append, self._wake
        )
        self.client.queries = queries
        self.client.queue_mode = queue_mode
        self.saved = []  # the state of what was saved
        self.ends = []
        self.failing = None  # what save() raises
        self.drafts = factory() if drafts is None else drafts
        self.session = Bootstrap(self.client, self.drafts, self._send, self.save, self.ends.append)
        self.client.sessions.append(self.session)
        self._mid = 0

    def save(self, instances):
        if self.failing:
            raise self.failing
        for each in instances:  # the rows of all of them are again those of the class
            assert each.resources is type(each).resources
        self.saved.append(state(instances))

    def state(self):
        return state(self.session.table.instances)

    def start(self, hold_off_s=0, queries=()):
        """Starts and accepts the Bootstrap-Request, which it returns."""
        self.session.start(hold_off_s, queries)
        ((_, request),) = self.run(hold_off_s * 1000)
        self.answer(request, CHANGED)
        return request

    def write(self, path, values, content_format=TLV):
        """A Bootstrap-Write; returns the code of the answer."""
        ids = tuple([int(part) for part in path.split("/")[1:]])
        body = values if isinstance(values, bytes) else payload(ids, values, content_format)
        return self.put(path, body, content_format).code

    def delete(self, path=""):
        return self.ask(DELETE, path).code

    def discover(self, path=""):
        response = self.ask(GET, path, accept=LINK)
        if response.code == 0x45:
            assert uint(response.first(12)) == LINK
            return bytes(response.payload).decode()
        return response.code

    def finish(self):
        return self.ask(POST, "/bs").code

    def whole(self):
        """A bootstrap from the first Delete to the last Write."""
        assert self.delete() == 0x42
        assert self.write("/0/0", SECURITY) == CHANGED
        assert self.write("/1/0", SERVER) == CHANGED

    def ended(self, good):
        """The end comes some seconds after the last answer, once."""
        assert self.ends == []
        assert self.run(END_MS - 1) == [] and self.ends == []
        assert self.run(1) == [] and self.ends == [good]
        assert self.run(200000) == [] and self.ends == [good]
