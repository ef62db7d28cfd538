"""The update key, under which packages of this board are signed: a record of its own.

A factory reset keeps it: it is the factory's. Nothing shows it.
"""

from micropython import const

from firmware.storage import Record

SIZE = 32  # bytes

_NAME = const("update_key")


def load(directory=""):
    """The key, or None where none was provisioned."""
    key = _record(directory).read()
    return key if key and len(key) == SIZE else None


def store(directory, key):
    """Keeps a key, 32 bytes; ValueError for another length, OSError."""
    if len(key) != SIZE:
        raise ValueError("an update key has %d bytes" % SIZE)
    _record(directory).write(key)


def _record(directory):
    return Record(_NAME, directory + "/state" if directory else "state")
