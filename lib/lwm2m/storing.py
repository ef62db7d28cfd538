"""Notifications kept while their server cannot be reached (TS 1.1.1 Core, resource /1/x/6)."""

from micropython import const

_LIMIT = const(32)  # records in all


class Storing:
    """What was due, oldest first: entries (observation, when in ms, records)."""

    def __init__(self):
        self.entries = []
        self.dropped = 0  # entries that had to make room

    def keep(self, observation, now_ms):
        """Keeps the values of now; returns True when the next may cost the oldest.

        Raises what `target.records()` does.
        """
        entries = self.entries
        entries.append((observation, now_ms, observation.target.records()))
        size = 0
        for entry in entries:
            size += len(entry[2])
        while size > _LIMIT and len(entries) > 1:
            size -= len(entries.pop(0)[2])
            self.dropped += 1
        return 2 * size > _LIMIT

    def first(self, observations):
        """The oldest entry of an observation that is still there, or None."""
        while self.entries:
            if self.entries[0][0] in observations:
                return self.entries[0]
            self.entries.pop(0)
        return None

    def sent(self, entry):
        """The entry was acknowledged; it may have made room meanwhile."""
        if entry in self.entries:
            self.entries.remove(entry)
