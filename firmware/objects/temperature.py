"""Temperature, object 3303."""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03


class Temperature(Object):
    """What a thermometer measures; `sample()` decides when.

    `thermometer` has temperature() in degrees Celsius, which raises OSError.
    """

    oid = 3303
    version = "1.1"
    resources = (
        (5601, "R", "f", "minimum"),  # Min Measured Value
        (5602, "R", "f", "maximum"),  # Max Measured Value
        (5605, "E", "", "reset"),  # Reset Min and Max Measured Values
        (5700, "R", "f", "value"),  # Sensor Value
        (5701, "R", "s", "unit"),  # Sensor Units
    )

    unit = "Cel"
    minimum = None
    maximum = None

    def __init__(self, thermometer, iid=0):
        self.iid = iid
        self.thermometer = thermometer
        self._value = None

    @property
    def value(self):
        if self._value is None:
            raise Error(_SERVICE_UNAVAILABLE, "no measurement")
        return self._value

    def sample(self):
        """Measures once, to 0.01 degrees. Raises OSError; there is no value then (5.03)."""
        try:
            value = round(self.thermometer.temperature(), 2) + 0.0  # no "-0.0"
        except OSError:
            self._value = None
            raise
        if value != self._value:
            self._value = value
            self.changed(5700)
        self._extend()

    def reset(self, arguments):
        self.minimum = self.maximum = None
        self._extend()

    def _extend(self):
        value = self._value
        if value is None:
            return
        if self.minimum is None or value < self.minimum:
            self.minimum = value
            self.changed(5601)
        if self.maximum is None or value > self.maximum:
            self.maximum = value
            self.changed(5602)
