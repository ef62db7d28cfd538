"""Board files: they import without touching hardware, and their pins are the boards' pins."""

import os
import sys
import time

import machine
import network
import sensors
from helpers import raises
from world import BOARDS, world

from firmware.drivers.bmp180 import BMP180
from firmware.drivers.hts221 import HTS221
from firmware.drivers.servo import Servo

# Servo, led, button, whether the button is low when pressed, I2C buses
FACTS = {
    "nucleo_f429zi": ("PD14", "PB0", "PC13", False, (1,), "NUCLEO-F429ZI"),
    "b_l475e_iot01a": ("PA15", "PA5", "PC13", True, (2, 1), "B-L475E-IOT01A"),
}


# Has neither the pins nor the modules of the other two: see test_frdm_k64f.py.
ZEPHYR = ["frdm_k64f"]


def board(name):
    """The board's module, and the world is that board at power-on."""
    world.reset(board=name)
    return getattr(__import__("firmware.boards." + name).boards, name)


def files():
    return sorted(
        name[:-3]
        for name in os.listdir("firmware/boards")
        if name.endswith(".py") and name != "__init__.py"
    )


def test_every_board_is_known_here():
    assert files() == sorted(list(FACTS) + ZEPHYR)
    assert sorted(FACTS) == sorted(BOARDS)


def test_import_touches_no_hardware():
    for name in files():
        full_name = "firmware.boards." + name
        sys.modules.pop(full_name, None)
        hidden = {key: sys.modules.pop(key, None) for key in ("machine", "network")}
        try:
            __import__(full_name)
            for key in hidden:
                assert key not in sys.modules, (name, key)
        finally:
            for key, module in hidden.items():
                if module is not None:
                    sys.modules[key] = module


def test_names():
    for name, facts in FACTS.items():
        assert board(name).MODEL == facts[5]


def test_pins():
    for name, (servo, led, button, _, _, _) in FACTS.items():
        b = board(name)
        for function, pin in ((b.servo_pin, servo), (b.led, led), (b.button, button)):
            world.pins.clear()
            function()
            assert list(world.pins) == [pin], (name, pin)


def test_servo():
    for name, facts in FACTS.items():
        b = board(name)
        Servo(b.servo_pin()).position = 1
        assert [(e["pin"], e["duty_ns"]) for e in world.events] == [
            (facts[0], 1625000),
            (facts[0], 2500000),
        ]


def test_led():
    for name, facts in FACTS.items():
        led = board(name).led()
        assert not led.value()
        led.on()
        assert led.value()
        led.off()
        assert not led.value()
        # Both light at a high level.
        assert world.events == [
            {"event": "led", "pin": facts[1], "on": True},
            {"event": "led", "pin": facts[1], "on": False},
        ]


def test_button():
    for name, (_, _, pin, low, _, _) in FACTS.items():
        pressed = board(name).button()
        assert pressed() is False
        assert machine.Pin(pin).value() == (1 if low else 0)
        world.apply({"button": True})
        assert pressed() is True
        assert machine.Pin(pin).value() == (0 if low else 1)
        world.apply({"button": False})
        assert pressed() is False


def test_buses():
    for name, facts in FACTS.items():
        buses = board(name).i2c_buses()
        assert isinstance(buses, tuple) and len(buses) == len(facts[4])
        # In the order in which sensors are looked for.
        for number, bus in zip(facts[4], buses):  # noqa: B905 - MicroPython has no strict=
            marker = sensors.BMP180(world, address=0x10 + number)
            world.attach(number, marker)
            assert marker.address in bus.scan()


def test_sensor_that_belongs_to_the_board():
    (bus,) = board("nucleo_f429zi").i2c_buses()
    assert BMP180(bus).temperature() == 21.5
    raises(OSError, HTS221, bus)
    on_board, shield = board("b_l475e_iot01a").i2c_buses()
    assert abs(HTS221(on_board).temperature() - 21.5) < 0.01
    assert shield.scan() == []


def test_both_sensors_on_every_bus():
    for name, facts in FACTS.items():
        for place, number in enumerate(facts[4]):
            b = board(name)
            world.buses[number] = []
            world.attach(number, sensors.BMP180(world))
            world.attach(number, sensors.HTS221(world))
            world.temperature = -3.5
            bus = b.i2c_buses()[place]
            assert BMP180(bus).temperature() == -3.5
            assert abs(HTS221(bus).temperature() + 3.5) < 0.01


def test_network_of_the_nucleo():
    b = board("nucleo_f429zi")
    lan = b.network_interface({"endpoint": "board-1", "hostname": "kit"})
    assert world.hostname == "kit" and not lan.isconnected()
    lan.start()
    assert lan.isconnected()
    assert lan.ifconfig()[0] == "127.0.0.1"
    assert lan.run is None
    for endpoint, name in (
        ("board-1", "board-1"),
        ("x" * 32, "x" * 32),
        # What can be no host's name: MicroPython's own stays.
        ("x" * 33, "mpy-stm32"),
        ("urn:dev:1", "mpy-stm32"),
        ("a_b", "mpy-stm32"),
    ):
        world.reset()
        b.network_interface({"endpoint": endpoint})
        assert world.hostname == name
    static = ("192.168.1.5", "255.255.255.0", "192.168.1.1", "9.9.9.9")
    lan = b.network_interface({"endpoint": "a", "network": static})
    lan.start()
    assert lan.isconnected() and lan.ifconfig() == static


def test_the_cable_of_the_nucleo():
    b = board("nucleo_f429zi")
    plugged = b.plugged
    assert plugged() is True
    world.apply({"cable": False})
    assert plugged() is False and plugged() is False
    world.apply({"cable": True})
    assert plugged() is True
    # In between: the PHY keeps it in mind, but there is a partner again.
    world.apply({"cable": False})
    world.apply({"cable": True})
    assert plugged() is True
    # The MAC has no clock where v1.28 gave up on the link.
    world.reset(cable=False, micropython="1.28")
    network.pause = lambda ms: None
    try:
        error = raises(OSError, network.LAN().active, True)
    finally:
        network.pause = time.sleep_ms
    assert error.errno == 110
    assert machine.mem32[0x40028014] == 0
    assert plugged() is False
    # What does not answer as a PHY does tells nothing.
    world.phy_answers = False
    assert plugged() is None


def test_wifi_of_the_l475():
    wifi = board("b_l475e_iot01a").network_interface({"network": None})
    wifi.start()
    levels = {name: pin._level for name, pin in world.pins.items() if pin._mode == machine.Pin.OUT}
    # Reset and silent; whoever else is on the bus, too. BOOT0 low: the module's own program.
    assert levels == {"PE0": 1, "PE8": 0, "PD13": 1, "PB5": 1, "PA8": 0, "PB13": 0, "PB12": 0}
    end = time.ticks_add(time.ticks_ms(), 5000)
    while not wifi.trouble and time.ticks_diff(end, time.ticks_ms()) > 0:
        time.sleep_ms(wifi.poll())
    assert wifi.module == "C3.5.2.5.STM"  # so the bus and its pins are the right ones
    assert "none provisioned" in wifi.trouble
