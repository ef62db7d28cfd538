"""CoAP over DTLS 1.2 with pre-shared keys, for a server on plain CPython, which has no DTLS.

The MicroPython of the environment has it: DTLS ends in a process of its own that runs under that
(process/), datagrams and keys go both ways over a socket that only these two have (gateway.py).
For the rest of the server a session is a remote like any other (peers.py).
"""

from .gateway import Gateway, GatewayFault

__all__ = ["Gateway", "GatewayFault"]
