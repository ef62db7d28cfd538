"""Notifications kept while their server cannot be reached (TS 1.1.1 Core, resource /1/x/6)."""

from micropython import const

_LIMIT = const(32)  # records in all


def keep(entries, entry):
    """Appends what is due, (observation, when in ms, records), to what is, oldest first.

    Returns how many entries had to make room, and whether the next one may have to.
    """
    entries.append(entry)
    size = 0
    for _, _, records in entries:
        size += len(records)
    dropped = 0
    while size > _LIMIT and len(entries) > 1:
        size -= len(entries.pop(0)[2])
        dropped += 1
    return dropped, 2 * size > _LIMIT
