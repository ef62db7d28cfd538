"""Copies of the application in slots, on the virtual board: how each kind of them starts."""

import hashlib
import json
import struct
import subprocess
import sys
import time

import pytest
from board_line import LineBoard, deploy, make
from board_process import ROOT, BoardProcess
from lwm2m_server import LwM2MServer

from firmware import slots
from firmware.storage import Record
from tools import boot_file, install

BOARD = "nucleo_f429zi"
VERSION = "9.8.7"
# What a copy is that goes wrong.
CRASHES = "def run(feed):\n    raise KeyError('a fault of this copy')\n"
HANGS = "def run(feed):\n    print('hangs')\n    while True:\n        pass\n"
COUNTS = "def run(feed):\n    print('the copy runs')\n    return 0\n"


def package(files, head):
    """The bytes of a package, docs/update.md; without a signature, which boot.py does not read."""
    names = sorted(files)
    head = json.dumps(head).encode()
    size = sum(map(len, files.values()))
    out = b"lwm2mpk1" + struct.pack("<HHI", len(head), len(names), size) + head
    for name in names:
        data = files[name]
        out += hashlib.sha256(data).digest()
        out += struct.pack("<IB", len(data), len(name)) + name.encode()
    return out + bytes(32) + b"".join(files[name] for name in names)


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """The files of a real copy with a version of its own."""
    folder = tmp_path_factory.mktemp("application")
    march = install.host_march()
    files = {
        name.removeprefix("lib/"): data
        for name, data in install.contents(None, march, board=BOARD).items()
        if name.startswith(("lib/", "firmware/"))
    }
    (folder / "version.py").write_text(f'VERSION = "{VERSION}"\n')
    install.compile_mpy(folder / "version.py", folder / "version.mpy", "firmware.version")
    files["firmware/version.mpy"] = (folder / "version.mpy").read_bytes()
    return files


def put(flash, files, attempts=1, number=1):
    """Puts a copy into a slot, chosen and on trial."""
    flash.mkdir(exist_ok=True)
    if isinstance(files, str):
        files = {"firmware/app.py": files.encode()}
    (flash / slots.path(number)).write_bytes(package(files, {"name": "test", "version": VERSION}))
    (flash / "state").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(flash)
        crc = slots._crc(number)
    data = struct.pack("<BBBBII", number, 0, attempts, 0, crc, 0)
    Record("slot", str(flash / "state")).write(data)


def record(flash):
    """(chosen, back, starts + 1); the result behind them goes once object 5 has it."""
    return tuple(Record("slot", str(flash / "state")).read()[:3])


def staged(folder, server, *options):
    """Makes a flash with the factory's copy, by a start that ends at once."""
    given = ("--server", server.uri, "--endpoint", "copies", "--mpy", *options)
    with BoardProcess(folder, None, *given) as board:
        board.wait_for(lambda: (board.flash / "boot.py").exists() and board.causes())
        board.process.kill()
    (folder / "events.jsonl").unlink()
    assert json.loads((board.flash / boot_file.NAME).read_text())["led"] == "PB0"
    return board.flash


def lit(board):
    return [event["on"] for event in board.events("led")]


def test_a_new_version_starts_is_confirmed_and_stays(tmp_path, application):
    with LwM2MServer() as server:
        flash = staged(tmp_path, server)
        put(flash, application)
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: server.registers, 15)
            assert lit(board) == [True, False]
            assert [event["timeout_ms"] for event in board.events("wdt")] == [32000]
            assert server.read(3, 0, 3) == VERSION
            server.serve(lambda: record(flash) == (1, 0, 0))
            board.wait_console("this copy of the firmware is confirmed")
            server.serve(lambda: list((flash / "state").glob("session*")))
            board.say({"reset": "power"})
            server.serve(lambda: any(" as before" in line for line in board.console()), 15)
            assert server.read(3, 0, 3) == VERSION and len(board.events("wdt")) == 1
            assert board.end()[0] == 0


def test_a_kept_registration_confirms_by_an_answer_only(tmp_path, application):
    with LwM2MServer() as server:
        flash = staged(tmp_path, server)
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: list((flash / "state").glob("session*")))
            assert server.read(3, 0, 3) != VERSION
            put(flash, application)
            server.silent = True
            board.say({"reset": "power"})
            server.serve(lambda: any(" as before" in line for line in board.console()), 15)
            time.sleep(5)
            assert record(flash) == (1, 0, 2)
            server.silent = False
            server.serve(lambda: record(flash) == (1, 0, 0), 15)
            assert len(server.registers) == 1
            assert board.end()[0] == 0


