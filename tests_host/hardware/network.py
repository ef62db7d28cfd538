"""Mock of MicroPython's `network` on stm32: Ethernet on the F429ZI, no interface on the L475.

Datagrams go by the host's own sockets, so the board's address is the loopback address, unless it
was given one by hand. As in `ports/stm32/eth.c`, with `world.micropython`:

- v1.28: `active(True)` waits for the link, for 10 s at most, and raises OSError without it; with
  one it takes 1.6 s. Once active, nothing follows the cable: the address stays, `isconnected()`
  stays true.
- v1.29: the link is looked at all the time, DHCP begins anew with it, `active(True)` never waits.
"""

import time

from world import world

_ETHERNET = ("nucleo_f429zi",)
_ADDRESS = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
_NO_ADDRESS = ("0.0.0.0", "255.255.255.0", "192.168.0.1", "8.8.8.8")
_ETIMEDOUT = 110
LINK_MS = 10000  # that v1.28 waits for a link
NEGOTIATION_MS = 1600  # that it takes where there is one


def pause(ms):
    """How a call that blocks does so; what has a clock of its own replaces it."""
    time.sleep_ms(ms)


class _LAN:
    """`network.LAN`, of which there is one."""

    def __new__(cls):
        if world.lan is None:
            world.lan = self = super().__new__(cls)
            self.up = False  # active
            self.linked = False  # the link as MicroPython knows it
            self.address = _NO_ADDRESS
            self.by_hand = False
            self.clocked = True  # the MAC's registers can be read
        return world.lan

    def follow(self):
        """What happened to cable and DHCP server."""
        if not self.up:
            return
        if world.micropython != "1.28":
            if not world.cable:
                self.linked = False
                if not self.by_hand:
                    self.address = _NO_ADDRESS
            elif not self.linked:
                self.linked = True
        if self.linked and world.cable and world.dhcp and not self.by_hand:
            self.address = _ADDRESS

    def active(self, state=None):
        world.touch()
        if state is None:
            return self.status() > 0
        self.up = self.linked = self.by_hand = self.clocked = False
        self.address = _NO_ADDRESS
        if state:
            self.clocked = True
            if world.micropython == "1.28":
                if not world.cable:
                    pause(LINK_MS)
                    self.clocked = False
                    raise OSError(_ETIMEDOUT, "ETIMEDOUT")
                pause(NEGOTIATION_MS)
                self.linked = True
            self.up = True
            self.follow()
            world.event(event="lan", active=True)
        return None

    def status(self):
        """0 no link, 1 a link while it is not active, 2 no address, 3 with an address."""
        world.touch()
        if self.up and self.linked:
            return 2 if self.address[0] == "0.0.0.0" else 3
        return 1 if world.cable and self.clocked else 0

    def isconnected(self):
        return self.status() == 3

    def ifconfig(self, config=None):
        """(address, mask, gateway, DNS)"""
        if config is None:
            return self.address
        if config == "dhcp":
            self.by_hand = False
            self.address = _NO_ADDRESS
            self.follow()
        elif isinstance(config, (tuple, list)) and len(config) == 4:
            self.by_hand = True
            self.address = tuple(config)
        else:
            raise ValueError("expected 'dhcp' or 4 addresses")
        return None

    def ipconfig(self, *args, **kw):
        address, mask, gateway, _ = self.address
        values = {"addr4": (address, mask), "gw4": gateway}
        values["has_dhcp4"] = self.isconnected() and not self.by_hand
        return _config(values, ("dhcp4", "addr4", "gw4"), args, kw)

    def config(self, *args, **kw):
        # Locally administered, from the unique id.
        mac = bytes((world.unique_id[0] & 0xFE | 2,)) + world.unique_id[1:6]
        return _config({"mac": mac}, ("trace", "low_power"), args, kw)


def _config(readable, writable, args, kw):
    """The rules of MicroPython's config(): one name to read, or keywords to set."""
    if kw:
        if args:
            raise TypeError("can't specify pos and kw args")
        for name in kw:
            if name not in writable:
                raise ValueError("unknown config param")
        return None
    if len(args) != 1:
        raise TypeError("must query one param")
    if args[0] not in readable:
        raise ValueError("unknown config param")
    return readable[args[0]]


def __getattr__(name):
    if name == "LAN" and world.board in _ETHERNET:
        return _LAN
    raise AttributeError(name)


def hostname(name=None):
    if name is None:
        return world.hostname
    if not 0 < len(name) <= 32:
        raise ValueError("hostname: expected 1 to 32 characters")
    world.hostname = name
    return None


def country(code=None):
    if code is None:
        return "XX"
    if len(code) != 2:
        raise ValueError("country: expected 2 characters")
    return None


def ipconfig(*args, **kw):
    return _config({"dns": "127.0.0.1", "prefer": 4}, ("dns", "prefer"), args, kw)


def resolves(host):
    """Whether a name server answers for this name; not part of MicroPython."""
    return world.dns
