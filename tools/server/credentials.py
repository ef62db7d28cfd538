"""Who a client has to prove to be: the PSK identity and key of each endpoint."""

import base64
import binascii

from aiocoap import FORBIDDEN

from .errors import InvalidRequest
from .site import Refusal, identity_of

MAX_KEY_BYTES = 48  # mbedTLS takes no longer one
MAX_IDENTITY_BYTES = 128  # RFC 4279, 5.3 asks for as many


def bytes_of(text, what):
    """Bytes of a text of hexadecimal digits, or of base64 behind "base64:".

    Errors: InvalidRequest that names what it is for and does not show it.
    """
    try:
        if text.startswith("base64:"):
            return base64.b64decode(text[7:], validate=True)
        return bytes.fromhex(text)
    except (AttributeError, ValueError, binascii.Error):
        raise InvalidRequest(
            "%s: expected hexadecimal digits, or base64: and base64" % what
        ) from None


def checked_psk(identity, key):
    """(identity, key) as bytes of a text and a text as above; InvalidRequest."""
    try:
        identity = identity.encode()
    except (AttributeError, UnicodeEncodeError):
        identity = b""
    if not 0 < len(identity) <= MAX_IDENTITY_BYTES:
        raise InvalidRequest("identity: expected a text of 1..%d bytes" % MAX_IDENTITY_BYTES)
    key = bytes_of(key, "key")
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise InvalidRequest("key: expected 1..%d bytes" % MAX_KEY_BYTES)
    return identity, key


class Credentials:
    """PSK identities by endpoint; a key is given to the gateway and shown to nobody."""

    def __init__(self):
        self._identities = {}  # endpoint -> identity
        self._keys = {}  # identity -> key
        self._followers = []

    def follow(self, follower):
        """Calls follower(identity, key) for each key, and with None when it counts no more."""
        self._followers.append(follower)
        for identity, key in self._keys.items():
            follower(identity, key)

    def _tell(self, identity, key):
        for follower in self._followers:
            follower(identity, key)

    def set(self, endpoint, identity, key):
        """From now on an endpoint has to prove an identity (bytes) with a key (bytes).

        Errors: InvalidRequest where another endpoint has that identity.
        """
        for other, known in self._identities.items():
            if known == identity and other != endpoint:
                raise InvalidRequest("identity %s belongs to another endpoint" % ascii(identity))
        if self._identities.get(endpoint) != identity:
            self.remove(endpoint)
        self._identities[endpoint] = identity
        self._keys[identity] = key
        self._tell(identity, key)

    def remove(self, endpoint):
        """Takes an endpoint's identity away; False if it had none."""
        identity = self._identities.pop(endpoint, None)
        if identity is None:
            return False
        del self._keys[identity]
        self._tell(identity, None)
        return True

    def load(self, data):
        """Takes {endpoint: {"identity": text, "key": hex}}; InvalidRequest."""
        if not isinstance(data, dict):
            raise InvalidRequest("expected a JSON object of endpoints")
        for endpoint, entry in data.items():
            if not isinstance(entry, dict) or set(entry) != {"identity", "key"}:
                raise InvalidRequest("%s: expected identity and key" % endpoint)
            try:
                self.set(endpoint, *checked_psk(entry["identity"], entry["key"]))
            except InvalidRequest as fault:
                raise InvalidRequest("%s: %s" % (endpoint, fault)) from None

    def identities(self):
        """{endpoint: identity} of all, sorted."""
        return dict(sorted(self._identities.items()))

    def check(self, endpoint, remote):
        """Refusal (4.03) unless a remote has proved to be this endpoint.

        An endpoint without credentials may come over plain UDP alone.
        """
        if identity_of(remote) != self._identities.get(endpoint):
            raise Refusal(FORBIDDEN, "this is not the identity of the endpoint")
