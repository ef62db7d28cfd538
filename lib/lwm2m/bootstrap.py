"""The bootstrap interface (TS 1.1.1 Core section 6.1): what a Bootstrap-Server does, and Finish.

Loaded for a bootstrap and dropped after it; what a single request takes is in draft_write.py and
drafts.py, so that whoever is short of memory can drop that in between.
"""

from micropython import const

from coap.endpoint import Endpoint
from coap.message import Error, dotted, uint
from lwm2m.object import Table, parse_path

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
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_NOT_ACCEPTABLE = const(0x86)  # 4.06
_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00
_SILENCE = const(-1)  # as in coap/endpoint.py

_SILENT_MS = const(93000)  # MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2)
_ANSWER_MS = const(4000)  # what the last answer is given to leave, once more if it is lost
_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py

# States: not begun or over, the last answer leaves; heard are the server that may begin and the
# one that is at work.
_OFF = const(0)
_ENDING = const(1)
_HOLD_OFF = const(2)
_RUNNING = const(3)


class Bootstrap:
    """The session with a Bootstrap-Server, which has no registration.

    `drafts` are the instances of the objects 0 to 2 that count now. They stay as they are: what
    the server writes and deletes happens to others, and what it writes to further objects waits.
    At Finish accounts that are incomplete or contradict each other are refused (4.06). Else
    `save(instances)` keeps the new ones; its ValueError, for an account that cannot be used, is
    answered with 4.06, its OSError with 5.00. `on_end(good)` is called a second after the last
    answer, or when the server has been silent for 93 s.
    """

    online = True
    unsaved = False
    version = "1.1"
    observations = None

    def __init__(self, client, drafts, send, save, on_end):
        self.client = client
        self.attributes = {}
        self.endpoint = endpoint = Endpoint(
            send, self.handle, client.clock, client.random, client.log
        )
        endpoint.wake = client.wake
        self.receive = endpoint.receive
        self.parts = (self,)
        self.save = save
        self.on_end = on_end
        self.table = Table()  # of the drafts alone
        self.table.add(*drafts)
        self.late = []  # (instance, row, value) of further objects
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
        self.endpoint.exchange = None  # the request may have no answer yet: it counts no more
        if flaw:
            self.client.log("bootstrap failed: " + flaw)
        else:
            self.client.notice("bootstrap finished")
        self._wait(_ENDING, _ANSWER_MS)

    def keep(self):
        """Nothing of this survives a restart."""

    def send(self, paths, on_done=None):
        """ValueError: a Bootstrap-Server is told nothing."""
        raise ValueError("no registration")

    def spare(self):
        """Before each request: what was loaded for the one before may be dropped."""

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
        self.spare()
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
            from lwm2m import drafts

            response.payload = drafts.discover(self, path)
            response.options = ((_CONTENT_FORMAT, bytes((_LINK,))),)
            response.code = _CONTENT
        elif code == _GET and path and path[0] in (1, 2):
            from lwm2m.read import Target

            target = Target(self, path, accept)
            response.payload = target.payload()
            response.options = target.options
            response.code = _CONTENT
        elif code == _PUT and 0 < depth < 4:
            try:
                self._write(path, request)
            except MemoryError:  # nothing is changed by it: once more with what can be given back
                self.spare()
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

    def _write(self, path, request):
        from lwm2m import draft_write

        draft_write.write(self, path, request)

    def _finish(self):
        from lwm2m import drafts

        flaw = drafts.flaw(self.table.instances)
        self.spare()
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
        if self.late:
            from lwm2m.write import store

            try:
                store(self.late)
            except Exception as error:
                self.endpoint.fault(error)
