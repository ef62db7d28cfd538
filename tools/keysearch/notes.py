"""What a run notes for the search after it: the keys it made, and what leaves no file by itself.

Without KEYS_USED in the environment, the name of the file of keys, nothing is kept.
"""

import os

VARIABLE = "KEYS_USED"
SHORTEST = 8  # bytes: shorter ones are found by chance


def used(key):
    """Notes that the run has made this key (bytes, 8 and more); gives it back."""
    key = bytes(key)
    if len(key) < SHORTEST:
        raise ValueError(
            "a key of %d bytes is found everywhere by chance: take %d" % (len(key), SHORTEST)
        )
    name = os.environ.get(VARIABLE)
    if name:
        _append(name, key.hex().encode() + b"\n")
    return key


def record(name, data):
    """Keeps bytes in the file `name` among what the run wrote: HTTP answers, datagrams."""
    keys = os.environ.get(VARIABLE)
    if keys:
        folder = os.path.join(os.path.dirname(keys), "written", "records")
        os.makedirs(folder, exist_ok=True)
        _append(os.path.join(folder, name), data)


def _append(name, data):
    # in one write, so that processes side by side do not mix their lines
    file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, data)
    finally:
        os.close(file)
