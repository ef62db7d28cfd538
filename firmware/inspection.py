"""Looks at all of a package that has come (see package.py). Loaded for the moment."""

import asyncio

from micropython import const

from coap.message import Error
from firmware import once

_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_INTEGRITY = const(5)


def verify(incoming):
    """All of it has come: what was written is read back and compared, in a task."""
    asyncio.create_task(_verify(incoming))


async def _verify(incoming):
    app = incoming.app
    try:
        incoming.file.flush()
        if not incoming.info:
            incoming.look()
            if not incoming.info:
                incoming.fail(_INTEGRITY, "it ends within its head")
        for _ in once("contents", "contents", incoming.file, incoming.taken):
            await asyncio.sleep_ms(0)
            if app.transfer is not incoming:
                return
        asyncio.create_task(incoming.ready())
    except Error:
        return
    except Exception as error:
        if app.transfer is incoming:
            result = getattr(error, "result", None)
            if result is None:
                result = _NO_MEMORY if isinstance(error, MemoryError) else _NO_SPACE
            once("states", "failed", app, result, str(error) or "no memory")
