"""The smallest heap that the firmware, and a bare echo beside it, gets by with."""

import json
import shutil
import time

from tools.bench import wire
from tools.bench.figures import Figure, Result
from tools.bench.generator import Generator
from tools.bench.processes import ENDPOINT, micropython, virtual_board
from tools.errors import UserError

_REGISTER_S = 6  # a heap that is nearly too small makes a slow start
_LIMIT_KIB = 1024
# What is free after start is told for these.
_STATED = {"free_heap": "96k", "free_larger": "128k"}
_IDLE_S = 4  # after which it is told
_BOARD = "nucleo_f429zi"
_MARGIN_KIB = 8


def smallest(works, low, high, limit, step=1, margin=_MARGIN_KIB):
    """The smallest number above `low`, to `step`, for which `works` holds, and for all that
    are larger by up to `margin`.

    `high` is a first guess that is doubled up to `limit`; ValueError when nothing works.
    """
    while not works(high):
        if high >= limit:
            raise ValueError
        low, high = high, min(high * 2, limit)
    while high - low > step:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle
    # Where free memory lies in pieces a size may do by luck that a larger one does not.
    number = high
    while number <= high + margin:
        if not works(number):
            high = number + step
            if high > limit:
                raise ValueError
        number += step
    return high


def serves(start, code, count):
    """Whether the device that `start(port)` makes says its first word and answers so often."""
    with Generator() as generator, start(generator.port) as process:
        try:
            _, address = generator.first_datagram(process, _REGISTER_S)
            generator.run(address, code, count=count)
            process.check()
        except UserError:
            return False
    return True


def search(name, start, code, count, progress, guess, low, step):
    def works(kib):
        fits = serves(lambda port: start(port, f"{kib}k"), code, count)
        progress(f"{name} in {kib} KiB: " + ("serves" if fits else "fails"))
        return fits

    try:
        return smallest(works, low, guess, _LIMIT_KIB, step)
    except ValueError:
        raise UserError(
            f"{name} did not serve {count} requests in a heap of {_LIMIT_KIB} KiB: "
            "start it with `python -m tools.virtual_board` and see what it says"
        ) from None


def _in_use(process):
    with process:
        output = process.wait()
    for line in output.splitlines():
        if line.startswith("in use "):
            return int(line.split()[2])
    raise UserError("the heap in use was not told" + process.name)


def mock_share_bytes(workshop):
    """Bytes that a virtual board's hardware holds of the heap, once it has been touched."""
    name = "the look at the mock hardware"
    bare = workshop.flash(firmware=False, scripts=True)
    without = _in_use(
        micropython(name, "256k", bare, "import mock_share; mock_share.tell()"),
    )
    flash = workshop.flash(firmware=False, scripts=True)
    (flash / "boot.py").write_text("")
    (flash / "main.py").write_text("import mock_share\nmock_share.touch()\nmock_share.tell()\n")
    return _in_use(virtual_board(name, "256k", flash)) - without


def free_kib(workshop, heap):
    """(KiB that are free of this heap once the firmware has registered and is idle; how often it
    has told of too little until then).
    """
    flash = workshop.flash(scripts=True)
    shutil.move(flash / "free.mpy", flash / "firmware" / "objects" / "free.mpy")
    settings = {"board": _BOARD, "endpoint": ENDPOINT, "objects": ["free"]}
    (flash / "config.json").write_text(json.dumps(settings))
    with Generator() as generator:
        options = ("--server", f"coap://127.0.0.1:{generator.port}")
        with virtual_board("the firmware", heap, flash, *options) as process:
            generator.first_datagram(process, _REGISTER_S)
            time.sleep(_IDLE_S)
            lines = process.output().splitlines()
            found = [int(line[5:]) for line in lines if line.startswith("free ")]
            if not found:
                raise UserError(
                    f"the firmware did not tell what is free of {heap}{process.said()}"
                )
    return found[0] / 1024, sum("MemoryError" in line for line in lines)


def measure(workshop, progress, count=1000, step=1):
    echo = search("the bare echo", workshop.echo, wire.GET, count, progress, 16, 2, 1)
    mock = mock_share_bytes(workshop)
    progress(f"the mock hardware holds {mock} bytes")
    board = search("the firmware", workshop.board, wire.CONTENT, count, progress, 128, 8, step)
    note = f"heap: 64-bit, .mpy, steps of {step} KiB; {_MARGIN_KIB} KiB above it serve as well"
    notes = [note]
    figures = {}
    for name, heap in _STATED.items():
        free, short = free_kib(workshop, heap)
        progress(f"{free:.1f} KiB are free of {heap} after start")
        figures[name] = Figure(free)
        if short:
            notes.append(f"in {heap} the firmware told of too little memory first, times: {short}")
    figures |= {
        "smallest_heap": Figure(board),
        "mock_share": Figure(mock / 1024),
        "echo_heap": Figure(echo),
    }
    return Result(figures, notes)
