"""Mock of MicroPython's `machine` on stm32, as far as pins, PWM, watchdog and resets go.

Buses, Timer and RTC are in machine_*.py and loaded when first used. It is stricter than a board
in two things: a pin needs its full name ("PD14": a board takes "D14" for the same pin, which is
Arduino's D14 only by chance), and a duty that does not fit its period is refused, not clipped.
Under the virtual board it runs in CPython; the interpreter asks for it, see remote/world.py.
"""

import time

from world import RESET_CAUSES, world

SOFT_RESET, PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET = range(5)

# Pins with a timer channel (not its complement), one bit each, ports A to H.
_PORTS = "ABCDEFGH"
_PWM_PINS = {
    "nucleo_f429zi": (0x8FEF, 0xCFFB, 0x03C0, 0xF000, 0x6A60, 0x03C0, 0, 0),
    "b_l475e_iot01a": (0x8FEF, 0xCFFB, 0x03C0, 0xF000, 0x6A7B, 0, 0, 0),
}
_ABSENT_PORTS = {"nucleo_f429zi": "", "b_l475e_iot01a": "FG"}
_BUTTON = "PC13"
_BUTTON_PRESSED = {"nucleo_f429zi": 1, "b_l475e_iot01a": 0}


class Reset(BaseException):
    """Raised by `reset()` and `soft_reset()` where nobody is there to start the board anew."""


def __getattr__(name):
    if name in ("I2C", "SoftI2C"):
        import machine_i2c as module
    elif name == "SPI":
        import machine_spi as module
    elif name == "mem32":
        import machine_mem as module
    elif name == "Timer":
        import machine_time as module
    elif name == "RTC":
        import machine_rtc as module
    else:
        raise AttributeError(name)
    return getattr(module, name)


def _number(name):
    """(port, number) of a pin of this board."""
    if isinstance(name, str) and len(name) in (3, 4) and name[0] == "P" and name[2:].isdigit():
        port = _PORTS.find(name[1])
        number = int(name[2:])
        if (
            port >= 0
            and name[1] not in _ABSENT_PORTS[world.board]
            and number < (2 if name[1] == "H" else 16)
            and str(number) == name[2:]
        ):
            return port, number
    raise ValueError("Pin(%r) doesn't exist" % (name,))


class Pin:
    IN = 0
    OUT = 1
    ALT = 2
    ANALOG = 3
    OPEN_DRAIN = 0x11
    ALT_OPEN_DRAIN = 0x12
    PULL_NONE = 0
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 0x110000
    IRQ_FALLING = 0x210000

    def __new__(cls, name, mode=-1, pull=PULL_NONE, value=None, alt=-1):
        if isinstance(name, Pin):
            name = name._name
        self = world.pins.get(name)
        if self is None:
            _number(name)
            self = super().__new__(cls)
            self._name = name
            self._mode = Pin.IN
            self._pull = Pin.PULL_NONE
            self._level = 0
            self._handler = None
            self._wire = world.wire(name)
            world.pins[name] = self
        return self

    def __init__(self, name, mode=-1, pull=PULL_NONE, *, value=None, alt=-1):
        if mode != -1:
            self.init(mode, pull, value=value, alt=alt)

    def init(self, mode, pull=PULL_NONE, *, value=None, alt=-1):
        if mode not in (0, 1, 2, 3, 0x11, 0x12):
            raise ValueError("invalid pin mode: %r" % (mode,))
        if pull not in (None, 0, 1, 2):
            raise ValueError("invalid pin pull: %r" % (pull,))
        self._mode = mode
        self._pull = pull
        if value is not None or self._wire and mode == Pin.OUT:
            self._drive(self._level if value is None else value)

    def _drive(self, value):
        level = 1 if value else 0
        changed = level != self._level
        self._level = level
        if self._wire:
            self._wire.value(level)
        elif changed and self._mode == Pin.OUT:
            world.event(event="led", pin=self._name, on=level == 1)

    def value(self, value=None):
        world.touch()
        if value is not None:
            self._drive(value)
            return None
        if self._mode == Pin.OUT:
            return self._level
        if self._wire:
            return self._wire.value()
        if self._name in world.levels:
            return world.levels[self._name]
        if self._name == _BUTTON:
            return _BUTTON_PRESSED[world.board] ^ (not world.button)
        return 1 if self._pull == Pin.PULL_UP or self._mode == Pin.OPEN_DRAIN else 0

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high = on
    low = off

    def toggle(self):
        self.value(not self._level)

    def irq(self, handler=None, trigger=IRQ_RISING | IRQ_FALLING, hard=False):
        """`handler(pin)` runs when hardware is touched next; only the button has edges here."""
        self._handler = handler
        self._trigger = trigger
        if self._name == _BUTTON:
            world.on_button = self._edge

    def _edge(self):
        rising = world.button == (_BUTTON_PRESSED[world.board] == 1)
        edge = Pin.IRQ_RISING if rising else Pin.IRQ_FALLING
        # IRQ_RISING and IRQ_FALLING share a bit.
        if self._handler and self._trigger & edge & 0x300000:
            self._handler(self)

    def name(self):
        return self._name[1:]

    def __repr__(self):
        return "Pin(%r)" % self._name


