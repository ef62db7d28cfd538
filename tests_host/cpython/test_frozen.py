"""The list of modules to freeze, and a virtual board whose modules are not on its flash."""

import os
import sys
from pathlib import Path

import pytest
from board_process import BoardProcess
from lwm2m_server import LwM2MServer

from tools import install
from tools.errors import UserError
from tools.virtual import options

MANIFEST = install.ROOT / "firmware" / "manifest.py"


class Build:
    """What a build of MicroPython gives a manifest, by its documentation "MicroPython manifest
    files": paths are relative to the manifest, every file is there, and no two have one name.
    """

    def __init__(self):
        self.included = []
        self.frozen = {}  # path on the board: (file, optimisation)

    def include(self, path):
        self.included.append(path)

    def package(self, package_path, files=None, base_path=".", opt=None):
        assert not os.path.isabs(package_path)
        for name in files or ():
            self._add(os.path.join(package_path, name), base_path, opt)

    def module(self, module_path, base_path=".", opt=None):
        assert os.path.basename(module_path) == module_path
        self._add(module_path, base_path, opt)

    def _add(self, name, base_path, opt):
        path = Path(base_path, name)
        assert path.suffix == ".py" and path.is_file(), path
        assert name not in self.frozen, name
        self.frozen[name] = path.resolve(), opt


@pytest.fixture
def build(monkeypatch):
    monkeypatch.chdir(MANIFEST.parent)  # as the build does
    build = Build()
    names = {"include": build.include, "package": build.package, "module": build.module}
    exec(compile(MANIFEST.read_text(), MANIFEST, "exec"), names)
    return build


def test_everything_that_is_installed_is_frozen(build):
    everything = install.board_files(extras=("test_object",))
    assert "firmware/objects/test_object.py" in everything
    installed = {name.removeprefix("lib/"): install.ROOT / name for name in everything}
    frozen = {name: path for name, (path, _) in build.frozen.items()}
    # Installing leaves out packages' files that only say what they are for.
    only_says = {name for name in frozen.keys() - installed.keys() if "__init__.py" in name}
    assert frozen.keys() - only_says == installed.keys()
    assert all(frozen[name] == path for name, path in installed.items())


def test_optimised_as_installed_files_are(build):
    assert {opt for _, opt in build.frozen.values()} == {2}


def test_asyncio_and_what_is_not_for_a_board(build):
    assert build.included == ["$(MPY_DIR)/extmod/asyncio"]
    left_out = {"firmware/manifest.py", "coap/numbers.py"}
    assert not left_out & build.frozen.keys()
    for name in left_out:
        assert (install.ROOT / name).exists() or (install.ROOT / "lib" / name).exists()


def frozen_program(folder):
    """A MicroPython whose modules are elsewhere than on the flash, as frozen ones are."""
    modules = folder / "frozen"
    install.stage(modules, mpy=True, march=install.host_march(), board="nucleo_f429zi")
    program = folder / "micropython"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        "folder = os.path.dirname(os.path.abspath(__file__)) + '/frozen'\n"
        "os.environ['MICROPYPATH'] += f':{folder}:{folder}/lib'\n"
        f"start = [{sys.executable!r}, '-m', 'micropython_unix']\n"
        "os.execv(start[0], start + sys.argv[1:])\n"
    )
    program.chmod(0o755)
    return program


def test_a_board_with_frozen_modules(tmp_path):
    program = frozen_program(tmp_path)
    with LwM2MServer() as server:
        given = ("--frozen", program, "--server", server.uri, "--endpoint", "frozen")
        with BoardProcess(tmp_path, None, *given) as board:
            server.serve(lambda: server.registers)
            assert server.read(3303, 0, 5700) == "21.5"
            names = {path.name for path in board.flash.iterdir()}
            assert names == {"boot.py", "boot.json", "main.py", "config.json", "state"}
            server.write(b"0.25", 10346, 0, 5536)
            board.wait_for(lambda: [e for e in board.events("pwm") if e["duty_ns"] == 1187000])
            # From this flash again: nothing of it is in the way.
            server.serve(lambda: list((board.flash / "state").glob("session*")))
            board.say({"reset": "power"})
            server.serve(lambda: any(" as before" in line for line in board.console()))
            assert board.end()[0] == 0
        assert "Error" not in board.stdout


def test_modules_on_the_flash_are_in_the_way(tmp_path):
    program = frozen_program(tmp_path)
    (tmp_path / "flash" / "lib").mkdir(parents=True)
    (tmp_path / "flash" / "boot.py").write_text("")
    given = ("--frozen", program, "--server", "coap://127.0.0.1", "--endpoint", "frozen")
    with BoardProcess(tmp_path, None, *given) as board:
        assert board.process.wait(10) == 2
    assert "lib would be in the way: remove it" in board.stderr


def test_programs_that_are_refused(tmp_path):
    no_program = tmp_path / "micropython"
    no_program.write_text("")
    for given, expected in (
        (["--frozen", str(no_program)], "not a program"),
        (["--frozen", str(tmp_path / "missing")], "not a program"),
        (["--frozen", sys.executable, "--mpy"], "either frozen or installed"),
    ):
        with pytest.raises(UserError) as error:
            options.parse(given)
        assert expected in str(error.value)
    assert options.parse(["--frozen", sys.executable]).heap == "128k"
