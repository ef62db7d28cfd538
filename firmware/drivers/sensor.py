"""What the drivers of I2C temperature sensors share: starting, starting again, error texts."""


class Sensor:
    """Base class. A driver has NAME, `start()` and `_measure()`.

    `start()` checks the chip and reads what does not change; it runs again after any fault,
    as what answers next may have lost its supply or be another sensor.
    """

    def __init__(self, i2c, address):
        self.i2c = i2c
        self.address = address
        self._run(self.start)

    def temperature(self):
        """Degrees Celsius. Raises OSError(errno, text) on any fault; call again to try anew."""
        if not self._ready:
            self._run(self.start)
        return self._run(self._measure)

    def _run(self, function):
        self._ready = False
        try:
            result = function()
        except OSError as error:
            if len(error.args) > 1:
                raise
            # From the bus: a bare number.
            raise OSError(error.args[0], "%s: no answer; check its plug and wires" % self.NAME)
        self._ready = True
        return result

    def read(self, register, buffer):
        self.i2c.readfrom_mem_into(self.address, register, buffer)

    def write(self, register, data):
        self.i2c.writeto_mem(self.address, register, data)
