"""Where accounts are written: a directory that is (or goes onto) a board's flash, or a board.

Both give copies of their files into a working directory, and take changed ones back.
"""

import os
from pathlib import Path

from tools.board_repl import BoardRepl, NoMemoryError
from tools.errors import UserError

STATE = "state"
CONFIG = "config.json"
_FACTORY = (f"{STATE}/factory.0", f"{STATE}/factory.1")
_PROVISIONED = ("accounts.0", "accounts.1")
_WIFI = (f"{STATE}/wifi.0", f"{STATE}/wifi.1")
_UPDATE_KEY = (f"{STATE}/update_key.0", f"{STATE}/update_key.1")
FILES = (*_FACTORY, *_WIFI, *_UPDATE_KEY, CONFIG)

# What is there; what MicroPython has: 0 no tls module, 1 without PSK, 2 with it; and the
# modules of the installation: whether there is one in the file system, and what it lacks.
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
modules = [n.rpartition('.')[0] for n in names('firmware')]
for n in ('app', 'dtls', 'bootstrapping'):
    try:
        os.stat('/slot0/firmware/' + n + '.mpy')  # as one file: boot.py has mounted it
        modules.append(n)
    except OSError:
        pass
lacks = [n for n in ('dtls', 'bootstrapping') if 'app' in modules and n not in modules]
print('found', (names(), names('state'), able, lacks))
"""
_MAKE_FOLDER = """
import os
if %r not in os.listdir():
    os.mkdir(%r)
"""


class Directory:
    """A flash directory on this computer."""

    able = None  # nobody knows what MicroPython will run there
    lacks = ()  # nor what will be installed

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
        for name in FILES:
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
    """A board on a serial line; its firmware is stopped and started again."""

    def __init__(self, port):
        self.shown = port
        self.able = None
        self.lacks = ()
        self._repl = BoardRepl(port, lambda text: print(text, flush=True))
        self._names = ()

    def __enter__(self):
        self._repl.__enter__()
        try:
            self._look()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self._repl.__exit__(*error)

    def _look(self):
        try:
            root, state, self.able, self.lacks = self._repl.ask(_LOOK)
        except NoMemoryError:
            self._repl.soft_reset()
            root, state, self.able, self.lacks = self._repl.ask(_LOOK)
        self._names = [*root, *(f"{STATE}/{name}" for name in state)]

    def fetch(self, target):
        (target / STATE).mkdir(exist_ok=True)
        for name in FILES:
            if name in self._names:
                _write(target / name, self._repl.read(name))
        return any(f"{STATE}/{name}" in self._names for name in _PROVISIONED)

    def store(self, source, names):
        if any(name.startswith(STATE) for name in names):
            self._repl.run(_MAKE_FOLDER % (STATE, STATE))
        for name in names:
            self._repl.write(name, (source / name).read_bytes())
        self._look()


def _write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    mode = 0o600 if path.parent.name == STATE else 0o644
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
