"""The keys that tests make: written down, so that a search finds where one got out.

`make test` and `make interop` name a file in the environment variable KEYS_USED; every test
that makes a key calls used(key) and afterwards all that the run wrote is searched for it.
"""

import os

VARIABLE = "KEYS_USED"


def used(key):
    """Add the bytes `key` to the list of keys to search for; gives `key` back.

    One line of hex each, in one write to a file opened for appending, so that tests that run
    side by side do not mix their lines. Without KEYS_USED in the environment nothing is kept.
    """
    key = bytes(key)
    name = os.environ.get(VARIABLE)
    if name and key:
        line = b"%s\n" % key.hex().encode()
        file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
    return key
