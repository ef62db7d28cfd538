"""Looks at a package that comes: at its head, and in the end at all of it (see package.py).

Loaded for the moment.
"""

import asyncio

from micropython import const

from coap.message import Error
from firmware import once

_LOOK = const(2048)  # bytes between looks whether the head is there
_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_INTEGRITY = const(5)


def examine(incoming):
    """Looks at the head as soon as it is there; Error where the update has failed."""
    try:
        look(incoming)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        incoming.fail(*_reason(error))
    incoming.file.seek(incoming.taken)


def verify(incoming):
    """All of it has come: what was written is read back and compared, in a task."""
    asyncio.create_task(_verify(incoming))


async def _verify(incoming):
    app = incoming.app
    try:
        incoming.file.flush()
        if not incoming.info:
            examine(incoming)
            if not incoming.info:
                incoming.fail(_INTEGRITY, "it ends within its head")
        pieces = once("contents", "contents", incoming.file, incoming.taken)
        for _ in pieces:
            await asyncio.sleep_ms(0)
            if app.transfer is not incoming:
                return
        pieces = None  # its memory
    except Error:
        return
    except Exception as error:
        if app.transfer is incoming:
            once("states", "failed", app, *_reason(error))
        return
    once("states", "loaded", app, incoming.info)


def look(incoming):
    """Looks for the head of the package; an error of package.py that has a `result`."""
    app = incoming.app
    file = incoming.file
    incoming.look = incoming.taken + _LOOK
    start = once("signature", "signed", file, once("update_key", "load"), incoming.taken)
    if start:
        info = once("description", "described", file, start)
        once(
            "requirements",
            "met",
            info,
            app.board.__name__.rpartition(".")[2],
            app.update.get("floor"),
            app.settings.get("downgrade", False),
            incoming.room,
        )
        incoming.info = info
        incoming.size = info["size"]


def _reason(error):
    # (result, text) of an error of package.py, or of a lack of something
    result = getattr(error, "result", None)
    if result is None:
        result = _NO_MEMORY if isinstance(error, MemoryError) else _NO_SPACE
    return result, str(error) or "no memory"
