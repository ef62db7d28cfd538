"""Mock of `machine.RTC` on stm32."""

import time


class RTC:
    """The host's clock, and what setting it has added."""

    _offset_s = 0

    def __init__(self, id=0):
        pass

    def datetime(self, when=None):
        """(year, month, day, weekday 1..7, hours, minutes, seconds, subseconds)"""
        if when is None:
            t = time.localtime(int(time.time()) + RTC._offset_s)
            return (t[0], t[1], t[2], t[6] + 1, t[3], t[4], t[5], 0)
        year, month, day, _, hours, minutes, seconds, _ = when
        new = time.mktime((year, month, day, hours, minutes, seconds, 0, 0, -1))
        RTC._offset_s = int(new) - int(time.time())
        return None
