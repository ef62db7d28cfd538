"""NUCLEO-F429ZI with the IoTKit shield: Ethernet, BMP180 on the shield, servo header D10."""

from micropython import const

MODEL = "NUCLEO-F429ZI"
SENSORS = ("BMP180", "HTS221")
# TIM4 channel 3; 84 MHz / 84 = ticks of 1 us.
SERVO_TIMER = (4, 3, 83)
BLOCK_SIZE = 512  # bytes of a block of a long payload (RFC 7959)

_I2C = const(1)  # SCL PB8, SDA PB9


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


def network_interface():
    """Ethernet, started; `isconnected()` is true once DHCP has brought an address."""
    import network

    lan = network.LAN()
    lan.active(True)
    return lan
