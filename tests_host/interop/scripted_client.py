"""A client of a few lines that says what a test wants, to see what the servers make of it."""

import contextlib
import socket

from aiocoap import CONTENT, POST, Message
from aiocoap.numbers.types import ACK, CON

_TIMEOUT_S = 5


class ScriptedClient:
    """A client that registers at a port of loopback when its `with` begins; no retransmission."""

    def __init__(self, port, endpoint, links, *query):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.connect(("127.0.0.1", port))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self._mid = 0
        self._register = {
            "uri_path": ("rd",),
            "uri_query": ("lwm2m=1.1", "ep=" + endpoint, "lt=60", "b=U", *query),
            "content_format": 40,
            "payload": links,
        }

    def __enter__(self):
        self.location = self.ask(POST, **self._register).opt.location_path
        return self

    def __exit__(self, *error):
        self._socket.close()

    def _send(self, message, mtype, mid, token):
        message.mtype, message.mid, message.token = mtype, mid, token
        self._socket.send(message.encode())

    def receive(self):
        """The next datagram of the server."""
        return Message.decode(self._socket.recv(2000))

    def ask(self, code, **fields):
        """Sends a request; the answer to it."""
        self._mid += 1
        self._send(Message(code=code, **fields), CON, self._mid, b"r%d" % self._mid)
        while True:
            answer = self.receive()
            if answer.mid == self._mid and answer.mtype is ACK:
                return answer

    def request(self):
        """The server's next request."""
        while True:
            message = self.receive()
            if message.code.is_request():
                return message

    def answer(self, request, code, **fields):
        """Answers a request."""
        self._send(Message(code=code, **fields), ACK, request.mid, request.token)

    def notify(self, request, sequence, **fields):
        """A confirmable notification to an Observe request, and the server's empty answer."""
        self._mid += 1
        message = Message(code=CONTENT, observe=sequence, **fields)
        self._send(message, CON, self._mid, request.token)
        answer = self.receive()
        assert (answer.mtype, answer.mid) == (ACK, self._mid)

    def silent(self, seconds):
        """AssertionError if something comes within that time."""
        self._socket.settimeout(seconds)
        try:
            with contextlib.suppress(TimeoutError):
                raise AssertionError(self.receive())
        finally:
            self._socket.settimeout(_TIMEOUT_S)
