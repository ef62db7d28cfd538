"""Ethernet as the application's network interface.

What the application asks of any such object:

- `start()`, once, before anything else: may block for seconds, may raise OSError (ENODEV where
  there is nothing to start)
- `isconnected()`: whether links can be opened, cheap
- `udp(host, port, local_port)`: a link as in link.py; OSError
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

from micropython import const

from firmware.link import UDP

_FAILURES = const(15)  # between starts, each of which may block for 10 s


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
