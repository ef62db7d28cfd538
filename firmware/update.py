"""Firmware update: the states of object 5 (TS 1.1.1 Core appendix E.6), and what takes one to another.

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
_INVALID_URI = const(7)
_FAILED = const(8)
_UNSUPPORTED_PROTOCOL = const(9)
_CANCELLED = const(10)
_DEFERRED = const(11)
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_COAP, _COAPS = const(0), const(1)  # Firmware Update Protocol Support
_LASTING = const(("severity", "defer", "floor"))  # survive the end of an update
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
    path, _, kind = __file__.rpartition("update.")
    try:
        os.stat(path + "storage." + kind)
        os.stat(path + "dtls." + kind)
    except OSError as error:
        # Of what is frozen there are no files, and nothing was left out.
        return not _there(path + "storage." + kind)
    try:
        import tls

        return hasattr(tls, "PROTOCOL_DTLS_CLIENT")
    except ImportError:
        return False


def start(app):
    """To be called once at the start: tells the result of an update, and goes on with a pull."""
    data = Record("update").read()
    result = once("slots", "outcome")
    if data is None and not result:
        return
    try:
        app.update = values = json.loads(data or "{}")
    except ValueError:
        app.update = values = {}
    state = values.get("state", IDLE)
    if app.trial:
        asyncio.create_task(_confirmed(app))
    elif result:
        _end(app, result)
    elif state == UPDATING:  # the power went before the slot was chosen, or after all was told
        if values.get("slot") == once("slots", "running"):
            _end(app, _SUCCESS)
        else:
            change(app, DOWNLOADED, 0)
    elif state == DOWNLOADING:
        if values.get("uri"):
            _pull(app)
        else:
            _end(app, 0)
    elif state == DOWNLOADED and values.get("late"):
        asyncio.create_task(_defer(app))


async def _confirmed(app):
    # The end of a trial that goes well; that of another one is a restart.
    while app.trial:
        await asyncio.sleep_ms(_TURN_MS)
    once("update", "trial_over", app)


def trial_over(app):
    """The copy that runs was confirmed."""
    _end(app, once("slots", "outcome") or _SUCCESS)


def change(app, state=None, result=None, **more):
    """Sets what the object tells, keeps it and has observers told."""
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
    values.update(more)
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
    server sends it again.
    """
    from coap.message import Error

    if app.transfer:
        app.transfer.stop()
        app.transfer = None
    number = _slot(app)
    if number is None:
        if app.update.get("result") == _NO_SPACE:
            raise Error(_SERVICE_UNAVAILABLE, "no room for a package on this board")
        change(app, IDLE, 0, uri="")
        app.restart()
        text = "restarting into the factory's copy, which can take it: send it again"
        raise Error(_SERVICE_UNAVAILABLE, text)
    values = app.update
    for key in ("uri", "etag", "offset", "name", "version"):
        values.pop(key, None)
    values["slot"] = number
    values["result"] = 0
    incoming = once("incoming", "begin", app, number, size, 0)
    values["state"] = IDLE  # the record is not written for it: a restart ends a push
    _told(app, DOWNLOADING)
    incoming.watch()
    return incoming


def _told(app, state):
    # A state of which no record is made.
    app.update["state"] = state
    for rid in (3, 5):
        app.table.changed(5, 0, rid)


def pull(app, uri):
    """A server wants the package at this URI fetched."""
    result = once("fetch", "trouble", uri, secure())
    if result:
        change(app, IDLE, 0, uri=uri)
        failed(app, result, "no URI to fetch a package from: %s" % uri)
        return
    writer = app.client.writer
    server = writer.server.short_server_id if writer else 0
    app.update["from"] = server
    for key in ("etag", "offset", "name", "version"):
        app.update.pop(key, None)
    number = _slot(app)
    change(app, DOWNLOADING, 0, uri=uri)
    if number is None:
        if app.update.get("result") == _NO_SPACE:
            return
        app.restart()
    else:
        app.update["slot"] = number
        _pull(app)


def _pull(app):
    number = app.update.get("slot")
    if number != _slot(app):
        # Begun by another copy: this one may write another slot.
        for key in ("etag", "offset"):
            app.update.pop(key, None)
        number = app.update["slot"] = _slot(app)
    if number is not None:
        once("fetch", "begin", app)


def _slot(app):
    # The slot for a package; None where that is the one that runs, and the factory's copy is
    # next, or where the board has none: then the update has failed.
    number = once("slots", "target", app.board)
    if number is None:
        if not app.board.SLOTS:
            failed(app, _NO_SPACE, "this board has no room for a second copy")
        else:
            from firmware.version import VERSION

            app.update["floor"] = VERSION
            once("slots", "factory")
            app.notice("update: goes on in the factory's copy, which is started now")
    return number


def loaded(app, info):
    """The package is whole and good."""
    app.notice("update: %s %s is ready" % (info["name"], info["version"]))
    app.transfer = None
    app.update["slot"] = app.update["slot"]
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
