"""An object that is none: leaves so much of the heap free, once the client is idle."""

import asyncio
import gc
import json

from micropython import const

_IDLE_MS = const(2500)
_PIECE = const(256)


def add(table, app):
    with open("ballast.json") as file:
        asyncio.create_task(_fill(json.load(file)))


async def _fill(free):
    await asyncio.sleep_ms(_IDLE_MS)
    gc.collect()
    gc.collect()
    size = gc.mem_free() - free
    import micropython

    micropython.mem_info()
    kept = bytearray(size)
    gc.collect()
    print("free", gc.mem_free())
    micropython.mem_info()
    while True:
        await asyncio.sleep_ms(1 << 20)
        kept[0] = 0
