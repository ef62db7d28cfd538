"""Queue mode: the server keeps its requests until the client is awake (TS 1.1.1 Transport)."""

from micropython import const

_UPDATE = const(8)  # /1/x/8


class QueueMode:
    """Awake for the client's `awake_ms` after any datagram, and while an exchange is open.

    Asleep, everything that arrives is dropped unheard, as if the radio were off. Whatever is
    sent wakes: an Update that is due, a Send. Notifications wait for `wake_up()`.
    """

    def __init__(self, session):
        self.session = session
        self.client = session.client
        self._receive = session.receive
        self._send = session.endpoint.send
        self._until_ms = 0
        session.receive = self.receive
        session.endpoint.send = self.send

    def awake(self):
        """True when the server may be expected to know that requests are taken."""
        return self.client.now_ms() < self._until_ms or not self.session.endpoint.idle

    def wake_up(self):
        """Sends an Update as soon as possible, unless awake."""
        if not self.awake():
            server = self.session.server
            server.asked = server.asked or _UPDATE
            self.client.wake()

    def receive(self, data):
        if self.awake():
            self._stay()
            self._receive(data)

    def send(self, data):
        self._stay()
        self._send(data)

    def _stay(self):
        self._until_ms = self.client.now_ms() + self.client.awake_ms

    def announce(self, queries, registered):
        """Adds to the queries that end with the binding (section 6.2.1): Q, in 1.0 UQ."""
        if self.session.version == "1.0":
            queries[-1] += b"Q"
        elif not registered:
            queries.append(b"Q")
