"""What takes the body of a Write block by block: stream.py begins it, and is not needed then."""

from binascii import crc32

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00


class Streamed:
    """A body whose value, of `size` bytes, begins at `at` and goes to `sink`.

    One of another length is an Error 4.00.
    """

    def __init__(self, sink, at, size):
        self._sink = sink
        self._at = at
        self._rest = size
        self._size = 0  # bytes of the body that are here
        self._last = 0  # where the latest block began, and its CRC
        self._crc = 0

    def __len__(self):
        return self._size

    def extend(self, payload):
        """Takes the next block."""
        data = payload
        if self._at:
            data = payload[self._at :]
            self._at = 0
        self._rest -= len(data)
        if self._rest < 0:
            raise Error(_BAD_REQUEST, "longer than it says")
        self._sink.extend(data)
        self._last = self._size
        self._crc = crc32(payload)
        self._size += len(payload)

    def holds(self, start, payload):
        """True for the block that came last, once more."""
        return start == self._last and crc32(payload) == self._crc

    def finish(self):
        """The last block was taken; raises Error."""
        if self._rest:
            raise Error(_BAD_REQUEST, "shorter than it says")
        self._sink.finish()
