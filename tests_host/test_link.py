"""UDP links: connected, never blocking, and made the way lwIP on the boards needs it."""

import socket
import time

from helpers import raises

from firmware import lan

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
    one = lan.UDP("127.0.0.1", port)
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
    one = lan.UDP("127.0.0.1", port)
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


def test_the_local_port_is_known_and_can_be_had_again():
    peer, port = server()
    one = lan.UDP("127.0.0.1", port)
    seen = set()
    try:
        first = one.local_port
        assert 49152 <= first <= 65535
        one.close()
        for _ in range(3):
            one = lan.UDP("127.0.0.1", port, first)
            assert one.local_port == first
            one.send(b"hello")
            _, address = peer.recvfrom(100)
            seen.add(bytes(address) if isinstance(address, bytearray) else address)
            one.close()
        assert len(seen) == 1
    finally:
        one.close()
        peer.close()


def test_a_local_port_that_is_taken_is_another():
    peer, port = server()
    taken, taken_port = server()
    one = lan.UDP("127.0.0.1", port, taken_port)
    try:
        assert one.local_port != taken_port and one.local_port >= 49152
    finally:
        one.close()
        peer.close()
        taken.close()


def test_a_link_to_an_ipv6_server():
    one = lan.UDP("::1", 9, 0)
    again = lan.UDP("::1", 9, one.local_port)
    try:
        assert 49152 <= one.local_port <= 65535
        assert again.local_port != one.local_port
    finally:
        one.close()
        again.close()


class LwIP:
    """The part of `socket` on a board that matters: its getaddrinfo knows streams only."""

    AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2

    def __init__(self, connect_error=None, taken=0):
        self.calls = []
        self.closed = 0
        self._connect_error = connect_error
        self._taken = taken  # so many ports

    def getaddrinfo(self, host, port, *constraints):
        assert not constraints, "lwIP prints a warning for anything but streams"
        return [(self.AF_INET, self.SOCK_STREAM, 0, "", (host, port))]

    def socket(self, *arguments):
        self.calls.append(arguments)
        return self

    def setblocking(self, flag):
        self.calls.append(flag)

    def bind(self, address):
        if self._taken:
            self._taken -= 1
            raise OSError(98)
        self.bound = address

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
    lan.socket = lwip
    try:
        return function()
    finally:
        lan.socket = socket


def test_on_a_board_it_is_a_datagram_socket():
    lwip = LwIP()
    with_lwip(lwip, lambda: lan.UDP("server", 5683).close())
    assert lwip.calls == [(lwip.AF_INET, lwip.SOCK_DGRAM), False, ("server", 5683)]
    assert lwip.closed == 1
    host, port = lwip.bound
    assert host == "0.0.0.0" and 49152 <= port <= 65535


def test_ports_that_are_taken():
    lwip = LwIP(taken=7)
    one = with_lwip(lwip, lambda: lan.UDP("server", 5683, 50000))
    assert lwip.bound == ("0.0.0.0", one.local_port) and one.local_port != 50000
    lwip = LwIP(taken=8)
    error = raises(OSError, with_lwip, lwip, lambda: lan.UDP("server", 5683))
    assert error.args[0] == 98 and lwip.closed == 1


def test_no_way_to_the_server_leaves_no_socket():
    lwip = LwIP(OSError(113))
    error = raises(OSError, with_lwip, lwip, lambda: lan.UDP("server", 5683))
    assert error.args[0] == 113 and lwip.closed == 1
