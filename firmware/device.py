"""Device (3) as the board is; loaded when it is asked for."""

import gc
import sys
import time
from binascii import hexlify

import machine
from micropython import const

from firmware import once
from firmware.version import VERSION
from lwm2m.objects.device import Device

_USB = const(5)  # among the power sources of resource 6
_2000 = const(946684800)  # Unix time
_1970 = const(719469)  # days from the last of February of a year 0


class Board(Device):
    """What the board and the `App` know now.

    A board's file may have `HARDWARE`, its version; `POWER`, its power sources as {0: source},
    where it is not fed by USB alone; and `battery()`, where it can measure the first of them: it
    returns (voltage in mV, level in per cent, status as in resource 20), each None where that is
    not known.
    """

    manufacturer = "IoTKitV3"
    device_type = "IoTKit"

    def __init__(self, app):
        self.app = app
        self.reboot = app.restart
        self.factory_reset = app.factory_reset
        board = app.board
        self.model_number = board.MODEL
        self.serial_number = str(hexlify(machine.unique_id()), "ascii")
        self.firmware_version = VERSION
        # 3.4.0; MicroPython v1.29.0 on 2026-06-24
        self.software_version = sys.version.split("; ")[-1].split(" on ")[0]
        self.hardware_version = getattr(board, "HARDWARE", None)
        self.power_sources = getattr(board, "POWER", {0: _USB})
        if hasattr(board, "battery"):
            voltage_mv, self.battery_level, self.battery_status = board.battery()
            self.voltages_mv = None if voltage_mv is None else {0: voltage_mv}
        free = gc.mem_free()
        self.memory_free = free // 1024
        self.memory_total = (free + gc.mem_alloc()) // 1024
        kept = once("written", "read")
        self.utc_offset = kept.get("utc_offset")
        self.timezone = kept.get("timezone")

    def changed(self, rid):
        if rid == 14:
            once("written", "keep", "utc_offset", self.utc_offset)
        elif rid == 15:
            once("written", "keep", "timezone", self.timezone)
        Device.changed(self, rid)

    @property
    def errors(self):
        return self.app.errors

    @errors.setter
    def errors(self, value):
        self.app.errors = value

    @property
    def current_time(self):
        year, month, day, _, hours, minutes, seconds = machine.RTC().datetime()[:7]
        if month < 3:  # the year begins in March: its end is the odd one
            year -= 1
            month += 12
        days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5
        return (((days + day - _1970) * 24 + hours) * 60 + minutes) * 60 + seconds

    @current_time.setter
    def current_time(self, value):
        day = time.gmtime(value - (_2000 if time.gmtime(0)[0] == 2000 else 0))
        machine.RTC().datetime((day[0], day[1], day[2], day[6] + 1, day[3], day[4], day[5], 0))
        app = self.app
        if app.clock:
            app.clock = app.clock[:2] + ("set by a server",)


def make(app, oid):
    """The instance, see late.py."""
    return Board(app)
