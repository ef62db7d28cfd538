"""Links to a server: connected datagram sockets with recv, send and close, never blocking."""

import socket


class UDP:
    """Plain UDP. Connected, so that the system drops datagrams of strangers.

    `host` is looked up once, which may block for seconds. Raises OSError where the name has no
    address or the network no way to it.
    """

    def __init__(self, host, port):
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[
            0
        ]
        self.socket = socket.socket(family, kind, protocol)
        try:
            self.socket.setblocking(False)
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.recv = self.socket.recv
        self.send = self.socket.send

    def close(self):
        self.socket.close()
