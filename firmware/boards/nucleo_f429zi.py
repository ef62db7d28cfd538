"""NUCLEO-F429ZI with the IoTKit shield: Ethernet, BMP180 on the shield, servo header D10."""

from micropython import const

MODEL = "NUCLEO-F429ZI"
SENSORS = ("BMP180", "HTS221")
BLOCK_SIZE = 512  # bytes of a block of a long payload (RFC 7959)
SLOTS = 1  # for packages, beside the factory's copy
SLOT_BYTES = 80 * 1024  # the longest package

_I2C = const(1)  # SCL PB8, SDA PB9

_RCC_AHB1ENR = const(0x40023830)
_ETHMACEN = const(1 << 25)
_MACMIIAR = const(0x40028010)
_MACMIIDR = const(0x40028014)
_READ_BSR = const(1 << 6 | 4 << 2 | 1)  # register 1 of PHY 0, HCLK / 102
_ABLE = const(0x7800)  # the upper half: what it can do, always the same
_LINK = const(4)


def i2c_buses():
    """The buses on which sensors are looked for, in this order."""
    from machine import I2C

    return (I2C(_I2C),)


def servo_pin():
    """SERVO2. (SERVO3 is out of reach: its pin PA7 belongs to Ethernet.)"""
    from machine import Pin

    return Pin("PD14")


def led():
    """led1 (green), dark; `on()`, `off()`, `value()`. It lights at a high level, as a Pin does."""
    from machine import Pin

    return Pin("PB0", Pin.OUT, value=0)


def button():
    """A function that tells whether button1 (blue) is pressed: high, pulled down on the board."""
    from machine import Pin

    pin = Pin("PC13", Pin.IN)
    return lambda: pin.value() == 1


def network_interface(settings):
    """Ethernet, not started yet."""
    import network

    from firmware.lan import LAN

    name = settings.get("hostname") or settings["endpoint"]
    if len(name) <= 32 and not ("." in name or ":" in name or "_" in name):
        network.hostname(name)
    return LAN(network.LAN(), plugged, settings.get("network"))


def plugged():
    """Whether the PHY (LAN8742A, address 0) has a partner; None where it does not answer."""
    # By the registers of the MCU (RM0090 section 33.8), for v1.28 does not tell while the
    # interface is active. The bit stays down until it was read once (IEEE 802.3 section
    # 22.2.4.2.13). In v1.29
    # an interrupt reads registers of the PHY, too: one answer may be to that.
    from machine import mem32

    mem32[_RCC_AHB1ENR] |= _ETHMACEN
    found = None
    for _ in range(3):
        mem32[_MACMIIAR] = _READ_BSR
        for _ in range(50):  # it takes 30 us
            if not mem32[_MACMIIAR] & 1:
                break
        status = mem32[_MACMIIDR]
        if status & 0xFF00 == _ABLE:
            if status & _LINK:
                return True
            found = False
    return found
