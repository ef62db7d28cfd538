"""Device (3) as the board is; loaded when it is asked for.

A board's file may have `HARDWARE`, its version; `POWER`, its power sources as {0: source}, where
it is not fed by USB alone; and `battery()`, where it can measure the first of them: it returns
(voltage in mV, level in per cent, status as in resource 20), each None where it is not known.
"""

import gc
import sys
import time
from binascii import hexlify

import machine
from micropython import const

from firmware import once
from firmware.version import VERSION

_USB = const(5)  # among the power sources of resource 6
_2000 = const(946684800)  # Unix time
_1970 = const(719469)  # days from the last of February of a year 0


def make(app, oid):
    """The instance, see late.py."""
    try:
        kept = once("written", "read")  # first: it needs memory for the moment
    except ImportError:  # tools/install.py has left it out
        kept = {}
    from lwm2m.objects.device import Device

    board = app.board
    device = Device(app, clock, keep)
    device.manufacturer = "IoTKitV3"
    device.model_number = board.MODEL
    device.serial_number = str(hexlify(machine.unique_id()), "ascii")
    device.firmware_version = VERSION
    device.device_type = "IoTKit"
    # 3.4.0; MicroPython v1.29.0 on 2026-06-24
    device.software_version = sys.version.split("; ")[-1].split(" on ")[0]
    if hasattr(board, "HARDWARE"):
        device.hardware_version = board.HARDWARE
    device.power_sources = getattr(board, "POWER", {0: _USB})
    if hasattr(board, "battery"):
        voltage_mv, device.battery_level, device.battery_status = board.battery()
        device.voltages_mv = None if voltage_mv is None else {0: voltage_mv}
    # One attribute more may take a long piece of memory, and what is not set is None.
    for name in ("utc_offset", "timezone"):
        if name in kept:
            setattr(device, name, kept[name])
    device.memory_free = app.memory_free
    device.memory_total = (gc.mem_free() + gc.mem_alloc()) // 1024
    return device


def keep(name, value):
    """Keeps what a server has written over a restart, where what does that is installed."""
    try:
        once("written", "keep", name, value)
    except ImportError:
        pass


def clock(now_s=None):
    """Sets the clock to a Unix time, or returns it."""
    rtc = machine.RTC()
    if now_s is not None:
        day = time.gmtime(now_s - (_2000 if time.gmtime(0)[0] == 2000 else 0))
        rtc.datetime((day[0], day[1], day[2], day[6] + 1, day[3], day[4], day[5], 0))
    year, month, day, _, hours, minutes, seconds, _ = rtc.datetime()
    if month < 3:  # the year begins in March: its end is the odd one
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5
    return (((days + day - _1970) * 24 + hours) * 60 + minutes) * 60 + seconds
