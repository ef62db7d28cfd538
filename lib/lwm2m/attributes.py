"""Notification attributes, written by one server (TS 1.1.1 Core section 5.1.2).

The store is a dictionary path: {name: number}. It outlives any observation.
"""

from micropython import const

from coap.message import Error
from lwm2m.formats import text

_BAD_REQUEST = const(0x80)  # 4.00
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_LIMIT = const(32)  # paths with attributes
_PERIODS = const(("pmin", "pmax", "epmin", "epmax"))  # whole seconds, at every level
_CONDITIONS = const(("gt", "lt", "st"))  # numbers, on numeric resources


def write(store, path, queries, numeric):
    """Takes the Uri-Query values (bytes) of a Write-Attributes into `store`, all or none.

    An attribute without a value is removed. Error 4.00 where a name is unknown or not allowed
    here (`numeric` tells whether the target is a number), or values contradict.
    """
    new = dict(store.get(path, {}))
    for query in queries:
        name, _, value = text.value("s", query).partition("=")
        if name not in _PERIODS and not (numeric and name in _CONDITIONS):
            raise Error(_BAD_REQUEST, "no such attribute here")
        if not value:
            new.pop(name, None)
            continue
        number = text.value("f" if name in _CONDITIONS else "i", value.encode())
        if number - number != 0 or (number < 0 and name not in ("gt", "lt")):
            raise Error(_BAD_REQUEST, "not a value for it")
        new[name] = number
    if contradictory(new):
        raise Error(_BAD_REQUEST, "contradiction")
    if new and path not in store and len(store) >= _LIMIT:
        raise Error(_SERVICE_UNAVAILABLE)
    store[path] = new
    if not new:
        del store[path]


def contradictory(attributes):
    """True for a maximum below its minimum (0 is none), and thresholds closer than two steps.

    A maximum that equals its minimum is taken: each of them then says when exactly.
    """
    get = attributes.get
    for prefix in ("p", "ep"):
        if 0 < get(prefix + "max", 0) < get(prefix + "min", 0):
            return True
    low = get("lt")
    high = get("gt")
    return low is not None and high is not None and low + 2 * get("st", 0) >= high


def effective(store, path):
    """What counts at `path`: the attributes set there, and the periods of the levels above.

    The nearest one counts. The defaults of the Server object are not among them.
    """
    found = {}
    for depth in range(1, len(path) + 1):
        for name, number in store.get(path[:depth], {}).items():
            if name in _PERIODS or depth == len(path):
                found[name] = number
    return found


def forget(store, path):
    """Drops the attributes of a path that is gone, and those below; True if there were any."""
    found = False
    for known in list(store):
        if known[: len(path)] == path:
            del store[known]
            found = True
    return found


def linked(attributes):
    """The attributes as they stand in link format: ;pmin=1;gt=25.5"""
    out = ""
    for name in _PERIODS + _CONDITIONS:
        if name in attributes:
            value = attributes[name]
            out += ";%s=%s" % (name, int(value) if value == int(value) else value)
    return out
