"""The CoAP message codec (RFC 7252 section 3): encode and decode side by side."""

from micropython import const

_CON = const(0)
_NON = const(1)
_EMPTY = const(0)
_MARKER = const(0xFF)


class FormatError(ValueError):
    """A datagram that is no CoAP message: a "message format error" of RFC 7252 section 3."""


class Error(Exception):
    """Raised by whoever handles a request; the endpoint renders it as the response.

    `code` is a 4.xx or 5.xx code, `text` the diagnostic payload (RFC 7252 section 5.5.2).
    """

    def __init__(self, code, text=""):
        super().__init__(code, text)
        self.code = code
        self.text = text


def dotted(code):
    """The code as the RFC writes it: 0x45 is "2.05"."""
    return "%d.%02d" % (code >> 5, code & 31)


def uint(value):
    """The number in an option of format uint (RFC 7252 section 3.2); empty or None is 0."""
    number = 0
    for byte in value or b"":
        number = number << 8 | byte
    return number


def uint_bytes(number):
    """The shortest form of a uint option: 0 is empty."""
    out = b""
    while number:
        out = bytes((number & 255,)) + out
        number >>= 8
    return out


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
        return [option[1] for option in self.options if option[0] == number]

    def decode_header(self, data):
        """Takes type, code, message id and token from the datagram; returns where options begin.

        Raises FormatError. What was readable (`mtype`, `mid`) is set even then, so that a
        confirmable message can be rejected. Another version than 1 returns 0: such a message
        is to be ignored without a word (RFC 7252 section 3).
        """
        self.mtype = _NON
        if len(data) < 4:
            raise FormatError("shorter than a header")
        first = data[0]
        if first >> 6 != 1:
            return 0
        self.mtype = first >> 4 & 3
        self.code = data[1]
        self.mid = data[2] << 8 | data[3]
        start = 4 + (first & 15)
        if start > 12:
            raise FormatError("token length 9 to 15 is reserved")
        if start > len(data):
            raise FormatError("token cut off")
        self.token = data[4:start]
        if self.code == _EMPTY and len(data) > 4:
            raise FormatError("an Empty message is four bytes")
        return start

    def decode_options(self, data, at):
        """Takes options and payload, which begin at `at`. Raises FormatError."""
        items = []
        number = 0
        end = len(data)
        self.payload = b""
        while at < end:
            head = data[at]
            at += 1
            if head == _MARKER:
                if at == end:
                    raise FormatError("payload marker with nothing behind it")
                self.payload = data[at:]
                break
            delta, at = _extended(data, head >> 4, at)
            length, at = _extended(data, head & 15, at)
            number += delta
            if at + length > end:
                raise FormatError("option value cut off")
            if number > 65535:
                raise FormatError("option number past 65535")
            items.append((number, data[at : at + length]))
            at += length
        self.options = items

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
                raise ValueError("message longer than its buffer")
            if 0 <= delta < 13 and length < 13:  # the usual case in the fewest steps
                buffer[at] = delta << 4 | length
                at += 1
            else:
                if delta < 0:
                    raise ValueError("options not in order")
                head = at
                at = _extend(buffer, delta, at + 1)
                after_delta = at
                at = _extend(buffer, length, at)
                buffer[head] = _nibble(after_delta - head - 1, delta) << 4 | _nibble(
                    at - after_delta, length
                )
            if length:
                buffer[at : at + length] = value
                at += length
        length = len(payload)
        if length:
            if at + 1 + length > end:
                raise ValueError("message longer than its buffer")
            buffer[at] = _MARKER
            at += 1
            buffer[at : at + length] = payload
            at += length
        return at


# The three length forms of option delta and length (RFC 7252 section 3.1): below 13 in the
# nibble, below 269 in one more byte (nibble 13), else in two more (nibble 14).


def _extended(data, nibble, at):
    if nibble < 13:
        return nibble, at
    if nibble == 15:
        raise FormatError("option nibble 15 is reserved")
    if at + nibble - 12 > len(data):
        raise FormatError("option header cut off")
    if nibble == 13:
        return data[at] + 13, at + 1
    return (data[at] << 8 | data[at + 1]) + 269, at + 2


def _extend(buffer, number, at):
    if number < 13:
        return at
    if number < 269:
        buffer[at] = number - 13
        return at + 1
    number -= 269
    if number > 65535:
        raise ValueError("option too long")
    buffer[at] = number >> 8
    buffer[at + 1] = number & 255
    return at + 2


def _nibble(extra, number):
    return number if not extra else 12 + extra
