"""Bytes of the files that an installation puts on a board."""

from tools import install
from tools.bench.figures import Figure, Result

_MARCH = "armv7emsp"  # Cortex-M4 with its floating-point unit: both boards
_LIBRARIES = ("lib/coap/", "lib/lwm2m/")
_LARGEST = 10


def measure(workshop, progress):
    target = workshop.folder / "sizes"
    names = install.stage(target, mpy=True, march=_MARCH)
    sizes = sorted(((target / name).stat().st_size, name) for name in names)
    progress(f"{len(sizes)} files compiled")
    figures = {
        "installed": Figure(sum(size for size, _ in sizes)),
        "libraries": Figure(sum(size for size, name in sizes if name.startswith(_LIBRARIES))),
    }
    notes = [f"files: {len(sizes)}, mpy-cross -O2 -march={_MARCH}; the largest:"]
    notes += [f"{size:9} {name}" for size, name in reversed(sizes[-_LARGEST:])]
    return Result(figures, notes)
