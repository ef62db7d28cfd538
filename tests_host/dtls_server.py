"""A DTLS server for one client at a time, in the test's own interpreter (MicroPython)."""

import io

import tls
from test_link import server

_HELLO_VERIFY = -0x6A80


class Server(io.IOBase):
    """Takes clients with these pre-shared keys, {identity: key}; `step()` does what is due."""

    def __init__(self, keys):
        self.socket, self.port = server()
        self.socket.setblocking(False)
        self.got = []  # application data
        self.tap = []  # every datagram of the client
        self.answer_to = None  # a function that makes the answer to a datagram
        self.errors = []
        self.keys = keys
        self.address = None
        self.batch = None  # records that are held back, to go as one datagram
        self._datagram = None
        self.forget()

    def forget(self):
        """As after a restart: no session is known any more."""
        self._context = tls.SSLContext(tls.PROTOCOL_DTLS_SERVER)
        self._context.server_psk_keys = self.keys
        self._begin()

    def _begin(self):
        self._tls = self._context.wrap_socket(
            self, server_side=True, do_handshake_on_connect=False, client_id=b"client"
        )

    def readinto(self, buffer):
        data = self._datagram
        self._datagram = None
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        if self.batch is None:
            self.socket.sendto(data, self.address)
        else:
            self.batch += data
        return len(data)

    def ioctl(self, request, argument):
        return 0

    def plain(self, data):
        """A datagram that is not encrypted."""
        self.socket.sendto(data, self.address)

    def send(self, *messages):
        """Each a record; all of them in one datagram."""
        self.batch = b""
        for message in messages:
            self._tls.send(message)
        batch, self.batch = self.batch, None
        self.plain(batch)

    def step(self):
        while True:
            try:
                data, address = self.socket.recvfrom(2048)
            except OSError:
                data = None
            else:
                self.tap.append(data)
                if address != self.address:
                    self.address = address
                    self._begin()
                self._datagram = data
            try:
                message = self._tls.recv(2048)
                if message:
                    self.got.append(message)
                    if self.answer_to:
                        answer = self.answer_to(message)
                        if answer:
                            self._tls.send(answer)
            except OSError as error:
                if error.errno != _HELLO_VERIFY:
                    self.errors.append(error)
                self._begin()
            if data is None:
                return

    def close(self):
        self._tls.close()
        self.socket.close()
