"""Firmware update: the states of object 5 and what leads there (TS 1.1.1 Core appendix E.6).

Loaded for the moment. `app.update` is what the object tells, a dictionary, None before anyone has
asked: "state", "result", "uri", "name", "version", "severity", "defer" (/5/0/13), "changed" (Unix
time); and "slot" the package goes to, "from" (short id of the server that wrote the URI), "etag"
(hex) and "offset" of a pull, "late" where the installation is deferred, "floor" (the version that
gave way to the factory's copy). All of it is the record `state/update`, so a pull goes on after a
restart. `app.transfer` is the package that comes (incoming.py), None while there is none.
"""

import asyncio
import json
import os
import time

from micropython import const

from firmware import once
from firmware.storage import Record
from lwm2m.objects.firmware_update import DOWNLOADED, DOWNLOADING, IDLE, UPDATING, FirmwareUpdate

_SUCCESS = const(1)  # Update Result (/5/0/5)
_NO_SPACE = const(2)
_FAILED = const(8)
_CANCELLED = const(10)
_DEFERRED = const(11)
_REQUEST_ENTITY_TOO_LARGE = const(0x8D)  # 4.13
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_COAP = const(0)  # Firmware Update Protocol Support (/5/0/8)
_COAPS = const(1)
_LASTING = const(("severity", "defer", "floor"))  # survive the end of an update
_NO_SLOT = const("this board has no room for a second copy of the firmware")
_TURN_MS = const(1000)
_2000 = const(946684800)  # Unix time of what most boards count from
_2026 = const(1767225600)  # Unix time; a clock that tells less was not set


def make(app, oid):
    """The instance of object 5 for the moment."""
    if app.update is None:
        app.update = {}
    protocols = {0: _COAP}
    if secure():
        protocols[1] = _COAPS
    return FirmwareUpdate(
        app.update, lambda name, *arguments: once("update", name, app, *arguments), protocols
    )


def secure():
    """Whether packages can be fetched with DTLS here."""
    base, _, kind = __file__.rpartition("update.")
    # Of what is frozen there are no files, and nothing was left out.
    if _there(__file__) and not _there(base + "dtls." + kind):
        return False
    try:
        import tls

        return hasattr(tls, "PROTOCOL_DTLS_CLIENT")
    except ImportError:
        return False


def _there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


async def start(app):
    """To be awaited when the loop runs: tells the result of an update, goes on with a pull."""
    data = Record("update").read()
    result = once("slots", "outcome")
    if data is None and not result:
        return
    try:
        app.update = values = json.loads(data or b"{}")
    except ValueError:
        app.update = values = {}
    state = values.get("state", IDLE)
    if app.trial:
        while app.trial:  # what ends it otherwise is a restart
            await asyncio.sleep_ms(_TURN_MS)
        _end(app, once("slots", "outcome") or _SUCCESS)
    elif result:
        _end(app, result)
    elif state == UPDATING:  # the power went before the slot was chosen, or after all was told
        if values.get("slot") == once("slots", "running"):
            _end(app, _SUCCESS)
        else:
            change(app, DOWNLOADED)
    elif state == DOWNLOADING:
        _pull(app)
    elif state == DOWNLOADED and values.get("late"):
        await _defer(app)


def change(app, state=None, result=None, **more):
    """Sets what the object tells, keeps it and has observers told."""
    app.update.update(more)
    _set(app, state, result, True)


def _set(app, state, result, kept=False):
    values = app.update
    told = []
    if state is not None and state != values.get("state", IDLE):
        now_s = int(time.time()) + (_2000 if time.gmtime(0)[0] == 2000 else 0)
        if now_s >= _2026:
            values["changed"] = now_s
            told.append(12)
        values["state"] = state
        told.append(3)
    if result is not None and result != values.get("result", 0):
        values["result"] = result
        told.append(5)
    if kept:
        save(app)
    for rid in told:
        app.table.changed(5, 0, rid)


def save(app):
    """Keeps what survives a restart. A flash that refuses is told of, and that is all."""
    try:
        Record("update").write(json.dumps(app.update).encode())
    except OSError as error:
        app.log("update: %s: not kept for a restart" % error)


def _end(app, result):
    # Back to Idle: nothing of the package is told any more but the result.
    values = app.update
    uri = values.get("uri")
    for key in tuple(values):
        if key not in _LASTING and key not in ("state", "result", "changed"):
            del values[key]
    if uri and result not in (0, _SUCCESS):
        values["uri"] = uri
    if result in (_SUCCESS, _FAILED):
        values.pop("floor", None)
    if app.transfer:
        app.transfer.stop()
        app.transfer = None
    change(app, IDLE, result)


