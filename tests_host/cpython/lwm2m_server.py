"""A raw LwM2M server of a few lines, for tests of the running firmware; it notes what arrives."""

import select
import socket
import time

from aiocoap import ACK, CON, DELETE, GET, NON, POST, PUT, Message
from aiocoap.numbers.codes import CHANGED, CREATED, DELETED, NOT_FOUND


class LwM2MServer:
    """Answers Register, Update and De-register. A Register gives a new location each time.

    `registers`, `updates` and `deregisters` hold (message, port of the device) as they came in,
    `notifications` (port, token, sequence number, payload), `sends` messages.
    """

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.uri = "coap://127.0.0.1:%d" % self._socket.getsockname()[1]
        self.device = None
        self.silent = False  # nothing is answered
        self.locations = []  # (b"rd", b"1") and so on, as strings
        self.registers = []
        self.updates = []
        self.deregisters = []
        self.notifications = []
        self.sends = []
        self._mid = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._socket.close()

    def forget(self):
        """As a server that was restarted without a store."""
        self.locations.clear()

    @property
    def sequences(self):
        return [sequence for _, _, sequence, _ in self.notifications]

    def serve(self, condition, timeout_s=8):
        """Serves until the condition holds; AssertionError when that takes too long."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, self
            if select.select([self._socket], [], [], 0.02)[0]:
                self._take()

    def serve_for(self, seconds):
        end = time.monotonic() + seconds
        self.serve(lambda: time.monotonic() >= end, seconds + 5)

    def serve_waiting(self):
        """Serves what has arrived."""
        while select.select([self._socket], [], [], 0)[0]:
            self._take()

    def _take(self):
        """Takes one datagram; returns it where it is an answer."""
        data, device = self._socket.recvfrom(2000)
        if self.silent:
            return None
        self.device = device
        message = Message.decode(data)
        path = message.opt.uri_path
        if message.code == POST and path == ("rd",):
            location = ("rd", str(len(self.registers) + 1))
            self.registers.append((message, device[1]))
            self.locations[:] = [location]
            self._answer(message, CREATED, location_path=location)
        elif message.code == POST and path == ("dp",):
            self.sends.append(message)
            self._answer(message, CHANGED)
        elif message.code == POST:
            self.updates.append((message, device[1]))
            self._answer(message, CHANGED if path in self.locations else NOT_FOUND)
        elif message.code == DELETE:
            self.deregisters.append((message, device[1]))
            self._answer(message, DELETED)
        elif message.code.is_response() and message.mtype in (CON, NON):
            sequence = message.opt.observe
            self.notifications.append((device[1], message.token, sequence, message.payload))
            if message.mtype is CON:
                self._socket.sendto(bytes((0x60, 0, data[2], data[3])), device)
        elif message.mtype is ACK:
            return message
        return None

    def _answer(self, request, code, **options):
        answer = Message(code=code, **options)
        answer.mtype, answer.mid, answer.token = ACK, request.mid, request.token
        self._socket.sendto(answer.encode(), self.device)

    def ask(self, method, path, token=None, timeout_s=5, **fields):
        """Sends a request to the device, again as RFC 7252 has it; returns the answer."""
        self._mid += 1
        request = Message(code=method, uri_path=[str(part) for part in path], **fields)
        request.mtype, request.mid, request.token = CON, self._mid, token or b"t%d" % self._mid
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._socket.sendto(request.encode(), self.device)
            again = time.monotonic() + 2
            while time.monotonic() < again:
                if select.select([self._socket], [], [], 0.02)[0]:
                    answer = self._take()
                    if answer is not None and answer.token == request.token:
                        return answer
        raise AssertionError("no answer")

    def read(self, *path):
        """The text/plain value at the path."""
        answer = self.ask(GET, path, accept=0)
        assert answer.code.is_successful(), answer.code
        return answer.payload.decode()

    def observe(self, token, *path):
        """Starts to observe in text/plain; the answer counts as the first notification."""
        answer = self.ask(GET, path, token, accept=0, observe=0)
        assert answer.opt.observe is not None, answer.code
        self.notifications.append((self.device[1], token, answer.opt.observe, answer.payload))

    def write(self, text, *path):
        """Writes in text/plain, with a query a Write-Attributes; returns the code."""
        return self.ask(PUT, path, content_format=0, payload=text).code

    def attributes(self, *path, **attributes):
        query = ["%s=%s" % each for each in attributes.items()]
        return self.ask(PUT, path, uri_query=query).code
