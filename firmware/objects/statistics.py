"""Connectivity Statistics, object 7: what goes over the links while a server has it counted.

The bytes are those of CoAP messages; IP, UDP and DTLS add theirs. All servers count alike. The
counters are a list in the `App`, `statistics`, for as long as they count together with a hook in
the place of the trace of messages, which hands all on to that.
"""

from micropython import const

from lwm2m.object import Object

_SENT = const(0)  # bytes
_RECEIVED = const(1)
_MESSAGES = const(2)
_LONGEST = const(3)
_PERIOD_S = const(4)
_HOOK = const(5)  # while it counts
_TRACE = const(6)  # whose place it has


class Statistics(Object):
    """Rows for the counters; the values are those of now. `place` is the class of all
    connections: its `trace` is called with each message.
    """

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

    def __init__(self, app, place):
        self.app = app
        self.place = place
        self.counters = counters = app.statistics or [0, 0, 0, 0, 0, None, None]
        # Another trace may have been begun.
        if counters[_HOOK] and place.trace is not counters[_HOOK]:
            counters[_TRACE] = place.trace
            place.trace = counters[_HOOK]

    @property
    def sent(self):
        return (self.counters[_SENT] + 512) // 1024

    @property
    def received(self):
        return (self.counters[_RECEIVED] + 512) // 1024

    @property
    def longest(self):
        return self.counters[_LONGEST]

    @property
    def average(self):
        counters = self.counters
        return (counters[_SENT] + counters[_RECEIVED]) // (counters[_MESSAGES] or 1)

    @property
    def period_s(self):
        return self.counters[_PERIOD_S]

    @period_s.setter
    def period_s(self, value):
        self.counters[_PERIOD_S] = value
        self.app.statistics = self.counters

    def clear(self, row):
        self.period_s = 0

    def start(self, arguments):
        app = self.app
        app.statistics = counters = self.counters
        place = self.place
        _end(counters, place)
        for number in range(_PERIOD_S):
            counters[number] = 0
        now_ms = app.client.now_ms
        period_ms = counters[_PERIOD_S] * 1000
        counters[_HOOK] = _hook(counters, place, now_ms, period_ms and now_ms() + period_ms)
        counters[_TRACE] = place.trace
        place.trace = counters[_HOOK]
        self._changed()

    def stop(self, arguments):
        _end(self.counters, self.place)
        self._changed()

    def _changed(self):
        # Each message changes them, one that tells so as well: only what begins and ends is told.
        for rid in (2, 3, 4, 5):
            self.changed(rid)


def _hook(counters, place, now_ms, end_ms):
    def hook(connection, incoming, data):
        trace = counters[_TRACE]
        if not end_ms or now_ms() < end_ms:
            size = len(data)
            counters[_MESSAGES] += 1
            counters[_RECEIVED if incoming else _SENT] += size
            counters[_LONGEST] = max(counters[_LONGEST], size)
        else:
            _end(counters, place)
        if trace:
            trace(connection, incoming, data)

    return hook


def _end(counters, place):
    if counters[_HOOK]:
        if place.trace is counters[_HOOK]:
            place.trace = counters[_TRACE]
        counters[_HOOK] = counters[_TRACE] = None


def make(app, oid):
    """The instance, see late.py."""
    from firmware.connection import Connection

    return Statistics(app, Connection)
