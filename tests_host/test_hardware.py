"""The mock hardware itself: what a board would refuse, registers, faults, events."""

import sys
import time

import board_radio
import machine
import machine_time
import network
import sensor_bmp180
import sensor_hts221
import sensors
from helpers import FakeClock, raises
from ism43362 import Misuse
from world import World, world


class Clock(FakeClock):
    def ticks_us(self):
        return self.now * 1000


CLOCK = Clock()


def fresh(board="nucleo_f429zi", **state):
    """The board at power-on."""
    world.reset(board=board, **state)


def on_fake_clock(test):
    """Runs the test with the simulated hardware on CLOCK, so no pause of the host matters."""

    def run():
        simulated = sys.modules["world"]
        modules = machine, machine_time, board_radio, sensor_bmp180, sensor_hts221, simulated
        for module in modules:
            module.time = CLOCK
        try:
            test()
        finally:
            for module in modules:
                module.time = time

    return run


# Pins


def test_pin_names():
    fresh()
    for name in ("PA0", "PC13", "PG15", "PH1"):
        assert repr(machine.Pin(name)) == "Pin('%s')" % name
    for name in ("PH2", "PI0", "PA16", "PA01", "PA", "PAx", "A0", "D14", "LED1", "", 7, None):
        raises(ValueError, machine.Pin, name)
    fresh("b_l475e_iot01a")
    for name in ("PF0", "PG15"):
        raises(ValueError, machine.Pin, name)
    machine.Pin("PE15")


def test_pin_is_one_object():
    fresh()
    pin = machine.Pin("PB0", machine.Pin.OUT)
    assert machine.Pin("PB0") is pin
    assert machine.Pin(pin) is pin
    pin.on()
    assert machine.Pin("PB0").value() == 1


def test_pin_wrong_arguments():
    fresh()
    raises(ValueError, machine.Pin, "PB0", 77)
    raises(ValueError, machine.Pin, "PB0", machine.Pin.IN, 9)
    raises(TypeError, machine.Pin, "PB0", machine.Pin.OUT, None, 1)


def test_output_events():
    fresh()
    pin = machine.Pin("PB7", machine.Pin.OUT, value=0)
    assert world.events == []
    pin.on()
    pin.value(1)
    pin(True)
    pin.toggle()
    pin.off()
    assert [(e["event"], e["pin"], e["on"]) for e in world.events] == [
        ("led", "PB7", True),
        ("led", "PB7", False),
    ]


def test_inputs():
    fresh()
    assert machine.Pin("PE3", machine.Pin.IN).value() == 0
    assert machine.Pin("PE3", machine.Pin.IN, machine.Pin.PULL_UP).value() == 1
    world.levels["PE3"] = 0
    assert machine.Pin("PE3").value() == 0


def test_signal():
    fresh()
    pin = machine.Pin("PB0", machine.Pin.OUT, value=1)
    led = machine.Signal(pin, invert=True)
    led.on()
    assert pin.value() == 0 and led.value() == 1
    led.off()
    assert pin.value() == 1 and led.value() == 0
    assert machine.Signal("PB0", machine.Pin.OUT).value() == 1


def test_button_interrupt():
    # Pressed is a rising edge on the one board, a falling edge on the other.
    for board, trigger in (
        ("nucleo_f429zi", machine.Pin.IRQ_RISING),
        ("b_l475e_iot01a", machine.Pin.IRQ_FALLING),
    ):
        fresh(board)
        calls = []
        pin = machine.Pin("PC13", machine.Pin.IN)
        pin.irq(calls.append, trigger)
        world.apply({"button": True})
        assert calls == [pin]
        world.apply({"button": True})
        world.apply({"button": False})
        assert calls == [pin]


# PWM


def test_pwm():
    fresh()
    pwm = machine.PWM(machine.Pin("PD14"), freq=50, duty_ns=1625000)
    assert pwm.freq() == 50 and pwm.duty_ns() == 1625000 and pwm.duty_u16() == 5325
    pwm.duty_ns(1625000)
    pwm.duty_u16(65535)
    assert pwm.duty_ns() == 20000000
    pwm.init(freq=40)
    pwm.deinit()
    assert [(e["event"], e["pin"], e["freq"], e["duty_ns"]) for e in world.events] == [
        ("pwm", "PD14", 50, 1625000),
        ("pwm", "PD14", 50, 20000000),
        ("pwm", "PD14", 40, 20000000),
        ("pwm", "PD14", 40, 0),
    ]


