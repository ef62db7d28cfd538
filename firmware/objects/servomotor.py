"""One servo behind two objects: Servomotor (10346) as the IoTKit example has it, and Positioner
(3337), the registry's view of a position, in per cent.
"""

from lwm2m.object import Object


class Servomotor(Object):
    """`servo.position` is 0 to 1. Resource 5536 is the example's own, the registry knows none."""

    oid = 10346
    resources = (
        (1, "R", "s", "name"),  # Servomotor Name
        (5536, "RW", "f", "position"),  # Current Position, 0 to 1
    )
    limits = {5536: (0, 1)}

    def __init__(self, servo, name, iid=0):
        self.iid = iid
        self.name = name
        self.positioner = Positioner(self, iid)
        self.servo = servo

    @property
    def position(self):
        return self.servo.position

    @position.setter
    def position(self, value):
        self.servo.position = round(value, 6)  # as it was written, not 0.008999999999999999
        self.changed(5536)
        self.positioner.changed(5536)


class Positioner(Object):
    """The same servo with 0 to 100 %; made by its Servomotor."""

    oid = 3337
    version = "1.1"
    resources = ((5536, "RW", "f", "position"),)  # Current Position, 0 to 100
    limits = {5536: (0, 100)}

    def __init__(self, servomotor, iid):
        self.iid = iid
        self.servomotor = servomotor

    @property
    def position(self):
        # 29 % would read 28.999999999999996 else.
        return round(self.servomotor.position * 100, 4)

    @position.setter
    def position(self, value):
        self.servomotor.position = value / 100
