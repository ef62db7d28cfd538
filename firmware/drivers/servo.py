"""Hobby servo on one pin: 50 Hz, 750 to 2500 us, as the kit's own servo library drives it."""

from micropython import const

_FREQ_HZ = const(50)
_MIN_US = const(750)
_SPAN_US = const(1750)


class Servo:
    """A servo on what `machine.PWM` takes for a pin; it goes to the middle at once."""

    def __init__(self, pin):
        from machine import PWM

        self._position = 0.5
        self._duty_ns = PWM(pin, freq=_FREQ_HZ, duty_ns=self.pulse_us * 1000).duty_ns

    @property
    def position(self):
        """Where the arm was sent, 0 to 1; ValueError for anything else, and the arm stays."""
        return self._position

    @position.setter
    def position(self, position):
        # Written so that NaN is refused as well.
        if not 0 <= position <= 1:
            raise ValueError("servo position: expected 0 to 1")
        self._duty_ns(_pulse_us(position) * 1000)
        self._position = float(position)

    @property
    def pulse_us(self):
        """The length of the pulses in microseconds, 750 to 2500."""
        return _pulse_us(self._position)


def _pulse_us(position):
    return _MIN_US + int(_SPAN_US * position)
