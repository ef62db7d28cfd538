"""Boards that `make deploy` has to refuse, and one whose file system is the F429ZI's own."""

import json
import re
import subprocess
import sys

import pytest
from board_line import BadCable, Desk, LineBoard, deploy, make
from test_deploy import copied

from tools import install, packed
from tools.board_repl import resolved
from tools.deploy import arguments, board, configuration
from tools.deploy.progress import Progress
from tools.errors import UserError

# 112 KB of FAT as on the F429ZI, in a file, so that it outlives a restart. What the interpreter
# starts and imports is on it then.
FAT = """
import os, vfs

class Flash:
    def __init__(self, path, count):
        self.file = open(path, "r+b")
        self.count = count

    # A board's own driver is not interrupted by a Ctrl-C, which is typed again when it is lost.
    def whole(self, act, number, buffer, offset):
        while True:
            try:
                self.file.seek(number * 512 + offset)
                return act(buffer)
            except KeyboardInterrupt:
                pass

    def readblocks(self, number, buffer, offset=0):
        self.whole(self.file.readinto, number, buffer, offset)

    def writeblocks(self, number, buffer, offset=0):
        self.whole(self.file.write, number, buffer, offset)

    def ioctl(self, operation, argument):
        return {4: self.count, 5: 512}.get(operation, 0)

flash = Flash("%s", 224)
try:
    vfs.mount(flash, "/flash")
except OSError:
    vfs.VfsFat.mkfs(flash)
    vfs.mount(flash, "/flash")
os.chdir("/flash")
if "lib" not in __import__("sys").path:
    __import__("sys").path.append("lib")
del Flash, flash
if "boot.py" in os.listdir():
    with open("boot.py") as file:
        exec(file.read())
"""
# What leaves next to nothing beside the files that are there.
REST = """
import os
with open("notes.bin", "wb") as file:
    while os.statvfs(".")[3] > 4:
        file.write(bytes(512))
"""
FILLED = """
if "notes.bin" not in os.listdir():
    with open("notes.bin", "wb") as file:
        file.write(bytes(%d))
"""
# Another MicroPython, as far as it tells.
OTHER = """
import sys

class Other:
    pass

told = Other()
told.version, told._mpy, told._machine = %r
other = Other()
for name in dir(sys):
    setattr(other, name, getattr(sys, name))
other.implementation = told
other.platform = "stm32"
sys.modules["sys"] = other
"""
# What the 98,000 bytes of the F429ZI are in 64 bits, and the driver of this file system.
HEAP = ("--heap", "148k")
F429ZI = "NUCLEO-F429ZI with STM32F429xx"
MPY = 0x06 | 3 << 8 | 7 << 10


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "flash.img"
    path.write_bytes(bytes(224 * 512))
    return path


@pytest.mark.parametrize(
    ("told", "arguments", "text"),
    [
        (((1, 27, 1), MPY, F429ZI), (), "MicroPython 1.27.1 is on it, and 1.28.0 or later is"),
        (((1, 29, 0), 5, F429ZI), (), ".mpy files of version 5, and mpy-cross makes version 6"),
        (((1, 29, 0), MPY, "PYBv1.1 with STM32F405RG"), (), "this is 'PYBv1.1 with STM32F405RG'"),
        (((1, 29, 0), MPY, F429ZI), ("BOARD=b_l475e_iot01a",), "BOARD=b_l475e_iot01a, but this"),
    ],
)
def test_wrong_boards_are_refused_and_nothing_is_written(tmp_path, told, arguments, text):
    with LineBoard(tmp_path, boot=OTHER % (told,)) as virtual:
        before = virtual.files()
        status, said = deploy(tmp_path, f"PORT={virtual.port}", *arguments)
        last = said.splitlines()[-1]
        assert status == 2 and text in last and last.endswith("Nothing written"), said
        assert virtual.files() == before
        assert virtual.causes() == ["power", "hard"]


