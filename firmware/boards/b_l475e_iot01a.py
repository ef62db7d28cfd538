"""B-L475E-IOT01A (DISCO-L475VG-IOT01A): HTS221 on the board, servo header D9 of the shield."""

from micropython import const

MODEL = "B-L475E-IOT01A"
SENSORS = ("HTS221", "BMP180")
# TIM2 channel 1; 80 MHz / 80 = ticks of 1 us.
SERVO_TIMER = (2, 1, 79)
BLOCK_SIZE = 256  # bytes of a block of a long payload (RFC 7959)

_I2C_BOARD = const(2)  # SCL PB10, SDA PB11
_I2C_SHIELD = const(1)  # SCL PB8, SDA PB9

_ENODEV = const(19)


def i2c_buses():
    """The buses on which sensors are looked for, in this order."""
    from machine import I2C

    return I2C(_I2C_BOARD), I2C(_I2C_SHIELD)


def servo_pin():
    """SERVO2."""
    from machine import Pin

    return Pin("PA15")


def led():
    """led1 (green), dark; `on()`, `off()`, `value()`. It lights at a high level, as a Pin does."""
    from machine import Pin

    return Pin("PA5", Pin.OUT, value=0)


def button():
    """A function that tells whether button1 (blue) is pressed: low, pulled up on the board."""
    from machine import Pin

    pin = Pin("PC13", Pin.IN)
    return lambda: pin.value() == 0


def network_interface(settings):
    """Always raises OSError: stock MicroPython cannot drive the WiFi module (ISM43362)."""
    raise OSError(
        _ENODEV,
        "B-L475E-IOT01A: no driver for its WiFi module yet; use a NUCLEO-F429ZI for now",
    )
