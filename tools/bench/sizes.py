"""Bytes of the files that an installation puts on a NUCLEO-F429ZI, and of the libraries."""

from tools import install
from tools.bench.figures import Figure, Result

_BOARD = "nucleo_f429zi"
_LIBRARIES = ("lib/coap/", "lib/lwm2m/")
_LARGEST = 10


def measure(workshop, progress):
    target = workshop.folder / "sizes"
    names = install.stage(target, mpy=True, march=install.MARCH, board=_BOARD)
    packed = workshop.folder / "packed"
    install.stage(packed, march=install.MARCH, board=_BOARD, pack=True)
    blocks = install.blocks(packed)
    sizes = sorted(((target / name).stat().st_size, name) for name in names)
    progress(f"{len(sizes)} files compiled")
    libraries = sum(size for size, name in sizes if name.startswith(_LIBRARIES))
    for name in install.NOT_CALLED:
        path = workshop.folder / "not_called.mpy"
        install.compile_mpy(install.ROOT / name, path, install.module_name(name), install.MARCH)
        libraries += path.stat().st_size
    figures = {
        "installed": Figure(sum(size for size, _ in sizes)),
        "libraries": Figure(libraries),
    }
    notes = [
        f"files: {len(sizes)}, mpy-cross -O2 -march={install.MARCH}, for {_BOARD}: "
        f"packed into {blocks} of its {install.BLOCKS[_BOARD]} blocks of 512 bytes",
        f"in the libraries' figure, but not installed: {', '.join(install.NOT_CALLED)}",
        "the largest:",
    ]
    notes += [f"{size:9} {name}" for size, name in reversed(sizes[-_LARGEST:])]
    return Result(figures, notes)
