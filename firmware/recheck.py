"""The last look at a package, right before its slot is chosen. Loaded for the moment."""

from micropython import const

from coap.message import Error
from firmware import once

_INTEGRITY = const(5)  # Update Result (/5/0/5)


def good(app, number):
    """Checks the package in this slot once more, right before it is chosen: whatever has happened
    to slot and record since, nothing is started that is not signed, whole and late enough.

    True where it is good, else the update has failed. OSError, MemoryError.
    """
    from firmware.incoming import Incoming

    app.transfer = incoming = Incoming(app, None, 0)  # for its refusals to end the update
    try:
        incoming.file = open(once("slots", "path", number), "rb")
        incoming.taken = incoming.file.seek(0, 2)
        incoming.look()
        if not incoming.info:
            incoming.fail(_INTEGRITY, "it ends within its head")
        for _ in once("contents", "contents", incoming.file):
            pass
        return True
    except Error:
        return False
    except Exception as error:
        result = getattr(error, "result", None)
        if result is None:
            raise
        once("states", "failed", app, result, str(error))
        return False
    finally:
        incoming.stop()
        app.transfer = None
