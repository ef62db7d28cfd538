"""The access point that a simulated Wi-Fi module joins, and the network behind it.

Datagrams go by sockets of the host, so servers are real ones.
"""

import socket

ADDRESS = b"192.168.1.5"  # what its DHCP gives
MASK = b"255.255.255.0"
GATEWAY = b"192.168.1.1"


class AccessPoint:
    """`up` and `dns` tell whether it and its name server work, `accepts` whether it takes the
    right passphrase (else somebody has changed that). `silent`: a module that has lost it goes on
    as if datagrams were sent and none came, and only `CS` tells; else its sockets are closed.

    Times in ms: `join_ms` and `refuse_ms` until a join succeeds or fails, `dns_ms` and
    `dns_down_ms` until a name has its address or none.
    """

    def __init__(self, ssid=b"desk", passphrase=b"", security=3, rssi=-53):
        self.ssid = ssid
        self.passphrase = passphrase
        self.security = security  # as of the command C3
        self.rssi = rssi  # dBm
        self.up = True
        self.dns = True
        self.accepts = True
        self.silent = False
        self.join_ms = 300
        self.refuse_ms = 2000
        self.dns_ms = 20
        self.dns_down_ms = 3000
        self.losses = 0  # how often it went down: a join from before does not count

    def apply(self, state):
        """Takes over what `state` names of up ("ap"), dns, accepts, silent and rssi."""
        if not state.get("ap", True) and self.up:
            self.losses += 1
        self.up = state.get("ap", self.up)
        self.dns = state.get("dns", self.dns)
        self.accepts = state.get("accepts", self.accepts)
        self.silent = state.get("silent", self.silent)
        self.rssi = state.get("rssi", self.rssi)

    def admits(self, ssid, passphrase, security):
        """Whether a module with these settings may join."""
        if not self.up or not self.accepts or ssid != self.ssid:
            return False
        if self.security == 0:
            return security == 0
        fits = security == self.security or security == 4 and self.security in (2, 3)
        return fits and passphrase == self.passphrase

    def resolve(self, name):
        """The IPv4 address of a name as text, None where it has none."""
        if not self.up or not self.dns:
            return None
        try:
            found = socket.getaddrinfo(str(name, "ascii"), 0, socket.AF_INET, socket.SOCK_DGRAM)
        except (OSError, ValueError, UnicodeError):
            return None
        return _address_text(found[0][-1]) if found else None


def _address_text(address):
    if isinstance(address, tuple):
        return address[0].encode()
    return b".".join([b"%d" % byte for byte in address[4:8]])  # MicroPython: a sockaddr_in


class Datagrams:
    """A UDP socket of the host, bound to a port where that is free and else to any."""

    def __init__(self, port):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(_address(b"0.0.0.0", port))
        except OSError:
            # A module has ports of its own, here they are those of the whole computer.
            self._socket.bind(_address(b"0.0.0.0", 0))

    def send(self, host, port, data):
        """Sends, or loses it as networks do."""
        try:
            self._socket.sendto(data, _address(host, port))
        except OSError:
            pass

    def recv(self, size):
        """A datagram cut to `size`, or None."""
        try:
            return self._socket.recv(2048)[:size]
        except OSError:
            return None

    def close(self):
        self._socket.close()


def _address(host, port):
    return socket.getaddrinfo(str(host, "ascii"), port)[0][-1]
