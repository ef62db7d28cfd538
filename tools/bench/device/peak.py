"""An object that is none: tells how much more memory is in use than by the idle client.

It looks, and has garbage collected before, at each step for which a module is loaded: when that
is there, and when the step has been done.
"""

import asyncio
import gc
import sys

from micropython import const

import firmware

_IDLE_MS = const(2500)

_once = firmware.once
_known = {"idle": 0, "most": 0}


def add(table, app):
    firmware.once = sys.modules["firmware.app"].once = _watched
    asyncio.create_task(_begin())


async def _begin():
    await asyncio.sleep_ms(_IDLE_MS)
    gc.collect()
    gc.collect()
    _known["idle"] = gc.mem_alloc()
    print("idle", _known["idle"])


def _look():
    gc.collect()
    more = gc.mem_alloc() - _known["idle"]
    if _known["idle"] and more > _known["most"]:
        _known["most"] = more
        print("peak", more)


def _watched(name, function, *arguments):
    gc.collect()
    module = getattr(__import__("firmware." + name), name)
    _look()
    try:
        return _once(name, function, *arguments)
    finally:
        _look()
        del module
        gc.collect()
