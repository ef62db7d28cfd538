"""Write in replace and in partial update mode (TS 1.1.1 Core section 6.3.3): all or nothing."""

from micropython import const

from coap.message import Error
from lwm2m import formats

_BAD_REQUEST = const(0x80)  # 4.00
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15


def write(table, path, payload, content_format, replace):
    """Writes the payload to an instance, resource or resource instance.

    Replacing sets back what the payload leaves out at and below `path`. Error 4.00, 4.04,
    4.05 or 4.15 leaves every value as it was.
    """
    instance = table.find(path[0], path[1])
    if instance is None:
        raise Error(_NOT_FOUND)
    module = formats.module(content_format)
    if module is None:
        raise Error(_UNSUPPORTED_CONTENT_FORMAT)
    if module.SINGLE and len(path) < 3:
        raise Error(_BAD_REQUEST, "one value for several resources")
    if len(path) > 2:
        _writable(instance, path[2])
    changes = prepare(instance, path, module, module.decode(path, payload), replace)
    if not changes and len(path) > 2:
        raise Error(_BAD_REQUEST, "no value")
    cleared = ()
    if replace and len(path) == 2:
        written = [row for _, row, _ in changes]
        cleared = [
            (instance, row) for row in instance.resources if row[1] == "RW" and row not in written
        ]
    store(changes, cleared)


def prepare(instance, path, module, found, replace):
    """Checks what was found in a payload, (path, raw) of one instance, and stores nothing.

    Returns (instance, row, value) for `store()`. Error 4.00, 4.04 or 4.05.
    """
    values = [_typed(instance, module, at, raw) for at, raw in found]
    _refuse_repeated(values)
    instance.check(values)
    return _merged(instance, path, values, replace)


def _writable(instance, rid):
    row = instance.row(rid)
    if row is None:
        raise Error(_NOT_FOUND)
    if "W" not in row[1]:
        raise Error(_METHOD_NOT_ALLOWED)
    return row


def _typed(instance, module, path, raw):
    # (rid, riid or None, value); for a multiple resource without instances the value is None.
    row = _writable(instance, path[2])
    multiple = len(row[2]) > 1
    if multiple and len(path) == 3 and raw is None:
        return path[2], None, None
    if len(path) != (4 if multiple else 3):
        raise Error(_BAD_REQUEST)
    value = checked(row[2], module.value(row[2], raw), instance.limits.get(path[2]))
    return path[2], path[3] if multiple else None, value


def _refuse_repeated(values):
    seen = set()
    for rid, riid, _ in values:
        if (rid, riid) in seen:
            raise Error(_BAD_REQUEST, "an id twice")
        seen.add((rid, riid))


def _merged(instance, path, values, replace):
    # The new value of every row that the payload names, whole dictionaries for instances.
    new = []
    for rid, riid, value in values:
        row = instance.row(rid)
        if len(row[2]) == 1:
            new.append((instance, row, value))
            continue
        known = None
        for entry in new:
            if entry[1] is row:
                known = entry[2]
        if known is None:
            old = getattr(instance, row[3]) or {}
            if len(path) == 4 and path[3] not in old:
                raise Error(_NOT_FOUND)
            known = {} if replace and len(path) < 4 else dict(old)
            new.append((instance, row, known))
        if riid is not None:
            known[riid] = value
    return new


def store(changes, cleared=()):
    """Stores every (instance, row, value) and clears every (instance, row), all or nothing."""
    old = [(change[0], change[1], getattr(change[0], change[1][3])) for change in changes]
    old += [(instance, row, getattr(instance, row[3])) for instance, row in cleared]
    try:
        for instance, row, value in changes:
            setattr(instance, row[3], value)
        for instance, row in cleared:
            instance.clear(row)
    except Exception:
        for instance, row, value in old:
            setattr(instance, row[3], value)
        raise
    for instance, row, _ in old:
        instance.changed(row[0])


def checked(kind, value, limits=None):
    """The value as its type demands it; Error 4.00 for another type or out of the limits."""
    kind = kind[0]
    if kind == "f":
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        if good:
            value = float(value)
            # Neither NaN nor an infinity is a measure of anything: x - x is 0 for neither.
            good = value - value == 0
    elif kind == "b":
        good = isinstance(value, bool)
    elif kind in "itu":
        good = isinstance(value, int) and not isinstance(value, bool)
        if good:
            low = 0 if kind == "u" else -1 << 63
            good = low <= value < low + (1 << 64)
    elif kind == "o":
        good = isinstance(value, bytes)
    elif kind == "l":
        good = (
            isinstance(value, tuple)
            and len(value) == 2
            and 0 <= value[0] <= 65535
            and 0 <= value[1] <= 65535
        )
    else:
        good = isinstance(value, str)
    if good and limits is not None:
        low, high = limits
        measure = len(value) if kind in "soc" else value
        good = low <= measure <= high
    if not good:
        raise Error(_BAD_REQUEST, "wrong type or out of range")
    return value
