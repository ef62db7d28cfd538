"""The K64F's board file, on a `machine` as MicroPython's Zephyr port has it.

Zephyr names devices by their node in the devicetree, pins by (port, number), channels of PWM by
(timer, number); a device that a build lacks is a ValueError.
"""

import sys

from helpers import raises

from firmware.boards import frdm_k64f as board
from firmware.drivers.sensor import Thermometer
from firmware.drivers.servo import Servo

GPIO = ("gpioa", "gpiob", "gpioc", "gpiod", "gpioe")
# A board with the devices of the kit, and one as Zephyr's own devicetree describes it.
KIT = GPIO + ("i2c0", "i2c1", "ftm0", "ftm3")
STOCK = GPIO + ("i2c0", "ftm0", "ftm3")


class Zephyr:
    """Its `machine`, with the devices of one build."""

    def __init__(self, devices):
        self.devices = devices
        self.levels = {("gpioc", 13): 1}
        self.pulses = []
        self.chips = {}  # by bus
        zephyr = self

        def find(name):
            if name not in zephyr.devices:
                raise ValueError("device %s not found" % name)
            return name

        class Pin:
            IN, OUT = 1, 2

            def __init__(self, place, mode=None, value=None):
                port, number = place
                find(port)
                self.place = port, number
                if value is not None:
                    zephyr.levels[self.place] = value

            def value(self):
                return zephyr.levels[self.place]

            def on(self):
                zephyr.levels[self.place] = 1

            def off(self):
                zephyr.levels[self.place] = 0

        class PWM:
            def __init__(self, channel, freq, duty_ns):
                if not isinstance(channel, tuple):
                    raise ValueError("Pin id must be tuple")
                find(channel[0])
                self.channel = channel
                self.freq = freq
                self.duty_ns(duty_ns)

            def duty_ns(self, duty_ns):
                zephyr.pulses.append((self.channel, self.freq, duty_ns))

        class I2C:
            def __init__(self, name):
                self.name = find(name)

            def readfrom_mem_into(self, address, register, buffer):
                chip = zephyr.chips.get((self.name, address))
                if chip is None:
                    raise OSError(5)
                for place in range(len(buffer)):
                    buffer[place] = chip[(register & 0x7F) + place]

            def writeto_mem(self, address, register, data):
                zephyr.chips[self.name, address][register] = data[0]

        self.Pin, self.PWM, self.I2C = Pin, PWM, I2C

    def __enter__(self):
        self.hidden = sys.modules.get("machine")
        sys.modules["machine"] = self
        return self

    def __exit__(self, *error):
        if self.hidden is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = self.hidden


def hts221():
    """Registers of a chip that measures 15.0 degrees: the example of its data sheet."""
    registers = bytearray(0x40)
    registers[0x0F] = 0xBC
    registers[0x27] = 0x01  # T_DA
    registers[0x2A] = 400 & 0xFF
    registers[0x2B] = 400 >> 8
    registers[0x32], registers[0x33] = 80, 160  # 10 and 20 degrees, in eighths
    registers[0x3C], registers[0x3D] = 300 & 0xFF, 300 >> 8
    registers[0x3E], registers[0x3F] = 500 & 0xFF, 500 >> 8
    return registers


def test_servo():
    with Zephyr(STOCK) as zephyr:
        servo = Servo(board.servo_pin())
        servo.position = 1
        servo.position = 0
        assert zephyr.pulses == [
            (("ftm3", 0), 50, 1625000),
            (("ftm3", 0), 50, 2500000),
            (("ftm3", 0), 50, 750000),
        ]


def test_led_and_button():
    with Zephyr(STOCK) as zephyr:
        led = board.led()
        assert led.value() == 0
        led.on()
        assert zephyr.levels["gpiod", 2] == 1
        led.off()
        assert led.value() == 0
        pressed = board.button()
        assert pressed() is False
        zephyr.levels["gpioc", 13] = 0
        assert pressed() is True


def test_the_bus_of_the_kit_comes_first():
    with Zephyr(KIT):
        assert [bus.name for bus in board.i2c_buses()] == ["i2c1", "i2c0"]


def test_a_build_without_the_bus_of_the_kit():
    with Zephyr(STOCK):
        assert [bus.name for bus in board.i2c_buses()] == ["i2c0"]
    with Zephyr(GPIO):
        assert board.i2c_buses() == ()
        error = raises(OSError, Thermometer(board.i2c_buses(), board.SENSORS).temperature)
        assert "HTS221" in str(error)


def test_sensor():
    with Zephyr(KIT) as zephyr:
        zephyr.chips["i2c1", 0x5F] = hts221()
        thermometer = Thermometer(board.i2c_buses(), board.SENSORS)
        assert thermometer.temperature() == 15.0


def test_there_is_no_network():
    error = raises(OSError, board.network_interface)
    assert "ESP8266" in str(error) and "docs/frdm-k64f.md" in str(error)