class Signal:
    def __init__(self, pin, *args, invert=False, **kw):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin, *args, **kw)
        self._invert = 1 if invert else 0

    def value(self, value=None):
        if value is None:
            return self._pin.value() ^ self._invert
        self._pin.value((1 if value else 0) ^ self._invert)
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class PWM:
    """Reports the duty it was given; a board rounds it to ticks of the timer."""

    def __init__(self, pin, freq=None, *, duty_u16=None, duty_ns=None, invert=None):
        if not isinstance(pin, Pin):
            raise TypeError("PWM: expected a Pin")
        port, number = _number(pin._name)
        if not _PWM_PINS[world.board][port] >> number & 1:
            raise ValueError("Pin(%s) doesn't have PWM capabilities" % pin.name())
        self._pin = pin._name
        self._freq = 0
        self._duty_ns = 0
        pin._mode = Pin.ALT
        self.init(freq, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, freq=None, *, duty_u16=None, duty_ns=None, invert=None):
        world.touch()
        for value in (freq, duty_u16, duty_ns):
            if value is not None and not isinstance(value, int):
                raise TypeError("can't convert %r to int" % (value,))
        if freq is None:
            freq = self._freq
        elif not 0 < freq <= 20000000:
            raise ValueError("freq too small" if freq <= 0 else "freq too large")
        period_ns = 1000000000 // freq if freq else 0
        if duty_u16 is not None:
            if not 0 <= duty_u16 <= 65535:
                raise ValueError("duty_u16 must be from 0 to 65535")
            duty_ns = (period_ns * duty_u16 + 32767) // 65535
        elif duty_ns is None:
            duty_ns = self._duty_ns
        elif duty_ns < 0 or freq and duty_ns > period_ns:
            raise ValueError("duty_ns must be from 0 to %d" % period_ns)
        changed = freq != self._freq or duty_ns != self._duty_ns
        self._freq = freq
        self._duty_ns = duty_ns
        if freq and changed:
            world.event(event="pwm", pin=self._pin, freq=freq, duty_ns=duty_ns)

    def freq(self, value=None):
        return self._freq if value is None else self.init(value)

    def duty_ns(self, value=None):
        return self._duty_ns if value is None else self.init(duty_ns=value)

    def duty_u16(self, value=None):
        if value is not None:
            return self.init(duty_u16=value)
        return (self._duty_ns * self._freq * 65535 + 500000000) // 1000000000

    def deinit(self):
        world.event(event="pwm", pin=self._pin, freq=self._freq, duty_ns=0)
        self._duty_ns = 0


class WDT:
    """The independent watchdog: cannot be stopped. Whether it bites is the world's matter."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        if timeout >= 32768:
            raise ValueError("WDT timeout too long")
        world.wdt = timeout
        world.wdt_fed_ms = time.ticks_ms()
        world.event(event="wdt", timeout_ms=timeout)

    def feed(self):
        world.wdt_fed_ms = time.ticks_ms()
        world.feeds += 1
        world.event(event="feed")


def _restart(cause):
    world.event(event="reset", cause=cause)
    world.timers = ()
    world._busy = False
    raise Reset(cause)


def reset():
    _restart("hard")


def soft_reset():
    _restart("soft")


def reset_cause():
    # A reset by the button looks like any other of the reset pin.
    cause = "hard" if world.reset_cause == "button" else world.reset_cause
    return RESET_CAUSES.index(cause)


def unique_id():
    return world.unique_id


def board():
    """What a real board tells as sys.implementation._machine; MicroPython has no such function."""
    mcu = "STM32F429xx" if world.board == "nucleo_f429zi" else "STM32L475xx"
    return "%s with %s" % (world.board.upper().replace("_", "-"), mcu)


def freq():
    """(sysclk, hclk, pclk1, pclk2)"""
    if world.board == "nucleo_f429zi":
        return (168000000, 168000000, 42000000, 84000000)
    return (80000000, 80000000, 80000000, 80000000)


def idle():
    world.touch()


def disable_irq():
    return True


def enable_irq(state=True):
    pass
