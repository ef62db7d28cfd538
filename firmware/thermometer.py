"""The temperature sensor, whichever is there."""

import sys
from errno import ENODEV


class Thermometer:
    """Looks for each kind of sensor on every bus, at each measurement until one answers.

    `kinds` are the class names of the drivers, the likely one first.
    """

    def __init__(self, buses, kinds):
        self.buses = buses
        self.kinds = kinds
        self.sensor = None

    def temperature(self):
        """Degrees Celsius. Raises OSError; the next call tries again, with any sensor."""
        if self.sensor is None:
            self.sensor = self.find()
        try:
            return self.sensor.temperature()
        except OSError:
            self.sensor = None
            raise

    def find(self):
        for name in self.kinds:
            file = name.lower()
            driver = getattr(__import__("firmware.drivers." + file).drivers, file)
            for bus in self.buses:
                try:
                    return getattr(driver, name)(bus)
                except OSError:
                    pass  # not here: the next one
            # A driver that found nothing leaves its memory to the others.
            del sys.modules["firmware.drivers." + file]
            delattr(sys.modules["firmware.drivers"], file)
        raise OSError(ENODEV, "no sensor answers on I2C: %s; check plug and wires" % (self.kinds,))
