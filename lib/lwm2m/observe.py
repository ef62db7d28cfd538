"""Observations and when they notify (TS 1.1.1 Core section 6.4, RFC 7641)."""

from binascii import crc32

from micropython import const

from coap.message import Error, uint_bytes
from lwm2m.read import Target

_OBSERVE = const(6)
_CONTENT = const(0x45)  # 2.05
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_LIMIT = const(20)  # observations at the same time
_CONFIRM_MS = const(86400000)  # one in a day is confirmable (RFC 7641 section 4.5)
_AWAKE_MS = const(100)  # until a look whether the client is awake that was to wake up
_MIDS = const(4)  # notifications of an observation that a RST may name
_MASK = const(0xFFFFFF)  # of the sequence (RFC 7641 section 3.4)
_STORED = const(32)  # records in all that are kept for later
_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py
_STEP = const(1024)  # the sequence is reserved so far ahead, that it rises over a restart,
_SPARE = const(128)  # and anew when so few are left: time to save it


class Criteria:
    """What decides for one path that is observed, and what was last sent for it.

    `sent` is a number, or a checksum where the value is none; None where nothing compares.
    """

    dirty = False
    sent = None

    def __init__(self, path, now_ms):
        self.path = path
        self.looked_ms = now_ms


class Observation:
    """One token that waits for notifications; a composite one has criteria for each path."""

    code = 0  # of a final notification that is to end it
    mids = ()  # of the last notifications

    def __init__(self, token, target, key, now_ms):
        self.token = token
        self.target = target
        self.key = key  # of the request, for what is fetched in blocks (see coap.block)
        self.sent_ms = self.told_ms = now_ms  # the latter without those that are stored
        self.confirmed_ms = now_ms
        self.criteria = []
        for path in target.paths:
            self.criteria.append(Criteria(path, now_ms))


