"""The board's serial line as other programs see it: a second pseudo-terminal behind a symlink."""

import os
import pty
import re
import time
import tty

from tools.errors import UserError
from tools.virtual.streams import Outgoing, read_available

# Output that nobody has read for this long is forgotten, as a UART forgets it.
_NOBODY_READS_S = 2.0

_LONE_LINE_FEED = re.compile(rb"(?<!\r)\n")
# The same where the CR of the first line feed came with the bytes before.
_LONE_LINE_FEED_AFTER_CR = re.compile(rb"(?<!\r)(?<!^)\n")


class SerialLine:
    """Offers LINK until `close()`; clients come and go, the other end stays open."""

    def __init__(self, link):
        self._link = os.fspath(link)
        if os.path.lexists(self._link) and not os.path.islink(self._link):
            raise UserError(f"--pty {self._link}: there is a file of this name: remove it first")
        self.master, self._slave = pty.openpty()
        # Held open here: without an open slave a master reports an end of file.
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self._slave)
        self.output = Outgoing(self.master)
        self._last_read = time.monotonic()
        self._after_cr = False
        new_link = f"{self._link}.{os.getpid()}"
        try:
            os.symlink(self.device, new_link)
            os.replace(new_link, self._link)
        except OSError as error:
            self._close_terminals()
            raise UserError(f"--pty {self._link}: {error.strerror}") from None

    def write(self, data, text):
        """Sends console output; with `text` a lone line feed becomes CR LF, as a board sends it.

        (The interpreter's terminal cannot do that: it would also change the raw REPL's own CR LF.)
        """
        if not data:
            return
        if self.output.pending and time.monotonic() - self._last_read > _NOBODY_READS_S:
            self.output.clear()
        if not self.output.pending:
            self._last_read = time.monotonic()
        line_feed = _LONE_LINE_FEED_AFTER_CR if self._after_cr else _LONE_LINE_FEED
        self._after_cr = data.endswith(b"\r")
        self.output.write(line_feed.sub(b"\r\n", data) if text else data)

    def flush_some(self):
        if self.output.flush_some():
            self._last_read = time.monotonic()

    def read(self):
        """Bytes that a client typed; b"" when there are none."""
        return read_available(self.master, 1024) or b""

    def _close_terminals(self):
        os.close(self.master)
        os.close(self._slave)

    def close(self):
        try:
            if os.readlink(self._link) == self.device:
                os.unlink(self._link)
        except OSError:
            pass  # somebody else's by now
        self._close_terminals()
