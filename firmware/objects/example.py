"""The objects of the IoTKit example: its button (Digital Input, 3200), its led (Digital Output,
3201) and its own object 5000.

Against the registry, as in the example: the counter can be written, 5853 is a string of
milliseconds and 5850 is executed.
"""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00
_LONGEST_MS = const(60000)
_MOST_STEPS = const(32)


class DigitalInput(Object):
    """The button and a counter of its presses and of the measurements."""

    oid = 3200
    resources = (
        (5500, "R", "b", "state"),  # Digital Input State
        (5501, "RW", "i", "counter"),  # Digital Input Counter
    )
    limits = {5501: (0, 0x7FFFFFFF)}

    counter = 0

    def __init__(self, read, iid=0):
        self.iid = iid
        self.read = read
        self.level = read()

    @property
    def state(self):
        return self.read()

    def count(self):
        """Counts up once, and from the highest number to 0."""
        self.counter = (self.counter + 1) & 0x7FFFFFFF
        self.changed(5501)

    def sample(self):
        """Looks at the button; a press counts once."""
        level = self.read()
        if level != self.level:
            self.level = level
            self.changed(5500)
            if level:
                self.count()


class DigitalOutput(Object):
    """The led; `blink(steps_ms)` is called to run the pattern, light first."""

    oid = 3201
    resources = (
        (5550, "RW", "b", "state"),  # Digital Output State
        (5850, "E", "", "run"),  # On/Off: blink once by the pattern
        (5853, "RW", "s", "pattern"),  # Multi-state Output: the pattern
    )

    pattern = "500:500:500:500:500:500"

    def __init__(self, led, blink, iid=0):
        self.iid = iid
        self.led = led
        self.blink = blink

    @property
    def state(self):
        return bool(self.led.value())

    @state.setter
    def state(self, value):
        if value != self.state:
            (self.led.on if value else self.led.off)()
            self.changed(5550)

    def check(self, values):
        for rid, _, value in values:
            if rid == 5853:
                steps_ms(value)

    def run(self, arguments):
        self.blink(steps_ms(self.pattern))


class Control(Object):
    """Lets a server end the registration: `deregister()` is called on Execute.

    It has to leave the answer time to go first.
    """

    oid = 5000
    resources = ((1, "E", "", "run"),)  # De-register

    def __init__(self, deregister):
        self.deregister = deregister

    def run(self, arguments):
        self.deregister()


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
