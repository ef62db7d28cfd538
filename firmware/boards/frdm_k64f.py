"""IoTKitV3 K64F, the FRDM-K64F of MicroPython's Zephyr port: sensor, servo, led and button.

For the REPL: the firmware as a whole does not run there, docs/frdm-k64f.md tells why. Zephyr
names a pin by its port and number, a PWM channel by its timer and number.
"""

from micropython import const

MODEL = "IoTKitV3 K64F"
SENSORS = ("HTS221", "BMP180")
BLOCK_SIZE = 256  # bytes of a block of a long payload (RFC 7959)
SLOTS = 0  # no copy beside the factory's
SLOT_BYTES = 0

# The sensors of the kit, PTE1 and PTE0, where the build has them; the header, PTE24 and PTE25.
_I2C = ("i2c1", "i2c0")

_ENODEV = const(19)


def i2c_buses():
    """The buses on which sensors are looked for: those of `_I2C` that this build has."""
    from machine import I2C

    buses = []
    for name in _I2C:
        try:
            buses.append(I2C(name))
        except ValueError:
            pass  # not in the devicetree of this build
    return tuple(buses)


def servo_pin():
    """SERVO2: D10 is PTD0, channel 0 of FTM3. The yellow led is on the same pin."""
    return ("ftm3", 0)


def led():
    """led2 (red, D11), dark; `on()`, `off()`, `value()`. It lights at a high level.

    led1 is on the servo's pin.
    """
    from machine import Pin

    return Pin(("gpiod", 2), Pin.OUT, value=0)


def button():
    """A function that tells whether the encoder is pushed: low, pulled up on the board."""
    from machine import Pin

    pin = Pin(("gpioc", 13), Pin.IN)
    return lambda: pin.value() == 0


def network_interface():
    """Always raises OSError: nothing drives the ESP8266 of the kit."""
    raise OSError(_ENODEV, "IoTKitV3 K64F: no driver for its ESP8266; see docs/frdm-k64f.md")
