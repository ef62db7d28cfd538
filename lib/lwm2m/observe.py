"""Observations and when they notify (TS 1.1.1 Core section 6.4, RFC 7641)."""

from micropython import const

from coap.endpoint import IDLE_MS
from coap.message import Error, uint_bytes

_OBSERVE = const(6)
_NOT_FOUND = const(0x84)  # 4.04
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_LIMIT = const(20)  # observations at the same time
_CONFIRM_MS = const(86400000)  # one in a day is confirmable (RFC 7641 section 4.5)


class Observation:
    """One token that waits for notifications, and what was last sent for it."""

    def __init__(self, token, target, now_ms):
        self.token = token
        self.target = target
        self.mid = None  # of the last notification: a RST names it
        self.sent_ms = now_ms
        self.confirmed_ms = now_ms
        self.sent = target.number()
        self.dirty = False
        self.pmin_ms = 0
        self.pmax_ms = None
        self.gt = self.lt = self.st = None

    def due(self):
        """True when the value of now is worth a notification, pmin left aside."""
        if self.gt is None and self.lt is None and self.st is None:
            return True
        value = self.target.number()
        if value is None:
            return False
        sent = self.sent
        if sent is None or (self.st is not None and abs(value - sent) >= self.st):
            return True
        # A threshold is crossed in either direction (Core section 5.1.2).
        if self.gt is not None and (value > self.gt) != (sent > self.gt):
            return True
        return self.lt is not None and (value < self.lt) != (sent < self.lt)


class Observations:
    """The observations of one session, few enough to look through."""

    def __init__(self, session):
        self.session = session
        self.endpoint = session.endpoint
        self._all = []
        self.refused = 0  # observations beyond the limit
        self.sequence = 0  # one for all: also an Observe with a known token gets a higher one
        self.endpoint.on_reset = self._reset

    def __len__(self):
        return len(self._all)

    def __iter__(self):
        return iter(self._all)

    def add(self, token, target, key=None):
        """Starts to observe; returns the sequence number. Error 5.03 when there are too many."""
        self.remove(token)
        if len(self._all) >= _LIMIT:
            self.refused += 1
            raise Error(_SERVICE_UNAVAILABLE)
        observation = Observation(token, target, self.session.client.now_ms())
        observation.key = key
        self._tune(observation)
        self._all.append(observation)
        self.endpoint.wake()
        return self._next()

    def _next(self):
        self.sequence = (self.sequence + 1) & 0xFFFFFF
        return self.sequence

    def remove(self, token):
        """Ends the observation with this token if there is one; all of them for None."""
        for observation in list(self._all):
            if token is None or observation.token == token:
                self._all.remove(observation)

    def changed(self, path):
        """A value at `path` has changed: whoever observes it or something above is to hear."""
        for observation in self._all:
            if observation.target.covers(path):
                observation.dirty = True

    def retune(self):
        """Attributes were written: looks up again what counts for each observation."""
        for observation in self._all:
            self._tune(observation)
        self.endpoint.wake()

    def rebuild(self):
        """Instances came or went: an observed path that is gone ends with a 4.04."""
        for observation in list(self._all):
            try:
                observation.target = observation.target.renew()
            except Error:
                self._all.remove(observation)
                self.endpoint.notify(observation.token, (), b"", None, _NOT_FOUND)

    def _tune(self, observation):
        path = observation.target.path
        store = self.session.attributes
        pmin_s = effective(store, path, "pmin", self.session.server.pmin_s)
        pmax_s = effective(store, path, "pmax", self.session.server.pmax_s)
        observation.pmin_ms = (pmin_s or 0) * 1000
        # 0 is unset, and a maximum below the minimum is to be ignored (Core section 5.1.2).
        observation.pmax_ms = pmax_s * 1000 if pmax_s and pmax_s >= (pmin_s or 0) else None
        own = store.get(path, {})
        observation.gt = own.get("gt")
        observation.lt = own.get("lt")
        observation.st = own.get("st")

    def poll(self, now_ms):
        """Sends what is due; returns the milliseconds until the next may be."""
        wait_ms = IDLE_MS
        for observation in list(self._all):
            age_ms = now_ms - observation.sent_ms
            if observation.dirty:
                left = observation.pmin_ms - age_ms
                if left > 0:
                    wait_ms = min(wait_ms, left)
                elif not observation.due():
                    observation.dirty = False
                elif self._send(observation, now_ms):
                    age_ms = 0
            if observation.pmax_ms is not None:
                left = observation.pmax_ms - age_ms
                if left <= 0:
                    if not self._send(observation, now_ms):
                        continue
                    left = observation.pmax_ms
                wait_ms = min(wait_ms, left)
        return wait_ms

    def _send(self, observation, now_ms):
        # False when the notification has to wait for the exchange that is under way.
        confirm = self.session.confirmable or now_ms - observation.confirmed_ms >= _CONFIRM_MS
        if confirm and not self.endpoint.idle:
            return False
        target = observation.target

        def on_done(acknowledged):
            # A RST or no answer at all: nobody is interested any more (RFC 7641 section 4.5).
            # The token may belong to a later observation by now.
            if not acknowledged and observation in self._all:
                self._all.remove(observation)

        observation.dirty = False
        observation.sent_ms = now_ms
        options = ((_OBSERVE, uint_bytes(self._next())), target.options[0])
        try:
            observation.mid = self.endpoint.notify(
                observation.token, options, target.payload(), on_done if confirm else None
            )
        except MemoryError:
            observation.dirty = True  # it is only late
            raise
        except (Error, ValueError):
            # No valid value now, or too much for one datagram: nothing is sent, for an error
            # would end the observation (RFC 7641 section 4.2).
            return True
        observation.sent = target.number()
        if confirm:
            observation.confirmed_ms = now_ms
        return True

    def _reset(self, mid):
        for observation in self._all:
            if observation.mid == mid:
                self._all.remove(observation)
                return


def effective(store, path, name, default=None):
    """The value that counts at `path`: the one set nearest to it, upwards."""
    while path:
        value = store.get(path, {}).get(name)
        if value is not None:
            return value
        path = path[:-1]
    return default
