"""The virtual board's Wi-Fi: its access point and passwords, its module behind `machine`."""

import stat
from types import SimpleNamespace

import pytest
from board_process import BoardProcess
from secrets_used import used

from firmware import access_point
from tools.errors import UserError
from tools.virtual import options as command_line
from tools.virtual.flash import wifi
from tools.virtual.world import World

BOARD = "b_l475e_iot01a"
# Talks to the module without the driver, and tells what came and how often it had to look.
TALK = """
import sys, time
from machine import SPI, Pin
for name, level in (("PD13", 1), ("PB5", 1), ("PA8", 0)):
    Pin(name, Pin.OUT, value=level)
spi = SPI(3, baudrate=10000000)
cs = Pin("PE0", Pin.OUT, value=1)
drdy = Pin("PE1", Pin.IN)
def read():
    began = time.ticks_ms()
    while not drdy():
        time.sleep_ms(1)
        assert time.ticks_diff(time.ticks_ms(), began) < 5000
    data = bytearray(512)
    size = 0
    cs(0)
    while drdy():
        spi.readinto(memoryview(data)[size : size + 2], 10)
        size += 2
    cs(1)
    return bytes([data[i ^ 1] for i in range(size)])
def ask(command):
    command += b"\\n" * (len(command) % 2)
    cs(0)
    spi.write(bytes([command[i ^ 1] for i in range(len(command))]))
    cs(1)
    return read()
print("prompt", read())
for command in (b"I?\\r", b"C1=" + b"x" * 30 + b"\\r", b"CS\\r"):
    print(ask(command))
print(ask(b"S3=0500\\r" + b"y" * 500))  # the socket is closed
"""
MISUSE = (
    TALK
    + """
cs(0)
spi.write(b"odd")
try:
    cs(1)
except RuntimeError as error:
    print("refused", "odd" in str(error) or "pairs" in str(error))
"""
)


def test_the_module_is_behind_spi_and_pins(tmp_path):
    with BoardProcess(tmp_path, MISUSE, config='{"board": "%s"}' % BOARD) as board:
        assert board.process.wait(20) == 0, (board.stdout, board.stderr)
        assert board.console() == [
            "prompt b'\\x15\\x15\\r\\n> '",
            "b'\\r\\nISM43362-M3G-L44-SPI,C3.5.2.5.STM,v3.5.2,v1.4.0.rc1,v8.2.1,120000000,"
            "Inventek eS-WiFi\\r\\nOK\\r\\n> \\x15'",
            "b'\\r\\n\\r\\nOK\\r\\n> '",
            "b'\\r\\n0\\r\\nOK\\r\\n> \\x15'",
            "b'\\r\\n-1\\r\\nOK\\r\\n> '",
            "refused True",
        ]
        assert board.events("led") == []


def options(password=None, blank=False):
    return SimpleNamespace(wifi_password=password, blank=blank)


def test_a_flash_is_given_the_access_point(tmp_path):
    assert wifi(tmp_path, "nucleo_f429zi", options()) is None
    assert list(tmp_path.iterdir()) == []
    found = wifi(tmp_path, BOARD, options())
    passphrase = used(found["passphrase"].encode()).decode()
    assert access_point.load(str(tmp_path)) == ("desk", passphrase, found["security"])
    assert found["ssid"] == "desk" and found["security"] == 3
    files = list((tmp_path / "state").iterdir())
    assert files and all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in files)
    # The next start finds both.
    assert wifi(tmp_path, BOARD, options()) == found
    # An access point of its own mind does not change what the board knows.
    assert wifi(tmp_path, BOARD, options("another phrase"))["passphrase"] == "another phrase"
    assert access_point.load(str(tmp_path))[1] == passphrase
    access_point.provision(str(tmp_path), "home", passphrase, 4)
    again = {"ssid": "home", "passphrase": passphrase, "security": 4}
    assert wifi(tmp_path, BOARD, options()) == again


def test_each_run_has_another_password(tmp_path):
    made = set()
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.add(wifi(folder, BOARD, options())["passphrase"])
    for each in made:
        used(each.encode())
    assert len(made) == 3 and all(len(each) >= 16 for each in made)


def test_an_empty_board_is_not_provisioned(tmp_path):
    found = wifi(tmp_path, BOARD, options("given by a file", blank=True))
    assert found["passphrase"] == "given by a file"
    assert access_point.load(str(tmp_path)) is None


def test_the_password_file(tmp_path):
    file = tmp_path / "wifi.key"
    base = ["--server", "coap://127.0.0.1", "--endpoint", "x", "--wifi-password-file", str(file)]
    for content, text in ((b"short\n", "8 to 63"), (b"x" * 64, "8 to 63"), (b"\xff" * 9, "ASCII")):
        file.write_bytes(content)
        with pytest.raises(UserError) as error:
            command_line.parse(base)
        assert text in str(error.value) and str(file) in str(error.value)
        assert content.decode("latin-1").strip() not in str(error.value)
    file.write_text("long enough\nand more\n")
    assert command_line.parse(base).wifi_password == "long enough"
    file.unlink()
    with pytest.raises(UserError):
        command_line.parse(base)
    assert command_line.parse(base[:4]).wifi_password is None


def test_the_world_keeps_the_password_from_the_interpreter():
    world = World(BOARD, 21.5, "00" * 12, "1.29", radio={"passphrase": "of this run"})
    heard, _ = world.change({"radio": {"ap": False, "rssi": -60}})
    assert heard == {"radio": {"ap": False, "rssi": -60}}
    world.change({"radio": {"rssi": -70}})
    assert world.radio == {"passphrase": "of this run", "ap": False, "rssi": -70}
    assert "radio" not in world.at_start("power")