def test_pwm_refuses():
    for board, without in (
        ("nucleo_f429zi", ("PC13", "PG9", "PB2")),
        ("b_l475e_iot01a", ("PC13",)),
    ):
        fresh(board)
        for name in without:
            raises(ValueError, machine.PWM, machine.Pin(name))
    raises(TypeError, machine.PWM, "PA15")
    pwm = machine.PWM(machine.Pin("PA15"), freq=50)
    for value in (-1, 20000001, 10**10):
        raises(ValueError, pwm.duty_ns, value)
    for value in (-1, 65536):
        raises(ValueError, pwm.duty_u16, value)
    for value in (0, -5, 10**9):
        raises(ValueError, pwm.freq, value)
    raises(TypeError, pwm.duty_ns, 1.5)
    assert pwm.duty_ns() == 0 and pwm.freq() == 50


# I2C


def test_i2c_buses_of_the_boards():
    fresh()
    assert machine.I2C(1).scan() == [0x77]
    assert machine.I2C(3).scan() == []
    for number in (0, 2, 4, -1):
        raises(ValueError, machine.I2C, number)
    fresh("b_l475e_iot01a")
    assert machine.I2C(2).scan() == [0x5F]
    assert machine.I2C(1).scan() == []
    raises(ValueError, machine.I2C, 3)
    pins = machine.Pin("PB10"), machine.Pin("PB11")
    assert machine.SoftI2C(*pins).scan() == [0x5F]
    assert machine.SoftI2C(pins[1], pins[0]).scan() == []


def test_i2c_absent_address():
    fresh()
    i2c = machine.I2C(1)
    for function, args in (
        (i2c.readfrom, (0x5F, 1)),
        (i2c.writeto, (0x5F, b"\x0f")),
        (i2c.readfrom_mem, (0x5F, 0x0F, 1)),
        (i2c.readfrom_mem_into, (0x5F, 0x0F, bytearray(1))),
        (i2c.writeto_mem, (0x5F, 0x20, b"\x87")),
    ):
        assert raises(OSError, function, *args).args[0] == 19
    # Nothing was ever there, so no plug was pulled.
    assert world.events == []


def test_i2c_unplugged():
    fresh(i2c="unplugged")
    i2c = machine.I2C(1)
    assert i2c.scan() == []
    assert raises(OSError, i2c.readfrom_mem, 0x77, 0xD0, 1).args[0] == 19
    assert world.events == [{"event": "i2c", "fault": "unplugged", "addr": 0x77}]
    world.apply({"i2c": "plugged"})
    assert i2c.readfrom_mem(0x77, 0xD0, 1) == b"\x55"
    world.devices(1)[0].unplug()
    raises(OSError, i2c.readfrom_mem, 0x77, 0xD0, 1)


def test_i2c_nak_within_a_transfer():
    fresh()
    i2c = machine.I2C(1)
    world.nak_after = 3
    buf = bytearray(8)
    assert raises(OSError, i2c.readfrom_mem_into, 0x77, 0xAA, buf).args[0] == 5
    assert buf[:3] == b"\x01\x98\xff" and buf[3:] == bytes(5)
    assert world.events == [{"event": "i2c", "fault": "nak", "addr": 0x77}]
    i2c.readfrom_mem_into(0x77, 0xAA, buf)
    assert buf == b"\x01\x98\xff\xb8\xc7\xd1\x7f\xe5"


def test_any_range_of_registers():
    fresh("b_l475e_iot01a")
    i2c = machine.I2C(2)
    world.attach(2, sensors.BMP180(world))
    for address, first, flag, expected in (
        (0x5F, 0x30, 0x80, sensors.HTS221.CALIBRATION),
        (
            0x77,
            0xAA,
            0,
            b"\x01\x98\xff\xb8\xc7\xd1\x7f\xe5\x7f\xf5\x5a\x71"
            b"\x18\x2e\x00\x04\x80\x00\xdd\xf9\x0b\x34",
        ),
    ):
        for start in range(len(expected)):
            for length in (1, 2, 5):
                part = expected[start : start + length]
                register = first + start | flag
                assert i2c.readfrom_mem(address, register, len(part)) == part
                # The same as two transfers.
                assert i2c.writeto(address, bytes([register]), False) == 1
                assert i2c.readfrom(address, len(part)) == part


def test_writev_and_pointer():
    fresh()
    i2c = machine.I2C(1)
    assert i2c.writevto(0x77, (b"\xf4", b"\x2e")) == 2
    assert i2c.readfrom_mem(0x77, 0xF4, 1) == b"\x2e"
    raises(ValueError, i2c.readfrom_mem, 0x77, 300, 1)


# HTS221


