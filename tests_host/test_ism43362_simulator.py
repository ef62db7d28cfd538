"""The simulated Wi-Fi module itself: phases, commands, sockets, faults, and what it refuses."""

import socket

from access_point import AccessPoint
from helpers import FakeClock, raises
from ism43362 import Misuse, Module

EMPTY = b"\r\n\r\nOK\r\n> "
PASSPHRASE = b"of the test"
JOIN = (b"C1=desk", b"C2=" + PASSPHRASE, b"C3=3", b"C4=1", b"C0")


def swapped(data):
    return bytes([data[i ^ 1] for i in range(len(data))])


class Host:
    """Does what a driver has to do, word by word."""

    def __init__(self, **options):
        self.clock = FakeClock(FakeClock.PERIOD - 700)  # it wraps in the midst
        self.module = Module(self.clock, AccessPoint(passphrase=PASSPHRASE), **options)
        self.waited_ms = 0
        self.prompt = self.read()

    def wait(self, limit_ms=60000):
        self.waited_ms = 0
        while not self.module.drdy():
            assert self.waited_ms < limit_ms
            self.waited_ms += 1
            self.clock.advance(1)

    def read(self):
        """All of an answer, without what is only padding."""
        self.wait()
        module = self.module
        data = b""
        word = bytearray(2)
        module.cs(0)
        while module.drdy() and len(data) < 4000:
            module.spi.readinto(word, 10)
            data += swapped(word)
        module.cs(1)
        end = data.rfind(b"> ")
        return data[: end + 2] if end >= 0 and data[end + 2 :].strip(b"\x15") == b"" else data

    def send(self, command, payload=b""):
        data = command + b"\r" + payload
        self.wait()
        module = self.module
        module.cs(0)
        module.spi.write(swapped(data + b"\n" * (len(data) % 2)))
        module.cs(1)

    def ask(self, command, payload=b""):
        self.send(command, payload)
        return self.read()

    def join(self):
        for command in JOIN:
            answer = self.ask(command)
        assert answer == b"\r\n[JOIN   ] desk,192.168.1.5,0,0\r\nOK\r\n> "
        return self

    def close(self):
        self.module.close()

    def open(self, peer, number=0, own_port=0):
        for command in (b"P0=%d" % number, b"P1=1", b"P3=127.0.0.1", b"P4=%d" % own_port):
            assert self.ask(command) == EMPTY
        for command in (b"P5=0", b"P6=1", b"P4=%d" % peer.port, b"R1=1200", b"R2=1"):
            assert self.ask(command) == EMPTY
        return self


class Peer:
    """A real UDP socket."""

    _next = 50200

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            Peer._next += 1
            self.port = Peer._next
            try:
                self.socket.bind(socket.getaddrinfo("127.0.0.1", self.port)[0][-1])
                return
            except OSError:
                assert Peer._next < 50300

    def recv(self):
        data, self.address = self.socket.recvfrom(2000)
        return data

    @property
    def from_port(self):
        # MicroPython's addresses are packed.
        address = self.address
        return address[1] if isinstance(address, tuple) else address[2] << 8 | address[3]

    def send(self, data):
        self.socket.sendto(data, self.address)

    def close(self):
        self.socket.close()


def close(*ends):
    for end in ends:
        end.close()


# Phases


def test_the_prompt_comes_after_the_boot():
    clock = FakeClock()
    module = Module(clock, boot_ms=700)
    assert module.drdy() == 0
    assert module.wait_ms() == 700
    module.cs(0)
    raises(Misuse, module.spi.write, swapped(b"I?\r\n"))
    module.cs(1)
    clock.advance(699)
    assert module.drdy() == 0
    clock.advance(1)
    assert module.drdy() == 1
    assert module.wait_ms() is None
    module.cs(0)
    assert module.spi.read(6, 10) == b"\x15\x15\x0a\x0d\x20\x3e"  # on the wire
    assert module.drdy() == 0
    assert module.spi.read(2, 10) == b"\x15\x15"
    module.cs(1)
    assert module.drdy() == 1


def test_words_are_swapped():
    host = Host()
    host.module.cs(0)
    host.module.spi.write(b"\x3f\x49\x0a\x0d")  # I?
    host.module.cs(1)
    assert host.read() == (
        b"\r\nISM43362-M3G-L44-SPI,C3.5.2.5.STM,v3.5.2,v1.4.0.rc1,v8.2.1,120000000,"
        b"Inventek eS-WiFi\r\nOK\r\n> "
    )


def test_a_reset_forgets_everything():
    host = Host().join()
    module = host.module
    module.reset(0)
    assert module.drdy() == 0
    module.cs(0)
    raises(Misuse, module.spi.read, 2)
    module.cs(1)
    host.clock.advance(9)
    raises(Misuse, module.reset, 1)
    module.reset(0)
    host.clock.advance(10)
    module.reset(1)
    assert host.read() == b"\x15\x15\r\n> "
    assert host.waited_ms == 500
    assert host.ask(b"CS") == b"\r\n0\r\nOK\r\n> "
    assert module.resets == 2 and module.boots == 2


