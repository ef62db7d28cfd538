"""The hardware of the virtual board: asked for in MicroPython, simulated at the other end."""

import json
import os
import select
import time

import pytest
from board_process import ROOT

from tools.virtual.hardware import Hardware, world
from tools.virtual.interpreter import Interpreter
from tools.virtual.world import Lines

HEAP_SHARE_LIMIT = 5 * 1024

# What every script begins with. `say` makes the other end do something before it reads on.
PRELUDE = f"""
import json, os, sys, time
sys.path.append({str(ROOT)!r})
import world
import machine
def say(what, value=None):
    world.stream.write(json.dumps({{"event": "say", what: value}}) + "\\n")
def error_of(function, *args, **kw):
    try:
        return function(*args, **kw)
    except Exception as error:
        return type(error).__name__, error.args[0]
"""


class Script:
    """Runs one script in MicroPython beside its hardware, to the end; then see what happened."""

    def __init__(self, folder, text, prelude=PRELUDE, heap="128k", **state):
        (folder / "script.py").write_text(prelude + text)
        state = {"board": "nucleo_f429zi", **state}
        code = "execfile('script.py')"
        self.board = Interpreter(folder, heap, code, json.dumps(state), False)
        self.hardware = Hardware(state, self.send)
        self.requests = []
        self.events = []
        self.warnings = []
        self._console = b""
        try:
            self._serve()
        finally:
            self.status = self.board.end(1)

    @property
    def console(self):
        return self._console.decode().splitlines()

    def send(self, line):
        self.board.channel.setblocking(True)
        self.board.channel.sendall(line)
        self.board.channel.setblocking(False)

    def _serve(self):
        lines = Lines(64 * 1024)
        open_ones = [self.board.console, self.board.channel]
        deadline = time.monotonic() + 20
        while self.board.console in open_ones:
            assert time.monotonic() < deadline, (self.console, self.requests[-5:])
            for source in select.select(open_ones, [], [], 1)[0]:
                try:
                    data = os.read(source if isinstance(source, int) else source.fileno(), 4096)
                except OSError:
                    data = b""
                if not data:
                    open_ones.remove(source)
                elif source is self.board.channel:
                    for line in lines.feed(data):
                        self._take(line)
                        if self.board.channel.fileno() < 0:
                            open_ones.remove(source)
                else:
                    self._console += data

    def _take(self, line):
        if line.startswith(b"{"):
            event = json.loads(line)
            if event["event"] == "say":
                self._hear(event)
            else:
                self.events.append(event)
            return
        self.requests.append(line)
        try:
            events = self.hardware.request(line)
        except ValueError:
            self.warnings.append(line)
            return
        self.events += events
        if "reset" in [event["event"] for event in events]:
            time.sleep(0.1)  # for the board to go on, should it do so
            self.board.process.kill()

    def _hear(self, event):
        if "change" in event:
            self.hardware.change(event["change"])
        if "nak_after" in event:
            world.nak_after = event["nak_after"]
        if "line" in event:
            self.send(event["line"].encode())
        if "interrupt" in event:
            # Once the script waits for the answer to a request that is held back.
            hardware, self.hardware = self.hardware, HeldBack(self)
            self.hardware.real = hardware
        if "close" in event:
            self.board.channel.close()


class HeldBack:
    """Hardware that lets the next request wait until a Ctrl-C has hit the board."""

    def __init__(self, script):
        self.script = script

    def request(self, line):
        time.sleep(0.2)  # for the board to be in the middle of its wait
        self.script.board.interrupt()
        time.sleep(0.2)
        self.script.hardware = self.real
        return self.real.request(line)


def run(folder, text, **keywords):
    """The finished script; it must have ended well."""
    script = Script(folder, text, **keywords)
    assert script.status == 0, script.console
    return script


