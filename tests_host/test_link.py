"""UDP links: connected, never blocking, and made the way lwIP on the boards needs it."""

import socket
import time

from helpers import raises

from firmware import link

EAGAIN = 11


def receive(one, timeout_ms=2000):
    """The next datagram, waited for."""
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        try:
            return one.recv(1280)
        except OSError as error:
            assert error.errno == EAGAIN, error
        time.sleep_ms(2)
    raise AssertionError("no datagram")


def server():
    """A bound socket and its port."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(42000, 42100):
        try:
            one.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            return one, port
        except OSError:
            pass  # taken
    raise AssertionError("no free port")


def test_datagrams_stay_whole():
    peer, port = server()
    one = link.UDP("127.0.0.1", port)
    try:
        assert raises(OSError, one.recv, 1280).errno == EAGAIN
        one.send(memoryview(b"xhello")[1:])
        data, address = peer.recvfrom(100)
        assert data == b"hello"
        for data in (b"one", b"", b"three" * 200):
            peer.sendto(data, address)
        assert receive(one) == b"one"
        assert receive(one) == b""
        assert receive(one) == b"three" * 200
        assert raises(OSError, one.recv, 1280).errno == EAGAIN
    finally:
        one.close()
        peer.close()


def test_strangers_are_not_heard():
    peer, port = server()
    stranger, _ = server()
    one = link.UDP("127.0.0.1", port)
    try:
        one.send(b"hello")
        _, address = peer.recvfrom(100)
        stranger.sendto(b"stranger", address)
        peer.sendto(b"peer", address)
        assert receive(one) == b"peer"
        assert raises(OSError, one.recv, 1280).errno == EAGAIN
    finally:
        one.close()
        peer.close()
        stranger.close()


class LwIP:
    """The part of `socket` on a board that matters: its getaddrinfo knows streams only."""

    AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2

    def __init__(self, connect_error=None):
        self.calls = []
        self.closed = 0
        self._connect_error = connect_error

    def getaddrinfo(self, host, port, *constraints):
        assert not constraints, "lwIP prints a warning for anything but streams"
        return [(self.AF_INET, self.SOCK_STREAM, 0, "", (host, port))]

    def socket(self, *arguments):
        self.calls.append(arguments)
        return self

    def setblocking(self, flag):
        self.calls.append(flag)

    def connect(self, address):
        self.calls.append(address)
        if self._connect_error:
            raise self._connect_error

    def close(self):
        self.closed += 1

    def recv(self, size):
        return b""

    def send(self, data):
        pass


def with_lwip(lwip, function):
    link.socket = lwip
    try:
        return function()
    finally:
        link.socket = socket


def test_on_a_board_it_is_a_datagram_socket():
    lwip = LwIP()
    with_lwip(lwip, lambda: link.UDP("server", 5683).close())
    assert lwip.calls == [(lwip.AF_INET, lwip.SOCK_DGRAM), False, ("server", 5683)]
    assert lwip.closed == 1


def test_no_way_to_the_server_leaves_no_socket():
    lwip = LwIP(OSError(113))
    error = raises(OSError, with_lwip, lwip, lambda: link.UDP("server", 5683))
    assert error.args[0] == 113 and lwip.closed == 1
