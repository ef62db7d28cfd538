"""Device, object 3: who the device is and how it fares."""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00
# ISO 8601 up to 14 hours from Greenwich, and names of the tz database; both may be empty.
_OFFSET = const("(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?")
_ZONE = const("([A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*)*)?")
_2000 = const(946684800)  # Unix time
_2068 = const(3094168447)  # to here the seconds from 2000 fit into 31 bits


class Device(Object):
    """The application sets what it knows; what stays None does not exist.

    `source` has `restart(arguments)` and `factory_reset(arguments)`, called on Execute, which
    have to leave the answer time to go first, and `errors` with one bit for each error code (TS
    1.1.1 Core appendix E.4, resource 11). `clock()` returns the Unix time in s, and
    `clock(now_s)` sets it; without there is no Current Time. `keep(name, value)` is called with
    what a server has written. Power sources, voltages and currents are {source: ...}.
    """

    oid = 3

    manufacturer = None
    model_number = None
    serial_number = None
    firmware_version = None
    power_sources = None
    voltages_mv = None
    currents_ma = None
    battery_level = None
    memory_free = None
    utc_offset = None
    timezone = None
    binding_modes = "U"
    device_type = None
    hardware_version = None
    software_version = None
    battery_status = None
    memory_total = None

    resources = (
        [0, "R", "s", "manufacturer"],  # Manufacturer
        [1, "R", "s", "model_number"],  # Model Number
        [2, "R", "s", "serial_number"],  # Serial Number
        [3, "R", "s", "firmware_version"],  # Firmware Version
        [4, "E", "", "reboot"],  # Reboot
        [5, "E", "", "factory_reset"],  # Factory Reset
        [6, "R", "i[]", "power_sources"],  # Available Power Sources
        [7, "R", "i[]", "voltages_mv"],  # Power Source Voltage, in mV
        [8, "R", "i[]", "currents_ma"],  # Power Source Current, in mA
        [9, "R", "i", "battery_level"],  # Battery Level, in per cent
        [10, "R", "i", "memory_free"],  # Memory Free, in kB
        [11, "R", "i[]", "error_codes"],  # Error Code
        [12, "E", "", "reset_error_codes"],  # Reset Error Code
        [13, "RW", "t", "current_time"],  # Current Time
        [14, "RW", "s", "utc_offset"],  # UTC Offset
        [15, "RW", "s", "timezone"],  # Timezone
        [16, "R", "s", "binding_modes"],  # Supported Binding and Modes
        [17, "R", "s", "device_type"],  # Device Type
        [18, "R", "s", "hardware_version"],  # Hardware Version
        [19, "R", "s", "software_version"],  # Software Version
        [20, "R", "i", "battery_status"],  # Battery Status
        [21, "R", "i", "memory_total"],  # Memory Total, in kB
    )
    kept = (13,)  # a clock cannot be left without a time
    limits = {13: (_2000, _2068), 14: (0, 6), 15: (0, 64)}

    def __init__(self, source, clock=None, keep=None):
        self.source = source
        self.reboot = source.restart
        self.factory_reset = source.factory_reset
        self.clock = clock
        self.keep = keep

    @property
    def error_codes(self):
        """One instance for each error; a single 0 when there is none."""
        found = {}
        errors = self.source.errors
        code = 0
        while errors:
            if errors & 1:
                found[len(found)] = code
            errors >>= 1
            code += 1
        return found or {0: 0}

    def reset_error_codes(self, arguments):
        if self.source.errors:
            self.source.errors = 0
            self.changed(11)

    @property
    def current_time(self):
        return self.clock and self.clock()

    @current_time.setter
    def current_time(self, value):
        self.clock(value)

    def changed(self, rid):
        if self.keep and (rid == 14 or rid == 15):
            name = self.row(rid)[3]
            self.keep(name, getattr(self, name))
        Object.changed(self, rid)

    def check(self, values):
        import re

        for rid, _, value in values:
            pattern = _OFFSET if rid == 14 else _ZONE if rid == 15 else None
            if pattern:
                found = re.match(pattern, value)
                if not found or found.group(0) != value:
                    raise Error(_BAD_REQUEST, "written like +01:00 and Europe/Zurich")
