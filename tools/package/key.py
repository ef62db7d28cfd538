"""The update key: in a file of its own, made when it is first needed, never shown."""

import os
import secrets
from pathlib import Path

from tools.errors import UserError
from tools.install import ROOT
from tools.keysearch.notes import used
from tools.provision import keys

SIZE = 32  # bytes, as firmware/update_key.py keeps it
DEFAULT = ROOT / "build" / "update.key"
_DEFAULT_SHOWN = "build/update.key"


def is_default(path):
    """Whether it is the file that is made when it is not there."""
    return path is None or Path(path).resolve() == DEFAULT


def load(option, path=None):
    """(the 32 bytes, a line on a file that was made now or None); UserError.

    Without a path, or with that of the file that is taken then, a missing one is made. It can be
    read by its owner alone.
    """
    if is_default(path) and not DEFAULT.exists():
        return _make()
    shown = _DEFAULT_SHOWN if path is None else path
    key = keys.psk_of_file(option, DEFAULT if path is None else path)
    if len(key) != SIZE:
        raise UserError(
            f"{option} {shown}: {len(key)} bytes, an update key has {SIZE}: "
            f"`openssl rand -hex {SIZE}` makes one"
        )
    return key, None


def _make():
    key = used(secrets.token_bytes(SIZE))
    try:
        DEFAULT.parent.mkdir(exist_ok=True)
        with open(os.open(DEFAULT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.hex() + "\n")
    except FileExistsError:
        return load("KEY_FILE")  # another one was quicker
    except OSError as error:
        raise UserError(f"{_DEFAULT_SHOWN}: not written: {error.strerror}") from None
    return key, (
        f"{_DEFAULT_SHOWN} is new: the update key. Keep a copy: without it the boards that have "
        "it take no package any more"
    )