# What the object wants done, see FirmwareUpdate


def keep(app, key, value):
    """A server has written Severity or Maximum Defer Period."""
    change(app, **{key: value})


def reset(app):
    """Back to Idle without a result."""
    _end(app, 0)


def cancel(app):
    app.notice("update: cancelled")
    _end(app, _CANCELLED)


def failed(app, result, text):
    """An update ends with this result; `text` says why."""
    app.log(text if text[:8] == "package:" else "update: " + text)
    _end(app, result)


def push(app, size):
    """A server sends a package of `size` bytes, 0 where it does not tell; returns where it goes.

    Error 5.03 where that is the copy that runs: the board restarts into the factory's, and the
    server sends it again. Error 4.13 where there is no room.
    """
    from coap.message import Error

    if app.transfer:
        app.transfer.stop()
    _forget(app.update, ("uri", "etag", "offset", "name", "version"))
    number = _slot(app)
    if number is None:
        if not app.board.SLOTS:
            raise Error(_REQUEST_ENTITY_TOO_LARGE, _NO_SLOT)
        text = "restarting into the factory's copy, which can take it: send it again"
        raise Error(_SERVICE_UNAVAILABLE, text)
    app.update["slot"] = number
    app.transfer = None
    incoming = once("incoming", "begin", app, number, size)
    # Of a push there is no record: it does not survive a restart.
    _set(app, DOWNLOADING, 0)
    asyncio.create_task(incoming.watch())
    return incoming


def pull(app, uri):
    """A server wants the package at this URI fetched."""
    result = once("fetch", "trouble", uri, secure())
    if result:
        change(app, IDLE, 0, uri=uri)
        failed(app, result, "nothing can be fetched from %s" % uri)
        return
    _forget(app.update, ("etag", "offset", "name", "version"))
    writer = app.client.writer
    app.update["from"] = writer.server.short_server_id if writer else 0
    change(app, DOWNLOADING, 0, uri=uri)
    _pull(app)


def _pull(app):
    number = _slot(app)
    if number is None:
        return
    values = app.update
    if number != values.get("slot"):  # it was begun by another copy
        _forget(values, ("etag", "offset"))
        values["slot"] = number
    once("fetch", "begin", app)


def _slot(app):
    # The slot for a package. None where that is the one that runs: a restart into the factory's
    # copy follows; or where the board has no slot: the update has failed.
    number = once("slots", "target", app.board)
    if not app.board.SLOTS:
        failed(app, _NO_SPACE, _NO_SLOT)
    elif number is None:
        from firmware.version import VERSION

        app.notice("update: goes on in the factory's copy, which is started now")
        change(app, floor=VERSION)
        once("slots", "factory")
        app.restart()
    return number


def _forget(values, keys):
    for key in keys:
        values.pop(key, None)


def loaded(app, info):
    """The package is whole and good."""
    app.notice("update: %s %s is ready" % (info["name"], info["version"]))
    app.transfer = None
    _forget(app.update, ("etag", "offset"))
    change(app, DOWNLOADED, 0, name=info["name"], version=info["version"])


def install(app):
    """Installs what was downloaded, or defers it while the application is busy."""
    values = app.update
    period_s = values.get("defer", 0)
    if app.busy and values.get("severity", 1) and period_s:
        again = values.get("late")
        change(app, None, _DEFERRED, late=True)
        if not again:
            app.notice("update: deferred while busy, for at most %d s" % period_s)
            asyncio.create_task(_defer(app))
        return
    values.pop("late", None)
    change(app, UPDATING, 0)
    app._later(lambda: once("update", "switch", app))


def switch(app):
    """Chooses the slot and restarts."""
    values = app.update
    try:
        once("slots", "choose", values["slot"], values["version"])
    except (OSError, ValueError) as error:
        app.log("update: not installed: %s" % error)
        change(app, DOWNLOADED, _FAILED)
        return
    app.reset()


async def _defer(app):
    # Installs as soon as the application is not busy any more, or its time is over.
    values = app.update
    left_s = values.get("defer", 0)
    while app.busy and left_s > 0 and values.get("late"):
        await asyncio.sleep_ms(_TURN_MS)
        left_s -= 1
    if values.get("late") and values.get("state") == DOWNLOADED:
        app.busy = False
        once("update", "install", app)
