"""The registers of a BMP180."""

import struct
import time

from sensors import Device


class BMP180(Device):
    """`words`: the 11 calibration words; the default is the data sheet's worked example."""

    WORDS = (408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868)
    UP = 23843  # pressure is not simulated
    PRESSURE_US = (4500, 7500, 13500, 25500)  # by oversampling

    def __init__(self, world, words=WORDS, chip_id=0x55, address=0x77):
        self.address = address
        self.words = words
        self.chip_id = chip_id
        self.stuck = False  # a conversion never ends
        self.raw = None  # instead of the world's temperature
        self._calibration = struct.pack(">hhhHHHhhhhh", *words)
        super().__init__(world)

    def power_on(self):
        self._control = 0
        self._result = 0x8000
        self._since = None

    def get(self, register):
        self._convert()
        if 0xAA <= register <= 0xBF:
            return self._calibration[register - 0xAA]
        if register == 0xD0:
            return self.chip_id
        if register == 0xF4:
            return self._control
        if register == 0xF6:
            return self._result >> 8
        if register == 0xF7:
            return self._result & 0xFF
        return 0

    def set(self, register, byte):
        if register == 0xE0 and byte == 0xB6:
            self.power_on()
        elif register == 0xF4:
            self._control = byte | 0x20
            self._since = time.ticks_us()

    def _convert(self):
        if self._since is None or self.stuck:
            return
        command = self._control
        pressure = command & 0x3F == 0x34
        needed_us = self.PRESSURE_US[command >> 6] if pressure else 4500
        if time.ticks_diff(time.ticks_us(), self._since) < needed_us:
            return
        self._since = None
        self._control &= ~0x20
        if pressure:
            self._result = self.UP
        elif command == 0x2E:
            self._result = self._ut() if self.raw is None else self.raw

    def _ut(self):
        """The smallest reading that gives the world's temperature, by bisection."""
        ac5, ac6, mc, md = self.words[4], self.words[5], self.words[9], self.words[10]
        wanted = round(self.world.temperature * 10) * 16  # B5: a 16th of 0.1 degrees
        low, high = 0, 65535
        while low < high:
            middle = (low + high) // 2
            x1 = ((middle - ac6) * ac5) >> 15
            if x1 + md <= 0 or x1 + (mc << 11) // (x1 + md) < wanted:
                low = middle + 1
            else:
                high = middle
        return low
