"""Mock of `machine.SPI` on stm32."""

from world import world

_BUSES = {"nucleo_f429zi": (1, 4, 5), "b_l475e_iot01a": (1, 2, 3)}


class SPI:
    """Clocks bytes to what a test has put into `world.spi[id]`, a function from byte to byte.

    Without one the data line is low, so zeros are read.
    """

    MSB = 0
    LSB = 0x80

    def __init__(self, id, baudrate=500000, *, polarity=0, phase=0, bits=8, firstbit=MSB):
        if id not in _BUSES[world.board]:
            raise ValueError("SPI(%s) doesn't exist" % (id,))
        self._id = id

    def init(self, baudrate=500000, *, polarity=0, phase=0, bits=8, firstbit=MSB):
        pass

    def deinit(self):
        pass

    def write_readinto(self, write_buf, read_buf):
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        world.touch()
        exchange = world.spi.get(self._id)
        for i in range(len(read_buf)):
            read_buf[i] = exchange(write_buf[i]) if exchange else 0

    def write(self, buf):
        self.write_readinto(buf, bytearray(len(buf)))

    def readinto(self, buf, write=0):
        self.write_readinto(bytes([write]) * len(buf), buf)

    def read(self, nbytes, write=0):
        buf = bytearray(nbytes)
        self.readinto(buf, write)
        return bytes(buf)
