"""Device (object 3) of this firmware."""

import gc
from binascii import hexlify

import machine

from firmware import VERSION
from lwm2m.objects.device import Device


class BoardDevice(Device):
    """`restart()` and `factory_reset_later()` act after the answer has left."""

    manufacturer = "IoTKitV3"
    firmware_version = VERSION
    software_version = VERSION

    def __init__(self, model, restart, factory_reset_later):
        super().__init__()
        self.model_number = model
        self.serial_number = str(hexlify(machine.unique_id()), "ascii")
        self._restart = restart
        self._factory_reset = factory_reset_later

    @property
    def memory_free(self):
        return gc.mem_free() // 1024

    def reboot(self, arguments):
        self._restart()

    def factory_reset(self, arguments):
        self._factory_reset()
