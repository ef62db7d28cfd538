"""Device, object 3: who the device is and how it fares."""

from lwm2m.object import Object


class Device(Object):
    """The application sets what it knows; what stays None does not exist.

    `reboot(arguments)` and `factory_reset(arguments)` are called on Execute and have to leave
    the answer time to go first.
    """

    oid = 3

    manufacturer = None
    model_number = None
    serial_number = None
    firmware_version = None
    memory_free = None
    binding_modes = "U"

    resources = (
        [0, "R", "s", "manufacturer"],  # Manufacturer
        [1, "R", "s", "model_number"],  # Model Number
        [2, "R", "s", "serial_number"],  # Serial Number
        [3, "R", "s", "firmware_version"],  # Firmware Version
        [4, "E", "", "reboot"],  # Reboot
        [5, "E", "", "factory_reset"],  # Factory Reset
        [10, "R", "i", "memory_free"],  # Memory Free, in kB
        [11, "R", "i[]", "error_codes"],  # Error Code
        [12, "E", "", "reset_error_codes"],  # Reset Error Code
        [16, "R", "s", "binding_modes"],  # Supported Binding and Modes
    )

    def __init__(self, reboot, factory_reset):
        self.reboot = reboot
        self.factory_reset = factory_reset
        self._errors = []

    @property
    def error_codes(self):
        """One instance for each error; a single 0 when there is none."""
        return dict(enumerate(self._errors or (0,)))

    def report(self, code):
        """An error has come up (codes: TS 1.1.1 Core appendix E.4, resource 11)."""
        if code not in self._errors:
            self._errors.append(code)
            self.changed(11)

    def resolve(self, code):
        """The error is gone."""
        if code in self._errors:
            self._errors.remove(code)
            self.changed(11)

    def reset_error_codes(self, arguments):
        if self._errors:
            self._errors.clear()
            self.changed(11)
