"""A copy of the application on trial is confirmed once a server has answered it.

trial.py ends the trial of one that is not. Loaded in a trial only.
"""

import asyncio

from micropython import const

from firmware import once

_CHECK_MS = const(2000)
_WATCHDOG_S = const(30)


def begin(app, feed):
    """The copy that runs is on trial, with a watchdog that `feed()` feeds."""
    app.feed = feed
    app.trial = True
    app.settings["watchdog_s"] = _WATCHDOG_S  # it is armed already
    asyncio.create_task(_tick(app))


async def _tick(app):
    while app.trial:
        await asyncio.sleep_ms(_CHECK_MS)
        now_ms = app.client.now_ms()
        for session in app.client.sessions:
            # A registration may have been kept over the restart: then the answer to an Update
            # has moved the time of the next one.
            if session.reachable() and session.registration.due_ms > now_ms:
                try:
                    once("slots", "confirm")
                    app.trial = False
                    app.notice("this copy of the firmware is confirmed")
                    break
                except (OSError, MemoryError) as error:
                    app.log("%s: not confirmed: %s" % (type(error).__name__, error))
