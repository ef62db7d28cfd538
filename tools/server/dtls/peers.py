"""The remote that a client's messages come from when they come over DTLS."""

from aiocoap import interfaces
from aiocoap.numbers import constants
from aiocoap.util import hostportjoin


class SecurePeer(interfaces.EndpointAddress):
    """A client at an address with the identity it has proved.

    Equal are peers of the same address and identity: a client that makes a new session from where
    it was stays who it was, and its observations go on. Nobody else can be equal to it.
    """

    scheme = "coaps"
    is_multicast = False
    is_multicast_locally = False
    maximum_block_size_exp = constants.MAX_REGULAR_BLOCK_SIZE_EXP

    def __init__(self, gateway, host, port, identity):
        self.address = host, port
        self.identity = identity
        self._gateway = gateway
        self._key = id(gateway), host, port, identity

    def __eq__(self, other):
        return isinstance(other, SecurePeer) and self._key == other._key

    def __hash__(self):
        return hash(self._key)

    def __repr__(self):
        return "<%s of %s>" % (self.uri_base, ascii(self.identity))

    def send(self, data):
        """Sends a datagram over the session the client has now; it is lost if there is none."""
        self._gateway.send(self, data)

    @property
    def hostinfo(self):
        return hostportjoin(*self.address)

    @property
    def uri_base(self):
        return self.scheme + "://" + self.hostinfo

    @property
    def hostinfo_local(self):
        return hostportjoin(self._gateway.host, self._gateway.port)

    @property
    def uri_base_local(self):
        return self.scheme + "://" + self.hostinfo_local

    @property
    def blockwise_key(self):
        return self._key
