"""A package arrives: where it goes. Loaded for the moment.

`Incoming` (incoming.py) is what stays while it comes, inspection.py looks at it on its way.
"""

import asyncio
import os

from micropython import const

from coap.message import Error
from firmware import once

_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_REQUEST_ENTITY_TOO_LARGE = const(0x8D)  # 4.13
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_NO_SLOT = const("this board has no room for a second copy of the firmware")


def push(app, size):
    """A server sends a package of `size` bytes, 0 where it does not tell; returns where it goes.

    Error 5.03 where that is the copy that runs: the board restarts into the factory's, and the
    server sends it again. Error 4.13 where there is no room.
    """
    app.spare()
    once("states", "stop", app)
    number = slot(app)
    if number is None:
        if not app.board.SLOTS:
            raise Error(_REQUEST_ENTITY_TOO_LARGE, _NO_SLOT)
        text = "restarting into the factory's copy, which can take it: send it again"
        raise Error(_SERVICE_UNAVAILABLE, text)
    once("states", "forget", app, "uri", "etag", "offset", "name", "package_version")
    app.update["slot"] = number
    incoming = begin(app, number, size)
    asyncio.create_task(incoming.watch())
    return incoming


def slot(app):
    """The slot for a package. None where that is the one that runs: a restart into the factory's
    copy follows; or where the board has no slot: the update has failed.
    """
    number = once("slots", "target", app.board)
    if not app.board.SLOTS:
        once("states", "failed", app, _NO_SPACE, _NO_SLOT)
    elif number is None:
        from firmware.version import VERSION

        app.notice("update: goes on in the factory's copy, which is started now")
        once("states", "change", app, None, None, {"floor": VERSION})
        once("slots", "factory")
        app.restart()
    return number


def begin(app, number, size, offset=0):
    """The `Incoming` of a package for this slot, which is `app.transfer` from then on.

    `size` in bytes, 0 where that is not known. The first `offset` bytes are there already, unless
    they are not: `taken` tells. Raises Error 4.13 or 5.00 when the update has failed.
    """
    room = once("slots", "room", app.board, number)
    path = once("slots", "path", number)
    from firmware.incoming import Incoming  # not earlier: memory is short

    app.transfer = incoming = Incoming(app, room, size)
    if size > room:
        incoming.fail(_NO_SPACE, "%d bytes, there is room for %d" % (size, room))
    try:
        try:
            there = os.stat(path)[6]
        except OSError:
            there = 0
        if not there:
            # Its first block belongs to it before it grows: else a cut would leak them all.
            with open(path, "wb") as file:
                file.write(b"\0")
        incoming.file = open(path, "r+b")
        if 0 < offset <= there:
            incoming.taken = offset
            try:
                incoming.look()
            except Exception as error:
                if getattr(error, "result", None) is None:
                    raise
            if not incoming.info:  # what was there is good for nothing
                incoming.taken = 0
        incoming.file.seek(incoming.taken)
        entry = app.table.entry(5, 0)
        entry.source = incoming
        entry.own = incoming.rows
    except OSError as error:
        incoming.fail(_NO_SPACE, "the slot cannot be written: %s" % error)
    except MemoryError:
        incoming.fail(_NO_MEMORY, "no memory")
    return incoming
