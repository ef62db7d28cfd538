"""Register, Update, De-register towards one server (TS 1.1.1 Core section 6.2)."""

from micropython import const

from coap.endpoint import IDLE_MS
from coap.message import dotted

_POST = const(2)
_DELETE = const(4)
_CREATED = const(0x41)  # 2.01
_DELETED = const(0x42)  # 2.02
_CHANGED = const(0x44)  # 2.04
_LOCATION_PATH = const(8)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)

_LINK = const(40)  # content formats
_TLV = const(11542)
_MARGIN_MS = const(120000)  # an Update leaves so long before the lifetime ends: retransmission

# States, as they are shown
STOPPED = "stopped"
REGISTERED = "registered"
_REGISTERING = const("registering")
_WAITING = const("waiting to register again")
_DEREGISTERING = const("de-registering")


def links(table):
    """The objects and instances of a registration in link format (Core section 6.2.1).

    Object 0 is never listed, and the version of an object only where it is not the default.
    """
    out = '</>;rt="oma.lwm2m";ct=%d' % _TLV
    oid = None
    for instance in table.instances:
        if instance.oid == 0:
            continue
        if instance.oid != oid and instance.version:
            out += ",</%d>;ver=%s" % (instance.oid, instance.version)
        oid = instance.oid
        out += ",</%d/%d>" % (oid, instance.iid)
    return out.encode()


class Registration:
    """The registration of a session with its server, driven by `poll()`.

    What an Update has to carry is found by comparing with what the server knows; nothing has
    to be announced here. A failed Update leads to a full Register, a failed Register to the
    next attempt by the retry parameters of the Server object. It never gives up.
    What the server observes ends with a registration (section 6.4.2). The client's `log` hears
    in one line what happened.
    """

    def __init__(self, session):
        self.session = session
        self.server = session.server
        self.client = session.client
        self.endpoint = session.endpoint
        self.state = STOPPED
        self.location = ()  # path segments (bytes) that the server gave
        self._due_ms = 0
        self._pending = False  # an exchange of ours is under way
        self._attempts = 0
        self._known = self._sent = ()  # the facts below, as the server has them

    def _facts(self):
        return self.server.lifetime_s, self.server.binding, self.session.table.generation

    def start(self):
        """Registers as soon as `poll()` is called."""
        self.end()
        self._attempts = 0
        self._pending = False
        self._due_ms = self.client.now_ms()
        self.state = _REGISTERING
        self.endpoint.wake()

    def end(self):
        self.endpoint.cancel()  # the answer to an earlier request must not be taken for a later
        self.endpoint.forget()
        self.session.cancel_observation()

    def stop(self):
        """De-registers if registered; `state` is STOPPED when that is answered or given up."""
        if self.state == _DEREGISTERING:
            return
        self.end()
        if self.state != REGISTERED:
            self.state = STOPPED
            return
        self.state = _DEREGISTERING
        self.request(_DELETE, [(_URI_PATH, part) for part in self.location], b"")
        self.endpoint.wake()

    def poll(self, now_ms):
        """Does what is due; returns the milliseconds until the next may be."""
        if self._pending or self.state == STOPPED:
            return IDLE_MS
        left = self._due_ms - now_ms
        if left > 0 and (
            self.state != REGISTERED
            or (not self.server.update_asked and self._known == self._facts())
        ):
            return left
        if self.endpoint.idle:  # else the endpoint itself waits for the end of its exchange
            self.send()
            if not self._pending:  # it could not even be sent: what follows has a time of its own
                return 0
        return IDLE_MS

    def send(self):
        # A Register tells everything, an Update what the server does not know yet.
        server = self.server
        server.update_asked = False
        self._sent = lifetime_s, binding, generation = self._facts()
        payload = b""
        if self.state == REGISTERED:
            options = [(_URI_PATH, part) for part in self.location]
            known = self._known
            queries = []
        else:
            self.state = _REGISTERING
            options = [(_URI_PATH, b"rd")]
            known = (None, None, None)
            queries = [b"lwm2m=1.1", b"ep=" + self.client.endpoint_name.encode()]
        if generation != known[2]:
            options.append((_CONTENT_FORMAT, bytes((_LINK,))))
            payload = links(self.session.table)
        if lifetime_s != known[0]:
            queries.append(b"lt=%d" % lifetime_s)
        if binding != known[1]:
            queries.append(b"b=" + binding.encode())
        options += [(_URI_QUERY, query) for query in queries]
        self._due_ms = self.client.now_ms()  # the lifetime may count from now, not the answer
        self.request(_POST, options, payload)

    def request(self, code, options, payload):
        self._pending = True
        try:
            self.endpoint.request(code, options, payload, self._answered)
        except Exception as error:  # too long a location from the server, or no memory
            self.client.log("registration: %s" % error)
            self._answered(None)

    def _answered(self, message):
        self._pending = False
        state = self.state
        code = message.code if message else 0
        result = dotted(code) if code else "no answer"
        if state == _DEREGISTERING:
            self.state = STOPPED
            self.client.log(
                "de-registered" if code == _DELETED else "not de-registered: " + result
            )
            return
        if state == REGISTERED and code != _CHANGED:
            self.client.log("update failed: %s, registering anew" % result)
            self.start()
        elif state == _REGISTERING and code != _CREATED:
            self._retry(result)
        elif state != STOPPED:
            self._known = self._sent
            lifetime_ms = self._known[0] * 1000
            margin_ms = min(_MARGIN_MS, lifetime_ms // 2)
            self._due_ms += lifetime_ms - margin_ms
            if state == _REGISTERING:
                self.location = [bytes(part) for part in message.all(_LOCATION_PATH)]
                self.state = REGISTERED
                self.client.log(
                    "registered at %s as %s (lifetime %d s)"
                    % (self.location_text(), self.client.endpoint_name, self._known[0])
                )

    def _retry(self, result):
        server = self.server
        self._attempts += 1
        if self._attempts < server.retry_count:
            delay_s = server.retry_timer_s << (self._attempts - 1)
        else:
            self._attempts = 0
            delay_s = server.sequence_delay_s
        self._due_ms = self.client.now_ms() + delay_s * 1000
        self.state = _WAITING
        self.client.log("registration failed: %s, next attempt in %d s" % (result, delay_s))

    def location_text(self):
        """Where the server keeps the registration: /rd/a1b2."""
        text = ""
        for part in self.location:
            text += "/"
            for byte in part:  # from the wire: nothing of it may steer a terminal
                text += chr(byte) if 32 < byte < 127 else "?"
        return text
