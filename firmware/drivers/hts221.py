"""Temperature of the ST HTS221 (humidity and temperature sensor, I2C).

Register names and the interpolation follow its data sheet, sections 7 and 8.
"""

import struct
import time

from micropython import const

from firmware.drivers.sensor import Sensor

_WHO_AM_I = const(0x0F)
_CHIP_ID = const(0xBC)
_CTRL1 = const(0x20)
_CALIBRATION = const(0x30)  # to 0x3F
_AUTO_INCREMENT = const(0x80)

# CTRL1: powered, no update between the two bytes of a result (BDU), 12.5 measurements a second.
_RUN = const(0x87)
# Places in the block that begins with CTRL1.
_STATUS_AT = const(7)
_T_DA = const(0x01)
_T_OUT_AT = const(10)
_BLOCK = const(12)

_STEP_MS = const(5)
_STEPS = const(40)

_EIO = const(5)
_ENODEV = const(19)
_ETIMEDOUT = const(110)


class HTS221(Sensor):
    """The sensor at `address` of a finished `machine.I2C`.

    Raises OSError(errno, text) if it is absent, is another chip, or its calibration cannot be.
    A measurement takes one transfer; the first after power came waits for 0.1 s at most.
    """

    NAME = "HTS221"

    def __init__(self, i2c, address=0x5F):
        self._buffer = bytearray(16)
        self._block = memoryview(self._buffer)[:_BLOCK]
        super().__init__(i2c, address)

    def start(self):
        buffer = self._buffer
        self.read(_WHO_AM_I, self._block[:1])
        if buffer[0] != _CHIP_ID:
            raise OSError(_ENODEV, "HTS221: another chip answers (id 0x%02x)" % buffer[0])
        self.read(_CALIBRATION | _AUTO_INCREMENT, buffer)
        self._t0_out, t1_out = struct.unpack_from("<hh", buffer, 12)
        self._out_span = t1_out - self._t0_out
        # Eighths of a degree; the two upper bits of both are in register 0x35.
        self._t0 = buffer[2] | (buffer[5] & 0x03) << 8
        self._span = (buffer[3] | (buffer[5] & 0x0C) << 6) - self._t0
        if not self._out_span or not self._span:
            raise OSError(_EIO, "HTS221: calibration is senseless; check its wires")

    def _measure(self):
        block = self._block
        for _ in range(_STEPS):
            self.read(_CTRL1 | _AUTO_INCREMENT, block)
            if block[0] != _RUN:
                # Fresh from power-on, perhaps unnoticed between two calls.
                self.write(_CTRL1, b"\x87")
            elif block[_STATUS_AT] & _T_DA:
                offset = struct.unpack_from("<h", block, _T_OUT_AT)[0] - self._t0_out
                # One division: the integers stay below 2**30, the float keeps its precision.
                out_span = self._out_span
                return (self._t0 * out_span + self._span * offset) / (8 * out_span)
            time.sleep_ms(_STEP_MS)
        raise OSError(_ETIMEDOUT, "HTS221: no measurement; check its supply")
