"""Name look-ups that fail, for the interpreter of a virtual board; loaded when the first does.

The firmware looks names up by `socket.getaddrinfo`, with the host's own name server. An object
with the same names stands in for the module, which is read-only. Addresses need no look-up.
"""

import socket
import sys

_NO_NAME = -2  # lwIP on a board says the same


class Names:
    fails = False

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, *rest):
        if self.fails and host.strip("0123456789.") and ":" not in host:
            raise OSError(_NO_NAME)
        return socket.getaddrinfo(host, *rest)


names = Names()


def answer(answers):
    """Whether a name server answers from now on."""
    names.fails = not answers
    sys.modules["socket"] = names
    lan = sys.modules.get("firmware.lan")
    if lan:
        lan.socket = names
