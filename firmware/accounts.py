"""Which servers the device belongs to: given by the factory, or provisioned since.

An account is a dictionary: "uri", "short_server_id", "lifetime_s". The factory's accounts are
written by host tools and survive a factory reset; what is provisioned later goes before them.
"""

import json

from micropython import const

from firmware.storage import Record

_FACTORY = const("factory")
_PROVISIONED = const("accounts")


def load(directory=""):
    """The accounts that count, a list; empty when there are none."""
    for name in (_PROVISIONED, _FACTORY):
        data = _record(name, directory).read()
        if data:
            return json.loads(data)
    return []


def exists(directory=""):
    """True when a record of accounts is there."""
    return bool(load(directory))


def provision(directory="", uri="", short_server_id=1, lifetime_s=3600):
    """Writes the factory's account. The caller has checked the values (`config.server_uri`)."""
    new = account(uri, short_server_id, lifetime_s)
    _record(_FACTORY, directory).write(json.dumps([new]).encode())


def account(uri, short_server_id, lifetime_s):
    """One account."""
    return {"uri": uri, "short_server_id": short_server_id, "lifetime_s": lifetime_s}


def factory_reset(directory=""):
    """Erases what was provisioned; the factory's account counts again."""
    _record(_PROVISIONED, directory).erase()


def _record(name, directory):
    return Record(name, (directory + "/" if directory else "") + "state")
