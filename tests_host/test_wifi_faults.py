"""Wi-Fi on a module that fails: each fault at each step, and by chance."""

from ism43362_faults import NAMES, ONLY
from radio import Radio
from test_wifi import Peer

# The steps from the reset to a datagram and back, as commands.
STEPS = (b"I?", b"C1", b"C2", b"C3", b"C4", b"C0", b"CS", b"CR", b"D0", b"P0", b"P1", b"P3", b"P4")
STEPS += (b"P6", b"R1", b"R2", b"S3", b"R0")
SERVICE_MS = 30000  # from the start to a datagram there and back, whatever fails once
JOIN_MS = 65000  # that an answer to C0 is waited for
REPEAT_MS = 2000  # as CoAP repeats what is not answered
SEEDS = range(1, 21)
TRIAL_MS = 300000


class User:
    """Uses a link as a connection of the firmware does: one that has failed is made anew."""

    def __init__(self, radio, peer):
        self.radio = radio
        self.peer = peer
        self.link = None
        self.port = 0  # the peer knows us by it
        self.links = 0
        self.count = 0

    def _ready(self):
        link = self.link
        if link and link.error:
            link.close()
            link = self.link = None
        if link is None and self.radio.wifi.isconnected():
            link = self.link = self.radio.wifi.udp("localhost", self.peer.port, self.port)
            self.links += 1
        if link and link.local_port:
            self.port = link.local_port
            return True
        return False

    def exchange(self, limit_ms):
        """Sends a datagram, again and again, until it came back; returns the ms this took."""
        self.count += 1
        text = b"datagram %d" % self.count
        clock = self.radio.clock
        sent_at = None

        def done():
            nonlocal sent_at
            if not self._ready():
                return False
            now = clock.ticks_ms()
            if sent_at is None or clock.ticks_diff(now, sent_at) >= REPEAT_MS:
                sent_at = now
                try:
                    self.link.send(text)
                except OSError:
                    return False
            data = self.peer.take()
            if data is not None:
                self.peer.send(data)
            try:
                return self.link.recv(100) == text
            except OSError:
                return False

        return self.radio.run(done, limit_ms)


def test_each_fault_at_each_step():
    longest_ms = 0
    for fault in NAMES:
        for step in ONLY.get(fault, STEPS):
            with Radio() as radio, Peer() as peer:
                radio.module.fault(fault, step)
                user = User(radio, peer)
                limit_ms = SERVICE_MS + (JOIN_MS if (fault, step) == ("stuck", b"C0") else 0)
                took_ms = max(user.exchange(limit_ms), user.exchange(SERVICE_MS))
                assert fault in radio.module.faults.counts, (fault, step)
                assert radio.wifi.trouble is None, (fault, step)
                assert radio.longest_us <= 100000, (fault, step, radio.longest_us)
                longest_ms = max(longest_ms, took_ms)
    assert longest_ms > 1000  # some need a reset


def test_a_fault_that_lasts_ends_with_its_cause():
    """While it lasts the trouble has words, and the module is not asked without a pause."""
    for fault in ("usage", "cut", "storm", "stuck", "reset", "join"):
        with Radio() as radio, Peer() as peer:
            radio.module.fault(fault, b"C0", times=1000)
            radio.wait(180000)
            assert not radio.wifi.isconnected() and radio.wifi.trouble, fault
            assert radio.passphrase not in radio.wifi.trouble
            assert radio.module.boots < 60, (fault, radio.module.boots)
            radio.module.faults.clear()
            User(radio, peer).exchange(JOIN_MS + SERVICE_MS)
            assert radio.wifi.trouble is None


def test_failures_by_chance():
    """One transaction of ten fails: datagrams still come through, nearly always from one port."""
    ports = 0
    for seed in SEEDS:
        with Radio() as radio, Peer() as peer:
            faults = radio.module.faults
            faults.seed(seed)
            faults.share = 0.1
            user = User(radio, peer)
            user.exchange(JOIN_MS + SERVICE_MS)
            port = user.port
            began = radio.clock.ticks_ms()
            while radio.clock.ticks_diff(radio.clock.ticks_ms(), began) < TRIAL_MS:
                user.exchange(JOIN_MS + SERVICE_MS)
                radio.wait(15000)
            ports += user.port != port
            assert sum(faults.counts.values()) > 40, faults.counts
            assert radio.longest_us <= 100000
    assert ports <= 2, ports  # a module that refuses one again and again is given another