def hts221(period_ms=2):
    fresh("b_l475e_iot01a")
    device = world.devices(2)[0]
    device.PERIODS_MS = (0, period_ms, period_ms, period_ms)
    return machine.I2C(2), device


def test_hts221_needs_the_increment_bit():
    i2c, device = hts221()
    assert i2c.readfrom_mem(0x5F, 0x0F, 3) == b"\xbc\xbc\xbc"
    assert i2c.readfrom_mem(0x5F, 0x0F | 0x80, 3) == b"\xbc\x1b\x00"


@on_fake_clock
def test_hts221_sleeps_without_power_bit():
    i2c, device = hts221()
    i2c.writeto_mem(0x5F, 0x20, b"\x07")
    i2c.writeto_mem(0x5F, 0x21, b"\x01")
    CLOCK.advance(10)
    assert i2c.readfrom_mem(0x5F, 0x27, 1) == b"\x00"


@on_fake_clock
def test_hts221_one_shot():
    i2c, device = hts221()
    i2c.writeto_mem(0x5F, 0x20, b"\x84")
    i2c.writeto_mem(0x5F, 0x21, b"\x01")
    assert i2c.readfrom_mem(0x5F, 0x27, 1) == b"\x00"
    CLOCK.advance(10)
    assert i2c.readfrom_mem(0x5F, 0x27, 1) == b"\x03"
    # Cleared by itself.
    assert i2c.readfrom_mem(0x5F, 0x21, 1) == b"\x00"
    world.temperature = 33.75
    low = i2c.readfrom_mem(0x5F, 0x2A, 1)
    assert i2c.readfrom_mem(0x5F, 0x27, 1) == b"\x03"
    high = i2c.readfrom_mem(0x5F, 0x2B, 1)
    assert i2c.readfrom_mem(0x5F, 0x27, 1) == b"\x02"
    # The world as it was at the time of the measurement: 21.5 degrees.
    assert low + high == b"\x82\x00"
    CLOCK.advance(10)
    assert i2c.readfrom_mem(0x5F, 0x27, 1) == b"\x02"


@on_fake_clock
def test_hts221_block_data_update():
    for bdu, second in ((b"\x87", 0x82), (b"\x83", 0x031E)):
        i2c, device = hts221()
        i2c.writeto_mem(0x5F, 0x20, bdu)
        CLOCK.advance(4)
        low = i2c.readfrom_mem(0x5F, 0x2A, 1)[0]
        world.temperature = 33.75
        CLOCK.advance(4)
        high = i2c.readfrom_mem(0x5F, 0x2B, 1)[0]
        # Without BDU the halves of two measurements are mixed.
        assert (low, high) == (0x82, second >> 8)


def test_hts221_loses_its_registers():
    i2c, device = hts221()
    i2c.writeto_mem(0x5F, 0x20, b"\x87")
    assert i2c.readfrom_mem(0x5F, 0x20, 1) == b"\x87"
    world.unplug()
    world.plug()
    assert i2c.readfrom_mem(0x5F, 0x20, 1) == b"\x00"


@on_fake_clock
def test_hts221_humidity():
    i2c, device = hts221()
    device.humidity = 71.5
    i2c.writeto_mem(0x5F, 0x20, b"\x87")
    CLOCK.advance(4)
    # The falling point of this chip: -12043.
    assert i2c.readfrom_mem(0x5F, 0xA8, 2) == b"\xf5\xd0"


# BMP180


@on_fake_clock
def test_bmp180_conversion():
    fresh()
    i2c = machine.I2C(1)
    assert i2c.readfrom_mem(0x77, 0xF6, 2) == b"\x80\x00"
    world.temperature = 15
    i2c.writeto_mem(0x77, 0xF4, b"\x2e")
    assert i2c.readfrom_mem(0x77, 0xF4, 1)[0] & 0x20
    assert i2c.readfrom_mem(0x77, 0xF6, 2) == b"\x80\x00"
    CLOCK.advance(4)
    assert i2c.readfrom_mem(0x77, 0xF4, 1)[0] & 0x20
    CLOCK.advance(1)
    assert not i2c.readfrom_mem(0x77, 0xF4, 1)[0] & 0x20
    high, low = i2c.readfrom_mem(0x77, 0xF6, 2)
    # The worked example's 27898 is one of the readings that give 15.0 degrees.
    assert abs((high << 8 | low) - 27898) < 16
    # Pressure with the longest oversampling takes 25.5 ms.
    i2c.writeto_mem(0x77, 0xF4, b"\xf4")
    CLOCK.advance(25)
    assert i2c.readfrom_mem(0x77, 0xF4, 1)[0] & 0x20
    CLOCK.advance(1)
    assert i2c.readfrom_mem(0x77, 0xF6, 2) == b"\x5d\x23"
    # Soft reset.
    i2c.writeto_mem(0x77, 0xE0, b"\xb6")
    assert i2c.readfrom_mem(0x77, 0xF6, 2) == b"\x80\x00"