USE = """
import gc
sizes = []
def mark(name):
    gc.collect()
    sizes.append((name, gc.mem_alloc()))
mark("")
mark("")
sizes.clear()
mark("")
import world
import machine
mark("import")
led = machine.Pin("PB0", machine.Pin.OUT, value=0)
led.on()
button = machine.Pin("PC13", machine.Pin.IN)
button.value()
pwm = machine.PWM(machine.Pin("PD14"), freq=50, duty_ns=1625000)
set_duty_ns = pwm.duty_ns
set_duty_ns(750000)
mark("pins")
i2c = machine.I2C(1)
buf = bytearray(4)
found = i2c.scan()
i2c.readfrom_mem_into(0x77, 0xD0, memoryview(buf)[:1])
i2c.writeto_mem(0x77, 0xF4, b"\\x2e")
mark("I2C")
identity = machine.unique_id(), machine.reset_cause()
import network
lan = network.LAN()
lan.active(True)
connected = lan.isconnected()
mark("network")
feed = machine.WDT(timeout=8000).feed
feed()
mark("watchdog")
print(found, buf[0], len(identity[0]), identity[1], connected, button.value(), led.value())
for number in range(1, len(sizes)):
    print(sizes[number][0], sizes[number][1] - sizes[number - 1][1])
print(sizes[-1][1] - sizes[0][1])
"""


def test_share_of_the_heap(tmp_path):
    script = run(tmp_path, USE, prelude="", heap="96k")
    assert script.console[0] == "[119] 85 12 1 True 0 1"
    share = int(script.console[-1])
    print(f"{share} bytes of heap ({', '.join(script.console[1:-1])})")
    assert 1000 < share < HEAP_SHARE_LIMIT
    assert script.events == [
        {"event": "led", "pin": "PB0", "on": True},
        {"event": "pwm", "pin": "PD14", "freq": 50, "duty_ns": 1625000},
        {"event": "pwm", "pin": "PD14", "freq": 50, "duty_ns": 750000},
        {"event": "lan", "active": True},
        {"event": "wdt", "timeout_ms": 8000},
        {"event": "feed"},
    ]


def test_drivers_unplugged_and_plugged(tmp_path):
    text = """
from firmware.drivers.{module} import {driver} as Driver
sensor = Driver(machine.I2C({bus}))
print("%.2f" % sensor.temperature())
say("change", {{"temperature": -7.5}})
time.sleep_ms(100)  # longer than a period of the HTS221
print("%.2f" % sensor.temperature())
say("change", {{"i2c": "unplugged"}})
for _ in range(2):
    print(error_of(sensor.temperature), machine.I2C({bus}).scan())
say("change", {{"i2c": "plugged", "temperature": 30}})
print("%.2f" % sensor.temperature())
say("nak_after", 2)
print(error_of(sensor.temperature))
print("%.2f" % sensor.temperature())
try:
    Driver(machine.I2C({bus}), 0x33)
except OSError as error:
    print(error.args)
"""
    for driver, board, bus, address in (
        ("HTS221", "b_l475e_iot01a", 2, 0x5F),
        ("BMP180", "nucleo_f429zi", 1, 0x77),
    ):
        filled = text.format(driver=driver, module=driver.lower(), bus=bus)
        script = run(tmp_path, filled, board=board, temperature=21.5)
        gone = f"{driver}: no answer; check its plug and wires"
        values, errors = script.console, "('OSError', {})"
        assert [float(values[i]) for i in (0, 1, 4, 6)] == pytest.approx(
            [21.5, -7.5, 30, 30], abs=0.011
        )
        assert values[2:4] == [errors.format(19) + " []"] * 2
        assert values[5] == errors.format(5)
        assert values[7] == f"(19, '{gone}')"
        faults = [event["fault"] for event in script.events]
        assert faults == ["unplugged"] * 2 + ["nak"]
        assert {event["addr"] for event in script.events} == {address}


