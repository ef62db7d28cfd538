"""The end by a Ctrl-C: de-registers, closes and forgets. Loaded for it."""

import os
import time

import machine
from micropython import const

from lwm2m.registration import STOPPED

_TIMEOUT_MS = const(1000)
_FEED_MS = const(50)


def shutdown(app):
    """De-registers from all servers, for a second at most; the loop does not run."""
    end = time.ticks_add(time.ticks_ms(), _TIMEOUT_MS)
    open_ones = [each for each in app.connections if each.link]
    try:
        app.stop()
        while not all([each.session.registration.state == STOPPED for each in open_ones]):
            if time.ticks_diff(end, time.ticks_ms()) <= 0:
                print("the server did not answer the de-registration")
                break
            app.client.poll()
            for connection in open_ones:
                connection.drain()
            time.sleep_ms(5)
    except MemoryError:
        print("not de-registered: no memory")
    for connection in open_ones:
        connection.close()
    # Without keep.py, for which there may be no memory. Should one of two records outlive a
    # power cut now, the server refuses its registration.
    try:
        for name in os.listdir("state"):
            if name.startswith("session"):
                os.remove("state/" + name)
    except (OSError, MemoryError):
        pass  # nothing was ever written
    if app.feed:  # the watchdog cannot be stopped, and the REPL feeds none
        machine.Timer(-1, period=_FEED_MS, callback=lambda timer: app.feed())
