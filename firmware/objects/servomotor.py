"""One servo behind two objects: Servomotor (10346) as the IoTKit example has it, and Positioner
(3337), the registry's view of a position, in per cent.
"""

from coap.message import Error
from lwm2m.object import Object


class Servomotor(Object):
    """`servo.position` is 0 to 1, within `servo.limits`. Resource 5536 is the example's own, the
    registry knows none.
    """

    oid = 10346
    resources = (
        (1, "R", "s", "name"),  # Servomotor Name
        (5536, "RW", "f", "position"),  # Current Position, 0 to 1
    )

    def __init__(self, servo, name, iid=0):
        self.iid = iid
        self.name = name
        self.servo = servo
        self.positioner = Positioner(self, iid)

    @property
    def position(self):
        return self.servo.position

    @position.setter
    def position(self, value):
        value = round(value, 6)  # as it was written, not 0.008999999999999999
        if value == self.servo.position:
            return
        try:
            self.servo.position = value
        except ValueError:
            raise Error(0x80, "out of range")
        self.changed(5536)
        self.positioner.changed(5536)


class Positioner(Object):
    """The same servo with 0 to 100 %; made by its Servomotor."""

    oid = 3337
    version = "1.1"
    resources = (
        (5519, "R", "f", "minimum"),  # Min Limit
        (5520, "R", "f", "maximum"),  # Max Limit
        (5536, "RW", "f", "position"),  # Current Position, 0 to 100
    )

    def __init__(self, servomotor, iid):
        self.iid = iid
        self.servomotor = servomotor
        self.limit()

    def limit(self):
        """Takes the limits of the servo, which have changed."""
        low, high, _ = self.servomotor.servo.limits
        self.minimum = round(low * 100, 4)
        self.maximum = round(high * 100, 4)

    @property
    def position(self):
        # 29 % would read 28.999999999999996 else.
        return round(self.servomotor.position * 100, 4)

    @position.setter
    def position(self, value):
        self.servomotor.position = value / 100