def test_every_kind_of_transfer(tmp_path):
    text = """
i2c = machine.I2C(1)
print(i2c.readfrom_mem(0x77, 0xAA, 4))
print(i2c.writeto(0x77, b"\\xaa"), i2c.readfrom(0x77, 3))
print(i2c.writevto(0x77, (b"\\xf4", memoryview(b"\\x2e"))))
buf = bytearray(b"......")
i2c.readfrom_mem_into(0x77, 0xAA, memoryview(buf)[1:4])
print(buf)
say("nak_after", 2)
print(error_of(i2c.readfrom_mem_into, 0x77, 0xB0, buf), buf)
print(error_of(i2c.readfrom_mem_into, 0x77, 0xD0, bytes(1)))
print(error_of(i2c.readfrom_mem, 0x77, 300, 1), error_of(i2c.readfrom, 1, 1))
print(machine.SoftI2C(scl=machine.Pin("PB8"), sda=machine.Pin("PB9")).scan())
spi = machine.SPI(1, baudrate=1000000)
spi.write_readinto(b"12", memoryview(buf)[:2])
print(buf)
big = bytearray(10000)
spi.readinto(big, 0xFF)
print(len(big), spi.read(2))
"""
    assert run(tmp_path, text).console == [
        "b'\\x01\\x98\\xff\\xb8'",
        "1 b'\\x01\\x98\\xff'",
        "2",
        "bytearray(b'.\\x01\\x98\\xff..')",
        "('OSError', 5) bytearray(b'\\x7f\\xe5\\x98\\xff..')",
        "('TypeError', \"'bytes' object doesn't support item assignment\")",
        "('ValueError', 'these sensors have register addresses of 8 bits') ('OSError', 19)",
        "[119]",
        "bytearray(b'\\x00\\x00\\x98\\xff..')",
        "10000 b'\\x00\\x00'",
    ]


def test_what_a_board_refuses(tmp_path):
    text = """
for name in ("PH2", "D14", 7, None):
    print(error_of(machine.Pin, name))
pin = machine.Pin("PC13")
for call in (
    lambda: machine.PWM(pin), lambda: machine.PWM("PD14"), lambda: machine.I2C(2),
    lambda: machine.Pin("PB0", 77), lambda: machine.WDT(timeout=40000), lambda: machine.ADC,
    lambda: machine.bootloader(), lambda: machine._PORTS, lambda: pin.level_of,
    lambda: pin.levels(), lambda: machine.time.sleep(1), lambda: machine.world(),
    lambda: machine.I2C(1).scan(1, 2, 3), lambda: pin.value.x.y.Z,
):
    print(error_of(call))
pwm = machine.PWM(machine.Pin("PD14"), freq=50)
for value in (-1, 20000001, 1.5, float("nan"), object(), {1: 2}):
    print(error_of(pwm.duty_ns, value)[0])
print(pwm.duty_ns(), pwm.freq(), pwm.duty_ns(1000000), pwm.duty_u16())
import network
print(network.hostname(), error_of(network.hostname, "x" * 33)[0], error_of(lambda: network.WLAN))
"""
    script = run(tmp_path, text)
    expected = (
        ("ValueError", "Pin('PH2') doesn't exist"),
        ("ValueError", "Pin('D14') doesn't exist"),
        ("ValueError", "Pin(7) doesn't exist"),
        ("ValueError", "Pin(None) doesn't exist"),
        ("ValueError", "Pin(C13) doesn't have PWM capabilities"),
        ("TypeError", "PWM: expected a Pin"),
        ("ValueError", "I2C(2) doesn't exist"),
        ("ValueError", "invalid pin mode: 77"),
        ("ValueError", "WDT timeout too long"),
        ("AttributeError", "'machine' has no attribute 'ADC'"),
        ("AttributeError", "'machine' has no attribute 'bootloader'"),
        ("AttributeError", "'machine' has no attribute '_PORTS'"),
    )
    assert script.console[: len(expected)] == [str(pair) for pair in expected]
    rest = script.console[len(expected) :]
    assert rest[0].startswith("<Remote")  # what is written small is refused when it is called
    assert [line.split("'")[1] for line in rest[1:6]] == ["AttributeError"] * 3 + [
        "TypeError",
        "AttributeError",
    ]
    assert rest[6:12] == ["ValueError"] * 2 + ["TypeError"] * 4
    assert rest[12] == "0 50 None 3277"
    assert rest[13].startswith("mpy-stm32 ValueError ('AttributeError', ")
    assert len(rest) == 14 and script.warnings == []
    assert script.events == [
        {"event": "pwm", "pin": "PD14", "freq": 50, "duty_ns": duty_ns} for duty_ns in (0, 1000000)
    ]


