"""Send: values that the client reports without being asked (TS 1.1.1 Core section 6.4.6)."""

from micropython import const

from lwm2m.composite import CompositeTarget

_POST = const(2)
_URI_PATH = const(11)
_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py
_LIMIT = const(4)  # that wait for their turn or for an answer


class Sender:
    """The Sends of one session, one after the other."""

    def __init__(self, session):
        self.session = session
        self._waiting = []  # (options, payload, on_done)
        self._pending = False  # the first of them is under way

    def send(self, paths, on_done):
        """Takes the values of now; they leave when no other exchange is under way.

        `on_done(code)` is called with the code of the answer, None where there was none.
        ValueError where the server may not be told, where there is nothing to tell, or where
        too much waits already.
        """
        session = self.session
        if session.registration.state != "registered" or session.version == "1.0":
            raise ValueError("not registered as LwM2M 1.1")
        if session.server.mute_send:
            raise ValueError("muted by /1/x/23")
        if len(self._waiting) == _LIMIT:
            raise ValueError("too many wait")
        target = CompositeTarget(session, tuple(paths))
        records = target.records()
        if not records:
            raise ValueError("no value there")
        self._waiting.append((target.options, target.encode(records), on_done))
        session.client.wake()

    def poll(self, now_ms):
        """Sends the next; what it waits for wakes the client."""
        session = self.session
        if self._waiting and not self._pending and session.online and session.endpoint.idle:
            options, payload, _ = self._waiting[0]
            if session.server.mute_send:
                self._answered(None)
                return 0
            self._pending = True
            try:
                session.endpoint.request(
                    _POST, ((_URI_PATH, b"dp"),) + options, payload, self._answered
                )
            except Exception:
                self._answered(None)
                raise
        return _IDLE_MS

    def _answered(self, message):
        self._pending = False
        on_done = self._waiting.pop(0)[2]
        try:
            if on_done:
                on_done(message and message.code)
        except Exception as error:
            self.session.endpoint.fault(error)

    def end(self):
        """The registration has ended: nothing of this will be answered."""
        while self._waiting:
            self._answered(None)
