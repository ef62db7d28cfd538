"""Mock of MicroPython's `network` on stm32: Ethernet on the F429ZI, no interface on the L475.

Datagrams go by the host's own sockets, so the board's address is the loopback address.
"""

from world import world

_ETHERNET = ("nucleo_f429zi",)
_ADDRESS = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
_NO_ADDRESS = ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")


class _LAN:
    """`network.LAN`; follows the cable as MicroPython 1.29 does."""

    def active(self, state=None):
        world.touch()
        if state is None:
            return self.status() > 0
        world.lan_active = bool(state)
        return None

    def status(self):
        """0 down, 1 cable in, 3 with an address."""
        world.touch()
        if not world.cable:
            return 0
        return 3 if world.lan_active else 1

    def isconnected(self):
        return self.status() == 3

    def ifconfig(self, config=None):
        """(address, mask, gateway, DNS); setting is accepted and changes nothing."""
        if config is None:
            return _ADDRESS if self.isconnected() else _NO_ADDRESS
        if config != "dhcp" and len(config) != 4:
            raise ValueError("expected 'dhcp' or 4 addresses")
        return None

    def ipconfig(self, *args, **kw):
        address, mask, gateway, _ = self.ifconfig()
        values = {"addr4": (address, mask), "gw4": gateway, "has_dhcp4": self.isconnected()}
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
