"""The Wi-Fi module of the B-L475E-IOT01A: its pins, its bus, and an access point near it."""

import time

from access_point import AccessPoint
from ism43362 import Misuse, Module, Pin

# SPI mode 0 with bytes, most significant bit first, and at most 20 MHz.
_FORM = (0, 0, 8, 0)
_FASTEST = 20000000
# Others on the same bus, the pins of the board that keep each from answering, and how.
_OTHERS = (("PD13", 1, "SPBTLE-RF"), ("PB5", 1, "SPSGRF"), ("PA8", 0, "SPBTLE-RF in reset"))


class Radio:
    """`state` is what the world knows of it: "ssid", "passphrase" and "security" of the access
    point, and the keys of `apply()`.
    """

    def __init__(self, state):
        self.access_point = access_point = AccessPoint(
            state.get("ssid", "desk").encode(),
            state.get("passphrase", "").encode(),
            state.get("security", 3),
        )
        self.module = module = Module(time, access_point, busy_ms=2)
        self.wires = {
            "PE0": module.cs,
            "PE1": module.drdy,
            "PE8": module.reset,
            "PB13": module.wakeup,
        }
        for name, _, _ in _OTHERS:
            self.wires[name] = Pin()
        self.apply(state)

    def apply(self, state):
        """Takes over "ap", "dns", "accepts", "silent" and "rssi" of the access point; the share
        of transactions that "fail", and the "seed" of which.
        """
        self.access_point.apply(state)
        faults = self.module.faults
        faults.share = state.get("fail", faults.share)
        if "seed" in state:
            faults.seed(state["seed"])

    def transfer(self, form, baudrate, sent, into):
        """A transfer on the bus; with CS high the module has no part in it."""
        if self.module.cs.value():
            for i in range(len(into or b"")):
                into[i] = 0
            return
        if form != _FORM or baudrate > _FASTEST:
            raise Misuse("SPI(3): mode 0, 8 bits, MSB first and at most 20 MHz")
        for name, level, who in _OTHERS:
            if self.wires[name].value() != level:
                raise Misuse("SPI(3): %s must be %d, for %s shares the bus" % (name, level, who))
        self.module.transfer(sent, into)

    def close(self):
        """Gives back the sockets."""
        self.module.close()
