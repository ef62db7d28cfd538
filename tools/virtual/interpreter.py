"""One run of MicroPython: a process on a pseudo-terminal of its own, with a channel beside it.

The `micropython` of the environment is an extension module of CPython; starting it from here
with an isolated CPython (no site, no user settings) takes about 10 ms and 11 MB.
"""

import ctypes
import fcntl
import importlib.util
import os
import pty
import signal
import socket
import subprocess
import sys
import termios

from tools.errors import UserError
from tools.virtual import mock

_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); sys.argv[0] = 'micropython'; "
    "from micropython_unix import main; sys.exit(main())"
)
# The dynamic loader may need these to find Python's own libraries; MicroPython reads neither.
_LOADER_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
_PR_SET_PDEATHSIG = 1


def find_micropython():
    """The folder of the MicroPython extension module; UserError when it is not installed."""
    spec = importlib.util.find_spec("micropython_unix")
    if spec is None or spec.origin is None:
        raise UserError("micropython is missing from this Python: run `make setup` first")
    return os.path.dirname(spec.origin)


def command_line(heap, *arguments, program=None):
    """What starts MicroPython with a heap like "128k"; UserError when it is not installed.

    `program` is the path of another MicroPython (unix port) to start instead.
    """
    start = [sys.executable, "-I", "-S", "-c", _START]
    start = [program] if program else [*start, find_micropython()]
    return [*start, "-X", "heapsize=" + heap, *arguments]


def _prctl():
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None


class Interpreter:
    """A running MicroPython.

    `console` is the master of its controlling terminal (ISIG on, so a 0x03 written there is a
    Ctrl-C; OPOST, ECHO and ICANON off, as on a serial line). `channel` is a socket that the
    interpreter finds under VIRTUAL_BOARD_FD. Neither blocks. It runs `code` in the directory
    `flash`, then its REPL if that is wanted. `program` as for `command_line()`.
    """

    def __init__(self, flash, heap, code, world, repl, program=None):
        self.console, terminal = pty.openpty()
        ours, theirs = socket.socketpair()
        self.channel = ours
        command = command_line(heap, *(["-i"] if repl else []), "-c", code, program=program)
        environment = {
            # UTC as on a board without a time zone.
            "TZ": "UTC0",
            "MICROPYPATH": f"{mock.compiled()}:.frozen:lib",
            "VIRTUAL_BOARD_FD": str(theirs.fileno()),
            "VIRTUAL_BOARD_WORLD": world,
        }
        for name in _LOADER_VARIABLES:
            if name in os.environ:
                environment[name] = os.environ[name]
        parent = os.getpid()
        prctl = _prctl()

        def become_a_board():
            # Runs in the child before exec. When the supervisor dies, however it dies, the
            # terminal hangs up and SIGHUP ends the interpreter; on Linux the kernel also kills it.
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGTTIN):
                signal.signal(number, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if prctl is not None:
                prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        try:
            _set_serial_line(terminal)
            os.set_blocking(self.console, False)
            ours.setblocking(False)
            self.process = subprocess.Popen(
                command,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                cwd=flash,
                env=environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                preexec_fn=become_a_board,  # noqa: PLW1509 - there are no threads
            )
        except BaseException:
            os.close(self.console)
            ours.close()
            raise
        finally:
            os.close(terminal)
            theirs.close()

    def interrupt(self):
        """One Ctrl-C, as the line discipline would send it, however full the terminal is."""
        self.process.send_signal(signal.SIGINT)

    def end(self, patience_s=0.0):
        """Ends the process and whatever it started; returns its exit status."""
        try:
            status = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            status = None
        try:
            # Also when the interpreter is gone: children it left behind are in its group.
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        if status is None:
            status = self.process.wait()
        os.close(self.console)
        self.channel.close()
        return status


def _set_serial_line(terminal):
    # A signal character must not throw away the output that waits to be read: NOFLSH.
    settings = termios.tcgetattr(terminal)
    settings[0] = 0
    settings[1] = 0
    settings[2] = settings[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    settings[3] = termios.ISIG | termios.NOFLSH
    settings[6][termios.VMIN] = 1
    settings[6][termios.VTIME] = 0
    # A Ctrl-C interrupts a board; Ctrl-\ and Ctrl-Z are bytes to it like any other.
    disabled = bytes((os.fpathconf(terminal, "PC_VDISABLE"),))
    for name in ("VQUIT", "VSUSP", "VDSUSP"):
        if hasattr(termios, name):
            settings[6][getattr(termios, name)] = disabled
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
