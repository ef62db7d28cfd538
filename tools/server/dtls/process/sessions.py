"""Sessions of clients with the gateway, each over the datagrams of one address. Runs on
MicroPython.

mbedTLS is handed a "socket" of ours for each session, so that one unconnected UDP socket serves
all. Nothing is kept for an address before it has shown with a cookie that it can be reached
(RFC 6347 section 4.2.1).
"""

import io
import struct
import time

import tls
from records import client_hello, epoch, protected

_RECORD = 2048  # more than any datagram that is taken
_STEP_MS = 250  # how often a handshake is looked after: mbedTLS repeats lost flights only then
_HELLO_VERIFY_REQUIRED = -27264
_WRONG_KEY = "MBEDTLS_ERR_SSL_INVALID_MAC"  # of the client's Finished
_BAD_RECORD_MAC = 20  # an alert


def reason(error):
    """The text of an OSError of mbedTLS or of the system."""
    return str(error.args[-1])


class Peer(io.IOBase):
    """The socket below a session: the datagram that came last, and the way back."""

    def __init__(self, udp, address):
        self._udp = udp
        self._address = address
        self._sequence = 0  # of the last datagram in clear
        self.datagram = None

    def readinto(self, buffer):
        data = self.datagram
        if data is None:
            return None
        self.datagram = None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        if epoch(data) == 0:
            self._sequence = struct.unpack_from(">I", data, 7)[0]
        try:
            self._udp.sendto(data, self._address)
        except OSError:
            pass  # a lost datagram, nothing more
        return len(data)

    def ioctl(self, request, argument):
        return 0

    def alert(self, description):
        """Sends a fatal alert in clear (RFC 5246 section 7.2)."""
        # Later than any record of the last datagram, or it would be taken for a replay.
        number = self._sequence + 16
        self.write(b"\x15\xfe\xfd" + struct.pack(">IIHBB", 0, number, 2, 2, description))


class Session:
    """One DTLS session, from the ClientHello with a cookie on.

    `identity` is the client's as soon as it was looked up, for good; `number` stays 0 until the
    client has sent something under the new keys.
    """

    def __init__(self, sessions, address, random):
        self.address = address
        self.random = random
        self.identity = None
        self.number = 0
        self.heard_ms = self.begun_ms = time.ticks_ms()
        self._sessions = sessions
        self._peer = Peer(sessions.udp, address)
        self._tls = None

    def start(self, hello):
        """True when the cookie is good; otherwise the client got one and all is dropped."""
        sessions = self._sessions
        self._tls = sessions.context.wrap_socket(
            self._peer, server_side=True, do_handshake_on_connect=False, client_id=self.address
        )
        try:
            self.feed(hello)
        except OSError as error:
            self.end()
            if error.errno != _HELLO_VERIFY_REQUIRED:
                raise
            return False
        return True

    def feed(self, datagram):
        """Takes a datagram, or None when only time has passed; returns what was in it.

        A list of bytes, with b"" at its end when the client has closed the session. Raises
        OSError when the handshake or the session failed.
        """
        self._peer.datagram = datagram
        found = []
        self._sessions.asking = self
        try:
            while True:
                data = self._tls.recv(_RECORD)
                if data is None:
                    break
                found.append(data)
                if not data:
                    break
        finally:
            self._sessions.asking = None
            self._peer.datagram = None
        return found

    def send(self, data):
        """Sends one datagram under the session's keys."""
        self._tls.send(data)

    def refuse(self):
        """Tells the client that its key is wrong, which mbedTLS keeps to itself."""
        self._peer.alert(_BAD_RECORD_MAC)

    def end(self):
        """Frees the memory of mbedTLS, which no collection of garbage does."""
        if self._tls is not None:
            self._tls.close()
            self._tls = None


