"""Looks at a package that comes, with package.py: at its head, and in the end at all of it.

Loaded for the moment.
"""

import asyncio

from micropython import const

from coap.message import Error
from firmware import once
from firmware.version import VERSION

_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_INTEGRITY = const(5)


def examine(incoming):
    """Looks at the head as soon as it is there; Error where the update has failed."""
    try:
        info = head(incoming)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        incoming.fail(*_reason(error))
    incoming.file.seek(incoming.taken)
    incoming.known(info)


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
        for _ in once("package", "contents", incoming.file, incoming.taken):
            await asyncio.sleep_ms(0)
            if app.transfer is not incoming:
                return
    except Error:
        return
    except Exception as error:
        if app.transfer is incoming:
            once("update", "failed", app, *_reason(error))
        return
    incoming.stop()
    once("update", "loaded", app, incoming.info)


def head(incoming):
    """What the head of the package tells, None where it is not there yet; or an error of
    package.py that has a `result`.
    """
    app = incoming.app
    info = once("package", "head", incoming, once("update_key", "load"))
    if info:
        once(
            "package",
            "expected",
            info,
            app.board.__name__.rpartition(".")[2],
            app.update.get("floor", VERSION),
            app.settings.get("downgrade", False),
            incoming.room,
        )
    return info


def _reason(error):
    # (result, text) of an error of package.py, or of a lack of something
    result = getattr(error, "result", None)
    if result is None:
        result = _NO_MEMORY if isinstance(error, MemoryError) else _NO_SPACE
    return result, str(error) or "no memory"
