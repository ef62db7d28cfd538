"""Mock of `machine.SPI` on stm32."""

from world import world

_BUSES = {"nucleo_f429zi": (1, 4, 5), "b_l475e_iot01a": (1, 2, 3)}


class SPI:
    """Clocks bytes to what is on the bus: the Wi-Fi module on SPI(3) of the B-L475E-IOT01A, else
    what a test has put into `world.spi[id]`, a function from byte to byte.

    Without any the data line is low, so zeros are read.
    """

    MSB = 0
    LSB = 0x80

    def __init__(self, id, baudrate=500000, *, polarity=0, phase=0, bits=8, firstbit=MSB):
        if id not in _BUSES[world.board]:
            raise ValueError("SPI(%s) doesn't exist" % (id,))
        self._id = id
        self.init(baudrate, polarity=polarity, phase=phase, bits=bits, firstbit=firstbit)

    def init(self, baudrate=500000, *, polarity=0, phase=0, bits=8, firstbit=MSB):
        self._form = (polarity, phase, bits, firstbit)
        self._baudrate = baudrate

    def deinit(self):
        pass

    def write_readinto(self, write_buf, read_buf):
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        self._transfer(write_buf, read_buf)

    def _transfer(self, sent, into):
        # The module takes whole buffers: on a virtual board each transfer is one request.
        world.touch()
        radio = world.radio_on(self._id)
        if radio:
            radio.transfer(self._form, self._baudrate, bytes(sent), into)
            return
        exchange = world.spi.get(self._id)
        for i in range(len(sent)):
            received = exchange(sent[i]) if exchange else 0
            if into is not None:
                into[i] = received

    def write(self, buf):
        self._transfer(buf, None)

    def readinto(self, buf, write=0):
        self._transfer(bytes([write]) * len(buf), buf)

    def read(self, nbytes, write=0):
        buf = bytearray(nbytes)
        self.readinto(buf, write)
        return bytes(buf)
