"""Send: values that the client reports without being asked (TS 1.1.1 Core section 6.4.6)."""

from micropython import const

from coap.endpoint import IDLE_MS
from lwm2m.composite import CompositeTarget

_POST = const(2)
_URI_PATH = const(11)
_LIMIT = const(4)  # that wait for the exchange that is under way


class Sender:
    """The Sends of one session, one after the other."""

    def __init__(self, session):
        self.session = session
        self._waiting = []
        self._on_done = None  # of the one under way

    def send(self, paths, on_done):
        """Takes the values of now; they leave when no other exchange is under way.

        `on_done(code)` is called with the code of the answer, None where there was none.
        ValueError where the server may not be told, where there is nothing to tell, or where
        too much waits already.
        """
        session = self.session
        if session.registration.state != "registered" or session.version == "1.0":
            raise ValueError("not registered as LwM2M 1.1 or later")
        if session.server.mute_send:
            raise ValueError("the server has muted Send (/1/x/23)")
        if len(self._waiting) == _LIMIT:
            raise ValueError("%d Sends wait already" % _LIMIT)
        target = CompositeTarget(session, tuple(paths))
        records = target.records()
        if not records:
            raise ValueError("no value at these paths")
        options = ((_URI_PATH, b"dp"),) + target.options
        self._waiting.append((options, target.encode(records), on_done))
        session.client.wake()

    def poll(self, now_ms):
        endpoint = self.session.endpoint
        if self._waiting and endpoint.idle:
            options, payload, self._on_done = self._waiting.pop(0)
            try:
                endpoint.request(_POST, options, payload, self._answered)
            except Exception:
                self._answered(None)
                raise
        return IDLE_MS

    def _answered(self, message):
        self._done(self._on_done, message.code if message else None)

    def _done(self, on_done, code):
        self._on_done = None
        try:
            if on_done:
                on_done(code)
        except Exception as error:
            self.session.client.log("send: %s" % error)

    def end(self):
        """The registration has ended: nothing of this will be answered."""
        waiting = self._waiting
        self._waiting = []
        self._done(self._on_done, None)
        for _, _, on_done in waiting:
            self._done(on_done, None)


def to_all(sessions, paths):
    """Sends to every server that takes it; returns how many do."""
    count = 0
    for session in sessions:
        try:
            session.send(paths)
            count += 1
        except ValueError:
            pass
    return count
