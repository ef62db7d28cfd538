"""The gateway's process: micropython main.py HOST PORT MOST COMING IDLE_S DEADLINE_S.

Ends DTLS 1.2 with pre-shared keys for a server that has no DTLS of its own: datagrams of sessions
come out at standard input, which is a socket both ways, as frames (frames.py). It ends with its
parent: when that socket does. Keys come as frames alone and are never written anywhere.
"""

import errno
import os
import select
import socket
import struct
import sys
import time

import frames
from sessions import Sessions

_DATAGRAM = 2048  # longer than any that is taken, in bytes
_BURST = 64  # datagrams taken in a row
_MOST_WAITING = 1 << 20  # bytes the parent has not read; then datagrams are lost
_MOST_REFUSED = 20  # failed handshakes told of one by one, in
_COUNT_MS = 10000
_FIRST_PORT = 49152  # of those for private use (RFC 6335 section 6); to 65535
_ATTEMPTS = 20


def bound(host, port):
    """(socket, port); port 0 takes any that is free. OSError."""
    family, kind, _, _, address = socket.getaddrinfo(host, port or _FIRST_PORT)[0]
    attempt = 0
    while True:
        number = port or _FIRST_PORT + (struct.unpack("H", os.urandom(2))[0] & 0x3FFF)
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            # MicroPython has no getsockname(): to know the port it has to be chosen here.
            udp.bind(socket.getaddrinfo(host, number)[0][-1])
            udp.setblocking(False)
            return udp, number
        except OSError as error:
            udp.close()
            attempt += 1
            if port or attempt == _ATTEMPTS or error.errno != errno.EADDRINUSE:
                raise


def host_and_port(address):
    """(text, number) of a packed address."""
    family, host, port = socket.sockaddr(address)[:3]
    return socket.inet_ntop(family, host), port


class Parent:
    """The stream to the parent: frames both ways, never waiting."""

    def __init__(self):
        self.stream = open(0, "r+b", buffering=0)
        self._frames = frames.Frames()
        self._waiting = b""

    def read(self):
        """The frames that have come; None at the end."""
        try:
            data = self.stream.read(65536)
        except OSError:
            return None
        if data is None:
            return ()
        return self._frames.feed(data) if data else None

    def tell(self, kind, *fields):
        """Sends a frame; a datagram is lost when the parent reads too slowly."""
        if kind == frames.DATA and len(self._waiting) > _MOST_WAITING:
            return
        self._waiting += frames.frame(kind, *fields)
        self.flush()

    def flush(self):
        """Sends what could not be sent before; True when nothing is left."""
        if self._waiting:
            try:
                count = self.stream.write(self._waiting)
            except OSError:
                return True  # its end is noticed when it is read
            self._waiting = self._waiting[count or 0 :]
        return not self._waiting


class Gateway:
    """Joins the socket, the sessions and the parent."""

    def __init__(self, parent, udp, limits):
        self._parent = parent
        self._udp = udp
        self._keys = {}
        self._refused = 0
        self._counted_ms = time.ticks_ms()
        self._sessions = Sessions(udp, self._keys, limits, self)

    def on_open(self, session):
        host, port = host_and_port(session.address)
        self._parent.tell(frames.OPENED, session.number, host, port, session.identity)

    def on_data(self, session, data):
        self._parent.tell(frames.DATA, session.number, data)

    def on_close(self, session, text):
        self._parent.tell(frames.CLOSED, session.number, text)

    def on_refused(self, address, text):
        self._refused += 1
        if self._refused <= _MOST_REFUSED:
            host, port = host_and_port(address)
            self._parent.tell(frames.REFUSED, "%s:%d: %s" % (host, port, text))

    def _count_refused(self):
        """Says now and then how many handshakes failed beyond those that were told one by one."""
        now_ms = time.ticks_ms()
        if time.ticks_diff(now_ms, self._counted_ms) < _COUNT_MS:
            return
        if self._refused > _MOST_REFUSED:
            text = "%d more that failed" % (self._refused - _MOST_REFUSED)
            self._parent.tell(frames.REFUSED, text)
        self._refused = 0
        self._counted_ms = now_ms

    def _command(self, kind, body):
        if kind == frames.SEND:
            self._sessions.send(*frames.fields(body, "nb"))
        elif kind == frames.KEY:
            identity, key = frames.fields(body, "bb")
            if self._keys.get(identity) not in (None, key):
                self._sessions.forget(identity)
            self._keys[identity] = key
        elif kind == frames.FORGET:
            self._keys.pop(body, None)
            self._sessions.forget(body)

    def _receive(self):
        for _ in range(_BURST):
            try:
                datagram, address = self._udp.recvfrom(_DATAGRAM)
            except OSError:
                return  # nothing more
            if len(datagram) == _DATAGRAM:
                continue  # it may be cut off
            try:
                self._sessions.take(address, datagram)
            except Exception as error:
                # Whatever a stranger sends costs one datagram.
                sys.print_exception(error, sys.stderr)

    def run(self):
        """Serves until the parent ends."""
        poller = select.poll()
        poller.register(self._udp, select.POLLIN)
        poller.register(self._parent.stream, select.POLLIN)
        wait_ms = 0
        while True:
            poller.poll(wait_ms)
            commands = self._parent.read()
            if commands is None:
                return
            for kind, body in commands:
                self._command(kind, body)
            self._receive()
            self._count_refused()
            wait_ms = self._sessions.poll()
            if not self._parent.flush():
                wait_ms = 20


def main():
    host, *numbers = sys.argv[1:]
    port, most, coming, idle_s, deadline_s = map(int, numbers)
    parent = Parent()
    try:
        udp, port = bound(host, port)
    except OSError as error:
        parent.tell(frames.FAULT, error.errno, str(error))
        return
    gateway = Gateway(parent, udp, (most, coming, idle_s * 1000, deadline_s * 1000))
    parent.tell(frames.BOUND, port)
    gateway.run()


main()
