"""DTLS 1.2 over a UDP link, by MicroPython's own `tls`; loaded only where an account asks for it.

The network's side of `tls` is this object, not the socket: a datagram that is no DTLS record
never reaches it, and an ICMP error or an empty datagram, which anyone can forge, ends no session.
"""

import asyncio
import gc
import io
import sys
import time
from errno import EAGAIN, ECONNABORTED, ECONNREFUSED, ECONNRESET, ETIMEDOUT

from micropython import const

_DATAGRAM = const(1153)  # as in connection.py
_AROUND = const(347)  # header, nonce, MAC and further records; 1500 together
_HEADER = const(13)  # of a record (RFC 6347 section 4.1)
_ALERT = const(21)  # content types are 20 to 23
_DTLS = const(0xFE)  # major version
_REST = const(64)
_ATTEMPTS = const(8)  # datagrams of a handshake taken in a row
_STEP_MS = const(50)
_QUIET_MS = const(6000)  # less than it takes a confirmable message to be repeated twice
_AGAIN_MS = const(8000)  # lost flights are repeated after 1, 3 and 7 s


class DTLS(io.IOBase):
    """As UDP in link.py, with a handshake at the beginning: to be awaited before all else.

    `security` is the instance of object 0 and not kept. Raises OSError, which names cause and
    next step, where it is of no use or this MicroPython lacks what it takes (no memory among it:
    mbedTLS wants 16 KB and 4 KB in one piece each).
    Received is one record, EAGAIN once all is taken; OSError also when the session is dead.
    """

    deadline_ms = 60000  # of the handshake
    secure = True
    established = False  # the handshake is over
    heard = False  # records came in the handshake
    stranger = False  # and what is none
    refused = False  # nobody listens at that port
    alert = None  # that ended the handshake
    heard_ms = 0  # when the last record came in the session

    def __init__(self, udp, security, host):
        self.socket = udp.socket
        self.local_port = udp.local_port
        self._udp = udp
        self._datagram = None  # that tls has not taken yet
        self._waiting = b""  # what is sent when the handshake is over
        self._context, self._name = _once("context", security, host)
        self.mode = security.mode
        self._begin()

    def _begin(self):
        gc.collect()
        try:
            self._tls = self._context.wrap_socket(
                self, server_hostname=self._name, do_handshake_on_connect=False
            )
        except (OSError, MemoryError, ValueError) as error:
            raise OSError(ECONNABORTED, _once("unwrapped", error))

    # What `tls` calls: nothing here raises, for it would leave mbedTLS half way

    def readinto(self, buffer):
        data = self._datagram
        self._datagram = None
        if data is None or len(data) > len(buffer):
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        try:
            self._udp.send(data)
        except OSError:
            pass  # a lost datagram
        return len(data)

    def ioctl(self, request, argument):
        return 0

    # What the connection calls

    async def handshake(self, probe):
        """Returns when the session is up; OSError where it cannot be had, with the reason.

        Whether the handshake is over shows only in that something can be sent: the probe.
        One that drags on is begun anew after 8 and after 24 s: a server that was restarted
        meanwhile knows nothing of it, and mbedTLS repeats ever more seldom.
        """
        self.send(probe)
        start = time.ticks_ms()
        again_ms = _AGAIN_MS
        while not self.step():
            passed_ms = time.ticks_diff(time.ticks_ms(), start)
            if passed_ms >= self.deadline_ms:
                raise OSError(ETIMEDOUT, _once("unanswered", self))
            if passed_ms >= again_ms:
                again_ms *= 3
                self._tls.close()
                self._begin()
            await asyncio.sleep_ms(_STEP_MS)

    def step(self):
        """Goes on with the handshake; True when it is over. To be called a few times a second:
        this is also what repeats lost flights."""
        for _ in range(_ATTEMPTS):
            if self.established:
                return True
            waiting = self._waiting  # nothing would be sent at once, without a handshake
            if waiting and self._do(self._tls.send, waiting) == len(waiting):
                self.established = True
                self.heard_ms = time.ticks_ms()
                self._waiting = None
                return True
            try:
                self._take(_DATAGRAM)
            except OSError as error:
                if error.errno == EAGAIN:
                    break
                if error.errno != ECONNREFUSED:
                    raise
                self.refused = True
            except MemoryError:
                break
        return False

    def cipher(self):
        """The name of the cipher suite, once established: before, mbedTLS would crash."""
        return self._tls.cipher()[0]

    def quiet(self):
        """Whether nothing has come for so long that the session may be dead."""
        return time.ticks_diff(time.ticks_ms(), self.heard_ms) >= _QUIET_MS

    def ipoll(self, timeout_ms):
        # Records may wait in the datagram that was taken: asked until there is EAGAIN.
        return (self,)

    def recv(self, size):
        if not self.established and not self.step():
            raise OSError(EAGAIN)
        recv = self._tls.recv
        data = self._do(recv, size)
        if data is None:
            self._take(size)
            data = self._do(recv, size)
            if data is None:  # it was none of the session's: others have a turn
                raise OSError(EAGAIN)
        if not data:
            raise OSError(ECONNRESET, "the server has closed the session")
        self.heard_ms = time.ticks_ms()
        if len(data) == size:  # cut off, and so of no use
            while self._do(recv, _REST):
                pass
        return data

    def send(self, data):
        """During the handshake the last datagram is kept, and sent at its end."""
        if not self.established:
            self._waiting = bytes(data)
        elif self._do(self._tls.send, data) is None:
            raise OSError(EAGAIN)

    def close(self):
        if self._tls:
            self._tls.close()
            self._tls = None
            self._udp.close()

    def _take(self, size):
        # The next datagram of the link, for readinto().
        data = self._udp.recv(size + _AROUND)
        if len(data) >= _HEADER and data[1] == _DTLS and _ALERT - 1 <= data[0] <= _ALERT + 2:
            self._datagram = data
            if not self.established:
                self.heard = True
                if data[0] == _ALERT and len(data) == _HEADER + 2:
                    self.alert = data[-1]
        elif not self.established:
            self.stranger = True

    def _do(self, function, argument):
        try:
            return function(argument)
        except (OSError, ValueError) as error:
            raise OSError(ECONNABORTED, _once("broken", self, error))


def _once(function, *arguments):
    # What is needed once in a handshake; its memory is given back.
    module = __import__("firmware.handshake").handshake
    try:
        return getattr(module, function)(*arguments)
    finally:
        del sys.modules["firmware.handshake"], sys.modules["firmware"].handshake
