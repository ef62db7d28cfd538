"""The sockets of a board whose `network` has no interface: they can be made, and raise OSError."""

import socket
import sys


def no_nic(*args, **kw):
    raise OSError("no available NIC")


class Socket:
    def __init__(self, *args):
        pass

    def __getattr__(self, name):
        return no_nic


class Module:
    socket = Socket

    def __getattr__(self, name):
        return no_nic if name == "getaddrinfo" else getattr(socket, name)


def hide():
    # The module itself is read-only: an object with the same names stands in for it.
    sys.modules["socket"] = Module()
