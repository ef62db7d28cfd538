"""What mbedTLS takes for a session with a pre-shared key: on a board, of MicroPython's heap.

The unix port's mbedTLS takes its memory from the system, so `--heap` tells nothing about it.
valgrind sees each piece. A board's pieces are the same or smaller (pointers of 4 bytes), each
with its MicroPython's list entry of 12 bytes before it, in blocks of 16.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from tools.bench.processes import DEVICE
from tools.bench.secure import IDENTITY, Front
from tools.errors import UserError
from tools.keysearch.notes import used
from tools.virtual.interpreter import command_line

RECORD_BUFFERS = 20480  # bytes: 16384 in, 4096 out, of every session

_ENTRY = 12
_BLOCK = 16
_TIMEOUT_S = 60
_TAKEN = re.compile(r"-- (malloc|calloc|realloc)\((.+)\) = 0x([0-9A-F]+)$")
_FREED = re.compile(r"-- (?:cfree|free)\(0x([0-9A-F]+)\)$")


@dataclass(frozen=True)
class Peak:
    """Bytes beside the record buffers: `handshake` at its peak, `session` while it lives.

    `largest` is the longest piece, that has to be free in one.
    """

    handshake: int
    session: int
    largest: int


# Measured on x86-64 with mbedTLS 3.6.6: what counts where there is no valgrind.
STATED = Peak(handshake=5072, session=2960, largest=16736)


def _on_a_board(size):
    return (size + _ENTRY + _BLOCK - 1) // _BLOCK * _BLOCK


def _size(kind, arguments):
    numbers = [int(each) for each in re.findall(r"(?<!x)\b\d+\b", arguments)]
    return numbers[0] * numbers[1] if kind == "calloc" else numbers[-1]


def peak(lines):
    """The Peak from valgrind's trace of device/handshake.py; UserError when it is no such one."""
    stage = None
    largest = 0
    pieces = {}
    most = {}
    for line in lines:
        words = line.split()
        if words[:1] == ["STAGE"]:
            stage = words[1]
            if stage == "end":
                break
            most[stage] = sum(pieces.values())
        if stage is None:
            continue
        taken, freed = _TAKEN.search(line.rstrip()), _FREED.search(line.rstrip())
        if taken:
            if taken[1] == "realloc":
                pieces.pop(taken[2].split(",")[0].removeprefix("0x"), None)
            pieces[taken[3]] = _on_a_board(_size(taken[1], taken[2]))
            largest = max(largest, pieces[taken[3]])
            most[stage] = max(most[stage], sum(pieces.values()))
        elif freed:
            pieces.pop(freed[1], None)
    if stage != "end" or most["handshake"] < RECORD_BUFFERS:
        raise UserError("valgrind's trace does not show a session")
    return Peak(most["handshake"] - RECORD_BUFFERS, most["session"] - RECORD_BUFFERS, largest)


def measure():
    """The Peak, measured now; None where there is no valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return None
    key = used(os.urandom(16))
    with Front(key) as front:
        code = f"import handshake; handshake.run({front.port}, {IDENTITY!r})"
        done = subprocess.run(
            [valgrind, "--trace-malloc=yes", *command_line("256k", "-c", code)],
            check=False,
            env={**os.environ, "MICROPYPATH": ".frozen:" + str(DEVICE)},
            input=key.hex() + "\n",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TIMEOUT_S,
            text=True,
            errors="replace",
        )
    return peak(done.stderr.splitlines())
