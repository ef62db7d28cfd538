"""The LwM2M client: one resource table, one session for each server."""

from micropython import const

_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py
_FAULT_MS = const(1000)


class Client:
    """An LwM2M 1.1 client that waits for nothing.

    `clock` has MicroPython's ticks_ms, ticks_add, ticks_diff; `random(n)` returns n random
    bytes; `log(text)` takes single lines; `wake()` is called when `poll()` should run soon.
    `notice` may be set to another function for the lines that tell of nothing bad.
    """

    queries = ()  # of every Register and Bootstrap-Request: ("d=ACCOUNT",)
    bootstrap = None  # called with the session where registration failed (/1/x/16)
    writer = None  # the session whose server wrote last
    queue_mode = False  # to be set before servers are added
    awake_ms = 93000  # MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2)

    def __init__(self, endpoint_name, table, clock, random, log, wake):
        self.endpoint_name = endpoint_name
        self.table = table
        self.clock = clock
        self.random = random
        self.log = self.notice = log
        self.wake = wake
        self.ticks = clock.ticks_ms()
        self.ms = 0
        self.sessions = []
        table.on_changed = self._changed

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
        from lwm2m.session import Session

        session = Session(self, server, send)
        self.sessions.append(session)
        return session

    def send(self, paths):
        """Sends the values at these paths to all servers that take it; returns how many do."""
        count = 0
        for session in self.sessions:
            try:
                session.send(paths)
                count += 1
            except ValueError:
                pass
        return count

    def poll(self):
        """Does what is due; returns the milliseconds until it wants to be called again."""
        now_ms = self.now_ms()
        wait_ms = _IDLE_MS
        for session in self.sessions:
            for part in session.parts:
                try:
                    left = part.poll(now_ms)
                except Exception as error:  # of an object, or no memory just now: ends no session
                    session.endpoint.fault(error)
                    left = _FAULT_MS
                wait_ms = min(wait_ms, left)
        return max(wait_ms, 0)

    def _changed(self, oid, iid, rid):
        for session in self.sessions:
            if rid is None and session.attributes and not self.table.entry(oid, iid):
                from lwm2m import attributes

                if attributes.forget(session.attributes, (oid, iid)):
                    session.keep()
            if rid is None or oid == 2:  # other paths can be read now
                session.endpoint.forget()
            observations = session.observations
            if observations:
                if rid is None:
                    observations.rebuild()
                observations.changed((oid, iid, rid))
                if oid == 1:
                    observations.retune()
            if oid < 3:
                session.keep()
        self.wake()
