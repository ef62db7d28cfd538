"""Register, Update, De-register towards one server (TS 1.1.1 Core section 6.2)."""

from micropython import const

from coap.endpoint import IDLE_MS
from coap.message import (
    CHANGED,
    CONTENT_FORMAT,
    CREATED,
    DELETE,
    DELETED,
    LOCATION_PATH,
    POST,
    URI_PATH,
    URI_QUERY,
    dotted,
    uint_bytes,
)
from lwm2m import formats

VERSION = "1.1"

STOPPED = "stopped"
REGISTERING = "registering"
REGISTERED = "registered"
WAITING = "waiting to register again"
DEREGISTERING = "de-registering"

_LINK = uint_bytes(formats.LINK)
_MARGIN_MS = const(120000)  # an Update leaves so long before the lifetime ends: retransmission


class Registration:
    """The state of the registration with one server, driven by `poll()`.

    What an Update has to carry is found by comparing with what the server knows; nothing has
    to be announced here. A failed Update leads to a full Register, a failed Register to the
    next attempt by the retry parameters of the Server object. It never gives up.
    `on_event(text)` hears in one line what happened.
    """

    def __init__(self, endpoint_name, server, table, endpoint, operations, uptime, on_event):
        self.endpoint_name = endpoint_name
        self.server = server
        self.state = STOPPED
        self.location = None  # path segments (bytes) that the server gave
        self.on_registered = None  # called after each successful Register
        self._table = table
        self._endpoint = endpoint
        self._operations = operations
        self._uptime = uptime
        self._event = on_event
        self._due_ms = 0
        self._pending = False  # an exchange of ours is under way
        self._attempts = 0
        self._known = ()  # lifetime_s, binding, generation of the table: as the server has them
        self._sent = ()

    @property
    def registered(self):
        return self.state == REGISTERED

    def start(self):
        """Registers as soon as `poll()` is called."""
        self._attempts = 0
        self._pending = False
        self._due_ms = self._uptime.now_ms()
        self._enter(REGISTERING)
        self._endpoint.wake()

    def stop(self):
        """De-registers if registered; `state` is STOPPED when that is answered or given up."""
        if self.state == REGISTERED:
            self._endpoint.cancel()
            self._pending = True
            self._enter(DEREGISTERING)
            self._endpoint.request(DELETE, self._path(), b"", self._on_deregistered)
            self._endpoint.wake()
        elif self.state != DEREGISTERING:
            self._endpoint.cancel()
            self._enter(STOPPED)

    def poll(self, now_ms):
        """Does what is due; returns the milliseconds until the next may be."""
        state = self.state
        if self._pending or state == STOPPED:
            return IDLE_MS
        if state == REGISTERED and (self.server.update_asked or self._known != self._facts()):
            left = 0
        else:
            left = self._due_ms - now_ms
            if left > 0:
                return left
        if not self._endpoint.idle:
            return IDLE_MS  # the end of that exchange is waited for by the endpoint
        if state == REGISTERED:
            self._update()
        else:
            self._register()
        return IDLE_MS

    def _facts(self):
        return self.server.lifetime_s, self.server.binding, self._table.generation

    def _enter(self, state):
        self.state = state
        self._operations.allowed = state == REGISTERED

    def _links(self):
        from lwm2m.formats import link

        return link.register(self._table, formats.TLV)

    def _request(self, options, payload, on_done):
        self._pending = True
        self._sent = self._facts()
        try:
            self._endpoint.request(POST, options, payload, on_done)
        except ValueError as error:
            on_done(None)
            self._event("registration: %s" % error)

    def _register(self):
        self._enter(REGISTERING)
        server = self.server
        options = [
            (URI_PATH, b"rd"),
            (CONTENT_FORMAT, _LINK),
            (URI_QUERY, b"lwm2m=" + VERSION.encode()),
            (URI_QUERY, b"ep=" + self.endpoint_name.encode()),
            (URI_QUERY, b"lt=%d" % server.lifetime_s),
            (URI_QUERY, b"b=" + server.binding.encode()),
        ]
        self._request(options, self._links(), self._on_registered)

    def _on_registered(self, message):
        self._pending = False
        if self.state != REGISTERING:
            return
        if message is None or message.code != CREATED:
            self._failed(message)
            return
        self.location = [bytes(part) for part in message.options.all(LOCATION_PATH)]
        self._accepted()
        self._enter(REGISTERED)
        if self.on_registered:
            self.on_registered()
        self._event(
            "registered at /%s as %s (lifetime %d s)"
            % (
                "/".join([_printable(part) for part in self.location]),
                self.endpoint_name,
                self._known[0],
            )
        )

    def _accepted(self):
        self._attempts = 0
        self._known = self._sent
        lifetime_ms = self._known[0] * 1000
        margin_ms = min(_MARGIN_MS, lifetime_ms // 2)
        self._due_ms = self._uptime.now_ms() + lifetime_ms - margin_ms

    def _failed(self, message):
        server = self.server
        self._attempts += 1
        if self._attempts < server.retry_count:
            delay_s = server.retry_timer_s << (self._attempts - 1)
        else:
            self._attempts = 0
            delay_s = server.sequence_delay_s
        self._due_ms = self._uptime.now_ms() + delay_s * 1000
        self._enter(WAITING)
        self._event(
            "registration failed: %s, next attempt in %d s"
            % ("no answer" if message is None else dotted(message.code), delay_s)
        )

    def _path(self):
        return [(URI_PATH, part) for part in self.location]

    def _update(self):
        self.server.update_asked = False
        options = self._path()
        payload = b""
        new = self._facts()
        if new[2] != self._known[2]:
            options.append((CONTENT_FORMAT, _LINK))
            payload = self._links()
        if new[0] != self._known[0]:
            options.append((URI_QUERY, b"lt=%d" % new[0]))
        if new[1] != self._known[1]:
            options.append((URI_QUERY, b"b=" + new[1].encode()))
        self._request(options, payload, self._on_updated)

    def _on_updated(self, message):
        self._pending = False
        if self.state != REGISTERED:
            return
        if message is not None and message.code == CHANGED:
            self._accepted()
            return
        self._event(
            "update failed: %s, registering anew"
            % ("no answer" if message is None else dotted(message.code))
        )
        self.start()

    def _on_deregistered(self, message):
        self._pending = False
        self._enter(STOPPED)
        good = message is not None and message.code == DELETED
        self._event("de-registered" if good else "de-registration was not answered")


def _printable(part):
    return "".join([chr(byte) if 32 < byte < 127 else "%%%02X" % byte for byte in part])
