"""Brings the firmware onto a board: looks, compiles, compares, writes, restarts."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools import boot_file, install
from tools.board_repl import BoardRepl, resolved
from tools.deploy import board, configuration, console, slots, transfer
from tools.deploy.progress import Progress
from tools.errors import UserError

_REGISTERED_S = 20
_MIP_S = 120
_AIOREPL = "lib/aiorepl.mpy"
_AIOREPL_SIZE = 3072  # bytes, about


def tell(text):
    print(text, flush=True)


def deploy(given):
    """Does it all; returns the exit status. UserError where nothing can be done."""
    port = given["PORT"]
    with BoardRepl(port, tell) as repl:
        found = board.look(repl)
        tell(f"{port}: {found.line()}")
        board.check(found, given.get("BOARD"))
        text = repl.read(configuration.NAME) if configuration.NAME in found.files else None
        new_text, lines = configuration.settle(found, text, given)
        files = _compiled(found, new_text or text, "AIOREPL" in given)
        _bring(repl, found, files, "FORCE" in given)
        _configure(repl, found, new_text, lines)
        # Last: until here a copy in a slot is whole, and this one may not be.
        if slots.choose_factory(repl, found):
            tell("what was deployed starts from now on, no copy in a slot")
        status = _add_aiorepl(repl, given) if "AIOREPL" in given else 0
        if not configuration.has_account(found, new_text or text):
            tell(
                f"note: this board knows no server: `make provision PORT={port} SERVER=coap://HOST`"
            )
        return _restart(repl) or status


def _compiled(found, config, wants_aiorepl):
    # The content of the files by name, of the installation that has room.
    if found.frozen:
        tell("the firmware is frozen into this MicroPython: files on the flash would mix with it")
        files = {name: (install.ROOT / name).read_bytes() for name in ("boot.py", "main.py")}
        return {**files, boot_file.NAME: boot_file.content(found.name)}
    tell(f"compiling for {found.name} ({found.march or 'bytecode only'}) ...")
    room, kept = board.room(found)
    wanted = {_AIOREPL: _AIOREPL_SIZE} if wants_aiorepl and _AIOREPL not in found.files else {}
    best = install.chosen(
        room, lambda lines: _contents(found, config, lines), found.block, beside=wanted
    )
    if best.blocks > room:
        raise UserError(_no_room(found, room, kept, best))
    tell(
        f"{len(best.files)} files take {best.blocks} blocks of {room}, {kept} more are kept for "
        f"records{best.told}"
    )
    return best.files


def _contents(found, config, lines):
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        Path(folder, configuration.NAME).write_bytes(config)
        return install.contents(folder, found.march, lines)


def _no_room(found, room, kept, least):
    others = sorted(found.others.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {size:,} bytes" for name, size in others[:4])
    return (
        f"{found.port}: no room: the firmware takes {least.blocks} blocks of {found.block} bytes"
        f"{least.told}; the file system has {found.blocks}, others take "
        f"{found.blocks - found.free - install.blocks_of(found.ours, found.block)} "
        f"({shown or 'no files'}), {kept} are kept for config.json and records, which leaves "
        f"{room}: remove what is not needed. Nothing written"
    )


def _bring(repl, found, files, everything):
    with Progress("comparing", len(files)) as progress:
        names = transfer.changed(repl, found, files, progress)
    same = len(files) - len(names)
    if everything:
        names, same = sorted(files, key=transfer.order), 0
    gone = sorted(set(found.ours) - set(files))
    if gone:
        tell(f"removing {len(gone)}: {_some(gone)}")
        transfer.remove(repl, gone)
    if names:
        wanted = {name: files[name] for name in names}
        size = sum(map(len, wanted.values()))
        tell(f"copying {len(names)}, {size:,} bytes: {_some(names)}")
        with Progress("copying", size) as progress:
            transfer.write(repl, found, wanted, progress, tell)
    tell(f"{len(names)} copied, {same} the same, {len(gone)} removed")


def _some(names):
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def _configure(repl, found, text, lines):
    for line in lines:
        tell(line)
    if text is not None:
        with Progress("copying", len(text)) as progress:
            transfer.write(repl, found, {configuration.NAME: text}, progress, tell)


def _add_aiorepl(repl, given):
    # By mpremote's own installer, which wants the port for itself.
    tell("installing aiorepl ...")
    repl.close()
    command = [sys.executable, "-m", "mpremote", "connect", resolved(repl.port), "resume"]
    command += ["mip", "install", "--target", "lib"]
    command += ["--index", given["INDEX"]] if "INDEX" in given else []
    try:
        done = subprocess.run(
            [*command, "aiorepl"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_MIP_S,
            check=False,
        )
        lines = (done.stderr or done.stdout).strip().splitlines()
        cause = None if not done.returncode else (lines or ["failed"])[-1]
    except subprocess.TimeoutExpired:
        cause = f"no end after {_MIP_S} s"
    repl.open()
    repl.recover()
    if cause is None:
        tell("aiorepl is in lib/")
        return 0
    tell(f"aiorepl is not installed: {cause}: is its index in reach? INDEX=URL names another one")
    return 1


def _restart(repl):
    repl.restart()
    tell(f"{repl.port}: restarted, and it says:")
    try:
        return _follow(repl)
    except UserError:
        tell(
            f"{repl.port}: the port is gone: a virtual board ends like that where config.json is "
            "wrong, and tells why; else reset the board"
        )
        return 1


def _follow(repl):
    for line in console.read_lines(repl, _REGISTERED_S):
        if line == console.PROMPT:
            tell(f"{repl.port}: the firmware has ended: its last line above tells why")
            return 1
        if line:
            tell("  " + line)
        if "registered at /" in line:
            return 0
    tell(
        f"{repl.port}: not registered within {_REGISTERED_S} s: the lines above may tell why; "
        f"`make logs PORT={repl.port}` shows more"
    )
    return 0