# SPI


def test_spi():
    fresh("b_l475e_iot01a")
    raises(ValueError, machine.SPI, 4)
    spi = machine.SPI(3, baudrate=10000000, polarity=0, phase=0, bits=8)
    assert spi.read(2) == b"\0\0"
    world.spi[3] = lambda byte: byte ^ 0xFF
    buf = bytearray(3)
    spi.readinto(buf, 0x0A)
    assert buf == b"\xf5\xf5\xf5"
    raises(ValueError, spi.write_readinto, b"12", buf)


@on_fake_clock
def test_wifi_module():
    fresh("b_l475e_iot01a")
    world.apply({"radio": {"rssi": -70}})
    spi = machine.SPI(3, baudrate=10000000)
    cs = machine.Pin("PE0", machine.Pin.OUT, value=1)
    drdy = machine.Pin("PE1", machine.Pin.IN)
    reset = machine.Pin("PE8", machine.Pin.OUT, value=0)
    radio = world.radio
    assert radio.module.resets == 1
    CLOCK.advance(10)
    reset(1)
    assert drdy() == 0
    CLOCK.advance(world.wait_ms())
    assert drdy() == 1
    assert spi.read(2) == b"\0\0"  # CS is high
    cs(0)
    raises(Misuse, spi.read, 2)  # others may be selected
    machine.Pin("PD13", machine.Pin.OUT, value=1)
    machine.Pin("PB5", machine.Pin.OUT, value=1)
    machine.Pin("PA8", machine.Pin.OUT, value=0)
    buf = bytearray(6)
    spi.readinto(buf, 0x0A)
    assert buf == b"\x15\x15\x0a\x0d\x20\x3e"
    assert drdy() == 0
    cs(1)
    assert drdy() == 1
    spi.init(baudrate=10000000, polarity=1)
    cs(0)
    raises(Misuse, spi.write, b"?I\n\r")
    assert radio.access_point.rssi == -70
    world.apply({"radio": {"ap": False, "fail": 0.5, "seed": 4}})
    assert not radio.access_point.up
    assert radio.module.faults.share == 0.5
    assert world.events == []  # none of these pins is a led
    fresh()
    assert world.radio is None
    assert machine.Pin("PE1").value() == 0


# Watchdog, resets, the rest of machine


@on_fake_clock
def test_watchdog():
    fresh()
    assert world.wdt is None and not world.wdt_expired()
    for timeout in (0, -1, 32768, 60000):
        raises(ValueError, machine.WDT, 0, timeout)
    raises(ValueError, machine.WDT, 1, 1000)
    assert world.events == []
    watchdog = machine.WDT(timeout=20)
    assert world.wdt == 20 and not world.wdt_expired()
    CLOCK.advance(30)
    assert world.wdt_expired()
    watchdog.feed()
    assert not world.wdt_expired() and world.feeds == 1
    assert world.events == [{"event": "wdt", "timeout_ms": 20}, {"event": "feed"}]


def test_reset():
    fresh()
    for function, cause in ((machine.reset, "hard"), (machine.soft_reset, "soft")):
        world.events.clear()
        assert raises(machine.Reset, function).args == (cause,)
        assert world.events == [{"event": "reset", "cause": cause}]
    assert not issubclass(machine.Reset, Exception)


def test_reset_cause():
    for cause, value in (
        ("power", machine.PWRON_RESET),
        ("button", machine.HARD_RESET),
        ("hard", machine.HARD_RESET),
        ("wdt", machine.WDT_RESET),
        ("soft", machine.SOFT_RESET),
    ):
        fresh(reset_cause=cause)
        assert machine.reset_cause() == value, cause
    assert (
        len({machine.SOFT_RESET, machine.PWRON_RESET, machine.HARD_RESET, machine.WDT_RESET}) == 4
    )


def test_identity():
    fresh(unique_id="00112233445566778899aabb")
    assert machine.unique_id() == b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb"
    assert machine.freq()[0] == 168000000
    assert network.LAN().config("mac") == b"\x02\x11\x22\x33\x44\x55"
    assert not hasattr(machine, "ADC")


