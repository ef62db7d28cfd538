"""Connectivity Statistics, object 7: what goes over the links while a server has it counted.

The bytes are those of CoAP messages; IP, UDP and DTLS add theirs. All servers count alike.
"""

from firmware.connection import Connection
from lwm2m.object import Object


class Collection:
    """The counters, in the `App` from the first Start on or the first time a period is written.

    While they count they stand in the place of the trace of messages, and hand all on to it.
    """

    sent = received = 0  # bytes
    messages = 0
    longest = 0
    period_s = 0
    end_ms = 0  # client.now_ms; 0: not before Stop
    hook = None  # of Connection, while it counts
    trace = None  # whose place it has

    def start(self, now_ms):
        self.sent = self.received = self.messages = self.longest = 0
        self.end_ms = now_ms + self.period_s * 1000 if self.period_s else 0
        if not self.hook:
            self.hook = _hook(self)
        self.follow()

    def follow(self):
        """Takes its place again, should another trace have been begun."""
        if self.hook and Connection.trace is not self.hook:
            self.trace = Connection.trace
            Connection.trace = self.hook

    def stop(self):
        if self.hook:
            if Connection.trace is self.hook:
                Connection.trace = self.trace
            self.hook = self.trace = None

    def count(self, incoming, size):
        self.messages += 1
        self.longest = max(self.longest, size)
        if incoming:
            self.received += size
        else:
            self.sent += size


def _hook(collection):
    def hook(connection, incoming, data):
        trace = collection.trace
        if not collection.end_ms or connection.app.client.now_ms() < collection.end_ms:
            collection.count(incoming, len(data))
        else:
            collection.stop()
        if trace:
            trace(connection, incoming, data)

    return hook


class Statistics(Object):
    """Rows for the counters of the `App`."""

    oid = 7
    resources = (
        [2, "R", "i", "sent"],  # Tx Data, in kB
        [3, "R", "i", "received"],  # Rx Data, in kB
        [4, "R", "i", "longest"],  # Max Message Size, in bytes
        [5, "R", "i", "average"],  # Average Message Size, in bytes
        [6, "E", "", "start"],  # Start
        [7, "E", "", "stop"],  # Stop
        [8, "RW", "i", "period_s"],  # Collection Period; 0: until Stop
    )
    limits = {8: (0, 0x7FFFFFFF)}

    def __init__(self, app):
        self.app = app
        if app.statistics:
            app.statistics.follow()

    @property
    def _counters(self):
        return self.app.statistics or Collection

    @property
    def sent(self):
        return (self._counters.sent + 512) // 1024

    @property
    def received(self):
        return (self._counters.received + 512) // 1024

    @property
    def longest(self):
        return self._counters.longest

    @property
    def average(self):
        counters = self._counters
        return (counters.sent + counters.received) // (counters.messages or 1)

    @property
    def period_s(self):
        return self._counters.period_s

    @period_s.setter
    def period_s(self, value):
        self._made().period_s = value

    def clear(self, row):
        self.period_s = 0

    def start(self, arguments):
        self._made().start(self.app.client.now_ms())
        self._changed()

    def stop(self, arguments):
        if self.app.statistics:
            self.app.statistics.stop()
        self._changed()

    def _made(self):
        app = self.app
        if not app.statistics:
            app.statistics = Collection()
        return app.statistics

    def _changed(self):
        # Each message changes them, one that tells so as well: only what begins and ends is told.
        for rid in (2, 3, 4, 5):
            self.changed(rid)


def make(app, oid):
    """The instance, see late.py."""
    return Statistics(app)
