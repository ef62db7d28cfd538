"""What the gateway looks at in a datagram before mbedTLS does (RFC 6347 section 4). Runs on
MicroPython."""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_RECORD = 13  # bytes of a record's header
_MESSAGE = 12  # bytes of a handshake message's header


def epoch(data):
    """Epoch of the first record; None where the datagram cannot be one of DTLS."""
    if len(data) <= _RECORD or not 20 <= data[0] <= 23 or data[1] != 254:
        return None
    return data[3] << 8 | data[4]


def protected(data):
    """The records of a datagram that are under keys; what is in clear between them is left out.

    mbedTLS would take a ClientHello in the middle of a session for a reason to begin it anew.
    """
    found = b""
    while epoch(data) is not None:
        size = _RECORD + (data[11] << 8 | data[12])
        if size > len(data):
            break
        if epoch(data):
            found += data[:size]
        data = data[size:]
    return found


def client_hello(data):
    """(random, has a cookie) of a ClientHello in one piece; None for anything else."""
    at = _RECORD + _MESSAGE
    if len(data) < at + 36 or data[0] != _HANDSHAKE or epoch(data) != 0:
        return None
    if data[_RECORD] != _CLIENT_HELLO:
        return None
    cookie = at + 35 + data[at + 34]  # behind version, random and session id
    if cookie >= len(data):
        return None
    return bytes(data[at + 2 : at + 34]), data[cookie] > 0
