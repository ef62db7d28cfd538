"""Loads the modules in an order that is good for the heap.

A heap that is filled module by module, the largest first, and tidied in between stays in large
pieces. Compiling sources needs much more memory for a moment than loading .mpy, and only at the
start is that sure to be there: so then also the likely ones are loaded of those that could wait.
A heap of 128 KB (64-bit) has no room for all of them as sources: what else is asked for there
needs .mpy files, or 192 KB.

While much is loaded, what stays lies between what does not, unless there is a collection now and
then: so there is one for every few kilobytes. App.sample() sees to that later.
"""

import gc
import os

from micropython import const

_ROOM = const(29000)  # bytes that must be free to reserve a table of names
_TABLE = const(2000)  # a piece of memory that can only be such a table
_NAMES = const(256)  # more than are ever missing
_OFTEN = const(2048)  # bytes between two collections

# A string each: names take places in the tables that are spoken of below.
_ALWAYS = const(
    "lwm2m.registration lwm2m.operations lwm2m.session lwm2m.client firmware.connection"
    " firmware.objects.example firmware.objects.temperature firmware.objects.servomotor"
    " lwm2m.objects.server firmware.drivers.servo firmware.drivers.sensor"
)
_LATER = const(
    "lwm2m.observe lwm2m.write lwm2m.formats.text lwm2m.formats.senml_encoder coap.duplicates"
    " firmware.config firmware.account_list firmware.drivers.bmp180"
)
_WIFI = const(" firmware.wifi firmware.drivers.ism43362")

gc.threshold(_OFTEN)
names = "coap.endpoint "
# This copy of the application may not be the one in the start directory.
sources = __file__[-4:] != ".mpy"
if sources:
    try:
        os.stat("lib/lwm2m/client.py")
    except OSError:
        sources = False  # frozen, whose __file__ is a source's
names += _LATER + " " + _ALWAYS if sources else _ALWAYS
try:
    os.stat(__file__.replace("modules", "lan"))
except OSError:
    try:
        os.stat(__file__.replace("modules", "drivers/ism43362"))
        names += _WIFI  # these are the files of a board with Wi-Fi alone
    except OSError:
        pass  # frozen
for name in names.split():
    gc.collect()
    __import__(name)

# MicroPython keeps names in tables, each twice as long as the one before and in one piece. The
# start comes near the end of one, so the first modules loaded later would need the next (7 KB on
# a heap of 64 bits) when memory may lie in small pieces: it is made now, by names for nothing.
gc.collect()
# Sources have passed that point; frozen modules bring no names.
if __file__[-4:] == ".mpy" and gc.mem_free() > _ROOM:
    at = gc.mem_alloc()
    for number in range(_NAMES):
        hasattr(gc, chr(number + 1))
        if gc.mem_alloc() - at > _TABLE:
            break
        at = gc.mem_alloc()
