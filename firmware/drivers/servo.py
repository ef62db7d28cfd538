"""Hobby servo on one pin: 50 Hz, 750 to 2500 us, as the kit's own servo library drives it."""

from micropython import const

_FREQ_HZ = const(50)
_PERIOD_US = const(20000)
_MIN_US = const(750)
_SPAN_US = const(1750)


class Servo:
    """A servo on a `machine.Pin`; it goes to the middle at once.

    `timer` is (number, channel, prescaler for ticks of 1 us): needed only where `machine` has no
    PWM (MicroPython before 1.28 on stm32).
    """

    def __init__(self, pin, timer=None):
        self._position = 0.5
        try:
            from machine import PWM
        except ImportError:
            self.unit = 1
            self.set = _channel(pin, timer, self.pulse_us).pulse_width
        else:
            self.unit = 1000
            self.set = PWM(pin, freq=_FREQ_HZ, duty_ns=self.pulse_us * 1000).duty_ns

    @property
    def position(self):
        """Where the arm was sent, 0 to 1; ValueError for anything else, and the arm stays."""
        return self._position

    @position.setter
    def position(self, position):
        # Written so that NaN is refused as well.
        if not 0 <= position <= 1:
            raise ValueError("servo position: expected 0 to 1")
        self.set(_pulse_us(position) * self.unit)
        self._position = float(position)

    @property
    def pulse_us(self):
        """The length of the pulses in microseconds, 750 to 2500."""
        return _pulse_us(self._position)


def _pulse_us(position):
    return _MIN_US + int(_SPAN_US * position)


def _channel(pin, timer, pulse_us):
    if timer is None:
        raise ValueError("servo: no machine.PWM here; give the pin's timer")
    import pyb

    number, channel, prescaler = timer
    return pyb.Timer(number, prescaler=prescaler, period=_PERIOD_US - 1).channel(
        channel, pyb.Timer.PWM, pin=pin, pulse_width=pulse_us
    )
