"""Connectivity Monitoring, object 4: the network as the board sees it."""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_WLAN = const(21)  # network bearers
_ETHERNET = const(41)


class Connectivity(Object):
    """`interface` is that of the board, see lan.py.

    A cable has a Radio Signal Strength of 0. The Link Quality is in per cent: of a radio that of
    the signal, 0 at -100 dBm and 100 from -50 dBm on; of a cable 100 with a partner.
    """

    oid = 4
    resources = (
        [0, "R", "i", "bearer"],  # Network Bearer
        [1, "R", "i[]", "bearers"],  # Available Network Bearer
        [2, "R", "i", "signal_dbm"],  # Radio Signal Strength
        [3, "R", "i", "quality"],  # Link Quality
        [4, "R", "s[]", "addresses"],  # IP Addresses
        [5, "R", "s[]", "routers"],  # Router IP Addresses
    )

    def __init__(self, app):
        self.app = app

    @property
    def _interface(self):
        interface = self.app.interface
        if not interface:
            raise Error(_SERVICE_UNAVAILABLE, "no network yet")
        return interface

    @property
    def bearer(self):
        return _WLAN if hasattr(self._interface, "signal_dbm") else _ETHERNET

    @property
    def bearers(self):
        return {0: self.bearer}

    @property
    def signal_dbm(self):
        return getattr(self._interface, "signal_dbm", None) or 0

    @property
    def quality(self):
        if self.bearer == _ETHERNET:
            return 100 if self._interface.isconnected() else 0
        signal_dbm = self.signal_dbm
        return min(max(2 * (signal_dbm + 100), 0), 100) if signal_dbm else 0

    @property
    def addresses(self):
        return self._address(0)

    @property
    def routers(self):
        return self._address(2)

    def _address(self, which):
        found = self._interface.ifconfig()[which]
        # A Wi-Fi module does not tell what it has by DHCP, but for its own address.
        if not found or not found[0].isdigit() or found == "0.0.0.0":
            return {}
        return {0: found}


def make(app, oid):
    """The instance, see late.py."""
    return Connectivity(app)
