"""Register, Update, De-register towards one server (TS 1.1.1 Core section 6.2)."""

from micropython import const

_POST = const(2)
_DELETE = const(4)
_CREATED = const(0x41)  # 2.01
_DELETED = const(0x42)  # 2.02
_CHANGED = const(0x44)  # 2.04
_LOCATION_PATH = const(8)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)

_LINK = const(b"\x28")  # content format 40
_SENML_CBOR = const(112)
_TLV = const(11542)
_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py
_MARGIN_MS = const(120000)  # that an Update leaves before the end, or two thirds: for losses
_DISABLE = const(4)  # /1/x/4

# States, as they are shown
STOPPED = "stopped"
REGISTERED = "registered"
_REGISTERING = const("registering")
_WAITING = const("waiting to register again")
_DEREGISTERING = const("de-registering")


def links(table, version):
    """The objects and instances of a registration in link format (Core section 6.2.1).

    Object 0 is never listed, and the version of an object only where it is not the one that
    this `version` of LwM2M takes it for. The root link tells the preferred format.
    """
    old = version == "1.0"
    out = '</>;rt="oma.lwm2m";ct=%d' % (_TLV if old else _SENML_CBOR)
    oid = None
    for instance in table.instances:
        if instance.oid == 0:
            continue
        if instance.oid != oid:
            oid = instance.oid
            # All objects are taken for 1.0 by LwM2M 1.0, most of them by 1.1.
            known = instance.version or (old and {3: "1.1", 4: "1.2"}.get(oid))
            if known:
                out += ",</%d>;ver=%s" % (oid, known)
        out += ",</%d/%d>" % (oid, instance.iid)
    return out.encode()


class Registration:
    """The registration of a session with its server, driven by `poll()`.

    What an Update has to carry is found by comparing with what the server knows; nothing has
    to be announced here. A failed Update leads to a full Register, a failed Register to the
    next attempt, see retry.py. It never gives up.
    What the server observes ends with a registration (section 6.4.2). The client's `log` hears
    in one line what happened.
    """

    silent_ms = 0  # nothing is to be sent before, see retry.py

    def __init__(self, session):
        self.session = session
        self.server = session.server
        self.client = session.client
        self.endpoint = session.endpoint
        self.state = STOPPED
        self.location = ()  # path segments (bytes) that the server gave
        self.due_ms = 0
        self._pending = False  # an exchange of ours is under way
        self.taken = False  # the server asks already: it knows us, but its answer has not come
        self.attempts = self.sequences = 0  # that failed
        self.known = self._sent = ()  # the facts below, as the server has them

    def _facts(self):
        return self.server.lifetime_s, self.server.binding, self.session.table.generation

    def start(self):
        """Registers as soon as `poll()` is called; not before a Disable (/1/x/4) is over."""
        self._begin(_REGISTERING)
        self.session.version = "1.1"
        self.attempts = self.sequences = 0
        self.due_ms = max(self.client.now_ms(), self.silent_ms)

    def _begin(self, state):
        # The answer to an earlier request must not be taken for a later.
        self.state = state
        self._pending = False
        self.endpoint.cancel()
        self.endpoint.forget()
        self.session.cancel_observation()
        if self.session.sender:
            self.session.sender.end()
        self.endpoint.wake()

    def stop(self, silent_ms=0):
        """De-registers if registered; `state` is STOPPED when that is answered or given up.

        With `silent_ms`, a time, it registers again then.
        """
        if self.silent_ms != silent_ms:  # one attribute more takes memory that may not be there
            self.silent_ms = silent_ms
        if self.state == REGISTERED:
            self._begin(_DEREGISTERING)
            self._request(_DELETE, self.location, (), b"")
        elif self.state != _DEREGISTERING:
            self._begin(_WAITING if silent_ms else STOPPED)

    def failed(self, reason):
        """Counts an attempt that did not even come to a request, for want of a secure session."""
        self._begin(_WAITING)
        from lwm2m import retry

        retry.failed(self, _REGISTERING, 0, reason)

    def poll(self, now_ms):
        """Does what is due; returns the milliseconds until the next may be."""
        if self._pending or self.state == STOPPED or not self.session.online:
            return _IDLE_MS
        left = self.due_ms - now_ms
        if left > 0 and (
            self.state != REGISTERED or (not self.server.asked and self.known == self._facts())
        ):
            return left
        if self.endpoint.idle:  # else the endpoint itself waits for the end of its exchange
            left = self._send(now_ms)
            if not self._pending:  # it could not be sent: what follows has a time of its own
                return left
        return _IDLE_MS

    def _send(self, now_ms):
        # A Register tells everything, an Update what the server does not know yet.
        server = self.server
        session = self.session
        registered = self.state == REGISTERED
        if server.asked == _DISABLE or (
            not registered and (server.initial_delay_s or server.priority_order is not None)
        ):
            from lwm2m import retry

            left = retry.held_ms(self, now_ms)
            if left > 0:
                return left
        server.asked = 0
        self._sent = lifetime_s, binding, generation = self._facts()
        path = self.location
        queries = []
        payload = b""
        if not registered:
            self.state = _REGISTERING
            self.known = (None, None, None)
            path = (b"rd",)
            queries = [
                "lwm2m=" + session.version,
                "ep=" + self.client.endpoint_name,
            ]
            queries += self.client.queries + session.queries
        known = self.known
        if generation != known[2]:
            payload = links(session.table, session.version)
        if lifetime_s != known[0]:
            queries.append("lt=%d" % lifetime_s)
        if binding != known[1]:
            queries.append("b=" + binding)
            if session.queue:
                session.queue.announce(queries)
        self.due_ms = now_ms  # the lifetime may count from now, not the answer
        self._request(_POST, path, queries, payload)
        return 0

    def _request(self, code, path, queries, payload):
        self._pending = True
        self.taken = False
        try:
            options = []
            for part in path:
                options.append((_URI_PATH, part))
            if payload:
                options.append((_CONTENT_FORMAT, _LINK))
            for query in queries:
                options.append((_URI_QUERY, query.encode()))
            self.endpoint.request(code, options, payload, self._answered)
        except Exception as error:  # too long a location from the server, or no memory
            self.endpoint.fault(error)
            self._answered(None)

    def _answered(self, message):
        self._pending = False
        state = self.state
        code = message.code if message else 0
        if state == REGISTERED:
            expected = _CHANGED
        elif state == _DEREGISTERING:
            expected = _DELETED
            self.state = _WAITING if self.silent_ms else STOPPED
            self.session.keep()
        else:
            expected = _CREATED
            self.state = _WAITING
        if code != expected:
            self.due_ms = max(self.due_ms, self.client.now_ms() + _MARGIN_MS)  # without memory
            from lwm2m import retry

            retry.failed(self, state, code)
        elif state == _DEREGISTERING:
            self.client.notice("de-registered")
        else:
            if state != REGISTERED:
                self.location = message.all(_LOCATION_PATH)
                self.state = REGISTERED
                self.client.notice(
                    "registered at %s as %s (lifetime %d s)"
                    % (self.location_text(), self.client.endpoint_name, self._sent[0])
                )
            lifetime_ms = self._sent[0] * 1000
            self.due_ms += max(lifetime_ms - _MARGIN_MS, lifetime_ms // 3)
            if self.known != self._sent:
                self.known = self._sent
                self.session.keep()

    def location_text(self):
        """Where the server keeps the registration: /rd/a1b2, fit for a terminal."""
        return "/" + repr(b"/".join(self.location))[2:-1]
