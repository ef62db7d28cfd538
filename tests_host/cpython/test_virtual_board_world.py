"""The virtual board: its world, its events, its resets and what its stock firmware lacks."""

import json
import os
import subprocess
import sys
import time

from board_process import PATIENT, ROOT, BoardProcess, run_board

from tools.virtual.streams import Outgoing
from tools.virtual.world import Lines, parse_line

# A stand-in for the mock hardware: prints what the channel brings, sends what `tell` is given.
CHANNEL = """
import json, os, select, sys, time
channel = open(int(os.getenv("VIRTUAL_BOARD_FD")), "r+b")
poll = select.poll()
poll.register(channel, select.POLLIN)
world = json.loads(os.getenv("VIRTUAL_BOARD_WORLD"))
def tell(**event):
    channel.write(json.dumps(event).encode() + b"\\n")
print("cause", world["reset_cause"])
"""
# Prints the keys that come and what it finds of the world, whenever that changes: whether it has
# the 15 degrees of the BMP180's worked example, the button, the sensors and the cable.
LOOK = """
import machine, network, select, sys, time
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
button = machine.Pin("PC13", machine.Pin.IN)
i2c = machine.I2C(1)
lan = network.LAN()
lan.active(True)
def is_15():
    try:
        i2c.writeto_mem(0x77, 0xF4, b"\\x2e")
        time.sleep_ms(5)
        high, low = i2c.readfrom_mem(0x77, 0xF6, 2)
        return abs((high << 8 | low) - 27898) < 16
    except OSError:
        return None
known = None
try:
    while True:
        found = is_15(), button.value(), i2c.scan(), lan.isconnected()
        if found != known:
            known = found
            print(*found)
        if poll.poll(0):
            print("key", repr(sys.stdin.read(1)))
except KeyboardInterrupt:
    print("Ctrl-C")
"""


def test_world_lines_change_the_hardware_and_keys_reach_the_console(tmp_path):
    with BoardProcess(tmp_path, LOOK) as board:
        board.wait_console("False 0 [119] True")
        for line, found in (
            ({"temperature": 15}, "True 0 [119] True"),
            ({"button": True}, "True 1 [119] True"),
            ({"i2c": "unplugged"}, "None 1 [] True"),
            ({"cable": False}, "None 1 [] False"),
            ({"temperature": 20, "i2c": "plugged"}, "False 1 [119] False"),
            ({"dhcp": False, "cable": True, "button": False}, "False 0 [119] False"),
            ({"dhcp": True, "button": True}, "False 1 [119] True"),
            ({"key": "i"}, "key 'i'"),
            ({"key": "rx"}, "key 'x'"),
        ):
            assert found not in board.console()
            board.say(line)
            board.wait_console(found)
        assert "key 'r'" in board.console()
        faults = board.events("i2c")
        assert faults and {event["fault"] for event in faults} == {"unplugged"}
        board.say({"key": "\x03"})
        assert board.process.wait(5) == 0
        assert board.console()[-1] == "Ctrl-C"


def test_bad_world_lines_are_one_warning_each(tmp_path):
    bad = (
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"wind": 3}', "unknown key 'wind'"),
        (b'{"temperature": "warm"}', "-273.15 to 1000"),
        (b'{"temperature": true}', "-273.15 to 1000"),
        (b'{"temperature": NaN}', "-273.15 to 1000"),
        (b'{"temperature": Infinity}', "-273.15 to 1000"),
        (b'{"button": 1}', "expected true or false"),
        (b'{"dhcp": 2}', "expected true or false"),
        (b'{"dns": null}', "expected true or false"),
        (b'{"micropython": "1.28"}', "unknown key"),
        (b'{"i2c": "loose"}', "plugged"),
        (b'{"i2c": ["plugged"]}', "plugged"),
        (b'{"temperature": -300}', "-273.15 to 1000"),
        (b'{"temperature": 1' + b"0" * 3000 + b"}", "-273.15 to 1000"),
        (b'{"key": ""}', "1 to 64 bytes"),
        (b'{"key": "\\ud800"}', "1 to 64 bytes"),
        (b'{"reset": "hard"}', '"power" or "button"'),
        (b"[" * 3000, "not JSON"),
        (b'{"radio": true}', '{"ap": true'),
        (b'{"radio": {"ap": 1}}', '{"ap": true'),
        (b'{"radio": {"password": "x"}}', '{"ap": true'),
        (b'{"radio": {"rssi": 5}}', '{"ap": true'),
        (b'{"radio": {"fail": 1.5}}', '{"ap": true'),
        (b'{"radio": {"fail": NaN}}', '{"ap": true'),
        (b'{"radio": {"seed": -1}}', '{"ap": true'),
        (b'{"temperature": 1' + b"0" * 5000 + b"}", "more than 4096 bytes"),
        (b'{"temperature": 1, "wind": 2}', "unknown key"),
    )
    with BoardProcess(tmp_path, LOOK) as board:
        board.wait_console("False 0 [119] True")
        board.say(b"", *(line for line, _ in bad), {"temperature": 15})
        board.wait_console("True 0 [119] True")
        assert len(board.console()) == 2
        warnings = board.stderr.splitlines()
        assert len(warnings) == len(bad)
        for warning, (_, expected) in zip(warnings, bad, strict=True):
            assert warning.startswith("virtual_board: world: ") and expected in warning


