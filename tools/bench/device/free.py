"""An object that is none: tells what is free of the heap once the client is idle."""

import asyncio
import gc

from micropython import const

_IDLE_MS = const(2500)


def add(table, app):
    asyncio.create_task(_tell())


async def _tell():
    await asyncio.sleep_ms(_IDLE_MS)
    gc.collect()
    gc.collect()
    print("free", gc.mem_free())
