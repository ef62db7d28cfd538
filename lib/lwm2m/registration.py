"""Register, Update, De-register towards one server (TS 1.1.1 Core section 6.2)."""

from micropython import const

from coap.endpoint import IDLE_MS
from coap.message import dotted
from lwm2m import formats

_POST = const(2)
_DELETE = const(4)
_CREATED = const(0x41)  # 2.01
_DELETED = const(0x42)  # 2.02
_CHANGED = const(0x44)  # 2.04
_LOCATION_PATH = const(8)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)

_MARGIN_MS = const(120000)  # an Update leaves so long before the lifetime ends: retransmission

STOPPED = "stopped"
REGISTERING = "registering"
REGISTERED = "registered"
WAITING = "waiting to register again"
DEREGISTERING = "de-registering"


class Registration:
    """The state of the registration with one server, driven by `poll()`.

    What an Update has to carry is found by comparing with what the server knows; nothing has
    to be announced here. A failed Update leads to a full Register, a failed Register to the
    next attempt by the retry parameters of the Server object. It never gives up.
    `on_registered()` is called after each successful Register, `log(text)` hears in one line
    what happened.
    """

    def __init__(self, endpoint_name, server, table, endpoint, uptime, on_registered, log):
        self.endpoint_name = endpoint_name
        self.server = server
        self.state = STOPPED
        self.location = ()  # path segments (bytes) that the server gave
        self._table = table
        self._endpoint = endpoint
        self._uptime = uptime
        self._on_registered = on_registered
        self._log = log
        self._due_ms = 0
        self._pending = False  # an exchange of ours is under way
        self._attempts = 0
        self._known = self._sent = ()  # the facts below, as the server has them

    def _facts(self):
        return self.server.lifetime_s, self.server.binding, self._table.generation

    def start(self):
        """Registers as soon as `poll()` is called."""
        self._attempts = 0
        self._pending = False
        self._due_ms = self._uptime.now_ms()
        self.state = REGISTERING
        self._endpoint.forget()
        self._endpoint.wake()

    def stop(self):
        """De-registers if registered; `state` is STOPPED when that is answered or given up."""
        if self.state == DEREGISTERING:
            return
        self._endpoint.cancel()
        self._endpoint.forget()
        if self.state != REGISTERED:
            self.state = STOPPED
            return
        self.state = DEREGISTERING
        self._pending = True
        options = [(_URI_PATH, part) for part in self.location]
        self._endpoint.request(_DELETE, options, b"", self._answered)
        self._endpoint.wake()

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
        if self._endpoint.idle:  # else the endpoint itself waits for the end of its exchange
            self._send()
        return IDLE_MS

    def _send(self):
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
            self.state = REGISTERING
            options = [(_URI_PATH, b"rd")]
            known = (None, None, None)
            queries = [b"lwm2m=1.1", b"ep=" + self.endpoint_name.encode()]
        if generation != known[2]:
            from lwm2m.formats import link

            options.append((_CONTENT_FORMAT, bytes((formats.LINK,))))
            payload = link.register(self._table, formats.TLV)
        if lifetime_s != known[0]:
            queries.append(b"lt=%d" % lifetime_s)
        if binding != known[1]:
            queries.append(b"b=" + binding.encode())
        options += [(_URI_QUERY, query) for query in queries]
        self._pending = True
        try:
            self._endpoint.request(_POST, options, payload, self._answered)
        except ValueError as error:
            self._log("registration: %s" % error)
            self._answered(None)

    def _answered(self, message):
        self._pending = False
        state = self.state
        code = message.code if message else 0
        result = dotted(code) if code else "no answer"
        if state == DEREGISTERING:
            self.state = STOPPED
            self._log("de-registered" if code == _DELETED else "not de-registered: " + result)
            return
        if state == REGISTERED and code != _CHANGED:
            self._log("update failed: %s, registering anew" % result)
            self.start()
        elif state == REGISTERING and code != _CREATED:
            self._retry(result)
        elif state != STOPPED:
            self._attempts = 0
            self._known = self._sent
            lifetime_ms = self._known[0] * 1000
            margin_ms = min(_MARGIN_MS, lifetime_ms // 2)
            self._due_ms = self._uptime.now_ms() + lifetime_ms - margin_ms
            if state == REGISTERING:
                self.location = [bytes(part) for part in message.options.all(_LOCATION_PATH)]
                self.state = REGISTERED
                self._on_registered()
                self._log(
                    "registered at %s as %s (lifetime %d s)"
                    % (self.location_text(), self.endpoint_name, self._known[0])
                )

    def _retry(self, result):
        server = self.server
        self._attempts += 1
        if self._attempts < server.retry_count:
            delay_s = server.retry_timer_s << (self._attempts - 1)
        else:
            self._attempts = 0
            delay_s = server.sequence_delay_s
        self._due_ms = self._uptime.now_ms() + delay_s * 1000
        self.state = WAITING
        self._log("registration failed: %s, next attempt in %d s" % (result, delay_s))

    def location_text(self):
        """Where the server keeps the registration: /rd/a1b2."""
        text = ""
        for part in self.location:
            text += "/"
            for byte in part:  # from the wire: nothing of it may steer a terminal
                text += chr(byte) if 32 < byte < 127 else "?"
        return text
