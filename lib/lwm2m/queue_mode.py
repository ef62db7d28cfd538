"""Queue mode: the server keeps its requests until the client is awake (TS 1.1.1 Transport)."""


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
        self._at_ms = 0  # of the latest datagram
        session.receive = self.receive
        session.endpoint.send = self.send

    def awake(self):
        """True when the server may be expected to know that requests are taken."""
        passed_ms = self.client.now_ms() - self._at_ms
        return passed_ms < self.client.awake_ms or not self.session.endpoint.idle

    def wake_up(self):
        """Sends an Update as soon as possible, unless awake."""
        if not self.awake():
            self.session.server.update(None)
            self.client.wake()

    def receive(self, data):
        if self.awake():
            self._at_ms = self.client.now_ms()
            self._receive(data)

    def send(self, data):
        self._at_ms = self.client.now_ms()
        self._send(data)

    def announce(self, queries):
        """Says so in queries that end with the binding: Q, in LwM2M 1.0 UQ (Core 6.2.1)."""
        if self.session.version == "1.0":
            queries[-1] += "Q"
        else:
            queries.append("Q")