class Observations:
    """The observations of one session, few enough to look through.

    While the server cannot be reached nothing is sent. With /1/x/6 set what is due is stored
    and goes later, in order and confirmable; else only the latest value goes. Queue mode:
    without storing whatever is due wakes the client up; with it pmax does, and a full store.
    """

    # One sequence for all: also an Observe with a known token gets a higher number.
    sequence = reserved = 0

    def __init__(self, session):
        self.session = session
        self.endpoint = session.endpoint
        self.all = []
        self.stored = []  # (observation, when in ms, records), oldest first
        self.endpoint.on_reset = self._reset
        session.parts.insert(-1, self)

    def add(self, token, target, key=None):
        """Starts to observe; returns the sequence number. Error 5.03 when there are too many."""
        self._begin(token, target, key)
        self.session.keep()
        return self._next()

    def _begin(self, token, target, key):
        self.remove(token)
        if len(self.all) >= _LIMIT:
            raise Error(_SERVICE_UNAVAILABLE)
        observation = Observation(token, target, key, self.session.client.now_ms())
        self._tune(observation)
        self.all.append(observation)
        return observation

    def _next(self):
        if not _SPARE < (self.reserved - self.sequence) & _MASK <= _STEP:
            self.reserved = (self.sequence + _STEP) & _MASK
            self.session.keep()
        self.sequence = (self.sequence + 1) & _MASK
        return self.sequence

    def remove(self, token):
        """Ends the observation with this token if there is one; all of them for None."""
        for observation in list(self.all):
            if token is None or observation.token == token:
                self.all.remove(observation)
                self.session.keep()

    def snapshot(self):
        """What survives a restart, to be dumped as JSON; `reserved` is to go with it."""
        entries = []
        for each in self.all:
            if not each.code:
                target = each.target
                entries.append(
                    [each.token.hex(), target.paths, target.accept, target.composite, each.key]
                )
        return entries

    def restore(self, snapshot):
        """Takes up what a `snapshot()` tells, bad entries left out.

        The next change is told whatever the thresholds say: what was sent last is not known.
        """
        for entry in snapshot:
            try:
                token, paths, accept, composite, key = entry
                token = bytes.fromhex(token)
                if len(token) > 8:
                    raise ValueError
                paths = tuple(map(tuple, paths))
                for path in paths:
                    if not (path[0] if path else composite):  # object 0 is nobody's
                        raise ValueError
                if composite:
                    from lwm2m.composite import CompositeTarget

                    target = CompositeTarget(self.session, paths, accept)
                else:
                    (path,) = paths
                    target = Target(self.session, path, accept)
                observation = self._begin(token, target, key and int(key))
            except (Error, TypeError, ValueError):
                continue
            for criteria in observation.criteria:
                criteria.sent = None

    def changed(self, path):
        """A value at `path` has changed: whoever observes it or something above is to hear.

        `path` is (oid, iid, rid), rid None for the instance as a whole.
        """
        if path[0] == 2:  # access rights
            self.rebuild()
        if path[-1] is None:
            path = path[:-1]
        for observation in self.all:
            for criteria in observation.criteria:
                own = criteria.path
                if path[: len(own)] == own[: len(path)]:
                    criteria.dirty = True

    def retune(self):
        """Attributes were written: looks up again what counts for each observation."""
        for observation in self.all:
            self._tune(observation)
        self.endpoint.wake()

    def rebuild(self):
        """Instances or rights came or went: ends with a 4.04 or 4.01 what cannot be read now."""
        for observation in self.all:
            try:
                observation.target = observation.target.renew()
            except Error as error:
                observation.code = error.code

    def _tune(self, observation):
        session = self.session
        observation.pmax_ms = None  # the smallest: each notification tells all paths
        for criteria in observation.criteria:
            criteria.rules = rules = {"pmin": session.server.pmin_s, "pmax": session.server.pmax_s}
            if session.attributes:
                from lwm2m.attributes import effective

                rules.update(effective(session.attributes, criteria.path))
            criteria.plain = not ("gt" in rules or "lt" in rules or "st" in rules)
            # 0 is unset, and a maximum below the minimum is to be ignored (Core section 5.1.2).
            pmax_ms = rules["pmax"] * 1000
            if pmax_ms and rules["pmax"] >= rules["pmin"]:
                observation.pmax_ms = min(observation.pmax_ms or pmax_ms, pmax_ms)
            value = self._value(observation, criteria)
            if value is None or criteria.sent is None:
                criteria.sent = value

    def _value(self, observation, criteria):
        # What is compared with what was sent: the number, else a checksum.
        if criteria.plain and "epmax" not in criteria.rules:
            return None
        target = observation.target
        try:
            if target.composite:
                target = Target(self.session, criteria.path)
            value = target.number()
            return crc32(target.payload()) if value is None else value
        except Error:
            return None

    def _due(self, observation, criteria):
        # True when the value of now is worth a notification, pmin left aside.
        value = self._value(observation, criteria)
        sent = criteria.sent
        if value is None or sent is None:
            return value is not None
        if criteria.plain:
            return value != sent
        rules = criteria.rules
        gt = rules.get("gt")
        lt = rules.get("lt")
        st = rules.get("st")
        # A threshold is crossed in either direction (Core section 5.1.2).
        return (
            (st is not None and abs(value - sent) >= st)
            or (gt is not None and (value > gt) != (sent > gt))
            or (lt is not None and (value < lt) != (sent < lt))
        )

    def _left(self, observation, now_ms):
        # Milliseconds until a notification is due or its criteria are to be looked at.
        age_ms = now_ms - observation.sent_ms
        wait_ms = observation.pmax_ms - age_ms if observation.pmax_ms else _IDLE_MS
        for criteria in observation.criteria:
            get = criteria.rules.get
            pmin_left = get("pmin") * 1000 - age_ms
            looked_ms = criteria.looked_ms
            left = get("epmin", 0) * 1000
            again_ms = get("epmax", 0) * 1000
            if again_ms < left:
                again_ms = 0
            dirty = criteria.dirty
            if dirty:
                left = max(pmin_left, looked_ms + left - now_ms)
            elif again_ms:  # it may have changed and nobody said so
                left = looked_ms + again_ms - now_ms
            else:
                continue
            if left <= 0 < wait_ms:
                criteria.dirty = False  # first: an object that fails now is not asked for ever
                criteria.looked_ms = now_ms
                left = again_ms or _IDLE_MS
                if (dirty and criteria.plain) or self._due(observation, criteria):
                    criteria.dirty = True
                    criteria.looked_ms = looked_ms
                    left = pmin_left
            wait_ms = min(wait_ms, left)
        return wait_ms

    def poll(self, now_ms):
        """Sends what is due; returns the milliseconds until the next may be."""
        session = self.session
        reachable = session.reachable()
        stored = self.stored
        while stored:
            entry = stored[0]
            observation, due_ms, records = entry
            try:
                if observation in self.all:
                    if reachable and self.endpoint.idle:
                        payload = observation.target.encode(records, (now_ms - due_ms) // 1000)
                        self._transmit(observation, payload, now_ms, True, entry)
                    break
            except (Error, ValueError):
                pass  # it will never fit, or is no value in this format
            stored.pop(0)
        # What is due now has to wait for what is stored.
        storing = stored or (session.server.storing and not reachable)
        self._look_ms = wait_ms = _IDLE_MS
        for observation in list(self.all):
            try:
                if not observation.code and (storing or session.online):
                    left = self._left(observation, now_ms)
                    if left <= 0:
                        if not storing and not reachable:
                            self._wake_up()
                            continue
                        if not self._notify(observation, now_ms, storing):
                            continue
                        left = self._left(observation, now_ms)
                    wait_ms = min(wait_ms, left)
                    if observation.pmax_ms and session.online and not reachable:
                        left = observation.told_ms + observation.pmax_ms - now_ms
                        if left > 0:
                            wait_ms = min(wait_ms, left)
                        else:
                            self._wake_up()
                if observation.code and reachable and not storing:
                    self.endpoint.notify(observation.token, (), b"", None, observation.code)
                    self.remove(observation.token)
            except MemoryError:  # it is only late, and the others are not
                self._again(observation)
                self.all.remove(observation)
                self.all.append(observation)
                raise
        return min(wait_ms, self._look_ms)

    def _wake_up(self):
        # In queue mode an Update is sent, then it may go out.
        queue = self.session.queue
        if queue:
            queue.wake_up()
        self._look_ms = _AWAKE_MS

    def _notify(self, observation, now_ms, storing):
        # False when the notification has to wait for the exchange that is under way.
        confirm = self.session.confirmable or now_ms - observation.confirmed_ms >= _CONFIRM_MS
        if confirm and not storing and not self.endpoint.idle:
            return False
        observation.sent_ms = now_ms
        for criteria in observation.criteria:
            criteria.dirty = False
            criteria.looked_ms = now_ms
        try:
            if not storing:
                payload = observation.target.payload()
                self._transmit(observation, payload, now_ms, confirm)
            else:
                self._store((observation, now_ms, observation.target.records()))
        except (Error, ValueError) as error:
            # No valid value now (5.03), or too much for one datagram: nothing is sent, for an
            # error would end the observation (RFC 7641 section 4.2). What is gone for good does.
            code = getattr(error, "code", 0)
            if code >> 5 == 4:
                observation.code = code
            return True
        for criteria in observation.criteria:
            criteria.sent = self._value(observation, criteria)
        return True

    def _store(self, entry):
        # The oldest make room.
        stored = self.stored
        stored.append(entry)
        size = 0
        for _, _, records in stored:
            size += len(records)
        while size > _STORED and len(stored) > 1:
            size -= len(stored.pop(0)[2])
        if size > _STORED // 2 and self.session.online:  # before the next one drops something
            self._wake_up()

    def _again(self, observation):
        for criteria in observation.criteria:
            criteria.dirty = True
            criteria.sent = None

    def _transmit(self, observation, payload, now_ms, confirmable, entry=None):
        options = ((_OBSERVE, uint_bytes(self._next())), observation.target.options[0])
        mid = self.endpoint.notify(
            observation.token,
            options,
            payload,
            self._done if confirmable else None,
            _CONTENT,
            observation.key,
        )
        observation.mids = (mid,) + observation.mids[: _MIDS - 1]
        observation.told_ms = now_ms
        if confirmable:
            observation.confirmed_ms = now_ms
            self._open = observation, entry

    def _done(self, ack):
        # The end of the one exchange there is.
        observation, entry = self._open
        if ack:
            if entry in self.stored:  # it may have made room meanwhile
                self.stored.remove(entry)
        elif ack is None and not self.session.online:
            if not entry:
                self._again(observation)
        elif observation in self.all:
            # A RST or no answer at all: nobody is interested any more (RFC 7641 section 4.5).
            # The token may belong to a later observation by now.
            self.remove(observation.token)

    def _reset(self, mid):
        for observation in self.all:
            if mid in observation.mids:
                self.remove(observation.token)
                return
