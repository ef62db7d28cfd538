"""B-L475E-IOT01A (DISCO-L475VG-IOT01A): HTS221 on the board, servo header D9 of the shield."""

import time

from micropython import const

from firmware.drivers.ism43362 import ISM43362
from firmware.wifi import WiFi

MODEL = "B-L475E-IOT01A"
SENSORS = ("HTS221", "BMP180")
BLOCK_SIZE = 256  # bytes of a block of a long payload (RFC 7959)
SLOTS = 2  # for packages, beside the factory's copy
SLOT_BYTES = 128 * 1024  # the longest package

_I2C_BOARD = const(2)  # SCL PB10, SDA PB11
_I2C_SHIELD = const(1)  # SCL PB8, SDA PB9

# The Wi-Fi module; SPI 3 is PC10, PC11, PC12.
_SPI = const(3)
_BAUDRATE = const(10000000)
_WAKEUP = "PB13"
_BOOT0 = "PB12"


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
    """The Wi-Fi module ISM43362, not started yet."""
    from machine import SPI, Pin

    # Bluetooth (chip select, reset) and the other radio, on the same bus, stay silent.
    for name, level in (("PD13", 1), ("PA8", 0), ("PB5", 1), (_WAKEUP, 0), (_BOOT0, 0)):
        Pin(name, Pin.OUT, value=level)
    spi = SPI(_SPI, baudrate=_BAUDRATE, polarity=0, phase=0)
    cs = Pin("PE0", Pin.OUT, value=1)
    reset = Pin("PE8", Pin.OUT, value=1)
    driver = ISM43362(spi, cs, Pin("PE1", Pin.IN), reset, time)
    return WiFi(driver, settings.get("network"))
