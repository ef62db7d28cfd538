"""Links to a server: connected datagram sockets with recv, send and close, never blocking."""

import os
import socket
from errno import EHOSTUNREACH

from micropython import const

_FIRST_PORT = const(49152)  # of those for private use (RFC 6335 section 6); to 65535
_ATTEMPTS = const(8)


class UDP:
    """Plain UDP. Connected, so that the system drops datagrams of strangers.

    `host` is looked up once, which may block for seconds. Raises OSError where the name has no
    address or the network no way to it. `local_port` is the one asked for, or a free one where
    that is taken or 0.
    """

    established = True  # there is no handshake
    secure = False

    def __init__(self, host, port, local_port=0):
        # The kind of socket is not taken from the answer: lwIP always says SOCK_STREAM there,
        # and prints a warning when it is asked for anything else.
        try:
            found = socket.getaddrinfo(host, port)[0]
        except OSError:  # its number differs by system
            raise OSError(EHOSTUNREACH, "no address for %s; check the name and DNS" % host)
        self.socket = socket.socket(found[0], socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            self._bind("0.0.0.0" if found[0] == socket.AF_INET else "::", local_port)
            self.socket.connect(found[-1])
        except OSError:
            self.socket.close()
            raise
        self.recv = self.socket.recv
        self.send = self.socket.send

    def _bind(self, any_address, port):
        # MicroPython has no getsockname(): to know the port it has to be chosen here.
        attempt = 0
        while True:
            if not port:
                high, low = os.urandom(2)
                port = _FIRST_PORT + ((high << 8 | low) & 0x3FFF)
            try:
                self.socket.bind(socket.getaddrinfo(any_address, port)[0][-1])
                break
            except OSError:  # mostly EADDRINUSE
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise
                port = 0
        self.local_port = port

    def close(self):
        self.socket.close()
