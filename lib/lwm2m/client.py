"""The LwM2M client: one resource table, one session for each server."""

from micropython import const

from coap.endpoint import IDLE_MS, Endpoint
from lwm2m.operations import handle
from lwm2m.registration import Registration

_FAULT_MS = const(1000)


class Session:
    """One server as the client sees it: what it sends goes to `receive()`.

    Notifications to it are non-confirmable unless `confirmable` is set, but for one in a day.
    """

    confirmable = False
    observations = None  # made for the first Observe

    def __init__(self, client, server, send):
        self.client = client
        self.server = server
        self.table = client.table
        self.attributes = {}  # path: {name: number}, see attributes.py
        self.endpoint = endpoint = Endpoint(
            send, self.handle, client.clock, client.random, client.log
        )
        endpoint.wake = client.wake
        self.receive = endpoint.receive
        self.registration = Registration(self)

    def handle(self, request, response):
        handle(self, request, response)

    def observe(self, token, target):
        """Starts to observe; returns the sequence number. Error 5.03 when there are too many."""
        if self.observations is None:
            from lwm2m.observe import Observations

            self.observations = Observations(self)
        return self.observations.add(token, target)

    def cancel_observation(self, token=None):
        """Ends the observation with this token, or all of them."""
        if self.observations is not None:
            self.observations.remove(token)

    def retune(self):
        """Attributes or default periods have changed."""
        if self.observations is not None:
            self.observations.retune()

    def poll(self, now_ms):
        """Does what is due; returns the milliseconds until the next may be."""
        try:
            self.endpoint.poll()
            wait_ms = self.registration.poll(now_ms)
            if self.observations is not None:
                wait_ms = min(wait_ms, self.observations.poll(now_ms))
        except Exception as error:
            # A fault of an object, or no memory just now: it ends neither this nor the others.
            self.client.log("%s: %s" % (type(error).__name__, error))
            wait_ms = _FAULT_MS
        # Asked again: what was just sent has time-outs of its own.
        return min(wait_ms, self.endpoint.poll())


class Client:
    """An LwM2M 1.1 client that waits for nothing.

    `clock` has MicroPython's ticks_ms, ticks_add, ticks_diff; `random(n)` returns n random
    bytes; `log(text)` takes single lines; `wake()` is called when `poll()` should run soon.
    """

    def __init__(self, endpoint_name, table, clock, random, log, wake):
        self.endpoint_name = endpoint_name
        self.table = table
        self.clock = clock
        self.random = random
        self.log = log
        self.wake = wake
        self.ticks = clock.ticks_ms()
        self.ms = 0
        self.sessions = []
        table.on_changed = self._changed
        table.on_instances = self._instances_changed

    def now_ms(self):
        """Milliseconds since the start, counted on where `ticks_ms` wraps (after 12.4 days).

        `ticks_diff` holds for half of that, so this must be called at least every 6 days; the
        waits that `poll()` returns see to it.
        """
        ticks = self.clock.ticks_ms()
        self.ms += self.clock.ticks_diff(ticks, self.ticks)
        self.ticks = ticks
        return self.ms

    def add_server(self, server, send):
        """A session with the server that this instance of object 1 describes.

        `send(data)` sends one datagram to it. Call `session.registration.start()` when the
        link is up.
        """
        session = Session(self, server, send)
        self.sessions.append(session)
        return session

    def poll(self):
        """Does what is due; returns the milliseconds until it wants to be called again."""
        now_ms = self.now_ms()
        wait_ms = IDLE_MS
        for session in self.sessions:
            wait_ms = min(wait_ms, session.poll(now_ms))
        return max(wait_ms, 0)

    def _changed(self, oid, iid, rid):
        for session in self.sessions:
            if session.observations is not None:
                session.observations.changed((oid, iid, rid))
                if oid == 1:
                    session.retune()
        self.wake()

    def _instances_changed(self):
        for session in self.sessions:
            session.endpoint.forget()
            if session.observations is not None:
                session.observations.rebuild()
        self.wake()