def test_times_of_drdy():
    host = Host(busy_ms=7, lag_ms=2, gap_ms=3)
    module = host.module
    host.send(b"I?")
    assert module.drdy() == 1  # it has not seen CS yet
    host.clock.advance(2)
    assert module.drdy() == 0
    host.clock.advance(4)
    assert module.drdy() == 0
    host.clock.advance(1)
    assert module.drdy() == 1
    host.read()
    assert module.drdy() == 0
    module.cs(0)
    raises(Misuse, module.spi.write, b"\n\r")  # too early
    module.cs(1)
    host.clock.advance(3)
    assert module.drdy() == 1


def test_an_answer_may_be_read_in_pieces():
    host = Host()
    host.send(b"CS")
    host.wait()
    module = host.module
    data = b""
    for size in (2, 4, 6):
        assert module.drdy() == 1
        module.cs(0)
        data += module.spi.read(size, 10)
        module.cs(1)
    assert swapped(data) == b"\r\n0\r\nOK\r\n> \x15"


def test_what_a_host_must_not_do():
    def host():
        new = Host()
        new.module.cs(0)
        return new.module

    def ended(data):
        module = host()
        module.spi.write(data)
        raises(Misuse, module.cs, 1)

    ended(b"?I\r")  # an odd number of bytes
    ended(swapped(b"I?I?"))  # no CR
    ended(swapped(b"I?\r\n\n\n"))  # more than the pad
    ended(swapped(b"S3=12\rab"))
    ended(swapped(b"S3=0004\rab"))
    raises(Misuse, host().spi.read, 2, 10)  # there is nothing to read
    raises(Misuse, host().spi.write, b"\n" * 1471)
    module = host()
    module.cs(1)
    raises(Misuse, module.spi.write, b"?I")  # CS is high
    raises(Misuse, module.drdy, 1)
    module.cs(0)
    module.spi.write(swapped(b"I?\r\n"))
    module.cs(1)
    module.cs(0)
    raises(Misuse, module.spi.write, b"?I")  # it is busy
    module.ticks.advance(1)
    raises(Misuse, module.spi.write, b"?I")  # the answer was not read
    raises(Misuse, module.spi.read, 3, 10)


def test_words_too_soon_after_cs():
    clock = FakeClock()
    now_us = [0]
    module = Module(clock, now_us=lambda: now_us[0])
    clock.advance(500)
    assert module.drdy() == 1
    module.cs(0)
    now_us[0] += 14
    raises(Misuse, module.spi.read, 6, 10)
    now_us[0] += 1
    assert len(module.spi.read(6, 10)) == 6


def test_more_after_the_end_of_an_answer():
    host = Host(linger=2, lead=2)
    module = host.module
    host.send(b"CS")
    host.wait()
    module.cs(0)
    data = b""
    while module.drdy():
        data += module.spi.read(2, 10)
    module.cs(1)
    assert swapped(data) == b"\x15\x15\r\n0\r\nOK\r\n> \x15" + b"\x15" * 4


# Settings and join


def test_joining():
    host = Host()
    assert host.ask(b"CS") == b"\r\n0\r\nOK\r\n> "
    host.join()
    assert host.waited_ms > 250
    assert host.ask(b"CS") == b"\r\n1\r\nOK\r\n> "
    assert host.ask(b"CR") == b"\r\n-53\r\nOK\r\n> "
    assert host.ask(b"D0=localhost") == b"\r\n127.0.0.1\r\nOK\r\n> "
    assert host.ask(b"CD") == EMPTY
    assert host.ask(b"CS") == b"\r\n0\r\nOK\r\n> "


def test_a_static_address():
    host = Host()
    for command in JOIN[:3] + (b"C4=0", b"C6=10.0.0.7", b"C7=255.0.0.0", b"C8=10.0.0.1"):
        assert host.ask(command) == EMPTY
    assert host.ask(b"C0") == b"\r\n[JOIN   ] desk,10.0.0.7,0,0\r\nOK\r\n> "
    assert b",10.0.0.7,255.0.0.0,10.0.0.1," in host.ask(b"C?")