def test_pins_and_levels(tmp_path):
    text = """
button = machine.Pin("PC13", machine.Pin.IN)
led = machine.Pin("PB0", machine.Pin.OUT)
print(machine.Pin("PC13") is button, machine.Pin(led) is led, led.name())
asked = world.count
print([button.value()], [button() for _ in range(50)] == [0] * 50, world.count - asked)
led.on(), led.on(), led.off(), led.value(1), led(True)
print(led.value())
led.toggle()
print(led.value())
led.high()
led.init(machine.Pin.OUT, value=0)
print(led.value())
# An input has the level it is given, whatever is written.
say("change", {"button": True})
led.name()
print(button.value())
button.value(0)
led.name()
print(button.value())
print(machine.Pin("PE3", machine.Pin.IN, machine.Pin.PULL_UP).value())
print(machine.Signal(led, invert=True).value())
"""
    script = run(tmp_path, text)
    assert script.console == ["True True B0", "[0] True 0", "1", "0", "0", "1", "1", "1", "1"]
    assert [event["on"] for event in script.events] == [True, False, True, False, True, False]


def test_interrupts_and_timers(tmp_path):
    text = """
button = machine.Pin("PC13", machine.Pin.IN)
led = machine.Pin("PB0", machine.Pin.OUT)
def pressed(pin):
    led.toggle()  # asks, in the middle of what the handler interrupts
    print("pressed", pin is button, pin.value(), led.value())
button.irq(handler=pressed, trigger=machine.Pin.IRQ_RISING)
say("change", {"button": True})
led.name()
say("change", {"button": False})
say("change", {"button": True})
led.name(), button.value()
button.irq(None)
say("change", {"button": False})
say("change", {"button": True})
led.name(), button.value()
timer = machine.Timer(-1, period=5, callback=lambda timer: print("due"))
time.sleep_ms(8)
machine.idle()
timer.deinit()
machine.RTC().datetime((2030, 5, 17, 5, 12, 30, 15, 0))
print(machine.RTC().datetime()[:5])
"""
    script = run(tmp_path, text)
    assert script.console == [
        "pressed True 1 1",
        "pressed True 1 0",
        "due",
        "(2030, 5, 17, 5, 12)",
    ]


def test_identity_resets_and_watchdog(tmp_path):
    text = """
import network
print(machine.unique_id(), machine.reset_cause() == machine.WDT_RESET, machine.freq()[0])
lan = network.LAN()
print(lan.isconnected(), lan.active(True), lan.isconnected(), lan.ipconfig("addr4"))
say("change", {"cable": False})
print(lan.status())
watchdog = machine.WDT(timeout=300)
watchdog.feed()
print("resets")
"""
    state = {"unique_id": "00112233445566778899aabb", "reset_cause": "wdt"}
    for function, cause in (("reset", "hard"), ("soft_reset", "soft")):
        # There is no answer; Script ends the board as the supervisor does.
        script = Script(tmp_path, text + f"machine.{function}()\nprint('after')\n", **state)
        assert script.status == -9
        assert script.console[:4] == [
            "b'\\x00\\x11\"3DUfw\\x88\\x99\\xaa\\xbb' True 168000000",
            "False None True ('127.0.0.1', '255.0.0.0')",
            "0",
            "resets",
        ]
        assert script.events == [
            {"event": "lan", "active": True},
            {"event": "wdt", "timeout_ms": 300},
            {"event": "feed"},
            {"event": "reset", "cause": cause},
        ]
        assert len(script.console) == 4