def test_a_file_system_that_is_too_full(tmp_path, image):
    with LineBoard(tmp_path, boot=FAT % image + FILLED % 30000) as virtual:
        virtual.wait_for(lambda: b"NOTES" in image.read_bytes())
        before = image.read_bytes()
        status, said = deploy(tmp_path, f"PORT={virtual.port}", "SERVER=coap://127.0.0.1:9")
        last = said.splitlines()[-1]
        assert status == 2 and last.endswith("remove what is not needed. Nothing written"), said
        # 190 blocks, 59 of them of the file; 17 are kept.
        assert (
            "the file system has 190, others take 59 (notes.bin 30,000 bytes), 17 are kept" in last
        )
        assert "which leaves 114: " in last
        least = install.chosen(
            0, lambda lines: install.contents(None, None, lines, board="nucleo_f429zi")
        )
        assert f"the firmware takes {least.blocks} blocks of 512 bytes{least.told}" in last
        assert "without updates, DTLS and bootstrap, the trace" in least.told
        assert image.read_bytes() == before


def test_the_f429zi_file_system_takes_the_firmware_in_one_file(tmp_path, image):
    with Desk() as desk, LineBoard(tmp_path, *HEAP, boot=FAT % image) as virtual:
        port = f"PORT={virtual.port}"
        status, said = deploy(tmp_path, port, f"SERVER={desk.uri}", "ENDPOINT=small")
        assert status == 0 and desk.client("small"), said
        assert "blocks of 173, 17 more are kept for records, most of it packed" in said
        assert f"into {packed.NAME}, without updates, DTLS and bootstrap" in said
        copied_files, same, removed = copied(said)
        assert (copied_files, same, removed) == (4, 0, 0)
        # boot.py and main.py of the repository are on it, not beside it.
        assert sorted(path.name for path in virtual.flash.iterdir()) == ["boot.py"]
        assert desk.read("small", "/3303/0/5700") == "21.5"
        # All is written over once more, by way of a file that takes the place of the old one.
        status, said = deploy(tmp_path, port, "FORCE=1")
        assert status == 0 and copied(said) == (copied_files, 0, 0), said
        status, said = deploy(tmp_path, port)
        assert status == 0 and copied(said) == (0, copied_files, 0), said
        # An account with DTLS: the board lacks it.
        status, said = make(tmp_path, "provision", port, "BOOTSTRAP=coap://127.0.0.1:9")
        assert status == 0 and "board has no bootstrap: this account" in said, said


# What is done to the one file before it is copied anew: its last byte, or its length too.
HARM = (
    "f=open('slot0.pkg','r+b'); f.seek(-1,2); f.write(b'~'); f.close()",
    "f=open('slot0.pkg','r+b'); f.seek(-1,2); f.write(b'~~~'); f.close()",
)


def cut_copying(folder, board, *arguments):
    """`make deploy` whose board ends in the middle of the one file."""
    count = []

    def kill(data):
        if b"w('" in data:
            count.append(data)
            if len(count) == 40:
                board.process.kill()
        return data

    with BadCable(folder, board.port, kill) as cable:
        command = [sys.executable, "-m", "tools.deploy", f"PORT={cable.port}", *arguments]
        with subprocess.Popen(
            command, cwd=install.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        ) as process:
            board.process.wait(60)
            process.kill()
    assert len(count) >= 40


def test_a_cut_while_the_one_file_is_copied(tmp_path, image):
    free = []
    with Desk() as desk:
        arguments = (f"SERVER={desk.uri}", "ENDPOINT=cut")
        # Where there is none, over one of the same length, and over one of another.
        for harm in (None, *HARM):
            with LineBoard(tmp_path, *HEAP, boot=FAT % image) as virtual:
                if harm:
                    virtual.settle()
                    command = [sys.executable, "-m", "mpremote", "connect", str(virtual.port)]
                    subprocess.run([*command, "exec", harm], check=True, timeout=30)
                cut_copying(tmp_path, virtual, *arguments)
            # It is there, with all its blocks, but damaged: boot.py says so.
            with LineBoard(tmp_path, *HEAP, boot=FAT % image) as virtual:
                port = f"PORT={virtual.port}"
                if harm:
                    said = "slot 0: it is damaged: deploy again"
                    virtual.wait_for(lambda board=virtual, text=said: text in board.stdout)
                status, said = deploy(tmp_path, port, *arguments)
                assert status == 0 and desk.client("cut"), said
                # What comes before it is there already.
                assert copied(said)[0] == (1 if harm else 3), said
                assert desk.read("cut", "/3303/0/5700") == "21.5"
                status, said = deploy(tmp_path, port)
                assert status == 0 and copied(said) == (0, 4, 0), said
                free.append(int(re.search(r"(\d+) of 190 blocks", said)[1]))
    # No block is lost; the session's records are two files.
    assert max(free) - min(free) <= 2, free


