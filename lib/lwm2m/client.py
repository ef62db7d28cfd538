"""The LwM2M client: one resource table, one session for each server."""

from micropython import const

from coap.endpoint import Endpoint
from lwm2m import operations
from lwm2m.registration import Registration

_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py
_FAULT_MS = const(1000)


class Session:
    """One server as the client sees it: what it sends goes to `receive()`.

    Notifications to it are non-confirmable unless `confirmable` is set, but for one in a day.
    `online` is set to False by the application while the link is down (and back, with a wake):
    nothing is begun then, and nothing given up. `unsaved` tells it that something has changed
    which survives a restart.
    """

    confirmable = False
    online = True
    unsaved = False
    queries = ()  # of the server's URI, for the Register: ("aid=X",)
    version = "1.1"  # of LwM2M, "1.0" after a server that speaks no later one
    observations = None  # made for the first Observe
    queue = None  # queue mode, where the client is in it
    sender = None  # made for the first Send
    handle = operations.handle  # what a request does

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
        # What has to be polled, the endpoint last: what others send has time-outs of its own.
        self.parts = [self.registration, self]
        if client.queue_mode:
            from lwm2m.queue_mode import QueueMode

            self.queue = QueueMode(self)

    def reachable(self):
        """True when notifications may be sent now: registered, online and awake."""
        return (
            self.online
            and self.registration.state == "registered"
            and (not self.queue or self.queue.awake())
        )

    def keep(self):
        """Something has changed that survives a restart."""
        self.unsaved = True
        self.client.wake()

    def allowed(self, oid, iid, right):
        """True when the server has this right to the instance (TS 1.1.1 Core section 8.2).

        Rights as in object 2: 1 Read, 2 Write, 4 Execute, 8 Delete, 16 Create (iid 65535).
        A single server has them all.
        """
        if len(self.client.sessions) < 2:
            return True
        from lwm2m import access

        return access.allowed(self, oid, iid, right)

    def send(self, paths, on_done=None):
        """Tells the server the values at these paths, a list of tuples (Core section 6.4.6).

        `on_done(code)` hears the code of the answer, None where there was none. ValueError
        where the server may not be told now.
        """
        if not self.sender:
            from lwm2m.send import Sender

            self.sender = Sender(self)
            self.parts.insert(-1, self.sender)
        self.sender.send(paths, on_done)

    def observe(self, token, target, key=None):
        """Starts to observe; returns the sequence number. Error 5.03 when there are too many."""
        if not self.observations:
            from lwm2m.observe import Observations

            self.observations = Observations(self)
        return self.observations.add(token, target, key)

    def cancel_observation(self, token=None):
        """Ends the observation with this token, or all of them."""
        if self.observations:
            self.observations.remove(token)

    def poll(self, now_ms):
        return self.endpoint.poll()


class Client:
    """An LwM2M 1.1 client that waits for nothing.

    `clock` has MicroPython's ticks_ms, ticks_add, ticks_diff; `random(n)` returns n random
    bytes; `log(text)` takes single lines; `wake()` is called when `poll()` should run soon.
    """

    queries = ()  # of every Register and Bootstrap-Request: ("d=ACCOUNT",)
    bootstrap = None  # called with the session where registration failed (/1/x/16)
    queue_mode = False  # to be set before servers are added
    awake_ms = 93000  # MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2)

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
            if rid is None and session.attributes and not self.table.find(oid, iid):
                from lwm2m.attributes import forget

                if forget(session.attributes, (oid, iid)):
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
