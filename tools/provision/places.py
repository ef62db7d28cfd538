"""Where accounts are written: a directory that is (or goes onto) a board's flash, or a board.

Both give copies of their files into a working directory, and take changed ones back.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

from tools.errors import UserError

STATE = "state"
CONFIG = "config.json"
FACTORY = (f"{STATE}/factory.0", f"{STATE}/factory.1")
_PROVISIONED = ("accounts.0", "accounts.1")
WIFI = (f"{STATE}/wifi.0", f"{STATE}/wifi.1")
_FILES = (*FACTORY, *WIFI, CONFIG)

_TIMEOUT_S = 30
# Gives back the memory of the firmware that has ended, but for what feeds its watchdog.
_FREE = """
import sys
m = sys.modules.get('firmware.app')
a = m and m.App.running
if a:
    for n in list(a.__dict__):
        if n != 'feed':
            setattr(a, n, None)
for n in list(sys.modules):
    if n.split('.')[0] in ('firmware', 'lwm2m', 'coap'):
        sys.modules.pop(n)
globals().clear()
import gc
gc.collect()
"""
# What is there, and what MicroPython has: 0 no tls module, 1 without PSK, 2 with it.
_LOOK = """
import os
def names(*folder):
    try:
        return os.listdir(*folder)
    except OSError:
        return []
try:
    import tls
    try:
        tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT).psk_identity
        able = 2
    except AttributeError:
        able = 1
except ImportError:
    able = 0
print('found', (names(), names('state'), able))
"""


class _NoMemoryError(UserError):
    """The board has no memory for what mpremote asked it to do."""


class Directory:
    """A flash directory on this computer."""

    able = None  # nobody knows what MicroPython will run there

    def __init__(self, path):
        self.shown = path
        self._path = Path(path)
        if not self._path.is_dir():
            raise UserError(f"FLASH={path}: no such directory: make it first")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def fetch(self, target):
        """Copies the files into `target`; True when accounts were provisioned since."""
        for name in _FILES:
            path = self._path / name
            if path.exists():
                _write(target / name, path.read_bytes())
        return any((self._path / STATE / name).exists() for name in _PROVISIONED)

    def store(self, source, names):
        try:
            for name in names:
                # Whole or not at all, and for the owner's eyes where it holds keys.
                unfinished = self._path / (name + ".new")
                _write(unfinished, (source / name).read_bytes())
                os.replace(unfinished, self._path / name)
        except OSError as error:
            raise UserError(f"{self._path}: not written: {error.strerror}") from None


class Board:
    """A board on a serial line, through mpremote; its firmware is stopped and started again."""

    def __init__(self, port):
        self.shown = port
        self._port = port
        self.able = None
        self._stopped = False
        self._names = ()
        self._folders = ()

    def __enter__(self):
        print(f"{self._port}: stopping the firmware ...", flush=True)
        try:
            self._look()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        # Whatever has happened: without a restart the board would stay at its prompt.
        if self._stopped:
            self._stopped = False
            self._mpremote(("reset",))
            print(f"{self._port}: restarted", flush=True)

    def _look(self):
        try:
            output = self._mpremote(("exec", _FREE), ("exec", _LOOK))
        except _NoMemoryError:
            self._stopped = True
            output = self._mpremote(("soft-reset",), ("exec", _LOOK))
        self._stopped = True
        lines = [line for line in output.splitlines() if line.startswith("found ")]
        try:
            root, state, self.able = ast.literal_eval(lines[-1].removeprefix("found "))
        except (IndexError, ValueError, SyntaxError, TypeError):
            raise UserError(f"PORT={self._port}: no MicroPython answers there") from None
        self._folders = root
        self._names = [*root, *(f"{STATE}/{name}" for name in state)]

    def fetch(self, target):
        (target / STATE).mkdir(exist_ok=True)
        self._copy((":" + name, str(target / name)) for name in _FILES if name in self._names)
        return any(f"{STATE}/{name}" in self._names for name in _PROVISIONED)

    def store(self, source, names):
        if STATE not in self._folders and any(name.startswith(STATE) for name in names):
            self._mpremote(("fs", "mkdir", ":" + STATE))
        self._copy((str(source / name), ":" + name) for name in names)
        self._look()

    def _copy(self, pairs):
        commands = [("fs", "cp", *pair) for pair in pairs]
        if commands:
            self._mpremote(*commands)

    def _mpremote(self, *commands):
        # `resume`: no soft reset, which would end the timer that feeds a watchdog.
        command = [sys.executable, "-m", "mpremote", "connect", self._port, "resume"]
        for number, arguments in enumerate(commands):
            command += ["+"] * bool(number) + list(arguments)
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"PORT={self._port}: no answer for {_TIMEOUT_S} s: press the reset button, "
                "and try again"
            ) from None
        if done.returncode:
            # Its last line names the cause; what it wrote before may be output of the firmware.
            lines = (done.stderr or done.stdout).strip().splitlines()
            cause = lines[-1] if lines else "failed"
            what = " ".join(commands[0][:2] if commands[0][0] == "fs" else commands[0][:1])
            error = _NoMemoryError if cause.startswith("MemoryError") else UserError
            raise error(f"PORT={self._port}: {cause} (mpremote {what})")
        return done.stdout


def _write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    mode = 0o600 if path.parent.name == STATE else 0o644
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
