"""What memory a firmware update takes beside the idle client."""

import json
import os
import shutil
import time
from contextlib import contextmanager

from tools.bench.figures import Figure, Result
from tools.bench.generator import Generator
from tools.bench.heap import smallest
from tools.bench.processes import ENDPOINT, virtual_board
from tools.errors import UserError
from tools.package import build, form

_BOARD = "nucleo_f429zi"
_HEAP = "160k"
_SIZE = 40 * 1024  # bytes of an application
_FILES = 40
_SZX = 5  # blocks of 512 bytes
_REGISTER_S = 8
_IDLE_S = 4  # after which the heap is filled
_DECIDES_S = 0.5  # that a server needs to ask for the installation
_CHOSEN_S = 8
_RESTART_S = 1  # until all is saved; it counts, too
_STEP = 256
_GUESS, _LIMIT = 20 * 1024, 64 * 1024
_SAYS = {"ballast": "free ", "peak": "idle "}
_CONTINUE = 0x5F  # 2.31
_CHANGED = 0x44  # 2.04
_STATE = b"\xb15\x010\x013\x60"  # /5/0/3 as text
_RESULT = b"\xb15\x010\x015\x60"
_DOWNLOADED = b"2"
# A Write to /10346/0/5536, as text: the client that is idle has been written to before.
_WRITE = b"\x44\x03\x20\0once\xb510346\x010\x045536\x10\xff0.5"
# An Execute of /5/0/2
_INSTALL = b"\x44\x02\x21\0inst\xb15\x010\x012"
_VERIFIED_S = 3


def _package(workshop, key):
    files = {f"firmware/part{number}.mpy": os.urandom(_SIZE // _FILES) for number in range(_FILES)}
    info = build.describe(
        "9.9.9", _BOARD, {"any.mpy": (workshop.flash() / "firmware/app.mpy").read_bytes()}
    )
    return form.pack(key, info, files)


def _options(number, more):
    """Uri-Path 5, 0, 0, Content-Format 42 and Block1."""
    block = number << 4 | more << 3 | _SZX
    value = block.to_bytes(4, "big").lstrip(b"\0")
    return b"\xb15\x010\x010\x11\x2a" + bytes((0xD0 | len(value), 27 - 12 - 13)) + value


def push(generator, address, data):
    """Sends the package in blocks; True when it was taken and found good."""
    size = 16 << _SZX
    count = (len(data) + size - 1) // size
    for number in range(count):
        more = number + 1 < count
        head = b"\x44\x03" + (number + 0x4000).to_bytes(2, "big") + os.urandom(4)
        block = data[number * size : (number + 1) * size]
        request = head + _options(number, more) + b"\xff" + block
        for _ in range(8):
            if generator.ask(request, address, _CONTINUE if more else _CHANGED):
                break
        else:
            return False
    deadline = time.monotonic() + _VERIFIED_S
    while time.monotonic() < deadline:
        if generator.value(address, _STATE) == _DOWNLOADED:
            return generator.value(address, _RESULT) == b"0"
        time.sleep(0.1)
    return False


@contextmanager
def _idle(workshop, key, name, free=0):
    """(generator, process, address) of the client once it is idle, with one of device/ beside."""
    flash = workshop.flash(scripts=True)
    shutil.move(flash / f"{name}.mpy", flash / "firmware" / "objects" / f"{name}.mpy")
    (flash / "ballast.json").write_text(str(free))
    settings = {"board": _BOARD, "endpoint": ENDPOINT, "objects": [name]}
    (flash / "config.json").write_text(json.dumps(settings))
    file = flash / "update.key"
    file.write_text(key.hex())
    with Generator() as generator:
        server = f"coap://127.0.0.1:{generator.port}"
        options = ("--server", server, "--update-key-file", file)
        with virtual_board("the firmware", _HEAP, flash, *options) as process:
            _, address = generator.first_datagram(process, _REGISTER_S)
            generator.ask(_WRITE, address, _CHANGED)
            time.sleep(_IDLE_S)
            if _SAYS[name] not in process.output():
                raise UserError(f"{name}.py of the bench has not begun{process.said()}")
            yield generator, process, address


def _updates(workshop, key, data, free):
    # Whether a board with so many bytes free while it is idle takes the package.
    with _idle(workshop, key, "ballast", free) as (generator, _, address):
        try:
            return push(generator, address, data)
        except UserError:  # another answer, or none
            return False


def _peak(workshop, key, data):
    # The bytes in use at most, over those of the idle client, until the board restarts into it.
    with _idle(workshop, key, "peak") as (generator, process, address):
        if not push(generator, address, data):
            raise UserError("the board did not take the package" + process.said())
        time.sleep(_DECIDES_S)
        generator.ask(_INSTALL, address, _CHANGED)
        deadline = time.monotonic() + _CHOSEN_S
        while "is tried with" not in process.output():
            if time.monotonic() > deadline:
                raise UserError("the new copy was not chosen" + process.said())
            time.sleep(0.1)
        time.sleep(_RESTART_S)
        lines = process.output().splitlines()
    return max(int(line[5:]) for line in lines if line.startswith("peak "))


def measure(workshop, progress, step=_STEP):
    key = os.urandom(32)
    data = _package(workshop, key)
    peak = _peak(workshop, key, data)
    progress(f"{peak} bytes more in use than by the idle client")

    def works(free):
        fits = _updates(workshop, key, data, free)
        progress(f"{free} bytes free: " + ("updates" if fits else "fails"))
        return fits

    try:
        free = smallest(works, peak, _GUESS, _LIMIT, step, 2 * step)
    except ValueError:
        raise UserError(f"no update with {_LIMIT} bytes free") from None
    notes = [
        f"update: a package of {len(data):,} bytes pushed in blocks of 512, checked and"
        " installed; what is in use after a collection, at each step, less what is while the"
        " client is idle",
        f"it also needs the pieces: {free:,} bytes free while idle, most of them in one piece,"
        f" were enough (steps of {step} bytes)",
    ]
    figures = {
        "update_peak": Figure(peak),
        "update_free": Figure(free),
    }
    return Result(figures, notes)
