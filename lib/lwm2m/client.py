"""The LwM2M client: one resource table, one session for each server."""

from coap.endpoint import IDLE_MS, Endpoint
from lwm2m.observe import Observations
from lwm2m.operations import Operations
from lwm2m.registration import Registration
from lwm2m.uptime import Uptime


class Session:
    """One server as the client sees it: what it sends goes to `receive()`."""

    def __init__(self, client, server, send):
        table = client.table
        self.server = server
        self.endpoint = endpoint = Endpoint(send, None, client.clock, client.random, client.log)
        endpoint.wake = client.wake
        self.attributes = {}
        self.observations = Observations(endpoint, self.attributes, server, client.uptime, table)
        # A new registration knows no observations (TS 1.1.1 Core section 6.4.2).
        self.registration = Registration(
            client.endpoint_name,
            server,
            table,
            endpoint,
            client.uptime,
            self.observations.clear,
            client.log,
        )
        endpoint.handler = Operations(
            table, self.observations, self.attributes, self.registration
        ).handle
        self.receive = endpoint.receive

    def poll(self, now_ms):
        """Does what is due; returns the milliseconds until the next may be."""
        self.endpoint.poll()
        wait_ms = min(self.registration.poll(now_ms), self.observations.poll(now_ms))
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
        self.uptime = Uptime(clock)
        self.sessions = []
        table.on_changed = self._changed
        table.on_instances = self._instances_changed

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
        now_ms = self.uptime.now_ms()
        wait_ms = IDLE_MS
        for session in self.sessions:
            wait_ms = min(wait_ms, session.poll(now_ms))
        return max(wait_ms, 0)

    def _changed(self, oid, iid, rid):
        for session in self.sessions:
            session.observations.changed((oid, iid, rid))
            if oid == 1:
                session.observations.retune()
        self.wake()

    def _instances_changed(self):
        for session in self.sessions:
            session.endpoint.forget()
            session.observations.rebuild()
        self.wake()
