"""The bootstrap interface (TS 1.1.1 Core section 6.1): what a Bootstrap-Server does, and Finish.

Loaded for a bootstrap and dropped after it.
"""

from micropython import const

from coap.message import Error, dotted, uint
from lwm2m import formats
from lwm2m.client import Session
from lwm2m.object import Table, parse_path
from lwm2m.objects.security import NO_SEC, Security
from lwm2m.objects.server import Server
from lwm2m.read import Target
from lwm2m.write import prepare, store

_GET = const(1)
_POST = const(2)
_PUT = const(3)
_DELETE = const(4)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)
_ACCEPT = const(17)
_LINK = const(40)
_DELETED = const(0x42)  # 2.02
_CHANGED = const(0x44)  # 2.04
_CONTENT = const(0x45)  # 2.05
_BAD_REQUEST = const(0x80)  # 4.00
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_NOT_ACCEPTABLE = const(0x86)  # 4.06
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15
_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_SILENCE = const(-1)  # as in coap/endpoint.py

_MAX_ID = const(65534)
_LIMIT = const(32)  # instances, and values kept for other objects: a server fills no memory
_SILENT_MS = const(93000)  # MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2)
_ANSWER_MS = const(4000)  # what the last answer is given to leave, once more if it is lost
_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py

# States: not begun or over, the last answer leaves; heard are the server that may begin and the
# one that is at work.
_OFF = const(0)
_ENDING = const(1)
_HOLD_OFF = const(2)
_RUNNING = const(3)


class Bootstrap(Session):
    """The session with a Bootstrap-Server, which has no registration.

    `drafts` are the instances of the objects 0 to 2 that count now. They stay as they are: what
    the server writes and deletes happens to others, and what it writes to further objects waits.
    At Finish accounts that are incomplete or contradict each other are refused (4.06). Else
    `save(instances)` keeps the new ones; its ValueError, for an account that cannot be used, is
    answered with 4.06, its OSError with 5.00. `on_end(good)` is called a second after the last
    answer, or when the server has been silent for 93 s.
    """

    def __init__(self, client, drafts, send, save, on_end):
        super().__init__(client, None, send)
        self.receive = self.endpoint.receive  # queue mode begins with a registration
        self.save = save
        self.on_end = on_end
        self.table = Table()  # of the drafts alone
        self.table.add(*drafts)
        self._late = []  # (instance, row, value) of further objects
        self._state = _OFF

    def start(self, hold_off_s, queries=()):
        """Asks the server for a bootstrap, unless it begins by itself within `hold_off_s`.

        `queries` go with the request, besides those of the client. To be called when the link
        is up.
        """
        self._queries = self.client.queries + tuple(queries)
        self._wait(_HOLD_OFF, hold_off_s * 1000)

    def _wait(self, state, ms):
        self._state = state
        self._due_ms = self.client.now_ms() + ms
        self.client.wake()

    def _over(self, flaw):
        self.good = not flaw
        self.client.log("bootstrap failed: " + flaw if flaw else "bootstrap finished")
        self._wait(_ENDING, _ANSWER_MS)

    def keep(self):
        """Nothing of this survives a restart."""

    def allowed(self, oid, iid, right):
        return True

    def poll(self, now_ms):
        """Does what is due; returns the milliseconds until the next may be."""
        left = _IDLE_MS
        state = self._state
        if state:
            left = max(self._due_ms - now_ms, 0)
            if not left:
                if state == _HOLD_OFF:
                    self._wait(_RUNNING, _SILENT_MS)
                    options = [(_URI_PATH, b"bs")]
                    for query in ("ep=" + self.client.endpoint_name,) + self._queries:
                        options.append((_URI_QUERY, query.encode()))
                    self._asked = True
                    self.endpoint.request(_POST, options, b"", self._answered)
                elif state == _RUNNING:
                    self._over("silence for 93 s")
                else:
                    self.on_end(self.good)  # once more where it found no memory
                    self._state = _OFF
        return min(left, self.endpoint.poll())

    def _answered(self, message):
        # Where the server has begun it does not matter any more.
        code = message.code if message else 0
        if self._asked and code != _CHANGED:
            self._over("request answered with %s" % dotted(code) if code else "no answer")

    def handle(self, request, response):
        """Executes a request of the server and fills the response; raises Error."""
        if self._state < _HOLD_OFF:
            response.code = _SILENCE
            return
        self._wait(_RUNNING, _SILENT_MS)
        self._asked = False
        segments = request.all(_URI_PATH)
        code = request.code
        response.code = _CHANGED
        if code == _POST and segments == [b"bs"]:
            self._finish()
            return
        path = parse_path(segments)
        depth = len(path)
        accept = request.first(_ACCEPT)
        if accept is not None:
            accept = uint(accept)
        if code == _GET and accept == _LINK:
            response.payload = self._discover(path)
            response.options = ((_CONTENT_FORMAT, bytes((_LINK,))),)
            response.code = _CONTENT
        elif code == _GET and path and path[0] in (1, 2):
            target = Target(self, path, accept)
            response.payload = target.payload()
            response.options = target.options
            response.code = _CONTENT
        elif code == _PUT and 0 < depth < 4:
            self._write(path, request)
        elif code == _DELETE and depth < 3 and path < (3,):
            # The Bootstrap-Server's own account stays (section 6.1.7.5).
            for each in list(self.table.instances):
                if (each.oid, each.iid)[:depth] == path:
                    if each.oid or not each.bootstrap:
                        self.table.remove(each)
                    elif depth == 2:
                        raise Error(_BAD_REQUEST)
            response.code = _DELETED
        else:
            raise Error(_METHOD_NOT_ALLOWED)

    def _discover(self, path):
        # Section 6.1.7.3: all objects or one of them, never less.
        if len(path) > 1:
            raise Error(_BAD_REQUEST)
        others = self.client.table
        known = path
        if not path:
            known = [0, 1, 2]
            for each in others.instances:
                if each.oid not in known:
                    known.append(each.oid)
        out = "</>;lwm2m=1.1"
        for oid in known:
            instances = (self.table if oid < 3 else others).of(oid)
            if oid > 2 and not instances:
                raise Error(_NOT_FOUND)
            out += ",</%d>" % oid
            if instances and instances[0].version:
                out += ";ver=" + instances[0].version
            for each in instances:
                out += ",</%d/%d>" % (oid, each.iid)
                if oid < 2 and each.short_server_id and (oid or not each.bootstrap):
                    out += ";ssid=%d" % each.short_server_id
                if oid == 0:
                    out += ';uri="%s"' % each.uri
        return out.encode()

    def _write(self, path, request):
        # Section 6.1.7.4: what is not there is created, what is there replaced, whatever its
        # rows allow; what is unknown is left out unless the path names it.
        oid = path[0]
        whole = len(path) < 3
        module = formats.module(uint(request.first(_CONTENT_FORMAT)))
        if module is None:
            raise Error(_UNSUPPORTED_CONTENT_FORMAT)
        found = {}
        for at, raw in module.decode(path, request.payload):
            if len(at) < 3 or at[1] > _MAX_ID:
                raise Error(_BAD_REQUEST, "no resource of an instance")
            found.setdefault(at[1], []).append((at, raw))
        if not found:
            raise Error(_BAD_REQUEST, "no value")
        table = self.table
        ready = []
        late = list(self._late)
        for iid, pairs in found.items():
            if oid > 2:
                new = self.client.table.find(oid, iid)
                if new is None:
                    raise Error(_NOT_FOUND)
            else:
                new = _made(oid, iid, None if whole else table.find(oid, iid))
            values = []
            for at, raw in pairs:
                rid = at[2]
                row = new.row(rid)
                if whole and not (row and "W" in row[1]):
                    continue
                # Servers of LwM2M 1.0 write UQ, others all bindings that they know.
                if (oid, rid) == (1, 7) and "U" in module.value("s", raw):
                    new.binding = "U"
                else:
                    values.append((at, raw))
            changes = prepare(new, path, module, values, not whole)
            if oid > 2:
                late += changes
            else:
                store(changes)
                del new.resources
                ready.append(new)
        for each in table.instances:
            if each.oid != oid or each.iid not in found:
                ready.append(each)
        if len(ready) > _LIMIT or len(late) > _LIMIT:
            raise Error(_SERVICE_UNAVAILABLE)
        table = Table()
        table.add(*ready)
        self.table = table
        self._late = late

    def _finish(self):
        flaw = _flaw(self.table.instances)
        code = _NOT_ACCEPTABLE
        if not flaw:
            try:
                self.save(self.table.instances)
            except ValueError as error:
                flaw = str(error)
            except OSError as error:
                flaw = "not saved: %s" % error
                code = _INTERNAL_SERVER_ERROR
        self._over(flaw)
        if flaw:
            raise Error(code, flaw)
        try:
            store(self._late)
        except Exception as error:
            self.endpoint.fault(error)


