"""Which servers the device belongs to: given by the factory, or provisioned since.

An account is a dictionary: "uri", "short_server_id", "lifetime_s". The factory's accounts are
written by host tools and survive a factory reset; what is provisioned later goes before them.
"""

import json
import os

from micropython import const

from firmware.storage import Record

_FACTORY = const("factory")
_PROVISIONED = const("accounts")
_KEPT = const("session")  # and a number


def load(directory=""):
    """The accounts that count, a list; empty when there are none.

    A factory reset that was ordered is carried out first (`state/erase`, see `App.erase`): it
    needs memory that is free at the start, and a power cut on the way only has it begin anew.
    """
    mark = _state(directory) + "/erase"
    try:
        os.stat(mark)
    except OSError:
        pass
    else:
        factory_reset(directory)
        os.remove(mark)
    for name in (_PROVISIONED, _FACTORY):
        data = _record(name, directory).read()
        if data:
            return json.loads(data)
    return []


def exists(directory=""):
    """True when a record of accounts is there."""
    return bool(load(directory))


def provision(directory="", uri="", short_server_id=1, lifetime_s=3600):
    """Adds an account of the factory, in the place of one with the same Short Server ID.

    The caller has checked the values (`config.server_uri`).
    """
    record = _record(_FACTORY, directory)
    known = json.loads(record.read() or b"[]")
    new = account(uri, short_server_id, lifetime_s)
    for at, each in enumerate(known):
        if each["short_server_id"] == short_server_id:
            known[at] = new
            break
    else:
        known.append(new)
    record.write(json.dumps(known).encode())


def account(uri, short_server_id, lifetime_s):
    """One account."""
    return {"uri": uri, "short_server_id": short_server_id, "lifetime_s": lifetime_s}


def factory_reset(directory=""):
    """Erases what was provisioned and what `keep.py` keeps; the factory's accounts count again."""
    _record(_PROVISIONED, directory).erase()
    try:
        names = os.listdir(_state(directory))
    except OSError:
        return  # nothing was ever written
    for name in names:
        if name.startswith(_KEPT):
            _record(name[:-2], directory).erase()


def _record(name, directory):
    return Record(name, _state(directory))


def _state(directory):
    return directory + "/state" if directory else "state"
