"""Drivers against simulated sensors: data sheet vectors, faults, recovery; the servo's table."""

import struct
import time

import machine
import sensors
from helpers import raises
from world import world

from firmware.drivers.bmp180 import BMP180
from firmware.drivers.hts221 import HTS221
from firmware.drivers.servo import Servo

EIO, ENODEV, ETIMEDOUT = 5, 19, 110


def hts221(calibration=sensors.HTS221.CALIBRATION, **kw):
    """A fresh B-L475E-IOT01A; returns (bus, simulated sensor), which measures every 2 ms."""
    world.reset(board="b_l475e_iot01a")
    world.buses[2] = []
    device = sensors.HTS221(world, calibration, **kw)
    device.PERIODS_MS = (0, 2, 2, 2)
    world.attach(2, device)
    return machine.I2C(2), device


def bmp180(words=sensors.BMP180.WORDS, **kw):
    """A fresh NUCLEO-F429ZI; returns (bus, simulated sensor)."""
    world.reset(board="nucleo_f429zi")
    world.buses[1] = []
    device = sensors.BMP180(world, words, **kw)
    world.attach(1, device)
    return machine.I2C(1), device


def calibration(t0_x8, t1_x8, t0_out, t1_out):
    """Registers 0x30 to 0x3F with these temperature points."""
    upper = t0_x8 >> 8 | t1_x8 >> 8 << 2
    return struct.pack(
        "<BBBBBBhhhhh", 61, 143, t0_x8 & 255, t1_x8 & 255, 0, upper, -14, 0, -12043, t0_out, t1_out
    )


def refused(driver, i2c, errno, text):
    error = raises(OSError, driver, i2c)
    assert error.args[0] == errno, error
    assert text in error.args[1] and "\n" not in error.args[1], error


# HTS221


def test_hts221_vectors():
    table = (
        # The data sheet's example: 300 is 10 degrees, 500 is 20 degrees.
        (calibration(80, 160, 300, 500), ((400, 15.0), (300, 10.0), (500, 20.0), (200, 5.0))),
        # A real chip's registers; its humidity points fall, its temperature points rise.
        (
            b"\x3d\x8f\x99\x0e\x00\xc4\xf2\xff\x3a\x03\xf5\xd0\x00\x00\x1e\x03",
            (
                (0, 19.125),
                (100, 20.957707),
                (399, 26.4375),
                (798, 33.75),
                (-100, 17.292293),
            ),
        ),
        # Another, whose first point is negative: signed words.
        (calibration(168, 285, -258, 2570), ((500, 24.92),)),
        # Points in the second half of the 10-bit range, falling raw values, below zero.
        (calibration(600, 1023, 30000, -30000), ((30000, 75.0), (-30000, 127.875))),
        (calibration(80, 160, 0, 1000), ((-5000, -40.0),)),
    )
    for registers, points in table:
        i2c, device = hts221(registers)
        sensor = HTS221(i2c)
        for raw, degrees in points:
            device.raw = raw
            assert abs(sensor.temperature() - degrees) < 0.0001 * abs(degrees), (raw, degrees)
    i2c, device = hts221()
    device.raw = 399
    assert HTS221(i2c).temperature() == 26.4375


def test_hts221_third_vector_as_printed():
    i2c, device = hts221(calibration(168, 285, -258, 2570))
    device.raw = 500
    assert "%.1f" % HTS221(i2c).temperature() == "24.9"


def test_hts221_follows_the_world():
    i2c, device = hts221()
    sensor = HTS221(i2c)
    for degrees in (-40, -12.3, 0, 21.5, 84.9, 120):
        world.temperature = degrees
        measured = sensor.temperature()
        assert isinstance(measured, float)
        assert abs(measured - degrees) < 0.01, (degrees, measured)
    # Powered and no update between the two bytes of a result.
    assert device.registers[0x20] & 0x84 == 0x84
    assert sensor.NAME == "HTS221"


def test_hts221_at_its_real_pace():
    world.reset(board="b_l475e_iot01a", temperature=-3.25)
    start = time.ticks_ms()
    assert abs(HTS221(machine.I2C(2)).temperature() + 3.25) < 0.01
    assert time.ticks_diff(time.ticks_ms(), start) < 1000


