"""The button of the IoTKit example (Digital Input, 3200).

Against the registry, as in the example: the counter can be written.
"""

from lwm2m.object import Object


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