def test_joins_that_fail():
    failed = b"\r\n[JOIN   ] desk\r\n[JOIN   ] Failed\r\nERROR\r\n> "
    host = Host()
    for command in JOIN[:4]:
        host.ask(command)
    access_point = host.module.access_point
    for state in ({"ap": False}, {"ap": True, "accepts": False}):
        access_point.apply(state)
        assert host.ask(b"C0") == failed
        assert host.waited_ms >= access_point.refuse_ms - 1
    access_point.apply({"accepts": True})
    host.ask(b"C2=another one")
    assert host.ask(b"C0") == failed
    host.ask(b"C2=" + PASSPHRASE)
    host.ask(b"C3=0")
    assert host.ask(b"C0") == failed
    host.ask(b"C3=3")
    host.module.fault("join")
    assert host.ask(b"C0") == failed
    assert host.ask(b"C0").startswith(b"\r\n[JOIN   ] desk,")
    assert PASSPHRASE not in b" ".join(host.module.log)


def test_a_name_without_an_address():
    host = Host()
    assert host.ask(b"D0=localhost") == b"\r\nERROR: Host not found\r\n> "  # not joined
    host.join()
    host.module.fault("stale", times=2)
    for expected in (b"0.0.0.0", b"127.0.0.1", b"127.0.0.1"):
        assert host.ask(b"D0=localhost") == b"\r\n" + expected + b"\r\nOK\r\n> "
    host.module.access_point.apply({"dns": False})
    assert host.ask(b"D0=localhost") == b"\r\nERROR: Host not found\r\n> "
    assert host.waited_ms >= 2999


def test_the_access_point_goes_and_comes_back():
    peer = Peer()
    for silent in (False, True):
        host = Host().join().open(peer)
        access_point = host.module.access_point
        access_point.apply({"ap": False, "silent": silent})
        assert host.ask(b"CS") == b"\r\n0\r\nOK\r\n> "
        sent = host.ask(b"S3=0002", b"hi")
        assert sent == (b"\r\n2\r\nOK\r\n> " if silent else b"\r\n-1\r\nOK\r\n> ")
        got = host.ask(b"R0")
        assert got == (EMPTY if silent else b"\r\n-1\r\nERROR\r\n> ")
        access_point.apply({"ap": True})
        assert host.ask(b"CS") == b"\r\n0\r\nOK\r\n> "  # it does not join by itself
        host.join().close()
    peer.close()


def test_wrong_values():
    host = Host()
    for command in (b"P0=4", b"P0=x", b"P1=4", b"P3=1.2.3", b"P3=1.2.3.256", b"P4=65536", b"C3=6"):
        assert host.ask(command).startswith(b"\r\nERROR"), command
    for command in (b"C1=" + b"x" * 33, b"C2=" + b"x" * 64, b"P6", b"XX", b"R1=1461", b"P6=1"):
        assert host.ask(command).startswith(b"\r\nERROR"), command


# Sockets


def test_datagrams_both_ways():
    peer = Peer()
    host = Host().join().open(peer, own_port=50301)
    tail = b"\r\nOK\r\n> "
    nak = b"\x15"
    for payload in (b"a", b"ab", b"\r\r", tail, tail + nak, nak * 2, b"\n" * 3, b"x" * 1200):
        answer = host.ask(b"S3=%04d" % len(payload), payload)
        assert answer == b"\r\n%d\r\nOK\r\n> " % len(payload)
        assert peer.recv() == payload
        peer.send(payload)
        assert host.ask(b"R0") == b"\r\n" + payload + b"\r\nOK\r\n> "
    assert host.ask(b"R0") == EMPTY
    close(peer, host)


def test_the_own_port_is_p4_at_the_start():
    peer = Peer()
    host = Host().join().open(peer, own_port=50302)
    host.ask(b"S3=0002", b"hi")
    assert peer.recv() == b"hi"
    assert peer.from_port == 50302
    assert host.ask(b"P?") == (
        b"\r\n1,192.168.1.5,50302,127.0.0.1,%d,0,0,0,0,0\r\nOK\r\n> " % peer.port
    )
    assert host.module.commands.local_ports == [50302, 0, 0, 0]
    assert host.ask(b"P6=1") == b"\r\nERROR\r\n> "  # twice
    assert host.ask(b"P6=0") == EMPTY
    assert host.ask(b"R0") == b"\r\n-1\r\nERROR\r\n> "
    assert host.ask(b"S3=0002", b"hi") == b"\r\n-1\r\nOK\r\n> "
    close(peer, host)


def test_four_sockets():
    peers = [Peer() for _ in range(4)]
    host = Host().join()
    for number in range(4):
        host.open(peers[number], number, 50303 + number)
    for number in (2, 0, 3, 1):
        host.ask(b"P0=%d" % number)
        host.ask(b"S3=0001", b"%d" % number)
        assert peers[number].recv() == b"%d" % number
        assert peers[number].from_port == 50303 + number
    for peer in peers:
        peer.send(b"for %d" % peer.port)
    for number in range(4):
        host.ask(b"P0=%d" % number)
        assert host.ask(b"R0") == b"\r\nfor %d\r\nOK\r\n> " % peers[number].port
    close(host, *peers)


