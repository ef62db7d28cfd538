"""Compiles the application of one board into a package."""

import ast
import re
import tempfile
from collections import namedtuple
from pathlib import Path

from tools import install, packed
from tools.errors import UserError
from tools.package import form

NAME = "iotkitv3-lwm2m"
MICROPYTHON = "1.28"  # the least that the firmware needs
VERSION = re.compile(r"(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}")
# The bytes of a package, and what was left out of it, as text.
Made = namedtuple("Made", "data left_out")
# What may be left out, in this order where there is no room for all: groups of modules of
# tools/install.py, and how they are called. What updates is not among them: an application without
# it would be a board's last one.
GROUPS = {
    "security": ("SECURITY", "DTLS and bootstrap"),
    "trace": ("TRACE", "the trace of messages"),
    "console": ("CONSOLE", "the lines after a colon and the REPL's functions"),
    "diagnosis": ("DIAGNOSIS", "diagnosis and settings from afar"),
}
_VERSION_FILE = "firmware/version.py"
_VERSION_LINE = re.compile(r'^VERSION = ".*"$', re.MULTILINE)
# As an .mpy file has them in its third byte.
_ARCHITECTURES = (
    "x86 x64 armv6 armv6m armv7m armv7em armv7emsp armv7emdp xtensa xtensawin rv32imc rv64imc"
).split()


def boards(root=install.ROOT):
    """The boards that have a slot, with the bytes of it."""
    found = {}
    for path in sorted((Path(root) / "firmware" / "boards").glob("*.py")):
        numbers = _numbers(path)
        if numbers.get("SLOTS"):
            found[path.stem] = numbers["SLOT_BYTES"]
    return found


def _numbers(path):
    # SLOTS and SLOT_BYTES of a board's file, whose modules only a board can import.
    found = {}
    for each in ast.parse(path.read_text("utf-8")).body:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            if each.targets[0].id in ("SLOTS", "SLOT_BYTES"):
                found[each.targets[0].id] = _number(each.value)
    return found


def _number(node):
    if isinstance(node, ast.Call):  # const()
        return _number(node.args[0])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _number(node.left) * _number(node.right)
    return ast.literal_eval(node)


def compiled(version, board, root=install.ROOT, objects=(), lines=True, march=None):
    """The files of a slot, content by name as `make deploy` puts them onto the board: the
    application, compiled with this version, without what is the factory's alone. UserError.
    """
    march = install.MARCH if march is None else march
    files = install.contents(None, march, lines, root, tuple(objects), board)
    if "firmware/version.mpy" not in files:
        raise UserError(f"{_VERSION_FILE} is missing: nothing to write the version into")
    files["firmware/version.mpy"] = _version(version, root, march, lines)
    return {name: data for name, data in files.items() if "/" in name}


def _less(files, without):
    # Without these groups, and with the names that modules have below a slot.
    left_out = [name for group in without for name in getattr(install, GROUPS[group][0], ())]
    files = install.less(files, left_out)
    return {name.removeprefix("lib/"): data for name, data in files.items()}


def _version(version, root, march, lines):
    text = (Path(root) / _VERSION_FILE).read_text("utf-8")
    text, count = _VERSION_LINE.subn(f'VERSION = "{version}"', text)
    if count != 1:
        raise UserError(f'{_VERSION_FILE}: expected one line VERSION = "..."')
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        source, target = Path(folder, "version.py"), Path(folder, "version.mpy")
        source.write_text(text, "utf-8")
        install.compile_mpy(source, target, install.module_name(_VERSION_FILE), march, lines)
        return target.read_bytes()


def describe(version, board, files, name=NAME, micropython=MICROPYTHON):
    """The values of the head; UserError for files that no one MicroPython can run."""
    kinds = {
        (data[1], data[2] >> 2 & 0x0F)
        for path, data in files.items()
        if path.endswith(".mpy") and data[:1] == b"M"
    }
    versions = {version for version, _ in kinds}
    machines = {number for _, number in kinds if number}
    if len(versions) != 1 or len(machines) > 1:
        raise UserError("the .mpy files are of several kinds: compile them with one mpy-cross")
    return {
        "name": name,
        "version": version,
        "board": board,
        "micropython": micropython,
        "mpy": versions.pop(),
        "march": _ARCHITECTURES[machines.pop() - 1] if machines else "",
    }


def build(
    key,
    version,
    board,
    root=install.ROOT,
    room=None,
    name=NAME,
    micropython=MICROPYTHON,
    objects=(),
    without=(),
    lines=True,
    everything=False,
    march=None,
):
    """A `Made` for a slot of the board, of `room` bytes where that is given. UserError.

    What does not fit is made smaller: compressed, then without the numbers of lines, then without
    one of `GROUPS` after the other; with `everything` nothing is left out. `without` names groups
    that are left out in any case. The other arguments as for `compiled()` and `describe()`.
    """
    known = boards(root)
    if board not in known:
        raise UserError(f"BOARD={board}: expected one with a slot: {', '.join(known) or 'none'}")
    room = known[board] if room is None else room
    files = {}
    steps = ((lines, False), (lines, True), (False, True))
    for count in range(len(GROUPS) + 1):
        groups = [each for each in GROUPS if each in (*without, *list(GROUPS)[:count])]
        for shows_lines, smaller in steps:
            if shows_lines not in files:
                files[shows_lines] = compiled(version, board, root, objects, shows_lines, march)
            left = _less(files[shows_lines], groups)
            info = describe(version, board, left, name, micropython)
            if smaller:
                left = {each: packed.compressed(each, data) for each, data in left.items()}
            package = form.pack(key, info, left)
            if len(package) <= room:
                return Made(package, _told(groups, shows_lines))
            if everything and smaller:
                raise UserError(_too_large(package, board, room, left, "leave out ALL=1"))
    hint = f"even without {_told(groups, False)}: remove objects or board files that it can spare"
    raise UserError(_too_large(package, board, room, left, hint))


def _told(groups, lines):
    called = [GROUPS[each][1] for each in groups] + ["numbers of lines in tracebacks"] * (
        not lines
    )
    return ", ".join(called)


def _too_large(package, board, room, files, hint):
    contents = sum(map(len, files.values()))
    return (
        f"{len(package):,} bytes, a slot of {board} has {room:,}: {len(files)} files of "
        f"{contents:,} bytes and a head of {len(package) - contents:,}; {hint}"
    )
