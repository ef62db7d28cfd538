"""Hobby servo on one pin: 50 Hz, 750 to 2500 us, as the kit's own servo library drives it."""

from micropython import const

_FREQ_HZ = const(50)
_MIN_US = const(750)
_SPAN_US = const(1750)


class Servo:
    """A servo on what `machine.PWM` takes for a pin; it goes to its rest position at once.

    `limits` are the lowest and the highest position and that one, in 0 to 1. To change them moves
    nothing.
    """

    limits = (0.0, 1.0, 0.5)

    def __init__(self, pin, limits=limits):
        from machine import PWM

        self.limits = limits
        self._position = limits[2]
        self._duty_ns = PWM(pin, freq=_FREQ_HZ, duty_ns=self.pulse_us * 1000).duty_ns

    @property
    def position(self):
        """Where the arm was sent; ValueError for what is beyond the limits, and the arm stays."""
        return self._position

    @position.setter
    def position(self, position):
        low, high, _ = self.limits
        # Written so that NaN is refused as well.
        if not low <= position <= high:
            raise ValueError("servo position: expected %s to %s" % (low, high))
        self._duty_ns(_pulse_us(position) * 1000)
        self._position = float(position)

    @property
    def pulse_us(self):
        """The length of the pulses in microseconds, 750 to 2500."""
        return _pulse_us(self._position)


def _pulse_us(position):
    return _MIN_US + int(_SPAN_US * position)
