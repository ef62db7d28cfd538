"""A clock that does not wrap, made of one that does."""


class Uptime:
    """Milliseconds since the start, for lifetimes and periods longer than `ticks_diff` holds.

    `ticks_ms` wraps after 2**30 ms (12.4 days) and `ticks_diff` holds for half of that, so
    `now_ms()` must be called at least every 6 days.
    """

    def __init__(self, clock):
        self._clock = clock
        self._ticks = clock.ticks_ms()
        self._ms = 0

    def now_ms(self):
        ticks = self._clock.ticks_ms()
        self._ms += self._clock.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._ms
