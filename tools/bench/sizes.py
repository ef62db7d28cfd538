"""Bytes of the files that an installation puts on a NUCLEO-F429ZI, and of the libraries."""

from tools import install
from tools.bench.figures import Figure, Result
from tools.errors import UserError

_BOARD = "nucleo_f429zi"
_OTHER = "b_l475e_iot01a"
_LIBRARIES = ("lib/coap/", "lib/lwm2m/")
_LARGEST = 10


def measure(workshop, progress):
    target = workshop.folder / "sizes"
    names = install.stage(target, mpy=True, march=install.MARCH, board=_BOARD)
    blocks = install.blocks(target)
    plain = workshop.folder / "plain"
    plain_names = install.stage(plain, mpy=True, march=install.MARCH, board=_BOARD, secure=False)
    plain_bytes = sum((plain / name).stat().st_size for name in plain_names)
    deployed = _deployed()
    sizes = sorted(((target / name).stat().st_size, name) for name in names)
    progress(f"{len(sizes)} files compiled")
    libraries = sum(size for size, name in sizes if name.startswith(_LIBRARIES))
    other = workshop.folder / "other"
    other_names = install.stage(other, mpy=True, march=install.MARCH, board=_OTHER)
    other_bytes = sum((other / name).stat().st_size for name in other_names)
    figures = {
        "installed": Figure(sum(size for size, _ in sizes)),
        "deployed": Figure(sum(map(len, deployed.files.values()))),
        "deployed_l475": Figure(other_bytes),
        "libraries": Figure(libraries),
    }
    notes = [
        f"mpy-cross -O2 -march={install.MARCH}, for {_BOARD}, which has "
        f"{install.BLOCKS[_BOARD]} blocks of 512 bytes, {install.RESERVE} of them for its records",
        f"all: {len(sizes)} files, {blocks} blocks",
        f"without DTLS and bootstrap: {len(plain_names)} files, {plain_bytes:,} bytes, "
        f"{install.blocks(plain)} blocks",
        f"deployed: {deployed.blocks} blocks on the F429ZI{deployed.told}; "
        f"{install.blocks(other)} on the L475",
        "the largest:",
    ]
    notes += [f"{size:9} {name}" for size, name in reversed(sizes[-_LARGEST:])]
    return Result(figures, notes)


def _deployed():
    # What `make deploy` chooses for the smaller board.
    room = install.BLOCKS[_BOARD] - install.RESERVE
    best = install.chosen(
        room, lambda lines: install.contents(None, install.MARCH, lines, board=_BOARD)
    )
    if best.blocks > room:
        raise UserError(f"the firmware does not fit onto {_BOARD}: {room} blocks")
    return best
