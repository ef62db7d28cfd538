"""Looks at a package that comes: at its head, and in the end at all of it (see package.py).

Loaded for the moment. `Incoming.look()` calls `key()`, and then what each of the functions returns:
so none of what is loaded for one of them is there for the next.
"""

import asyncio

from micropython import const

from coap.message import Error
from firmware import once

_LOOK = const(2048)  # bytes between looks whether the head is there
_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_INTEGRITY = const(5)


def key(incoming):
    incoming.wanted = incoming.taken + _LOOK
    return "signature", "look", incoming, once("update_key", "load")


def judge(incoming, info):
    """Takes what the head tells, where the package is one for this board."""
    app = incoming.app
    found = once(
        "requirements",
        "unmet",
        info,
        app.board.__name__.rpartition(".")[2],
        app.update.get("floor"),
        app.settings.get("downgrade", False),
        incoming.room,
    )
    if found:
        incoming.fail(found[0], "package: " + found[1])
    incoming.info = info
    incoming.size = info["size"]


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
