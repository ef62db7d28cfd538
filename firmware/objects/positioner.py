"""The registry's view of a servo: Positioner (3337), in per cent."""

from lwm2m.object import Object


def make(app, oid):
    """The instance, see late.py."""
    return Positioner(app.servomotor)


class Positioner(Object):
    """The servo of a Servomotor with 0 to 100 %."""

    oid = 3337
    resources = (
        (5519, "R", "f", "minimum"),  # Min Limit
        (5520, "R", "f", "maximum"),  # Max Limit
        (5536, "RW", "f", "position"),  # Current Position, 0 to 100
    )

    def __init__(self, servomotor):
        self.iid = servomotor.iid
        self.servomotor = servomotor
        low, high, _ = servomotor.servo.limits
        self.minimum = _per_cent(low)
        self.maximum = _per_cent(high)

    @property
    def position(self):
        return _per_cent(self.servomotor.position)

    @position.setter
    def position(self, value):
        self.servomotor.position = value / 100


def _per_cent(position):
    # 29 % would read 28.999999999999996 else.
    return round(position * 100, 4)
