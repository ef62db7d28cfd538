"""DTLS 1.2 over a UDP link, by MicroPython's own `tls`; loaded only where an account asks for it.

The network's side of `tls` is this object, not the socket: a datagram that is no DTLS record
never reaches it, and an ICMP error or an empty datagram, which anyone can forge, ends no session.
"""

import gc
import io
import time
from errno import EAGAIN, ECONNABORTED, ECONNRESET

from micropython import const

from firmware import once

_DATAGRAM = const(1153)  # as in connection.py
_AROUND = const(347)  # header, nonce, MAC and further records; 1500 together
_HEADER = const(13)  # of a record (RFC 6347 section 4.1)
_ALERT = const(21)  # content types are 20 to 23
_DTLS = const(0xFE)  # major version
_REST = const(64)
_QUIET_MS = const(6000)  # less than it takes a confirmable message to be repeated twice


class DTLS(io.IOBase):
    """As UDP in lan.py, with a handshake at the beginning: to be awaited before all else.

    `security` is the instance of object 0 and not kept. Raises OSError, which names cause and
    next step, where it is of no use or this MicroPython lacks what it takes (no memory among it:
    mbedTLS wants 16 KB and 4 KB in one piece each).
    Received is one record, EAGAIN once all is taken; OSError also when the session is dead.
    """

    timeout_ms = 60000  # of the handshake
    wait_ms = 50  # where there is no socket to wait for
    secure = True
    established = False  # the handshake is over
    level = 0  # what came in the handshake: 1 nobody listens, 2 what is no record, 3 records
    alert = None  # that ended the handshake
    heard_ms = 0  # when the last record came in the session

    def __init__(self, link, security, host):
        self.socket = link.socket
        self.local_port = link.local_port
        self.link = link
        self._pending = None  # that tls has not taken yet
        self.waiting = b""  # what is sent when the handshake is over
        self._context, self.name = once("credentials", "context", security, host)
        self.mode = security.mode
        self.begin()

    def begin(self):
        """A handshake that begins; OSError."""
        gc.collect()
        try:
            self.tls = self._context.wrap_socket(
                self, server_hostname=self.name, do_handshake_on_connect=False
            )
        except (OSError, MemoryError, ValueError) as error:
            raise OSError(ECONNABORTED, once("fault", "begin", error))

    # What `tls` calls: nothing here raises, for it would leave mbedTLS half way

    def readinto(self, buffer):
        data = self._pending
        self._pending = None
        if data is None or len(data) > len(buffer):
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        try:
            self.link.send(data)
        except OSError:
            pass  # a lost datagram
        return len(data)

    def ioctl(self, request, data):
        return 0

    # What the connection calls

    def handshake(self, data):
        """To be awaited: handshake.py's, whose memory is given back when it is over."""
        return once("handshake", "run", self, data)

    def cipher(self):
        """The name of the cipher suite, once established: before, mbedTLS would crash."""
        return self.tls.cipher()[0]

    def awake(self):
        """False when nothing has come for so long that the session may be dead."""
        return time.ticks_diff(time.ticks_ms(), self.heard_ms) < _QUIET_MS

    def ipoll(self, timeout_ms):
        # Records may wait in the datagram that was taken: asked until there is EAGAIN.
        return (self,)

    def recv(self, size):
        # Not awaited at the end of the firmware, which may come in a handshake.
        if not self.established and not once("handshake", "step", self):
            raise OSError(EAGAIN)
        recv = self.tls.recv
        data = self.act(recv, size)
        if data is None:
            self.take(size)
            data = self.act(recv, size)
            if data is None:  # it was none of the session's: others have a turn
                raise OSError(EAGAIN)
        if not data:
            raise OSError(ECONNRESET, "the server has closed the session")
        self.heard_ms = time.ticks_ms()
        if len(data) == size:  # cut off, and so of no use
            while self.act(recv, _REST):
                pass
        return data

    def send(self, data):
        """During the handshake the last datagram is kept, and sent at its end."""
        if not self.established:
            self.waiting = bytes(data)
        elif self.act(self.tls.send, data) is None:
            raise OSError(EAGAIN)

    def close(self):
        if self.tls:
            self.tls.close()
            self.tls = None
            self.link.close()

    def take(self, size):
        """The next datagram of the link, for readinto()."""
        data = self.link.recv(size + _AROUND)
        if len(data) >= _HEADER and data[1] == _DTLS and _ALERT - 1 <= data[0] <= _ALERT + 2:
            self._pending = data
            if not self.established:
                self.level = 3
                if data[0] == _ALERT and len(data) == _HEADER + 2:
                    self.alert = data[-1]
        elif not self.established:
            self.level = max(self.level, 2)

    def act(self, function, data):
        """Calls a function of `tls`; OSError says what its error means."""
        try:
            return function(data)
        except (OSError, ValueError) as error:
            raise OSError(ECONNABORTED, once("fault", "lost", self, error))
