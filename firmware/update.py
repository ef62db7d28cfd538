"""Firmware update: object 5 as it is for the moment; states.py has what it tells.

Loaded for the moment.
"""

import os

from micropython import const

_COAP = const(0)  # Firmware Update Protocol Support (/5/0/8)
_COAPS = const(1)


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
