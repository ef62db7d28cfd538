"""The temperature sensor, whichever is there."""

from errno import ENODEV

from firmware.drivers.bmp180 import BMP180
from firmware.drivers.hts221 import HTS221


class Thermometer:
    """Looks for an HTS221 and a BMP180 on every bus, at each measurement until one answers."""

    def __init__(self, buses):
        self._buses = buses
        self._sensor = None

    @property
    def name(self):
        return self._sensor.NAME if self._sensor else "no sensor"

    @property
    def range_c(self):
        return (self._sensor.MIN_C, self._sensor.MAX_C) if self._sensor else None

    def temperature(self):
        """Degrees Celsius. Raises OSError; the next call tries again, with any sensor."""
        if self._sensor is None:
            self._sensor = self._find()
        try:
            return self._sensor.temperature()
        except OSError:
            self._sensor = None
            raise

    def _find(self):
        for bus in self._buses:
            for kind in (HTS221, BMP180):
                try:
                    return kind(bus)
                except OSError:
                    pass  # not here: the next one
        raise OSError(ENODEV, "neither HTS221 (0x5F) nor BMP180 (0x77) answers on I2C")