@on_fake_clock
def test_timer():
    fresh()
    calls = []
    raises(ValueError, machine.Timer, 4)
    timer = machine.Timer(-1, period=5, callback=calls.append)
    world.run_timers()
    assert calls == []
    CLOCK.advance(8)
    machine.idle()
    assert calls == [timer]
    timer.deinit()
    CLOCK.advance(8)
    machine.idle()
    assert calls == [timer]
    once = machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, callback=calls.append)
    for _ in range(2):
        CLOCK.advance(3)
        machine.idle()
    assert calls == [timer, once] and world.timers == ()


@on_fake_clock
def test_timer_that_touches_hardware():
    fresh()
    pin = machine.Pin("PB0", machine.Pin.OUT)
    machine.Timer(-1, period=1, callback=lambda timer: pin.toggle())
    CLOCK.advance(3)
    machine.idle()
    assert [e["on"] for e in world.events] == [True]


def test_rtc():
    fresh()
    rtc = machine.RTC()
    rtc.datetime((2030, 5, 17, 5, 12, 30, 15, 0))
    now = rtc.datetime()
    assert now[:6] == (2030, 5, 17, 5, 12, 30) and now[6] in (15, 16, 17)


# Network


def test_lan():
    fresh()
    lan = network.LAN()
    assert not lan.isconnected() and lan.status() == 1
    assert lan.ifconfig()[0] == "0.0.0.0"
    lan.active(True)
    assert lan.isconnected() and lan.active() and lan.status() == 3
    assert lan.ipconfig("addr4") == ("127.0.0.1", "255.0.0.0")
    world.apply({"cable": False})
    assert not lan.isconnected() and lan.status() == 0
    lan.ipconfig(dhcp4=True)
    raises(ValueError, lan.config, "essid")
    raises(TypeError, lan.config)


def test_lan_without_hot_plug():
    # As MicroPython v1.28 does.
    fresh(micropython="1.28", cable=False)
    lan = network.LAN()
    waits = []
    network.pause = waits.append
    try:
        assert lan.status() == 0
        assert raises(OSError, lan.active, True).errno == 110
        assert waits == [10000] and lan.status() == 0
        world.apply({"cable": True})
        assert lan.status() == 0  # nobody has asked again
        lan.active(True)
        assert lan.status() == 3 and waits.pop() == 1600
        world.apply({"cable": False})
        assert lan.isconnected() and lan.ifconfig()[0] == "127.0.0.1"
        world.apply({"cable": True})
        assert lan.isconnected()
        lan.active(False)
        assert lan.status() == 0 and not lan.isconnected()
        assert waits == [10000]
    finally:
        network.pause = time.sleep_ms


def test_dhcp():
    for version in ("1.28", "1.29"):
        fresh(micropython=version, dhcp=False)
        lan = network.LAN()
        network.pause = lambda ms: None
        lan.active(True)
        assert lan.status() == 2 and lan.ifconfig()[0] == "0.0.0.0"
        world.apply({"dhcp": True})
        assert lan.status() == 3
        # What has an address keeps it.
        world.apply({"dhcp": False})
        assert lan.status() == 3
        lan.ifconfig(("192.168.1.5", "255.255.255.0", "192.168.1.1", "9.9.9.9"))
        assert lan.ipconfig("addr4") == ("192.168.1.5", "255.255.255.0")
        assert not lan.ipconfig("has_dhcp4")
        lan.active(False)
        lan.active(True)
        network.pause = time.sleep_ms
        assert lan.status() == 2  # by DHCP again, as eth_lwip_init() says


def test_no_interface_on_the_l475():
    fresh("b_l475e_iot01a")
    assert not hasattr(network, "LAN")
    fresh()
    assert hasattr(network, "LAN") and not hasattr(network, "WLAN")


def test_network_functions():
    fresh()
    assert network.hostname() == "mpy-stm32"
    network.hostname("kit")
    assert network.hostname() == "kit"
    raises(ValueError, network.hostname, "x" * 33)
    network.country("CH")
    raises(ValueError, network.country, "CHE")
    network.ipconfig(prefer=4)


# World


def test_world_state():
    fresh(temperature=3, button=True, cable=False, i2c="unplugged")
    assert (world.temperature, world.button, world.cable, world.plugged) == (3, True, False, False)
    for state in (
        {"temperature": "warm"},
        {"temperature": True},
        {"temperature": float("nan")},
        {"button": 0},
        {"cable": None},
        {"i2c": "burnt"},
        {"unknown": 1},
        [1],
        7,
        None,
    ):
        world.apply(state)
    assert (world.temperature, world.button, world.cable, world.plugged) == (3, True, False, False)
    for state in ({"board": "uno"}, {"reset_cause": "anger"}):
        error = raises(ValueError, lambda state=state: World().reset(**state))
        assert "expected one of" in error.args[0]
