"""The mock hardware layer as the interpreter of a virtual board gets it: compiled.

Compiling it in the board's own small heap would take memory that a board does not spend on its
built-in modules. The files lie in build/ and are made anew when a source is newer.
"""

import os
import tempfile

from tools import install

SOURCE = install.ROOT / "tests_host" / "hardware"
# The simulation itself runs in this process; timers and clock run beside the firmware as well.
_SOURCES = (
    *SOURCE.glob("remote/*.py"),
    SOURCE / "machine_time.py",
    SOURCE / "machine_rtc.py",
)


def compiled(target=install.ROOT / "build" / "mock"):
    """The folder with the compiled mock. UserError when mpy-cross is missing or refuses."""
    target.mkdir(parents=True, exist_ok=True)
    for path in _SOURCES:
        made = target / (path.stem + ".mpy")
        if made.exists() and made.stat().st_mtime_ns >= path.stat().st_mtime_ns:
            continue
        # Several boards may start at the same time: a finished file appears at once.
        handle, unfinished = tempfile.mkstemp(dir=target, suffix=".tmp")
        os.close(handle)
        try:
            install.compile_mpy(path, unfinished, path.stem)
            os.replace(unfinished, made)
        except BaseException:
            os.unlink(unfinished)
            raise
    return target