def test_end_of_standard_input_is_ignored(tmp_path):
    with BoardProcess(tmp_path, PATIENT) as board:
        board.wait_console("ready")
        board.process.stdin.close()
        time.sleep(0.2)
        assert board.process.poll() is None
        assert board.end()[0] == 0


def test_long_line_in_pieces():
    lines = Lines(limit=10)
    found = [
        line for piece in (b"ab", b"c\nd", b"x" * 50, b"y\n\nend") for line in lines.feed(piece)
    ]
    assert found == [b"abc", b"d" + b"x" * 10, b""]
    assert lines.rest() == b"end"
    assert parse_line(b'{"key": "i"}') == {"key": "i"}


def test_start_values_of_the_world(tmp_path):
    main = "import os\nprint(os.getenv('VIRTUAL_BOARD_WORLD'))"
    arguments = ("--board", "b_l475e_iot01a", "--temperature", "-4.25")
    board, status = run_board(tmp_path, main, *arguments, config='{"endpoint": "desk"}')
    world = json.loads(board.console()[0])
    assert len(bytes.fromhex(world.pop("unique_id"))) == 12
    assert world == {
        "board": "b_l475e_iot01a",
        "temperature": -4.25,
        "reset_cause": "power",
        "i2c": "plugged",
        "cable": True,
        "dhcp": True,
        "dns": True,
        "micropython": "1.29",
        "button": False,
    }


def test_reset_lines_start_the_interpreter_anew_in_the_same_world(tmp_path):
    main = CHANNEL + "print('degrees', world['temperature'])\n" + PATIENT
    with BoardProcess(tmp_path, main) as board:
        board.wait_console("ready")
        board.say({"temperature": 30.5})
        for number, cause in enumerate(("power", "button"), 2):
            board.say({"reset": cause})
            board.wait_console("ready", count=number)
            assert board.console()[-3:] == ["cause " + cause, "degrees 30.5", "ready"]
        assert board.causes() == ["power", "power", "button"]
        assert "de-registered" not in board.console()  # nobody tells the firmware
        assert board.end()[0] == 0


def test_resets_of_the_firmware(tmp_path):
    for cause in ("hard", "soft"):
        folder = tmp_path / cause
        folder.mkdir()
        reset = f"if world['reset_cause'] == 'power':\n    tell(event='reset', cause='{cause}')\n"
        main = CHANNEL + reset + "    time.sleep(60)\n"
        board, status = run_board(folder, main)
        assert (status, board.causes()) == (0, ["power", cause])
        assert board.console() == ["cause power", "cause " + cause]


def test_reset_of_the_machine_module(tmp_path):
    main = "import machine\nprint(machine.reset_cause())\nif machine.reset_cause() == 1:\n"
    board, status = run_board(tmp_path, main + "    machine.reset()\n")
    assert (status, board.causes(), board.console()) == (0, ["power", "hard"], ["1", "2"])


def test_events_of_the_mock_hardware(tmp_path):
    main = CHANNEL + (
        "tell(event='pwm', pin='PD14', freq=50, duty_ns=1625000)\n"
        "tell(event='feed')\n"
        "channel.write(b'nonsense\\n[]\\n')\n"
        "tell(event='wdt', timeout_ms=None)\n"
        "tell(event='led', pin='PB0', on=True)\n"
        "tell(event='i2c', fault='nak', addr=119)\n"
        "print('no line end', end='')\n"
    )
    start = time.monotonic()
    board, status = run_board(tmp_path, main)
    took_ms = (time.monotonic() - start) * 1000
    events = board.events()
    times = [event.pop("t_ms") for event in events]
    assert all(isinstance(t_ms, int) for t_ms in times)
    assert times == sorted(times) and 0 <= times[0] and times[-1] <= took_ms
    assert [event for event in events if event["event"] != "console"] == [
        {"event": "reset", "cause": "power"},
        {"event": "pwm", "pin": "PD14", "freq": 50, "duty_ns": 1625000},
        {"event": "led", "pin": "PB0", "on": True},
        {"event": "i2c", "fault": "nak", "addr": 119},
    ]
    assert board.console() == ["cause power", "no line end"]
    assert board.stderr.count("not an event") == 3


