"""Firmware update: object 5 as it is for the moment, and what it wants done; see states.py.

Loaded for the moment.
"""

import os

from micropython import const

from firmware import once

_COAP = const(0)  # Firmware Update Protocol Support (/5/0/8)
_COAPS = const(1)
_CANCELLED = const(10)  # Update Result (/5/0/5)


def make(app, oid):
    """The instance of object 5 for the moment."""
    from lwm2m.objects.firmware_update import FirmwareUpdate

    if app.update is None:
        app.update = {}
    protocols = {0: _COAP}
    if secure():
        protocols[1] = _COAPS
    return FirmwareUpdate(app.update, app.act, app.receive, protocols)


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


# What the object wants done, see FirmwareUpdate


def keep(app, name, value):
    """A server has written Severity or Maximum Defer Period."""
    once("states", "change", app, None, None, {name: value})


def reset(app):
    """Back to Idle without a result."""
    once("states", "end", app, 0)


def cancel(app):
    app.notice("update: cancelled")
    once("states", "end", app, _CANCELLED)


def push(app, data):
    """A package in one piece."""
    incoming = app.receive(len(data))
    incoming.write(data)
    incoming.finish()
