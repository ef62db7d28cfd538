"""The copies of the application in the slots of a board, as host tools see them."""

import json

from tools.deploy import transfer

_LOOK = """
import struct
def c(n):
    try:
        with open('slot%d.pkg' % n, 'rb') as f:
            a = f.read(16)
            if a[:8] != b'lwm2mpk1':
                return b''
            return f.read(min(struct.unpack('<H', a[8:10])[0], 512))
    except OSError:
        return None
def r():
    try:
        import copies
        return copies.record()[2]
    except Exception:
        return None
print('found', (c(1), c(2), r()))
del c, r
"""
# Whether the second of two records is the older one, which goes first: a cut in between leaves
# the newer, never a choice of earlier times.
_ORDER = """
import struct
def s(n):
    try:
        with open('state/slot.%d' % n, 'rb') as f:
            return struct.unpack('<I', f.read(8)[4:])[0]
    except Exception:
        return -1
print('found', s(1) < s(0))
del s
"""


def describe(repl):
    """Lines that tell which copies there are and which one is chosen; none without a copy."""
    *heads, record = repl.ask(_LOOK)
    chosen, _, attempts = tuple(record[:3]) if record else (0, 0, 0)
    lines = []
    for number, head in enumerate(heads, 1):
        if head is None:
            continue
        state = ""
        if number == chosen:
            state = ", chosen, on trial" if attempts else ", chosen"
        lines.append(f"slot {number}: {_told(head)}{state}")
    if lines and not chosen:
        lines.append("the factory's copy is chosen")
    return lines


def _told(head):
    try:
        values = json.loads(head)
        return f"{str(values['name'])[:40]} {str(values['version'])[:20]}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "no package"


def names(found):
    """The files of packages that are on a board."""
    return [name for name in found.files if name in ("slot1.pkg", "slot2.pkg")]


def choose_factory(repl, found):
    """Has the factory's copy start from now on; returns whether another one was chosen."""
    records = sorted(name for name in found.files if name in ("state/slot.0", "state/slot.1"))
    if records:
        if len(records) == 2 and repl.ask(_ORDER):
            records.reverse()
        transfer.remove(repl, records)
    return bool(records)
