"""Mock of `machine.I2C` and `machine.SoftI2C` on stm32."""

from machine import Pin
from world import world

_EIO = 5
_ENODEV = 19

# Bus number: SCL, SDA
_I2C_PINS = {
    "nucleo_f429zi": {1: ("PB8", "PB9"), 3: ("PA8", "PC9")},
    "b_l475e_iot01a": {1: ("PB8", "PB9"), 2: ("PB10", "PB11")},
}


class _Bus:
    """Transfers to the devices on one bus; a device is one that sensors.py describes."""

    def _device(self, addr):
        world.touch()
        for device in self._devices:
            if device.address == addr:
                if world.plugged and device.plugged:
                    return device
                world.event(event="i2c", fault="unplugged", addr=addr)
        raise OSError(_ENODEV)

    def _byte(self, addr):
        """Counts one byte of data towards a fault."""
        if world.nak_after is not None:
            world.nak_after -= 1
            if world.nak_after < 0:
                world.nak_after = None
                world.event(event="i2c", fault="nak", addr=addr)
                raise OSError(_EIO)

    def scan(self):
        world.touch()
        return sorted(d.address for d in self._devices if world.plugged and d.plugged)

    def readfrom_into(self, addr, buf, stop=True):
        device = self._device(addr)
        for i in range(len(buf)):
            self._byte(addr)
            buf[i] = device.read()

    def readfrom(self, addr, nbytes, stop=True):
        buf = bytearray(nbytes)
        self.readfrom_into(addr, buf)
        return bytes(buf)

    def writeto(self, addr, buf, stop=True):
        device = self._device(addr)
        device.select(None)
        for byte in memoryview(buf):
            self._byte(addr)
            device.write(byte)
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join(bytes(part) for part in vector))

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._memory(addr, memaddr, addrsize)
        self.readfrom_into(addr, buf)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf, addrsize=addrsize)
        return bytes(buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        device = self._memory(addr, memaddr, addrsize)
        for byte in memoryview(buf):
            self._byte(addr)
            device.write(byte)

    def _memory(self, addr, memaddr, addrsize):
        if addrsize != 8 or not 0 <= memaddr <= 255:
            raise ValueError("these sensors have register addresses of 8 bits")
        device = self._device(addr)
        device.select(memaddr)
        return device


class I2C(_Bus):
    def __init__(self, id, *, scl=None, sda=None, freq=400000, timeout=50000):
        world.touch()
        if id not in _I2C_PINS[world.board]:
            raise ValueError("I2C(%s) doesn't exist" % (id,))
        if scl is not None or sda is not None:
            raise ValueError("explicit choice of scl/sda is not implemented")
        self._devices = world.devices(id)

    def init(self, *, freq=400000, timeout=50000):
        pass


class SoftI2C(_Bus):
    """Finds the sensors of the hardware bus whose pins it is given."""

    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        if not isinstance(scl, Pin) or not isinstance(sda, Pin):
            raise TypeError("SoftI2C: expected Pins")
        world.touch()
        self._devices = ()
        for bus, pins in _I2C_PINS[world.board].items():
            if pins == (scl._name, sda._name):
                self._devices = world.devices(bus)
