"""Mock of `machine.Timer` on stm32."""

import time

from world import world


class Timer:
    """A virtual timer. Nothing can interrupt here: it calls back when hardware is touched."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **kw):
        if id != -1:
            raise ValueError("Timer doesn't exist")
        if kw:
            self.init(**kw)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, tick_hz=1000, callback=None, hard=False):
        self.deinit()
        self._period_ms = int(1000 / freq) if freq != -1 else period * 1000 // tick_hz
        if self._period_ms <= 0:
            raise ValueError("Timer: period too short")
        self._mode = mode
        self._callback = callback
        self._due_ms = time.ticks_add(time.ticks_ms(), self._period_ms)
        world.timers += (self,)

    def deinit(self):
        world.timers = tuple(each for each in world.timers if each is not self)

    def run(self):
        """Calls back once if it is time; of several periods that went by, one counts."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._due_ms) < 0:
            return
        if self._mode == Timer.ONE_SHOT:
            self.deinit()
        self._due_ms = time.ticks_add(now, self._period_ms)
        if self._callback:
            self._callback(self)
