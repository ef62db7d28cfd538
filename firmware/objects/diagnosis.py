"""Diagnosis, object 26242: what an engineer asks of a device that misbehaves. The project's own,
from OMA's range for private objects.
"""

from lwm2m.object import Object


class Diagnosis(Object):
    """Tells what the `App` counts. `cause` is why the board has started, `crash` the last failure
    that ended the firmware, None if none is known; `place(error)` tells an exception in a line.
    """

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

    def __init__(self, app, cause, crash, place, slot=0):
        self.app = app
        self.cause = cause
        self.crash = crash
        self.place = place
        self.slot = slot
        self.on_trial = app.trial
        self.failures = app.failures

    @property
    def error(self):
        for session in self.app.client.sessions:
            if session.endpoint.error:
                return self.place(session.endpoint.error)
        return None

    @property
    def now_s(self):
        return self.app.client.now_ms() // 1000

    @property
    def malformed(self):
        return self._sum("malformed")

    @property
    def lost(self):
        return self._sum("lost")

    @property
    def repeated(self):
        return self._sum("repeated")

    @property
    def faults(self):
        return self._sum("faults")

    def _sum(self, name):
        count = 0
        for session in self.app.client.sessions:
            count += getattr(session.endpoint, name)
        return count