def test_a_copy_that_crashes_is_left_at_once(tmp_path):
    with LwM2MServer() as server:
        flash = staged(tmp_path, server)
        put(flash, CRASHES)
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: server.registers, 15)
            assert server.read(3, 0, 3) != VERSION
            assert record(flash) == (0, 0, 0) and board.causes() == ["power", "hard"]
            text = board.stdout
            assert "a fault of this copy" in text and "back to the copy before it" in text
            assert board.end()[0] == 0


def test_a_confirmed_copy_that_crashes_at_each_start_is_left(tmp_path):
    with LwM2MServer() as server:
        flash = staged(tmp_path, server)
        put(flash, CRASHES, attempts=0)
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: server.registers, 60)
            assert server.read(3, 0, 3) != VERSION and server.read(5, 0, 5) == "8"
            assert record(flash) == (0, 0, 0) and board.causes() == ["power"] + ["hard"] * 5
            text = board.stdout
            assert text.count("restarting in 5 s") == 4
            assert "slot 1: it has crashed soon after 5 starts: back to the copy before" in text
            assert board.end()[0] == 0


def test_a_copy_that_hangs_is_left_after_its_second_start(tmp_path):
    with LwM2MServer() as server:
        flash = staged(tmp_path, server)
        put(flash, HANGS, attempts=2)
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: server.registers, 50)
            assert board.causes() == ["power", "wdt"] and board.console().count("hangs") == 1
            assert record(flash) == (0, 0, 0)
            assert board.end()[0] == 0


def test_the_button_while_the_led_is_lit(tmp_path, application):
    with LwM2MServer() as server:
        flash = staged(tmp_path, server)
        put(flash, application)
        with BoardProcess(tmp_path, None) as board:
            board.wait_for(lambda: lit(board) == [True])
            board.say({"button": True})
            server.serve(lambda: server.registers, 15)
            assert server.read(3, 0, 3) != VERSION
            assert "the button is pressed: the factory's copy starts" in board.console()
            assert record(flash) == (1, 0, 1) and not board.events("wdt")
            board.say({"button": False}, {"reset": "power"})
            server.serve(lambda: record(flash) == (1, 0, 0), 15)
            assert server.read(3, 0, 3) == VERSION
            assert board.end()[0] == 0


def test_soft_resets_and_deploying(tmp_path):
    with LineBoard(tmp_path) as board:
        port = f"PORT={board.port}"
        status, said = deploy(tmp_path, port, "SERVER=coap://127.0.0.1:9")
        assert "not registered within" in said, said
        put(board.flash, COUNTS)
        # One by mpremote runs boot.py alone: no start of the trial.
        command = [sys.executable, "-m", "mpremote", "connect", str(board.port)]
        done = subprocess.run(
            [*command, "exec", "import sys; print(sys.path[0])"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.split() == ["/slot1"], done
        assert record(board.flash) == (1, 0, 1)
        status, said = make(tmp_path, "devices", port)
        assert status == 0 and f"slot 1: test {VERSION}, chosen, on trial" in said, said
        status, said = deploy(tmp_path, port)
        assert "what was deployed starts from now on" in said, said
        assert not list((board.flash / "state").glob("slot.*"))
        assert "the copy runs" not in said
        status, said = make(tmp_path, "devices", port)
        assert "the factory's copy is chosen" in said, said
        status, said = make(tmp_path, "erase", port, "YES=1")
        assert status == 0 and not (board.flash / "slot1.pkg").exists(), said


def test_the_pins_are_those_of_the_board_files():
    for board in install.BLOCKS:
        pins = json.loads(boot_file.content(board))
        text = (install.ROOT / f"firmware/boards/{board}.py").read_text()
        led, button = (
            text.split(f"def {name}(")[1].split("\n\n\n")[0] for name in ("led", "button")
        )
        assert f'Pin("{pins["led"]}"' in led and f'Pin("{pins["button"]}"' in button
        assert f"pin.value() == {pins['level']}" in button
    assert boot_file.content("frdm_k64f") is None