def test_reading_waits_as_long_as_r2():
    peer = Peer()
    host = Host().join().open(peer, own_port=50308)
    host.ask(b"S3=0002", b"hi")
    peer.recv()
    host.ask(b"R2=100")
    assert host.ask(b"R0") == EMPTY
    assert 98 <= host.waited_ms <= 102
    host.send(b"R0")
    host.clock.advance(30)
    assert host.module.drdy() == 0
    peer.send(b"now")
    assert host.read() == b"\r\nnow\r\nOK\r\n> "
    assert host.waited_ms < 5
    peer.send(b"a long one")
    host.ask(b"R1=6")
    assert host.ask(b"R0") == b"\r\na long\r\nOK\r\n> "
    close(peer, host)


def test_addresses_that_the_firmware_refuses():
    host = Host().join()
    old = Host(firmware="C6.2.1.8.STM")
    for command in JOIN:
        old.ask(command)
    for address, refused, old_refused in (
        (b"127.0.0.1", False, False),
        (b"10.255.0.1", True, False),
        (b"0.1.2.3", True, True),
        (b"10.1.2.0", True, False),
    ):
        for each, expected in ((host, refused), (old, old_refused)):
            for command in (b"P1=1", b"P3=" + address, b"P4=50309"):
                each.ask(command)
            assert (each.ask(b"P6=1")[:7] == b"\r\nERROR") == expected, address
            each.ask(b"P6=0")


def test_firmware_c6():
    peer = Peer()
    host = Host(firmware="C6.2.1.8.STM")
    assert host.ask(b"MT=1") == b"\r\n\r\n\r\nOK\r\n> "
    for command in JOIN + (b"P1=1", b"P3=127.0.0.1", b"P4=50310", b"P6=1", b"P4=%d" % peer.port):
        assert host.ask(command).endswith(b"\r\n\r\nOK\r\n> "), command
    host.ask(b"R2=1")
    host.ask(b"S3=0001", b"x")
    assert peer.recv() == b"x"
    peer.send(b"y")
    assert host.ask(b"R0") == b"\r\n\r\n\r\nOK\r\n> "  # single bytes are lost
    peer.send(b"yes")
    assert host.ask(b"R0") == b"\r\nyes\r\n\r\nOK\r\n> "
    close(peer, host)


# Faults


def test_faults_by_name():
    peer = Peer()
    host = Host().join().open(peer, own_port=50311)
    fault = host.module.fault
    raises(ValueError, fault, "no such thing")
    fault("usage", b"CS", times=2, after=1)
    assert [host.ask(b"CS")[:3] for _ in range(4)] == [b"\r\n1", b"\r\nE", b"\r\nE", b"\r\n1"]
    fault("again")
    assert host.ask(b"S3=0002", b"hi") == b"\r\n0\r\nOK\r\n> "
    fault("late", b"CS")
    host.ask(b"CS")
    assert host.waited_ms >= 400
    fault("cut", b"I?")
    assert len(host.ask(b"I?")) < 99
    fault("garbage", b"I?")
    host.ask(b"I?")
    host.ask(b"S3=0002", b"hi")
    peer.recv()
    peer.send(b"data")
    fault("empty", b"R0")
    assert host.ask(b"R0") == EMPTY
    assert host.ask(b"R0") == b"\r\ndata\r\nOK\r\n> "
    fault("closed", b"R0")
    assert host.ask(b"R0") == b"\r\n-1\r\nERROR\r\n> "
    assert host.ask(b"S3=0002", b"hi") == b"\r\n-1\r\nOK\r\n> "
    counts = host.module.faults.counts
    assert counts["usage"] == 2 and sum(counts.values()) == 8
    close(peer, host)


def test_faults_that_a_reset_ends():
    host = Host().join()
    module = host.module
    module.fault("reset")
    assert host.ask(b"CS") == b"\x15\x15\r\n> "
    assert host.waited_ms >= 500
    assert host.ask(b"CS") == b"\r\n0\r\nOK\r\n> "
    for name in ("stuck", "storm"):
        module.fault(name)
        host.send(b"CS")
        if name == "stuck":
            host.clock.advance(3600000)
            assert module.drdy() == 0
            assert module.wait_ms() is None
        else:
            assert host.read() == b"\x15" * 4000
            assert host.read() == b"\x15" * 4000
        module.reset(0)
        host.clock.advance(10)
        module.reset(1)
        assert host.read() == b"\x15\x15\r\n> "


def test_faults_by_chance():
    shares = []
    for seed in (1, 2, 1):
        host = Host()
        faults = host.module.faults
        faults.seed(seed)
        faults.share = 0.1
        for _ in range(2000):
            faults.choose(b"CS")
        shares.append(faults.counts)
        assert 150 < sum(faults.counts.values()) < 250
    assert shares[0] == shares[2] != shares[1]
    assert len(shares[0]) > 4
