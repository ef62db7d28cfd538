"""Importing this gives CPython the few names of MicroPython's `time` that device code uses.

The wrap at 2**30 ms is the one of the boards (the unix port wraps far later).
"""

import time

_PERIOD = 1 << 30


def _ticks_ms():
    return time.monotonic_ns() // 1_000_000 % _PERIOD


def _ticks_us():
    return time.monotonic_ns() // 1_000 % _PERIOD


def _ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def _ticks_diff(end, start):
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


def _sleep_ms(ms):
    time.sleep(ms / 1000)


def _sleep_us(us):
    time.sleep(us / 1_000_000)


for _function in (_ticks_ms, _ticks_us, _ticks_add, _ticks_diff, _sleep_ms, _sleep_us):
    setattr(time, _function.__name__[1:], _function)