def test_hts221_refusals():
    i2c, device = hts221(chip_id=0xB1)
    refused(HTS221, i2c, ENODEV, "0xb1")
    i2c, device = hts221()
    device.unplug()
    refused(HTS221, i2c, ENODEV, "HTS221: no answer")
    world.buses[2] = []
    refused(HTS221, machine.I2C(2), ENODEV, "HTS221: no answer")
    for registers in (
        calibration(80, 160, 300, 300),
        calibration(80, 80, 300, 500),
        bytes(16),
        b"\xff" * 16,
    ):
        i2c, device = hts221(registers)
        refused(HTS221, i2c, EIO, "calibration")


def test_hts221_unplugged_and_plugged():
    i2c, device = hts221()
    sensor = HTS221(i2c)
    sensor.temperature()
    world.unplug()
    for _ in range(2):
        error = raises(OSError, sensor.temperature)
        assert error.args[0] == ENODEV and "HTS221" in error.args[1]
    world.temperature = 30
    world.plug()
    assert abs(sensor.temperature() - 30) < 0.01
    # And once more between two calls, so that no transfer fails.
    world.unplug()
    world.plug()
    world.temperature = -5
    assert device.registers[0x20] == 0
    assert abs(sensor.temperature() + 5) < 0.01


def test_hts221_exchanged_for_another():
    i2c, device = hts221()
    sensor = HTS221(i2c)
    device.unplug()
    raises(OSError, sensor.temperature)
    device.calibration = calibration(168, 285, -258, 2570)
    device.plug()
    device.power_on()
    world.temperature = 24
    assert abs(sensor.temperature() - 24) < 0.01
    device.unplug()
    raises(OSError, sensor.temperature)
    device.chip_id = 0x33
    device.plug()
    device.power_on()
    assert "0x33" in raises(OSError, sensor.temperature).args[1]


def test_hts221_that_never_measures():
    i2c, device = hts221()
    sensor = HTS221(i2c)
    device.stuck = True
    start = time.ticks_ms()
    assert raises(OSError, sensor.temperature).args[0] == ETIMEDOUT
    assert time.ticks_diff(time.ticks_ms(), start) < 2000
    device.stuck = False
    assert abs(sensor.temperature() - 21.5) < 0.01


def fault_at_every_byte(driver, i2c, degrees):
    """A transfer breaks off after n bytes, for every n; a wrong value never comes out."""
    faults = 0
    for n in range(60):
        world.nak_after = n
        try:
            sensor = driver(i2c)
        except OSError as error:
            assert error.args[0] == EIO and driver.NAME in error.args[1]
            faults += 1
        else:
            break
    # At least the chip id and the calibration.
    assert faults > 16
    faults = 0
    for n in range(60):
        world.nak_after = n
        try:
            assert abs(sensor.temperature() - degrees) < 0.01
        except OSError as error:
            assert error.args[0] == EIO
            faults += 1
        world.nak_after = None
        assert abs(sensor.temperature() - degrees) < 0.01
    assert 4 < faults < 60


def test_hts221_broken_transfers():
    i2c, device = hts221()
    fault_at_every_byte(HTS221, i2c, 21.5)


class CountingBus:
    """Passes transfers on and notes their registers."""

    def __init__(self, i2c):
        self.i2c = i2c
        self.registers = []

    def readfrom_mem_into(self, address, register, buf):
        self.registers.append(register)
        self.i2c.readfrom_mem_into(address, register, buf)

    def writeto_mem(self, address, register, data):
        self.registers.append(register)
        self.i2c.writeto_mem(address, register, data)


def test_a_measurement_costs_no_more_transfers_than_it_must():
    i2c, device = hts221()
    bus = CountingBus(i2c)
    sensor = HTS221(bus)
    sensor.temperature()
    time.sleep_ms(5)
    bus.registers.clear()
    sensor.temperature()
    # CTRL1 to T_OUT in one block.
    assert bus.registers == [0xA0]
    i2c, device = bmp180()
    bus = CountingBus(i2c)
    sensor = BMP180(bus)
    bus.registers.clear()
    sensor.temperature()
    assert bus.registers == [0xF4, 0xF4]


# BMP180


def test_bmp180_worked_example():
    i2c, device = bmp180()
    device.raw = 27898
    sensor = BMP180(i2c)
    assert sensor.temperature() == 15.0
    assert sensor.NAME == "BMP180"


def test_bmp180_vectors():
    words = sensors.BMP180.WORDS
    table = (
        # Below zero: X1 1846, X2 -3785, B5 -1939.
        (words, 25000, -12.1),
        # AC6 and AC5 beyond the signed range.
        (words[:5] + (33153,) + words[6:], 37898, 15.0),
        # X1 5791, X2 -2061, B5 3730
        (words[:4] + (40000,) + words[5:], 27898, 23.3),
    )
    for words, raw, degrees in table:
        i2c, device = bmp180(words)
        device.raw = raw
        assert BMP180(i2c).temperature() == degrees, (words, raw)


