"""The servo as the IoTKit example has it: Servomotor (10346); positioner.py has another view."""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00


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
            raise Error(_BAD_REQUEST, "out of range")
        self.changed(5536)
        if self.table:
            self.table.changed(3337, self.iid, 5536)  # its other view
