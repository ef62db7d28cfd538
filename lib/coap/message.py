"""The CoAP message codec (RFC 7252 section 3): encode and decode side by side."""

from micropython import const

_CON = const(0)
_NON = const(1)
_EMPTY = const(0)
_MARKER = const(0xFF)


class FormatError(ValueError):
    """A datagram that is no CoAP message: a "message format error" of RFC 7252 section 3.

    It has no text: whoever sent the datagram hears a RST at most, and nobody else hears of it.
    """


class Error(Exception):
    """Raised by whoever handles a request; the endpoint renders it as the response.

    `code` is a 4.xx or 5.xx code, `text` the diagnostic payload (RFC 7252 section 5.5.2).
    """

    def __init__(self, code, text=""):
        self.code = code
        self.text = text


def dotted(code):
    """The code as the RFC writes it: 0x45 is "2.05"."""
    return "%d.%02d" % (code >> 5, code & 31)


def uint(value):
    """The number in an option of format uint (RFC 7252 section 3.2); empty or None is 0."""
    return int.from_bytes(value or b"", "big")


def uint_bytes(number):
    """The shortest form of a uint option, of 32 bits at most: 0 is empty."""
    return number.to_bytes(4, "big").lstrip(b"\0")


class Message:
    """One CoAP message; the endpoint uses the same objects again for every datagram."""

    def __init__(self, mtype=_CON, code=_EMPTY, mid=0, token=b"", options=(), payload=b""):
        self.mtype = mtype
        self.code = code
        self.mid = mid
        self.token = token
        self.options = options  # (number, value) pairs in ascending order
        self.payload = payload
        self.again = None  # of a response: see Endpoint

    def first(self, number):
        """The value of the first option with this number, or None."""
        for option in self.options:
            if option[0] == number:
                return option[1]
        return None

    def all(self, number):
        """The values of a repeatable option, in the order of the message."""
        found = []
        for option in self.options:
            if option[0] == number:
                found.append(option[1])
        return found

    def decode(self, data):
        """Takes all fields from the datagram; returns where options begin.

        Raises FormatError. What was readable (`mtype`, `mid`) is set even then, so that a
        confirmable message can be rejected. Another version than 1 returns 0: such a message
        is to be ignored without a word (RFC 7252 section 3).
        """
        self.mtype = _NON
        end = len(data)
        if end < 4:
            raise FormatError
        first = data[0]
        if first >> 6 != 1:
            return 0
        self.mtype = first >> 4 & 3
        self.code = data[1]
        self.mid = data[2] << 8 | data[3]
        start = 4 + (first & 15)
        # Token lengths from 9 on are reserved, an Empty message is four bytes.
        if start > 12 or start > end or (self.code == _EMPTY and end > 4):
            raise FormatError
        self.token = data[4:start]
        self.payload = b""
        self.options = items = []
        number = 0
        at = start
        while at < end:
            head = data[at]
            at += 1
            if head == _MARKER:
                if at == end:
                    raise FormatError
                self.payload = data[at:]
                break
            delta, at = _extended(data, head >> 4, at)
            length, at = _extended(data, head & 15, at)
            number += delta
            if at + length > end or number > 65535:
                raise FormatError
            items.append((number, data[at : at + length]))
            at += length
        return start

    def encode(self, buffer):
        """Writes the message into `buffer` (a bytearray) and returns its length in bytes.

        Options must be in ascending order. Raises ValueError where the buffer is too short.
        """
        token = self.token
        payload = self.payload
        at = 4 + len(token)
        buffer[0] = 0x40 | self.mtype << 4 | len(token)
        buffer[1] = self.code
        buffer[2] = self.mid >> 8
        buffer[3] = self.mid & 255
        buffer[4:at] = token
        end = len(buffer)
        last = 0
        for number, value in self.options:
            length = len(value)
            delta = number - last
            last = number
            if at + 5 + length > end:
                raise ValueError("message too long")
            if not 0 <= delta < 65536:
                raise ValueError("options not in order")
            head = at
            delta, at = _extend(buffer, delta, at + 1)
            nibble, at = _extend(buffer, length, at)
            buffer[head] = delta << 4 | nibble
            buffer[at : at + length] = value
            at += length
        length = len(payload)
        if length:
            if at + 1 + length > end:
                raise ValueError("message too long")
            buffer[at] = _MARKER
            at += 1
            buffer[at : at + length] = payload
            at += length
        return at


# The three length forms of option delta and length (RFC 7252 section 3.1): below 13 in the
# nibble, below 269 in one more byte (nibble 13), else in two more (nibble 14).


def _extended(data, number, at):
    # What the nibble stands for, and where the header goes on.
    if number < 13:
        return number, at
    end = at + number - 12
    if number == 15 or end > len(data):
        raise FormatError
    return uint(data[at:end]) + (13 if number == 13 else 269), end


def _extend(buffer, number, at):
    # The nibble, and where the header goes on.
    if number < 13:
        return number, at
    if number < 269:
        buffer[at] = number - 13
        return 13, at + 1
    number -= 269
    buffer[at] = number >> 8
    buffer[at + 1] = number & 255
    return 14, at + 2
