"""The registers of an HTS221."""

import struct
import time

from sensors import Device


def _word(value):
    """A signed 16-bit word, limited to its range as a converter is."""
    return struct.pack("<h", max(-32768, min(32767, round(value))))


class HTS221(Device):
    """`calibration`: registers 0x30 to 0x3F; the default is a real chip's, humidity falling."""

    CALIBRATION = b"\x3d\x8f\x99\x0e\x00\xc4\xf2\xff\x3a\x03\xf5\xd0\x00\x00\x1e\x03"
    PERIODS_MS = (0, 1000, 143, 80)  # by ODR
    ONE_SHOT_MS = 5

    def __init__(self, world, calibration=CALIBRATION, chip_id=0xBC, address=0x5F):
        self.address = address
        self.calibration = calibration
        self.chip_id = chip_id
        self.humidity = 45
        self.stuck = False  # powered, but never measures
        self.raw = None  # instead of the world's temperature
        super().__init__(world)

    def power_on(self):
        self.registers = registers = bytearray(64)
        registers[0x0F] = self.chip_id
        registers[0x10] = 0x1B
        registers[0x30:0x40] = self.calibration
        self._since = None  # of the measurement under way
        self._half_read = 0

    def next(self, register):
        # Without the uppermost bit the address does not move (data sheet, section 5.1.1).
        return register & 0x80 | (register + 1) & 0x7F if register & 0x80 else register

    def get(self, register):
        register &= 0x7F
        if register > 0x3F:
            return 0
        self._measure()
        registers = self.registers
        if register in (0x28, 0x2A):
            self._half_read |= 1 << (register - 0x28)
        elif register in (0x29, 0x2B):
            self._half_read &= ~(1 << (register - 0x29))
            # Reading the upper byte clears the flag: H_DA is bit 1, T_DA bit 0.
            registers[0x27] &= ~2 if register == 0x29 else ~1
        return registers[register]

    def set(self, register, byte):
        register &= 0x7F
        registers = self.registers
        if register in (0x10, 0x20, 0x22):
            registers[register] = byte
            if register == 0x20:
                self._since = time.ticks_ms() if byte & 0x80 and byte & 3 else None
        elif register == 0x21:
            registers[0x21] = byte & 0x03
            if byte & 1 and registers[0x20] & 0x83 == 0x80:
                self._since = time.ticks_ms()

    def _measure(self):
        registers = self.registers
        if self._since is None or self.stuck:
            return
        odr = registers[0x20] & 3
        now = time.ticks_ms()
        passed = time.ticks_diff(now, self._since)
        if passed < (self.PERIODS_MS[odr] if odr else self.ONE_SHOT_MS):
            return
        if registers[0x20] & 0x04 and self._half_read:
            return  # BDU: not between the two bytes of a result
        self._since = now if odr else None
        registers[0x21] &= ~1
        registers[0x27] |= 3
        c = self.calibration
        h0, h1, t0, t1 = struct.unpack_from("<BBBB", c)
        h0_out, h1_out = struct.unpack_from("<h2xh", c, 6)
        t0_out, t1_out = struct.unpack_from("<hh", c, 12)
        t0 |= (c[5] & 3) << 8
        t1 |= (c[5] & 12) << 6
        humidity, raw = 0, self.raw
        if h1 != h0:
            humidity = h0_out + (self.humidity * 2 - h0) * (h1_out - h0_out) / (h1 - h0)
        if raw is None:
            raw = 0
            if t1 != t0:
                raw = t0_out + (self.world.temperature * 8 - t0) * (t1_out - t0_out) / (t1 - t0)
        registers[0x28:0x2A] = _word(humidity)
        registers[0x2A:0x2C] = _word(raw)
