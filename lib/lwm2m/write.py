"""Write in replace and in partial update mode (TS 1.1.1 Core section 6.3.3): all or nothing."""

from micropython import const

from coap.message import Error
from lwm2m import formats

_BAD_REQUEST = const(0x80)  # 4.00
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_SEVERAL = const(100)  # content formats from here on hold any number of values
_LIMIT = const(64)  # instances of a resource, lest a server fills the memory


def write(table, path, payload, content_format, replace):
    """Writes the payload to an instance, resource or resource instance.

    Replacing sets back what the payload leaves out at and below `path`. Error 4.00, 4.04,
    4.05, 4.15 or 5.03 leaves every value as it was. A payload that was streamed (stream.py) is
    written already, and ends here.
    """
    if hasattr(payload, "finish"):
        payload.finish()
        return
    instance = table.find(path[0], path[1])
    if instance is None:
        raise Error(_NOT_FOUND)
    module = formats.module(content_format)
    if module is None:
        raise Error(_UNSUPPORTED_CONTENT_FORMAT)
    if content_format < _SEVERAL and len(path) < 3:
        raise Error(_BAD_REQUEST, "one value for several resources")
    if len(path) > 2:
        _writable(instance, path[2])
    changes = prepare(instance, path, module, module.decode(path, payload), replace)
    if not changes and len(path) > 2:
        raise Error(_BAD_REQUEST, "no value")
    store(changes)


def prepare(instance, path, module, found, replace):
    """Checks what was found in a payload, (path, raw) of one instance, and stores nothing.

    Returns a list of (instance, row, value) for `store()`: whole dictionaries for resources with
    instances, None for what goes back to its default. Error 4.00, 4.04, 4.05 or 5.03.
    """
    values = []
    rows = []
    changes = []
    seen = set()
    for at, raw in found:
        if at in seen:
            raise Error(_BAD_REQUEST, "an id twice")
        seen.add(at)
        rid = at[2]
        row = _writable(instance, rid)
        kind = row[2]
        multiple = len(kind) > 1
        value = riid = None
        if len(at) == (4 if multiple else 3):
            value = checked(kind, module.value(kind, raw), instance.limits.get(rid))
            if multiple:
                riid = at[3]
        elif raw is not None or not multiple:  # else it has no instances
            raise Error(_BAD_REQUEST)
        values.append((rid, riid, value))
        if row not in rows:
            new = value
            if multiple:
                new = dict(getattr(instance, row[3]) or ())
                if len(path) == 4:
                    if riid not in new:
                        raise Error(_NOT_FOUND)
                elif replace:
                    new = {}
            rows.append(row)
            changes.append((instance, row, new))
        if riid is not None:
            held = changes[rows.index(row)][2]
            held[riid] = value
            if len(held) > _LIMIT:
                raise Error(_SERVICE_UNAVAILABLE)
    instance.check(values)
    if replace and len(path) == 2:
        for row in instance.resources:
            if row[1] == "RW" and row not in rows:
                changes.append((instance, row, None))
    return changes


def _writable(instance, rid):
    row = instance.row(rid)
    if row is None:
        raise Error(_NOT_FOUND)
    if "W" not in row[1]:
        raise Error(_METHOD_NOT_ALLOWED)
    return row


def store(changes):
    """Stores the value of every (instance, row, value), None as the default; all or nothing."""
    old = []
    for instance, row, _ in changes:
        old.append((instance, row, getattr(instance, row[3])))
    try:
        for instance, row, value in changes:
            if value is None:
                instance.clear(row)
            else:
                setattr(instance, row[3], value)
    except Exception:
        for instance, row, value in old:
            setattr(instance, row[3], value)
        raise
    for instance, row, _ in changes:
        instance.changed(row[0])


def checked(kind, value, limits=None):
    """The value, which a format has seen to be of this type; Error 4.00 where it is out of range.

    That is the range of the type and, with `limits`, (lowest, highest) of a number or a length.
    """
    kind = kind[0]
    good = True
    if kind == "f":
        # Neither NaN nor an infinity is a measure of anything: x - x is 0 for neither.
        good = value - value == 0
    elif kind == "u":
        good = value >> 64 == 0
    elif kind in "it":
        good = -1 <= value >> 63 <= 0
    elif kind == "l":
        good = 0 <= min(value) and max(value) <= 65535
    if good and limits is not None:
        low, high = limits
        good = low <= (len(value) if kind in "soc" else value) <= high
    if not good:
        raise Error(_BAD_REQUEST, "out of range")
    return value
