"""Loads the modules in an order that is good for the heap.

A heap that is filled module by module, the largest first, and tidied in between stays in large
pieces. Compiling sources needs much more memory for a moment than loading .mpy, and only at the
start is that sure to be there: so then also those modules are loaded that could wait.
"""

import gc
import os

_ALWAYS = (
    "coap.endpoint",
    "lwm2m.registration",
    "lwm2m.operations",
    "lwm2m.client",
    "firmware.connection",
    "firmware.objects.example",
    "firmware.objects.temperature",
    "firmware.objects.servomotor",
    "lwm2m.objects.device",
    "lwm2m.objects.server",
    "firmware.drivers.servo",
    "firmware.thermometer",
)
_LATER = (
    "lwm2m.observe",
    "lwm2m.formats.tlv",
    "lwm2m.write",
    "lwm2m.formats.link",
    "lwm2m.formats.text",
    "coap.duplicates",
    "firmware.config",
    "firmware.drivers.bmp180",
    "firmware.drivers.hts221",
)

names = _ALWAYS
try:
    os.stat("lib/lwm2m/observe.py")
    names = _ALWAYS[:1] + _LATER + _ALWAYS[1:]
except OSError:
    pass  # no sources
for name in names:
    gc.collect()
    __import__(name)
