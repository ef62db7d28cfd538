"""Ethernet as the application's network interface, and its links to servers.

What the application asks of any such object:

- `start()`, once, before anything else: may block for seconds, may raise OSError (ENODEV where
  there is nothing to start)
- `isconnected()`: whether links can be opened, cheap
- `udp(host, port, local_port)`: a link, as UDP below; OSError
- `check()`, every 2 s: keeps the network going
- `helpless`: true while only people can help, so that a restart of the board would not
- `trouble`: words for them on why it is not connected, with the next step, or None; where there
  is no such attribute `helpless` tells of a cable
- `address`: words for people on what has been joined and with which address; else `ifconfig()`
  has (address, mask, gateway, DNS)
- `signal_dbm`: where there is a radio
- `run`: None, or called with the `App` a coroutine that the interface needs as a task
- `poll()`, where `run` is not None: what that task does, for times when no loop runs
"""

import os
import socket
from errno import EHOSTUNREACH

from micropython import const

_FAILURES = const(15)  # between starts, each of which may block for 10 s
_FIRST_PORT = const(49152)  # of those for private use (RFC 6335 section 6); to 65535
_ATTEMPTS = const(8)


class UDP:
    """A datagram socket with recv, send and close that never blocks. Connected, so that the
    system drops datagrams of strangers.

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


class LAN:
    """`interface` is a `network.LAN`; `plugged()` tells whether a cable with a partner is in, None
    where that cannot be told; `network` is (address, mask, gateway, DNS), None for DHCP.

    MicroPython v1.28 does not notice that a cable was pulled, and comes back from that only when
    it is started anew, with the cable in: without it would wait for 10 s and fail. v1.29 does
    both by itself; it is started anew there, too, which does no harm.
    """

    udp = UDP
    run = None
    helpless = online = False
    failures = 0  # looks in a row since the last start that found it down

    def __init__(self, interface, plugged, network=None):
        self.interface = interface
        self.plugged = plugged
        self.network = network
        self.ifconfig = interface.ifconfig

    def start(self):
        interface = self.interface
        self.failures = 0
        try:
            interface.active(False)
            interface.active(True)
            if self.network:
                interface.ifconfig(self.network)
            self.online = True
        except OSError:  # no cable; in v1.28 after 10 s
            pass

    def isconnected(self):
        return self.online and self.interface.isconnected()

    def check(self):
        plugged = self.plugged()
        self.helpless = plugged is False
        if self.helpless:
            self.online = False
            self.failures = _FAILURES
        elif not self.online:
            self.failures += 1
            if self.failures > _FAILURES:
                self.start()
