"""Simulated sensors, register by register.

Each has `select(register)`, `read()` and `write(byte)` for single bytes of a transfer, so any
range of registers can be read. Results follow the temperature of the world at the time of the
measurement, by inverting the chip's calibration. `sensors.HTS221` and `sensors.BMP180` are
loaded when first used.
"""


class Device:
    """A chip with a register pointer. `world.plugged` and `plugged` say whether it answers."""

    def __init__(self, world):
        self.world = world
        self.plugged = True
        self._pointer = None
        self.power_on()

    def unplug(self):
        """Takes away supply and bus."""
        self.plugged = False
        self.power_on()

    def plug(self):
        self.plugged = True

    def select(self, register):
        """Sets the pointer; None: the next byte written is the register."""
        self._pointer = register

    def read(self):
        register = self._pointer or 0
        self._pointer = self.next(register)
        return self.get(register)

    def write(self, byte):
        if self._pointer is None:
            self._pointer = byte
            return
        register = self._pointer
        self._pointer = self.next(register)
        self.set(register, byte)

    def next(self, register):
        return (register + 1) & 0xFF


def __getattr__(name):
    if name == "HTS221":
        import sensor_hts221 as module
    elif name == "BMP180":
        import sensor_bmp180 as module
    else:
        raise AttributeError(name)
    return getattr(module, name)