def test_from_files_to_one_and_back(tmp_path, image):
    """What is beside the firmware decides; here the board's file system has grown."""
    arguments = ("SERVER=coap://127.0.0.1:9", "ENDPOINT=both")
    large = tmp_path / "large.img"
    large.write_bytes(bytes(512 * 1024))
    boot = (FAT % large).replace(", 224)", ", 1024)")
    with LineBoard(tmp_path, boot=boot) as virtual:
        port = f"PORT={virtual.port}"
        status, said = deploy(tmp_path, port, *arguments)
        count = copied(said)[0]
        assert count > 100 and packed.NAME not in said, said
        for notes, wanted in ((REST, (1, 5, count - 5)), (None, (count - 5, 5, 1))):
            code = notes or "import os; os.remove('notes.bin')"
            command = [sys.executable, "-m", "mpremote", "connect", str(virtual.port)]
            subprocess.run([*command, "exec", code], check=True, timeout=30)
            status, said = deploy(tmp_path, port)
            assert status == 0 and copied(said) == wanted, said
            assert (f"packed into {packed.NAME}" in said) == bool(notes)
            status, said = deploy(tmp_path, port)
            assert status == 0 and copied(said)[::2] == (0, 0), said


FROZEN = """
import builtins, sys

def find(name, *args, sys=sys, imported=builtins.__import__):
    if name == "lwm2m.queue_mode" and sys.path == [".frozen"]:
        return sys
    return imported(name, *args)

builtins.__import__ = find
"""


def test_nothing_goes_beside_a_frozen_firmware(tmp_path):
    with LineBoard(tmp_path, boot=FROZEN) as virtual:
        for name in ("firmware/app.mpy", "lib/coap/a.mpy", "lib/mine.py"):
            (virtual.flash / name).parent.mkdir(parents=True, exist_ok=True)
            (virtual.flash / name).write_text("")
        (virtual.flash / "main.py").write_bytes((install.ROOT / "main.py").read_bytes())
        status, said = deploy(tmp_path, f"PORT={virtual.port}", "SERVER=coap://127.0.0.1:9")
        assert "the firmware is frozen into this MicroPython" in said
        assert copied(said) == (2, 1, 2), said
        names = ["boot.json", "boot.py", "config.json", "lib/mine.py", "main.py"]
        assert sorted(virtual.files()) == names
        assert (virtual.flash / "boot.py").read_bytes() == (install.ROOT / "boot.py").read_bytes()


def found(**more):
    fields = {
        "port": "p",
        "version": (1, 29, 0),
        "mpy": MPY,
        "machine": F429ZI,
        "unique_id": bytes(range(12)),
        "block": 512,
        "blocks": 190,
        "free": 100,
        "files": {},
    }
    return board.Found(**{**fields, **more})


