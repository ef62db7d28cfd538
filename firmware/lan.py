"""Ethernet as the application's network interface.

What the application asks of any such object:

- `start()`, once, before anything else: may block for seconds, may raise OSError (ENODEV where
  there is nothing to start)
- `isconnected()`: whether links can be opened, cheap
- `udp(host, port, local_port)`: a link as in link.py; OSError
- `check()`, every 2 s: keeps the network going
- `trouble`: words for people on why it is not connected, with the next step; None while nothing
  is known to be wrong
- `helpless`: true while only people can help, so that a restart of the board would not
- `address`: words for people on what has been joined and with which address; None: `ifconfig()`
  has (address, mask, gateway, DNS)
- `signal_dbm`: of the radio, None without one
- `run`: None, or called with the `App` a coroutine that the interface needs as a task
- `poll()`, where `run` is not None: what that task does, for times when no loop runs
"""

from micropython import const

from firmware.link import UDP

_PAUSE = const(15)  # calls of check() between starts that fail, each of which may block for 10 s


class LAN:
    """`nic` is a `network.LAN`; `plugged()` tells whether a cable with a partner is in, None where
    that cannot be told; `static` is (address, mask, gateway, DNS), None for DHCP.

    MicroPython v1.28 does not notice that a cable was pulled, and comes back from that only when
    it is started anew, with the cable in: without it would wait for 10 s and fail. v1.29 does
    both by itself; it is started anew there, too, which does no harm.
    """

    udp = UDP
    run = None
    address = signal_dbm = None
    trouble = None
    helpless = False
    _up = False
    _pause = 0

    def __init__(self, nic, plugged, static=None):
        self._nic = nic
        self._plugged = plugged
        self._static = static
        self.ifconfig = nic.ifconfig

    def start(self):
        nic = self._nic
        self._pause = _PAUSE
        try:
            nic.active(False)
            nic.active(True)
            if self._static:
                nic.ifconfig(self._static)
            self._up = True
            self.trouble = "no address: is there a DHCP server?"
        except OSError:  # in v1.28 after 10 s
            self.trouble = "no cable"

    def isconnected(self):
        return self._up and self._nic.isconnected()

    def check(self):
        plugged = self._plugged()
        self.helpless = plugged is False
        if self.helpless:
            self._up = False
            self._pause = 0
            self.trouble = "no cable: plug it in, is the switch on?"
        elif not self._up:
            self._pause -= 1
            if self._pause < 0:
                self.start()
