"""The led of the IoTKit example (Digital Output, 3201) and its own object 5000.

Against the registry, as in the example: 5853 is a string of milliseconds and 5850 is executed.
"""

import asyncio

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00
_LONGEST_MS = const(60000)
_MOST_STEPS = const(32)
_PATTERN = const("500:500:500:500:500:500")


def make(app, oid):
    """The instance, see late.py."""
    return DigitalOutput(app) if oid == 3201 else Control(app)


class DigitalOutput(Object):
    """The led, `app.led`. `app.pattern` is what a server has written, `app.blinking` the task that
    runs it, light first.
    """

    oid = 3201
    resources = (
        (5550, "RW", "b", "state"),  # Digital Output State
        (5850, "E", "", "run"),  # On/Off: blink once by the pattern
        (5853, "RW", "s", "pattern"),  # Multi-state Output: the pattern
    )

    def __init__(self, app):
        self.app = app
        self.led = app.led

    @property
    def pattern(self):
        return self.app.pattern or _PATTERN

    @pattern.setter
    def pattern(self, value):
        self.app.pattern = value

    @property
    def state(self):
        return bool(self.led.value())

    @state.setter
    def state(self, value):
        if value != self.state:
            (self.led.on if value else self.led.off)()
            self.changed(5550)

    def clear(self, row):
        if row[0] == 5853:
            self.pattern = None

    def check(self, values):
        for rid, _, value in values:
            if rid == 5853:
                steps_ms(value)

    def run(self, arguments):
        self.blink(steps_ms(self.pattern))

    def blink(self, steps):
        """Begins a pattern, of durations in ms; one that runs ends."""
        if self.app.blinking:
            self.app.blinking.cancel()
        self.app.blinking = asyncio.create_task(self._blink(steps))

    async def _blink(self, steps):
        light = True
        for step_ms in steps:
            self.state = light
            light = not light
            await asyncio.sleep_ms(step_ms)
        self.state = False
        self.app.blinking = None  # its memory


class Control(Object):
    """Lets a server end the registration: `app.deregister()` is called on Execute, and leaves the
    answer time to go first.
    """

    oid = 5000
    resources = ((1, "E", "", "run"),)  # De-register

    def __init__(self, app):
        self.app = app

    def run(self, arguments):
        self.app.deregister()


def steps_ms(pattern):
    """The durations in a pattern, each 1 to 60,000 ms, at most 32 of them, between colons,
    commas or spaces. Error 4.00 for anything else.
    """
    steps = []
    for part in pattern.replace(":", " ").replace(",", " ").split():
        if not part.isdigit() or len(part) > 5 or not 1 <= int(part) <= _LONGEST_MS:
            raise Error(_BAD_REQUEST, "1 to 60000 ms: " + part[:8])
        steps.append(int(part))
    if not 1 <= len(steps) <= _MOST_STEPS:
        raise Error(_BAD_REQUEST, "1 to 32 durations")
    return steps
