"""Frames between the server and its gateway: length (2 bytes), kind (1), body. Runs on both.

To the gateway KEY (a key that counts from now on), FORGET (an identity that has none any more),
SEND (a datagram to a session); from it BOUND (its port), FAULT (it cannot start), OPENED and
CLOSED (sessions), REFUSED (a handshake that came to nothing), DATA (a datagram of a session).
Numbers are of 4 bytes, texts UTF-8; what stands before the last field has its length before it.
"""

import struct

KEY = 1  # identity, key
FORGET = 2  # identity
SEND = 3  # number, datagram
BOUND = 16  # number: the port
FAULT = 17  # number: errno, text
OPENED = 18  # number, host, number: port, identity
CLOSED = 19  # number, text
REFUSED = 20  # text
DATA = 21  # number, datagram


def frame(kind, *fields):
    """Bytes of one frame: numbers, then texts or bytes."""
    parts = []
    for index, field in enumerate(fields):
        if isinstance(field, int):
            parts.append(struct.pack(">I", field))
        else:
            data = field.encode() if isinstance(field, str) else field
            if index < len(fields) - 1:
                parts.append(struct.pack(">H", len(data)))
            parts.append(data)
    body = b"".join(parts)
    return struct.pack(">HB", len(body), kind) + body


def fields(body, layout):
    """The fields of a body; the layout has an "n" for a number, a "b" for bytes."""
    found = []
    at = 0
    for index, letter in enumerate(layout):
        if letter == "n":
            found.append(struct.unpack_from(">I", body, at)[0])
            at += 4
        elif index == len(layout) - 1:
            found.append(bytes(body[at:]))
        else:
            size = struct.unpack_from(">H", body, at)[0]
            found.append(bytes(body[at + 2 : at + 2 + size]))
            at += 2 + size
    return found


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self):
        self._rest = b""

    def feed(self, data):
        """List of (kind, body) that are complete now."""
        data = self._rest + data
        found = []
        at = 0
        while len(data) - at >= 3:
            size, kind = struct.unpack_from(">HB", data, at)
            if len(data) - at - 3 < size:
                break
            found.append((kind, data[at + 3 : at + 3 + size]))
            at += 3 + size
        self._rest = data[at:]
        return found
