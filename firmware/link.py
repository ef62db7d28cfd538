"""Links to a server: connected datagram sockets with recv, send and close, never blocking."""

import socket


class UDP:
    """Plain UDP. Connected, so that the system drops datagrams of strangers.

    `host` is looked up once, which may block for seconds. Raises OSError where the name has no
    address or the network no way to it.
    """

    def __init__(self, host, port):
        # The kind of socket is not taken from the answer: lwIP always says SOCK_STREAM there,
        # and prints a warning when it is asked for anything else.
        try:
            found = socket.getaddrinfo(host, port)[0]
        except OSError as error:
            raise OSError(error.args[0], "no address for %s; check the name and DNS" % host)
        address = found[-1]
        self.socket = socket.socket(found[0], socket.SOCK_DGRAM)
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