def test_closed_channel(tmp_path):
    text = """
led = machine.Pin("PB0", machine.Pin.OUT)
i2c = machine.I2C(1)
feed = machine.WDT(timeout=300).feed
say("close")
time.sleep_ms(100)
try:
    feed()
except OSError:
    print("no feed")
for function in (led.on, led.value, machine.reset, i2c.scan, machine.unique_id):
    try:
        function()
    except Exception as error:
        print(error)
    except SystemExit:
        print("the end")
"""
    script = run(tmp_path, text)
    assert script.console == ["no feed"] + ["the end"] * 5


def test_ctrl_c_while_waiting(tmp_path):
    text = """
i2c = machine.I2C(1)
for _ in range(3):
    say("interrupt")
    try:
        print(i2c.readfrom_mem(0x77, 0xAA, 2))
    except KeyboardInterrupt:
        print("Ctrl-C")
    print(i2c.readfrom_mem(0x77, 0xD0, 1))
"""
    script = run(tmp_path, text)
    assert script.console == ["Ctrl-C", "b'U'"] * 3


def test_bad_lines_to_the_board_cost_themselves_only(tmp_path):
    text = r"""
button = machine.Pin("PC13", machine.Pin.IN)
for line in (
    "\n", "{]\n", "[]\n", "null\n", "7\n", "[1]\n", '{"temperature": 1}\n', "\xff\xfe\n",
    '"abcd"\n', "[0, 1, 2, 3]\n", "x" * 5000 + "\n",
):
    say("line", line)
print(button.value(), machine.I2C(1).scan())
say("change", {"button": True})
print(machine.I2C(1).scan(), button.value())
"""
    assert run(tmp_path, text).console == ["0 [119]", "[119] 1"]


def test_bad_lines_from_the_board():
    sent = []
    hardware = Hardware({"board": "nucleo_f429zi"}, sent.append)
    for line in (
        b"",
        b"[]",
        b"[" * 5000,
        b'{"event": "led"}',
        b"[0]",
        b'["1", "machine", "freq", [], []]',
        b'[true, "machine", "freq", [], []]',
        b'[0, "os", "system", ["true"], []]',
        b"[-1, 1, 1, 1, 1]",
    ):
        with pytest.raises(ValueError):
            hardware.request(line)
    assert sent == []
    # With a number somebody may wait.
    for line in (
        b'[1, "machine", "freq", [<function>], []]',
        b'[1, "os", "system", ["true"], []]',
        b'[1, [], "x", [], []]',
        b'[1, 99, "x", [], []]',
        b'[1, "machine", "freq", {}, []]',
        b'[1, "machine", "freq", [], [[1, 2]]]',
        b'[1, "machine", "freq", [], 7]',
        b'[1, "machine", "freq", [{"object": 99}], []]',
        b'[1, "machine", "freq", [{"bytes": "x"}], []]',
        b'[1, "machine", "freq", [{"bytes": 1}], []]',
        b'[1, "machine", "freq", [{"unknown": 1}], []]',
        b'[1, "machine", "__getattr__", ["I2C"], []]',
        b'[1, "machine", "json", null, []]',
        b'[1, "machine", "", [], []]',
    ):
        sent.clear()
        assert hardware.request(line) == []
        number, kind, value, changed = json.loads(sent[0])
        assert number == 1 and kind.endswith("Error") and len(value) == 1 and changed == []
        assert len(sent) == 1 and sent[0].endswith(b"\n")
