"""Output that never makes the supervisor wait."""

import os
import select
import time

# What a pipe that select calls writable takes without blocking.
_CHUNK = select.PIPE_BUF


class Outgoing:
    """A bounded queue before a file descriptor; when it is full the oldest bytes are lost."""

    def __init__(self, fd, limit=256 * 1024):
        self.fd = fd
        self._limit = limit
        self._queue = bytearray()
        self.dropped = 0

    @property
    def pending(self):
        return len(self._queue)

    def write(self, data):
        if self.fd is None:
            return
        self._queue += data
        excess = len(self._queue) - self._limit
        if excess > 0:
            del self._queue[:excess]
            self.dropped += excess

    def clear(self):
        self._queue.clear()

    def flush_some(self):
        """To be called when select finds the descriptor writable; returns the bytes written."""
        try:
            count = os.write(self.fd, self._queue[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError:
            # The reader is gone: from here on there is nobody to write to.
            self.fd = None
            self._queue.clear()
            return 0
        del self._queue[:count]
        return count

    def finish(self, timeout_s):
        """Writes the rest, waiting for the reader no longer than the time-out."""
        deadline = time.monotonic() + timeout_s
        while self._queue and self.fd is not None:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([], [self.fd], [], left_s)[1]:
                return
            self.flush_some()


def read_available(fd, limit=65536):
    """What can be read now: b"" when there is nothing, None at the end of the stream."""
    try:
        data = os.read(fd, limit)
    except BlockingIOError:
        return b""
    except OSError:
        return None  # a pseudo-terminal whose other side was closed says EIO
    return data or None
