"""What a board is and what is on its flash, and whether the firmware can go onto it."""

from dataclasses import dataclass, field

from tools import install
from tools.deploy import transfer
from tools.errors import UserError

OLDEST = (1, 28)
# The numbers that MicroPython gives to what mpy-cross makes native code for.
_ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
_MPY_VERSION = 6

# A virtual board runs the unix port: it tells of its hardware by a function of its own.
_LOOK = """
import sys, os, gc
gc.collect()
i = sys.implementation
m = getattr(i, '_machine', '')
u = b''
try:
    import machine
    if sys.platform in ('linux', 'darwin'):
        m = machine.board()
    u = machine.unique_id()
except Exception:
    pass
p = sys.path[:]
sys.path[:] = ['.frozen']
try:
    import lwm2m.queue_mode
    frozen = True
except ImportError:
    frozen = False
sys.path[:] = p
for name in ('lwm2m.queue_mode', 'lwm2m'):
    sys.modules.pop(name, None)
v = os.statvfs(os.getcwd())
n = tuple(i.version[:3]), getattr(i, '_mpy', 0)
print('found', n + (m, bytes(u), v[1] or v[0], v[2], v[3], frozen))
"""
_LIST = """
import os
def walk(folder):
    for e in os.ilistdir(folder or os.getcwd()):
        name = folder + '/' + e[0] if folder else e[0]
        if e[1] == 0x4000:
            walk(name)
        else:
            print(repr((name, os.stat(name)[6])), end=',')
print('found [', end='')
walk('')
print(']')
del walk
"""


def names():
    """The names that BOARD= may have."""
    return sorted(install.BLOCKS)


def _is_ours(name):
    return name == transfer.TEMPORARY or install.is_ours(name)


@dataclass(frozen=True)
class Found:
    """A board as it was found. Sizes in bytes, `blocks` and `free` in blocks of `block` bytes."""

    port: str
    version: tuple
    mpy: int
    machine: str
    unique_id: bytes
    block: int
    blocks: int
    free: int
    frozen: bool = False  # the firmware is part of its MicroPython
    files: dict = field(default_factory=dict)

    @property
    def name(self):
        """Its name as BOARD= has it, None where it is none of ours."""
        told = self.machine.lower().replace("-", "_")
        return next((name for name in names() if name in told), None)

    @property
    def march(self):
        """What mpy-cross makes native code for, None where this MicroPython takes none."""
        number = self.mpy >> 10 & 0xF
        return (_ARCHITECTURES[number] if number < len(_ARCHITECTURES) else "") or None

    @property
    def ours(self):
        """The files of the firmware, by name with their sizes, and what a cut has left of one."""
        return {name: size for name, size in self.files.items() if _is_ours(name)}

    @property
    def others(self):
        return {name: size for name, size in self.files.items() if not _is_ours(name)}

    @property
    def told_version(self):
        return ".".join(map(str, self.version))

    def line(self):
        """One line that says what it is."""
        return (
            f"{self.machine}, MicroPython {self.told_version}, {self.free} of {self.blocks} "
            f"blocks of {self.block} bytes free"
        )


def look(repl):
    """A Found of the board at the prompt of a BoardRepl."""
    return Found(repl.port, *repl.ask(_LOOK), dict(repl.ask(_LIST)))


def check(found, board):
    """Raises UserError where the firmware for `board`, or any, cannot run there."""
    if found.version[:2] < OLDEST:
        raise UserError(
            f"{found.port}: MicroPython {found.told_version} is on it, and "
            f"{OLDEST[0]}.{OLDEST[1]}.0 or later is needed: put it there first. Nothing written"
        )
    if found.mpy & 0xFF != _MPY_VERSION:
        raise UserError(
            f"{found.port}: its MicroPython takes .mpy files of version {found.mpy & 0xFF}, and "
            f"mpy-cross makes version {_MPY_VERSION}: put another MicroPython there. "
            "Nothing written"
        )
    if found.name is None:
        raise UserError(
            f"{found.port}: this is {found.machine!r}, and the firmware has no board file for "
            f"it, only for {', '.join(names())}. Nothing written"
        )
    if board is not None and board != found.name:
        raise UserError(
            f"{found.port}: BOARD={board}, but this is {found.machine!r}: "
            f"BOARD={found.name}, or another PORT=. Nothing written"
        )


def room(found):
    """(blocks that an installation may take, blocks that are kept for what it will write).

    The latter are `install.RESERVE` without what config.json and the records take already.
    """
    records = {
        name: size
        for name, size in found.others.items()
        if name == "config.json" or name.startswith("state/")
    }
    kept = max(0, install.RESERVE - install.blocks_of(records, found.block))
    return found.free + install.blocks_of(found.ours, found.block) - kept, kept