def test_hanging_firmware_is_reset_by_its_watchdog(tmp_path):
    main = CHANNEL + (
        "if world['reset_cause'] == 'power':\n"
        "    tell(event='wdt', timeout_ms=300)\n"
        "    for _ in range(8):\n"
        "        time.sleep_ms(100)\n"
        "        tell(event='feed')\n"
        "    print('hangs')\n"
        "    while True: pass\n"
    )
    board, status = run_board(tmp_path, main)
    assert (status, board.causes()) == (0, ["power", "wdt"])
    assert board.console() == ["cause power", "hangs", "cause wdt"]
    armed, expired = board.events("wdt")
    assert armed["timeout_ms"] == 300 and "expired" not in armed
    assert expired["timeout_ms"] == 300 and expired["expired"] is True
    hangs = [event["t_ms"] for event in board.events("console") if event["text"] == "hangs"]
    assert 290 <= expired["t_ms"] - hangs[0] < 600


def test_unknown_board_in_the_configuration_is_left_to_the_firmware(tmp_path):
    main = "import machine\nprint('config.json: board')\nraise SystemExit(2)"
    board, status = run_board(tmp_path, main, config='{"board": ["xyz"]}')
    assert (status, board.console()) == (2, ["config.json: board"])


BIND = "socket.socket(socket.AF_INET, 2).bind(socket.getaddrinfo('127.0.0.1', 0)[0][-1])"
IMPORTS = """
def attempt(text):
    try:
        exec(text)
        print(text, "works")
    except (ImportError, AttributeError, OSError) as error:
        print(text, type(error).__name__, error)
attempt("import tls")
attempt("import ssl")
attempt("import cryptolib")
attempt("from tls import SSLContext")
attempt("import asyncio.core, json, socket, network, hashlib")
attempt("network.LAN")
attempt(BIND)
""".replace("BIND", repr(BIND))


def test_modules_that_the_l475_lacks(tmp_path):
    board, status = run_board(tmp_path, IMPORTS, "--board", "b_l475e_iot01a")
    assert status == 0
    assert board.console() == [
        "import tls ImportError no module named 'tls'",
        "import ssl ImportError no module named 'ssl'",
        "import cryptolib ImportError no module named 'cryptolib'",
        "from tls import SSLContext ImportError no module named 'tls'",
        "import asyncio.core, json, socket, network, hashlib works",
        "network.LAN AttributeError 'network' has no attribute 'LAN'",
        BIND + " OSError no available NIC",
    ]


def test_modules_of_the_f429zi(tmp_path):
    board, status = run_board(tmp_path, IMPORTS)
    assert status == 0
    assert all(line.endswith(" works") for line in board.console()), board.console()


PSK = """
import tls
context = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
context.verify_mode = tls.CERT_NONE
print(context.verify_mode == tls.CERT_NONE, len(context.get_ciphers()) > 5)
print([hasattr(context, n) for n in ("psk_identity", "psk_key", "server_psk_keys")])
try:
    context.psk_identity = b"me"
    print("set")
except AttributeError:
    print("refused")
try:
    import socket
    context.wrap_socket(socket.socket(), do_handshake_on_connect=False)
except Exception as error:
    print("wrap_socket", type(error).__name__)
"""


def test_psk_from_micropython_1_29_on(tmp_path):
    for version, has_psk, answer in (("1.29", True, "set"), ("1.28", False, "refused")):
        folder = tmp_path / version
        folder.mkdir()
        board, status = run_board(folder, PSK, environment={"MPY": version})
        assert status == 0
        assert board.console()[:3] == ["True True", str([has_psk] * 3), answer]


def test_output_queue_forgets_the_oldest_and_survives_a_lost_reader():
    reader, writer = os.pipe()
    output = Outgoing(writer, limit=8)
    output.write(b"0123456789")
    assert (output.pending, output.dropped) == (8, 2)
    assert output.flush_some() == 8 and os.read(reader, 100) == b"23456789"
    os.close(reader)
    output.write(b"x")
    assert output.flush_some() == 0 and output.fd is None and output.pending == 0
    output.write(b"y")
    assert output.pending == 0
    os.close(writer)


def test_lost_reader_of_the_console_does_not_end_the_board(tmp_path):
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "boot.py").write_text("print('first')")
    (flash / "config.json").write_text("{}")
    (flash / "main.py").write_text("import time\ntime.sleep_ms(200)\nprint('second')\n" + PATIENT)
    events = tmp_path / "events"
    command = [sys.executable, "-m", "tools.virtual_board", "--flash", flash, "--events", events]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"first\n"
        process.stdout.close()
        deadline = time.monotonic() + 5
        while '"ready"' not in events.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        assert process.wait(5) == 0