def test_what_a_board_tells():
    one = found()
    assert (one.name, one.march) == ("nucleo_f429zi", "armv7emsp")
    assert found(machine="B-L475E-IOT01A with STM32L475").name == "b_l475e_iot01a"
    assert found(machine="linux [GCC 14] version").name is None
    for mpy, march in ((6, None), (6 | 2 << 10, "x64"), (6 | 15 << 10, None)):
        assert found(mpy=mpy).march == march
    files = {
        "boot.py": 10,
        "firmware/a.mpy": 600,
        "lib/coap/b.mpy": 1,
        "lib/coapy.mpy": 1,
        "lib/aioble/b.mpy": 1,
        "state/factory.0": 100,
        "config.json": 513,
    }
    one = found(files=files)
    assert list(one.ours) == ["boot.py", "firmware/a.mpy", "lib/coap/b.mpy"]
    assert len(one.others) == 4
    # state/ is a folder: 1 + 1 + 2 of the 17 blocks are taken. Ours: 1 + 2 + 1, and 3 folders.
    assert board.room(one) == (100 + 7 - 13, 13)
    assert board.room(found()) == (100 - 17, 17)


def test_the_number_of_a_board_is_that_of_its_usb():
    name = configuration.default_endpoint("nucleo_f429zi", bytes(range(12)))
    assert name == "nucleo-f429zi-0b0c09080706"
    assert configuration.default_endpoint("frdm_k64f", b"") == "frdm-k64f"


def test_config_that_lacks_something_is_completed():
    text, lines = configuration.settle(found(), b'{"measure_s": 9}', {"SERVER": "coap://h"})
    assert json.loads(text) == {
        "measure_s": 9,
        "server": "coap://h",
        "board": "nucleo_f429zi",
        "endpoint": "nucleo-f429zi-0b0c09080706",
    }
    assert len(lines) == 3 and configuration.has_account(found(), text)
    again, lines = configuration.settle(found(), text, {"SERVER": "coap://h"})
    assert again is None and lines == ["config.json: left as it is"]
    bare = b'{"board": "nucleo_f429zi", "endpoint": "e"}'
    assert not configuration.has_account(found(), bare)
    assert configuration.has_account(found(files={"state/factory.1": 9}), bare)
    for text in (b"{", b"[]", b"[" * 100000, b"\xff", b'{"board": "b_l475e_iot01a"}'):
        with pytest.raises(UserError, match="p: config.json"):
            configuration.settle(found(), text, {})


def test_arguments():
    assert arguments.parse("deploy", ["PORT=a0", "FORCE=0", "AIOREPL=1"]) == {
        "PORT": "a0",
        "AIOREPL": "1",
    }
    for given, text in (
        ([], "PORT=DEVICE is needed"),
        (["PORT"], "expected NAME=value"),
        (["PORT=a", "PORT=b"], "twice"),
        (["PORT="], "empty"),
        (["PORT=a", "SPEED=9"], "SPEED= is unknown"),
        (["PORT=a", "FORCE=yes"], "expected 1 or 0"),
        (["PORT=a", "BOARD=arduino"], "expected one of b_l475e_iot01a"),
        (["PORT=a", "INDEX=http://h"], "INDEX= needs AIOREPL=1"),
    ):
        with pytest.raises(UserError, match=text):
            arguments.parse("deploy", given)
    with pytest.raises(UserError, match="seconds"):
        arguments.parse("logs", ["PORT=a", "FOR=soon"])
    assert (resolved("a0"), resolved("u12")) == ("/dev/ttyACM0", "/dev/ttyUSB12")
    assert resolved("/dev/a0") == "/dev/a0"


class Terminal:
    def __init__(self, is_terminal):
        self.text = ""
        self.isatty = lambda: is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_progress_is_a_bar_or_a_line_now_and_then(monkeypatch):
    screen = Terminal(True)
    with Progress("copying", 200, screen) as progress:
        progress.mark()
        progress.step(100, "a.mpy")
        assert screen.text.endswith("copying [##############--------------]  50% a.mpy")
        progress.back()
        progress.step(50, "a.mpy")
        assert "25%" in screen.text
        progress.step(500)
        assert "[############################] 100%" in screen.text
    assert screen.text.endswith("\r\x1b[K")
    pipe = Terminal(False)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress("copying", 4, pipe) as progress:
        for _ in range(4):
            now[0] += 1
            progress.step(1, "x")
    assert pipe.text == "copying 50% x\ncopying 100% x\n"