def _made(oid, iid, old):
    # A new instance with `old` values, or the defaults, all of whose resources can be written.
    if oid == 0:
        new = Security(iid)
        new.mode = None
    elif oid == 1:
        new = Server(None, iid)
        new.lifetime_s = new.binding = None
    else:
        from lwm2m.access import AccessControl

        new = AccessControl(iid, 0, 0, 0, {})
    if old:
        for name, value in old.__dict__.items():
            setattr(new, name, value)
    rows = []
    for rid, _, kind, name in new.resources:
        if kind:
            rows.append((rid, "RW", kind, name))
    new.resources = rows
    return new


def _flaw(drafts):
    # What is wrong with the accounts: a text that names no value, or None.
    ids = set(), set()
    bootstraps = 0
    for each in drafts:
        oid = each.oid
        if oid > 1:
            continue
        at = "/%d/%d: " % (oid, each.iid)
        if oid == 0:
            mode = each.mode
            scheme, _, host = each.uri.partition("://")
            if mode is None or not host or scheme != ("coap" if mode == NO_SEC else "coaps"):
                return at + "URI and security mode do not fit"
            if mode != NO_SEC and not (
                each.identity and each.key and (each.server_key or not mode)
            ):
                return at + "credentials missing"
            if each.bootstrap:
                bootstraps += 1
                continue
        elif None in (each.lifetime_s, each.binding):
            return at + "lifetime or binding missing"
        short_server_id = each.short_server_id
        if not 0 < (short_server_id or 0) < 65535 or short_server_id in ids[oid]:
            return at + "Short Server ID missing, or not unique"
        ids[oid].add(short_server_id)
    if bootstraps > 1:
        return "two Bootstrap-Servers"
    if not ids[0] or ids[0] != ids[1]:
        return "no server, or one that is not in both objects 0 and 1"
    return None
