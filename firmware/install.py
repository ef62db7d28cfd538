"""How an update ends: the slot is chosen, at once or later, and the result told after the restart.

Loaded for the moment, and while an installation is deferred or a copy on trial.
"""

import asyncio
import json

from micropython import const

from firmware import once

_IDLE = const(0)  # State (/5/0/3)
_DOWNLOADING = const(1)
_DOWNLOADED = const(2)
_UPDATING = const(3)
_SUCCESS = const(1)  # Update Result (/5/0/5)
_FAILED = const(8)
_DEFERRED = const(11)
_TURN_MS = const(1000)


async def start(app):
    """To be awaited when the loop runs: tells the result of an update, goes on with a pull."""
    data = once("storage", "Record", "update").read()
    result = once("slots", "outcome")
    if data is None and not result and not app.trial:
        return
    try:
        app.update = values = json.loads(data or b"{}")
    except ValueError:
        app.update = values = {}
    state = values.get("state", _IDLE)
    if app.trial:
        while app.trial:  # what ends it otherwise is a restart
            await asyncio.sleep_ms(_TURN_MS)
        result = once("slots", "outcome") or _SUCCESS
    elif state == _UPDATING and not result:
        # The power went before the slot was chosen, or after all was told.
        if values.get("slot") == once("slots", "running"):
            result = _SUCCESS
        else:
            once("states", "change", app, _DOWNLOADED)
    if result > _SUCCESS and "package_version" in values:
        # It is there still. The least version as well, else one could come in that is older still
        once("states", "change", app, _DOWNLOADED, result)
    elif result:
        values.pop("floor", None)
        once("states", "end", app, result)
    elif state == _DOWNLOADING:
        once("pull", "go_on", app)
    elif state == _DOWNLOADED and values.get("late"):
        await _defer(app)


def install(app):
    """Installs what was downloaded, or defers it while the application is busy."""
    values = app.update
    if values.get("state") != _DOWNLOADED:
        return  # it was given up meanwhile
    period_s = values.get("defer_s", 0)
    if app.busy and values.get("severity", 1) and period_s:
        again = values.get("late")
        once("states", "change", app, None, _DEFERRED, {"late": True})
        if not again:
            app.notice("update: deferred while busy, for at most %d s" % period_s)
            asyncio.create_task(_defer(app))
    else:
        _begin(app)


def _begin(app):
    app.update.pop("late", None)
    app.act("switch")  # first: there may be no memory for it
    once("states", "change", app, _UPDATING, 0, (), False)
    once("update_record", "save", app)


async def _defer(app):
    # Installs as soon as the application is not busy any more, or its time is over.
    values = app.update
    left_s = values.get("defer_s", 0)
    while app.busy and left_s > 0 and values.get("late"):
        await asyncio.sleep_ms(_TURN_MS)
        left_s -= 1
    if values.get("late"):
        _begin(app)