class Sessions:
    """All sessions: at most one that is open and one that is coming up for each address.

    The open one goes on until the coming one is open, too: a ClientHello proves nothing, and
    whoever can read datagrams could end any session with one.

    Args: keys is a dictionary identity -> key that may change; on_open(session),
    on_data(session, data), on_close(session, text) and on_refused(address, text) are called.
    """

    def __init__(self, udp, keys, limits, listener):
        self.udp = udp
        self.asking = None
        self._keys = keys
        self._most, self._most_coming, self._idle_ms, self._deadline_ms = limits
        self._listener = listener
        self._open = {}
        self._coming = {}
        self._by_number = {}
        self._number = 0
        self.context = context = tls.SSLContext(tls.PROTOCOL_DTLS_SERVER)
        context.server_psk_keys = self

    def get(self, identity):
        """The key of an identity: mbedTLS asks, once in a handshake. None refuses."""
        session = self.asking
        # A session that is open stays the identity's it was opened by.
        if session is None or session.identity is not None:
            return None
        session.identity = identity = bytes(identity)
        return self._keys.get(identity)

    def take(self, address, datagram):
        """Takes a datagram from an address."""
        hello = client_hello(datagram)
        if hello is not None:
            self._hello(address, datagram, *hello)
            return
        if epoch(datagram) is None:
            return
        # A record under keys may belong to either: mbedTLS drops what it cannot decrypt.
        session = self._open.get(address)
        coming = self._coming.get(address)
        if coming:
            self._feed(coming, datagram)
        if session and self._open.get(address) is session:
            datagram = protected(datagram)
            if datagram:
                self._feed(session, datagram)

    def _hello(self, address, datagram, random, has_cookie):
        coming = self._coming.get(address)
        if coming and has_cookie and coming.random == random:
            self._feed(coming, datagram)  # the answer to it was lost
            return
        session = self._open.get(address)
        if session and session.random == random:
            return  # an old one that was under way for long
        new = Session(self, address, random)
        try:
            if not new.start(datagram):
                return
        except OSError as error:
            self._listener.on_refused(address, reason(error))
            return
        if coming:
            self._drop(coming)
        elif len(self._coming) >= self._most_coming:
            self._drop(self._eldest(self._coming))
        self._coming[address] = new

    def _feed(self, session, datagram):
        try:
            found = session.feed(datagram)
        except (OSError, ValueError) as error:
            self._fail(session, reason(error))
            return
        for data in found:
            if not data:
                self._fail(session, "closed by the client")
                return
            if not session.number:
                self._opened(session)
            session.heard_ms = time.ticks_ms()
            self._listener.on_data(session, data)

    def _opened(self, session):
        address = session.address
        previous = self._open.pop(address, None)
        if previous:
            self._closed(previous, "replaced by a new handshake")
        elif len(self._open) >= self._most:
            self._closed(self._eldest(self._open), "too many sessions")
        del self._coming[address]
        self._number += 1
        session.number = self._number
        self._open[address] = session
        self._by_number[session.number] = session
        self._listener.on_open(session)

    def _eldest(self, sessions):
        now_ms = time.ticks_ms()
        return max(sessions.values(), key=lambda each: time.ticks_diff(now_ms, each.heard_ms))

    def _fail(self, session, text):
        if session.number:
            self._closed(session, text)
        else:
            if session.identity in self._keys and text == _WRONG_KEY:
                session.refuse()
                text = "wrong key for identity %r" % session.identity
            self._drop(session)
            if session.identity is not None and session.identity not in self._keys:
                text = "unknown identity %r" % session.identity
            self._listener.on_refused(session.address, text)

    def _drop(self, session):
        session.end()
        self._coming.pop(session.address, None)

    def _closed(self, session, text):
        session.end()
        self._open.pop(session.address, None)
        self._by_number.pop(session.number, None)
        self._listener.on_close(session, text)

    def send(self, number, data):
        """Sends a datagram to a session; nothing happens if it is gone."""
        session = self._by_number.get(number)
        if session is None:
            return
        try:
            session.send(data)
        except OSError as error:
            self._closed(session, reason(error))

    def forget(self, identity):
        """Ends every session of an identity."""
        for session in list(self._by_number.values()):
            if session.identity == identity:
                self._closed(session, "the identity was removed")
        for session in list(self._coming.values()):
            if session.identity == identity:
                self._drop(session)

    def poll(self):
        """Repeats lost flights, drops what has waited too long; milliseconds until the next."""
        now_ms = time.ticks_ms()
        for session in list(self._coming.values()):
            if time.ticks_diff(now_ms, session.begun_ms) > self._deadline_ms:
                self._fail(session, "the handshake was not finished in time")
            else:
                self._feed(session, None)
        for session in list(self._open.values()):
            if time.ticks_diff(now_ms, session.heard_ms) > self._idle_ms:
                self._closed(session, "idle")
        return _STEP_MS if self._coming else 1000
