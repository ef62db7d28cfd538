"""The devices under test, as processes: MicroPython as it is, and the virtual board."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import install
from tools.bench import cpu
from tools.errors import UserError

DEVICE = Path(__file__).resolve().parent / "device"
ENDPOINT = "bench"

_MICROPYTHON = "import sys; from micropython_unix import main; sys.exit(main())"
# Should the bench be killed, what it started ends by itself.
_LONGEST_S = "300"


class Process:
    """Context manager round one process; at its end nothing of it is left."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # The first signal asks, the second one ends a virtual board at once.
        for patience_s in (0.3, 5):
            self._process.terminate()
            try:
                self._process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                pass
        else:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def output(self):
        # Read beside the writer: its position in the file must stay where it is.
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")

    def said(self):
        """The last line of its output, for the end of an error text."""
        lines = self.output().strip().splitlines()
        return ": " + lines[-1].strip() if lines else ""

    def check(self):
        """Raises UserError when it has ended or memory was short."""
        if "MemoryError" in self.output():
            raise UserError(f"{self.name} is out of memory: try a larger --heap")
        if self._process.poll() is not None:
            raise UserError(f"{self.name} ended{self.said()}")

    def wait(self, timeout_s=20):
        """Waits for its end; returns the output. UserError when it fails or takes longer."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise UserError(f"{self.name} took more than {timeout_s} s{self.said()}") from None
        if status:
            raise UserError(f"{self.name} failed{self.said()}")
        return self.output()


def micropython(name, heap, folder, code):
    """MicroPython with nothing but its own modules, `folder` and `folder`/lib to import from."""
    command = ["-c", _MICROPYTHON, "-X", "heapsize=" + heap, "-c", code]
    return Process(name, command, folder, {"MICROPYPATH": ".frozen:lib"})


def virtual_board(name, heap, flash, *options):
    command = ["-m", "tools.virtual_board", "--flash", flash, "--heap", heap, "--mpy"]
    command += ["--endpoint", ENDPOINT, "--for", _LONGEST_S, *options]
    return Process(name, command, install.ROOT)


def interpreter_of(board):
    """The process id of the MicroPython of a running virtual board."""
    for _ in range(20):
        pid = cpu.only_child(board.pid)
        if pid is not None:
            return pid
        time.sleep(0.05)
    raise UserError("the MicroPython of the virtual board was not found among the processes")


class Workshop:
    """Context manager: the files under test, compiled once, copied for each start."""

    def __init__(self, heap):
        self.heap = heap

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="bench-")
        self.folder = Path(self._temporary.name)
        self._number = 0
        march = install.host_march()
        self._firmware = self.folder / "firmware"
        install.stage(self._firmware, mpy=True, march=march, board="nucleo_f429zi")
        self._scripts = self.folder / "scripts"
        self._scripts.mkdir()
        for script in sorted(DEVICE.glob("*.py")):
            target = self._scripts / (script.stem + ".mpy")
            install.compile_mpy(script, target, script.name, march)
        return self

    def __exit__(self, *error):
        self._temporary.cleanup()

    def flash(self, firmware=True, scripts=False):
        """A new directory with the compiled firmware, the compiled scripts, or both."""
        self._number += 1
        target = self.folder / f"flash{self._number}"
        target.mkdir()
        for source, wanted in ((self._firmware, firmware), (self._scripts, scripts)):
            if wanted:
                shutil.copytree(source, target, dirs_exist_ok=True)
        return target

    def echo(self, port, heap=None):
        """The bare echo; its first datagram goes to the port."""
        return micropython(
            "the bare echo",
            heap or self.heap,
            self.flash(firmware=False, scripts=True),
            f"import echo; echo.run({port})",
        )

    def board(self, port, heap=None):
        """The firmware on the virtual board; it registers at the port."""
        server = f"coap://127.0.0.1:{port}"
        return virtual_board("the firmware", heap or self.heap, self.flash(), "--server", server)
