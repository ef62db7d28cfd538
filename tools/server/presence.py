"""Which clients in queue mode can be reached now (LwM2M Core 1.1.1, 6.5).

A client is awake for a while after each Register, Update, notification and answer, and asleep
when that while is over or when it does not answer. This is how Leshan counts, too.
"""

import asyncio

from .errors import InvalidRequest, RequestTimeout

AWAKE_S = 93  # MAX_TRANSMIT_WAIT of RFC 7252
MAX_WAITING = 100  # requests to one sleeping client


class Presence:
    """Tracks clients in queue mode; others are awake always.

    on_event(kind, registration) is called with AWAKE and SLEEPING when that changes.
    """

    def __init__(self, on_event, awake_s=AWAKE_S):
        self._on_event = on_event
        self._awake_s = awake_s
        self._timers = {}  # registration id -> when it falls asleep; absent: asleep
        self._waiting = {}  # registration id -> futures of requests that wait

    def is_awake(self, registration):
        """True if requests may be sent now."""
        return not registration.queue_mode or registration.id in self._timers

    def awake(self, registration):
        """The client was heard: what waits for it goes out, its time starts anew."""
        if not registration.queue_mode:
            self._release(registration)
            return
        timer = self._timers.pop(registration.id, None)
        if timer:
            timer.cancel()
        self._timers[registration.id] = asyncio.get_running_loop().call_later(
            self._awake_s, self.asleep, registration
        )
        if not timer:
            self._on_event("AWAKE", registration)
        self._release(registration)

    def _release(self, registration):
        for future in self._waiting.pop(registration.id, ()):
            if not future.done():
                future.set_result(registration)

    def asleep(self, registration):
        """The client's time is over, or it did not answer."""
        timer = self._timers.pop(registration.id, None)
        if timer:
            timer.cancel()
            self._on_event("SLEEPING", registration)

    def forget(self, registration):
        """The registration is gone: what waits for it fails with RequestTimeout."""
        timer = self._timers.pop(registration.id, None)
        if timer:
            timer.cancel()
        for future in self._waiting.pop(registration.id, ()):
            if not future.done():
                future.set_exception(RequestTimeout("the client de-registered"))

    async def reachable(self, registration):
        """The registration as soon as its client is awake, with the address it has then."""
        if self.is_awake(registration):
            return registration
        waiting = self._waiting.setdefault(registration.id, [])
        if len(waiting) >= MAX_WAITING:
            raise InvalidRequest("%d requests wait for this client already" % MAX_WAITING)
        future = asyncio.get_running_loop().create_future()
        waiting.append(future)
        return await future

    def close(self):
        """Stops every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()
        self._waiting.clear()
