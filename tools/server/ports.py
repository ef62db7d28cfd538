"""The CoAP ports of one server: plain UDP, DTLS, or both, behind one transport."""

import errno

from .dtls import Gateway
from .transport import Transport


class PortTaken(OSError):
    """A port is in use already; the text says which and what to do."""


def port_fault(fault, port, option):
    """The error for the user where a port could not be opened with a command line's option."""
    if fault.errno != errno.EADDRINUSE:
        return fault
    return PortTaken(
        "port %d is in use: stop the program that has it, or choose another port "
        "with %s (0 takes a free one)" % (port, option)
    )


class Ports:
    """Opens what is asked for; credentials say who may come over DTLS."""

    def __init__(self, site, trace, credentials, block_size=None):
        self.transport = Transport(site, trace, block_size)
        self.coap_port = None
        self.coaps_port = None
        self._credentials = credentials
        self._gateway = None

    async def start(self, host, coap_port, coaps_port, names):
        """Opens the ports, 0 takes a free one, None none; names are the options for both.

        Errors: PortTaken, OSError. stop() is due then as well.
        """
        try:
            await self.transport.start(host, coap_port)
        except OSError as fault:
            raise port_fault(fault, coap_port, names[0]) from None
        self.coap_port = self.transport.port
        if coaps_port is None:
            return
        self._gateway = Gateway(self.transport.receive)
        self._credentials.follow(self._gateway.set_key)
        try:
            await self._gateway.start(host, coaps_port)
        except OSError as fault:
            raise port_fault(fault, coaps_port, names[1]) from None
        self.coaps_port = self._gateway.port

    async def stop(self):
        """Closes the ports."""
        await self.transport.stop()
        if self._gateway:
            await self._gateway.stop()
            self._gateway = None