def test_bmp180_follows_the_world():
    i2c, device = bmp180()
    sensor = BMP180(i2c)
    for degrees in (-40.0, -12.3, -0.1, 0.0, 0.1, 21.5, 85.0):
        world.temperature = degrees
        assert sensor.temperature() == degrees, degrees


def test_bmp180_refusals():
    i2c, device = bmp180(chip_id=0x58)
    refused(BMP180, i2c, ENODEV, "0x58")
    i2c, device = bmp180()
    device.unplug()
    refused(BMP180, i2c, ENODEV, "BMP180: no answer")
    words = sensors.BMP180.WORDS
    for place in range(11):
        for word in (0, 0xFFFF if 3 <= place <= 5 else -1):
            i2c, device = bmp180(words[:place] + (word,) + words[place + 1 :])
            refused(BMP180, i2c, EIO, "calibration")


def test_bmp180_impossible_quotient():
    # X1 is 0 where UT is AC6; an MD of -(X1) would divide by zero.
    words = sensors.BMP180.WORDS
    i2c, device = bmp180(words[:10] + (-4743,))
    device.raw = 27898
    sensor = BMP180(i2c)
    assert raises(OSError, sensor.temperature).args[0] == EIO


def test_bmp180_unplugged_and_plugged():
    i2c, device = bmp180()
    sensor = BMP180(i2c)
    world.unplug()
    for _ in range(2):
        error = raises(OSError, sensor.temperature)
        assert error.args[0] == ENODEV and "BMP180" in error.args[1]
    world.plug()
    world.temperature = -7.7
    assert sensor.temperature() == -7.7


def test_bmp180_loses_supply_while_converting():
    i2c, device = bmp180()
    sensor = BMP180(i2c)

    def start_and_lose(register, byte, start=device.set):
        start(register, byte)
        device.power_on()

    device.set = start_and_lose
    error = raises(OSError, sensor.temperature)
    assert error.args[0] == EIO and "supply" in error.args[1]
    del device.set
    assert sensor.temperature() == 21.5


def test_bmp180_conversion_without_end():
    i2c, device = bmp180()
    sensor = BMP180(i2c)
    device.stuck = True
    assert raises(OSError, sensor.temperature).args[0] == ETIMEDOUT
    device.stuck = False
    assert sensor.temperature() == 21.5


def test_bmp180_broken_transfers():
    i2c, device = bmp180()
    fault_at_every_byte(BMP180, i2c, 21.5)


# Servo


def servo_on(board, pin):
    world.reset(board=board)
    return Servo(machine.Pin(pin))


def test_servo_table():
    table = (
        (0, 750),
        (0.0, 750),
        (0.25, 1187),
        (0.3333, 1333),
        (0.5, 1625),
        (0.75, 2062),
        (1, 2500),
        (1.0, 2500),
    )
    for board, pin in (("nucleo_f429zi", "PD14"), ("b_l475e_iot01a", "PA15")):
        servo = servo_on(board, pin)
        assert servo.position == 0.5 and servo.pulse_us == 1625
        assert world.events == [{"event": "pwm", "pin": pin, "freq": 50, "duty_ns": 1625000}]
        servo.position = 0.1
        for position, pulse_us in table:
            world.events.clear()
            servo.position = position
            assert servo.position == position and isinstance(servo.position, float)
            assert servo.pulse_us == pulse_us and isinstance(servo.pulse_us, int)
            for event in world.events:
                duty_ns = pulse_us * 1000
                assert event == {"event": "pwm", "pin": pin, "freq": 50, "duty_ns": duty_ns}


def test_servo_refuses():
    servo = servo_on("nucleo_f429zi", "PD14")
    servo.position = 0.25
    world.events.clear()

    def move(position):
        servo.position = position

    for position in (-0.1, 1.2, -0.0001, 1.0001, float("nan"), float("inf"), -float("inf"), 10**9):
        error = raises(ValueError, move, position)
        assert "0 to 1" in error.args[0]
    raises(TypeError, move, "0.5")
    raises(TypeError, move, None)
    assert servo.position == 0.25 and servo.pulse_us == 1187
    assert world.events == []

    def set_pulse():
        servo.pulse_us = 1000

    raises(AttributeError, set_pulse)
