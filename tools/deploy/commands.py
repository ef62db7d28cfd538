"""What is beside deploying: which boards there are, their prompt, and erasing one."""

import os
import sys

from serial.tools import list_ports

from tools import packed
from tools.board_repl import BoardRepl, resolved
from tools.deploy import board, slots, transfer
from tools.deploy.deploy import tell
from tools.errors import UserError

# Vendor of the USB device: what it is for us.
_KNOWN = {
    0x0483: "ST-LINK or STM32: a board of STMicroelectronics",
    0xF055: "MicroPython's own USB",
    0x0D28: "DAPLink: FRDM-K64F",
}


def devices():
    """Shows the serial ports, those of boards first; returns the exit status."""
    ports = sorted(list_ports.comports(), key=lambda each: (each.vid not in _KNOWN, each.device))
    for each in ports:
        what = _KNOWN.get(each.vid) or each.description or "a serial port"
        number = f", serial number {each.serial_number}" if each.serial_number else ""
        tell(f"{each.device}  {what}{number}")
    if not ports:
        tell(
            "no serial port: is the cable in, one that carries data, and is the board's power on? "
            "In a container or virtual machine the device has to be handed in"
        )
    tell("a virtual board is not listed: its port is what --pty names")
    return 0


def describe(port):
    """Shows what is on one board."""
    with BoardRepl(port, tell) as repl:
        found = board.look(repl)
        tell(f"{port}: {found.line()}")
        there = {"firmware/app.mpy", packed.NAME} & set(found.files)
        firmware = "is on it" if there else "is not on it"
        if "firmware/app.py" in found.files:
            firmware = "is on it as sources"
        size = sum(found.ours.values())
        tell(f"the firmware {firmware}: {len(found.ours)} files, {size:,} bytes")
        for line in slots.describe(repl):
            tell(line)
        for name, size in sorted(found.others.items()):
            tell(f"  {size:7,} {name}")
    return 0


def repl(port):
    """Becomes mpremote at the board's prompt or console; its firmware goes on."""
    tell("Ctrl-C stops the firmware, Ctrl-D at the prompt starts it, Ctrl-] leaves")
    command = [sys.executable, "-m", "mpremote", "connect", resolved(port), "resume", "repl"]
    os.execv(sys.executable, command)


def erase(port, everything, unasked):
    """Removes the firmware, or all files; asks before it does."""
    with BoardRepl(port, tell) as line:
        found = board.look(line)
        names = sorted(found.files if everything else [*found.ours, *slots.names(found)])
        if not names:
            tell(f"{port}: nothing to erase")
            return 0
        what = "everything, with config.json and accounts" if everything else "the firmware"
        size = sum(found.files[name] for name in names)
        tell(f"{port}: {what}: {len(names)} files, {size:,} bytes")
        if not unasked and not _sure():
            raise UserError("not erased: YES=1 does not ask")
        transfer.remove(line, names)
        tell(f"{port}: erased")
        if set(found.files) - set(names):
            tell("left: " + ", ".join(sorted(set(found.others) - set(names))))
    return 0


def _sure():
    if not sys.stdin.isatty():
        return False
    return input("erase? Type yes: ").strip() == "yes"
