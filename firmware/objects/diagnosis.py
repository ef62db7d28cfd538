"""Diagnosis, object 26242: what an engineer asks of a device that misbehaves. The project's own,
from OMA's range for private objects.
"""

from firmware import once
from lwm2m.object import Object


class Diagnosis(Object):
    """Tells what the `App` and its sessions count, and what events.py knows."""

    oid = 26242

    resources = (
        [0, "R", "s", "cause"],  # Last Reset Cause
        [1, "R", "s", "crash"],  # Last Crash
        [2, "R", "s", "error"],  # Last Exception
        [3, "R", "u", "now_s"],  # Uptime, in s
        [4, "R", "u", "malformed"],  # Dropped Datagrams
        [5, "R", "u", "lost"],  # Datagrams Not Sent
        [6, "R", "u", "repeated"],  # Retransmissions
        [7, "R", "u", "failures"],  # Sensor Failures
        [8, "R", "u", "faults"],  # Failed Requests
        [9, "R", "u", "slot"],  # Slot
        [10, "R", "b", "on_trial"],  # On Trial
    )

    def __init__(self, app):
        self.app = app
        self.cause, self.crash, self.slot = once("events", "facts")

    @property
    def error(self):
        for session in self.app.client.sessions:
            error = session.endpoint.error
            if error:
                return once("events", "place", error)
        return None

    @property
    def now_s(self):
        return self.app.client.now_ms() // 1000

    @property
    def failures(self):
        return self.app.failures

    @property
    def on_trial(self):
        return self.app.trial

    def __getattr__(self, name):
        # What each session's endpoint counts.
        count = 0
        for session in self.app.client.sessions:
            count += getattr(session.endpoint, name)
        return count


def make(app, oid):
    """The instance, see late.py."""
    return Diagnosis(app)
