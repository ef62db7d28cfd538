"""I2C temperature sensors: what their drivers share, and the one that is there."""

import sys
from errno import ENODEV

from micropython import const

_PATIENCE = const(3)  # faults in a row until another sensor is looked for


class Sensor:
    """Base class. A driver has NAME, `start()` and `_measure()`.

    `start()` checks the chip and reads what does not change; it runs again after any fault,
    as what answers next may have lost its supply or be another sensor.
    """

    def __init__(self, i2c, address):
        self.i2c = i2c
        self.address = address
        self._run(self.start)

    def temperature(self):
        """Degrees Celsius. Raises OSError(errno, text) on any fault; call again to try anew."""
        if not self._ready:
            self._run(self.start)
        return self._run(self._measure)

    def _run(self, function):
        self._ready = False
        try:
            result = function()
        except OSError as error:
            if len(error.args) > 1:
                raise
            # From the bus: a bare number.
            raise OSError(error.args[0], "%s: no answer; check its plug and wires" % self.NAME)
        self._ready = True
        return result

    def read(self, register, buffer):
        self.i2c.readfrom_mem_into(self.address, register, buffer)

    def write(self, register, data):
        self.i2c.writeto_mem(self.address, register, data)


class Thermometer:
    """Looks for each kind of sensor on every bus, at each measurement until one answers.

    `kinds` are the class names of the drivers, the likely one first.
    """

    def __init__(self, buses, kinds):
        self.buses = buses
        self.kinds = kinds
        self.sensor = None
        self._faults = 0

    def temperature(self):
        """Degrees Celsius. Raises OSError; the next call tries again."""
        if self.sensor is None:
            self.sensor = self.find()
        try:
            value = self.sensor.temperature()
        except OSError:
            self._faults += 1
            if self._faults >= _PATIENCE:
                self.sensor = None
            raise
        self._faults = 0
        return value

    def find(self):
        found = None
        for name in self.kinds:
            driver = getattr(__import__("firmware.drivers." + name.lower()).drivers, name.lower())
            for bus in self.buses:
                try:
                    found = getattr(driver, name)(bus)
                    break
                except OSError:
                    pass  # not here: the next one
            if found:
                break
        if not found:
            kinds = " or ".join(self.kinds)
            raise OSError(ENODEV, "no %s answers on I2C; check plug and wires" % kinds)
        for name in self.kinds:  # the memory of the other drivers is needed elsewhere
            if name != found.NAME and sys.modules.pop("firmware.drivers." + name.lower(), None):
                delattr(sys.modules["firmware.drivers"], name.lower())
        return found
