"""Notification attributes, written by one server (TS 1.1.1 Core section 5.1.2).

The store is a dictionary path: {name: number}. It outlives any observation.
"""

from micropython import const

from coap.message import Error
from lwm2m.formats import text

_BAD_REQUEST = const(0x80)  # 4.00
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_LIMIT = const(32)  # paths with attributes
_PERIODS = const(("pmin", "pmax"))  # whole seconds, at every level
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
            raise Error(_BAD_REQUEST, "not a number for this attribute")
        new[name] = number
    if contradictory(new):
        raise Error(_BAD_REQUEST, "attributes contradict each other")
    if new and path not in store and len(store) >= _LIMIT:
        raise Error(_SERVICE_UNAVAILABLE)
    store[path] = new
    if not new:
        del store[path]


def contradictory(attributes):
    """True for pmax below pmin (pmax 0 is unset), and for thresholds closer than two steps."""
    pmax = attributes.get("pmax")
    if pmax and pmax < attributes.get("pmin", 0):
        return True
    low = attributes.get("lt")
    high = attributes.get("gt")
    if low is None or high is None:
        return False
    return low + 2 * attributes.get("st", 0) >= high


def linked(attributes):
    """The attributes as they stand in link format: ;pmin=1;gt=25.5"""
    out = ""
    for name in _PERIODS + _CONDITIONS:
        if name in attributes:
            value = attributes[name]
            out += ";%s=%s" % (name, int(value) if value == int(value) else value)
    return out
