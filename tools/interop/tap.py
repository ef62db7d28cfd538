"""A relay between clients and a server that records every datagram on its way."""

import selectors
import socket
import threading
import time

from tools.keysearch.notes import record

from .exchanges import exchanges, summary
from .records import lines

_LONGEST = 65535
_POLL_S = 0.2


class Tap:
    """Clients send to `port`, the server sees one port of the tap for each port of a client.

    A client that comes back from its old port is therefore at its old address for the server.
    """

    def __init__(self, server_port, scheme="coap"):
        self._scheme = scheme
        self._server = ("127.0.0.1", server_port)
        self._front = self._bound()
        self.port = self._front.getsockname()[1]
        self._lock = threading.Lock()
        self._records = []  # (seconds, from the client, datagram)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ, None)
        self._backs = {}  # address of a client: the socket it has towards the server
        self._ended = False
        self.lost = False  # True: nothing gets through, nothing is recorded
        self._thread = threading.Thread(target=self._relay, name="tap", daemon=True)
        self._thread.start()

    @staticmethod
    def _bound():
        new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        new.bind(("127.0.0.1", 0))
        return new

    @property
    def uri(self):
        """What the client takes for the server."""
        return "%s://127.0.0.1:%d" % (self._scheme, self.port)

    def _relay(self):
        while not self._ended:
            for key, _ in self._selector.select(_POLL_S):
                try:
                    self._pass_on(key.fileobj, key.data)
                except OSError:
                    pass  # refused: the other side is not there, its datagram is lost

    def _pass_on(self, source, client):
        datagram, address = source.recvfrom(_LONGEST)
        if self.lost:
            return
        record("datagrams", datagram)
        with self._lock:
            self._records.append((time.monotonic(), client is None, datagram))
        if client is not None:
            self._front.sendto(datagram, client)
            return
        back = self._backs.get(address)
        if back is None:
            back = self._backs[address] = self._bound()
            self._selector.register(back, selectors.EVENT_READ, address)
        back.sendto(datagram, self._server)

    @property
    def clients(self):
        """How many addresses clients have sent from."""
        return len(self._backs)

    def count(self):
        """How many datagrams there are so far: a mark for `exchanges`."""
        return len(self._records)

    def records(self, since=0):
        """(seconds, from the client, datagram) of each datagram from number `since` on."""
        with self._lock:
            return self._records[since:]

    def exchanges(self, since=0):
        """The exchanges that began with datagram number `since` or later."""
        return [each for each in exchanges(self.records()) if each.number >= since]

    def summary(self, since=0):
        """Lines for a document: of exchanges, or of the handshake where the rest is encrypted."""
        if self._scheme == "coaps":
            return lines(self.records(since))
        return summary(self.exchanges(since))

    def close(self):
        """Ends the relay."""
        self._ended = True
        self._thread.join()
        self._selector.close()
        for each in (self._front, *self._backs.values()):
            each.close()
