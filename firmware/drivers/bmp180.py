"""Temperature of the Bosch BMP180 (pressure and temperature sensor, I2C).

Register names and the compensation follow its data sheet, sections 3.4, 3.5 and 4.
"""

import struct
import time

from micropython import const

from firmware.drivers.sensor import Sensor

_ID = const(0xD0)
_CHIP_ID = const(0x55)
_CALIBRATION = const(0xAA)  # 11 words, most significant byte first
_CTRL_MEAS = const(0xF4)
_SCO = const(0x20)
_NO_RESULT = const(0x8000)  # of the result register after power-on

_CONVERSION_MS = const(5)
_TRIES = const(4)

_EIO = const(5)
_ENODEV = const(19)
_ETIMEDOUT = const(110)


class BMP180(Sensor):
    """The sensor at `address` of a finished `machine.I2C`.

    Raises OSError(errno, text) if it is absent, is another chip, or its calibration cannot be.
    A measurement takes 5 ms and has steps of 0.1 degrees.
    """

    NAME = "BMP180"

    def __init__(self, i2c, address=0x77):
        self._block = bytearray(4)
        super().__init__(i2c, address)

    def start(self):
        words = bytearray(22)
        self.read(_ID, memoryview(words)[:1])
        if words[0] != _CHIP_ID:
            raise OSError(_ENODEV, "BMP180: another chip answers (id 0x%02x)" % words[0])
        self.read(_CALIBRATION, words)
        words = struct.unpack(">3h3H5h", words)
        for word in words:
            if word in (0, -1, 0xFFFF):
                raise OSError(_EIO, "BMP180: calibration is senseless; check its wires")
        self._words = words

    def _measure(self):
        block = self._block
        self.write(_CTRL_MEAS, b"\x2e")
        for _ in range(_TRIES):
            time.sleep_ms(_CONVERSION_MS)
            self.read(_CTRL_MEAS, block)
            if not block[0] & _SCO:
                break
        else:
            raise OSError(_ETIMEDOUT, "BMP180: no end of conversion; check its supply")
        ut = block[2] << 8 | block[3]
        _, _, _, _, ac5, ac6, _, _, _, mc, md = self._words
        x1 = (ut - ac6) * ac5 >> 15
        divisor = x1 + md
        if ut == _NO_RESULT or not divisor:
            raise OSError(_EIO, "BMP180: no result; check its supply")
        # Floor division gives the worked example's B5; truncation would be off by one.
        return (x1 + (mc << 11) // divisor + 8 >> 4) / 10
