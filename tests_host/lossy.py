"""Two endpoints with a bad network between them: loss, duplicates, reordering, on one clock."""

from helpers import FakeClock
from peer import Random

from coap.endpoint import Endpoint
from coap.numbers import IDLE_MS


class Network:
    """`near` and `far` are endpoints; what one sends reaches the other late, twice or never.

    `loss` and `twice` are per cent, `delay_ms` the longest way. The same `seed` gives the same
    run, under every interpreter.
    """

    def __init__(self, seed, near_handler, far_handler, loss=20, twice=20, delay_ms=3000):
        self.clock = FakeClock((1 << 30) - 100000 * (seed % 2))
        self.random = Random(seed + 1)
        self.now_ms = 0
        self.loss = loss
        self.twice = twice
        self.delay_ms = delay_ms
        self.queue = []  # (time, order, where to, datagram)
        self.order = 0
        self.logged = []
        self.near = self._endpoint(near_handler, lambda data: self.send("far", data))
        self.far = self._endpoint(far_handler, lambda data: self.send("near", data))

    def _endpoint(self, handler, send):
        return Endpoint(
            send, handler, self.clock, self.random.bytes, self.logged.append, size=1152
        )

    def send(self, where, data):
        for _ in range(2 if self.random.below(100) < self.twice else 1):
            if self.random.below(100) >= self.loss:
                self.order += 1
                at = self.now_ms + 1 + self.random.below(self.delay_ms)
                self.queue.append((at, self.order, where, bytes(data)))
        self.queue.sort()

    def run(self, done, limit_ms=3600000):
        """Lets the time pass until `done()`; False when it has not come in time."""
        end = self.now_ms + limit_ms
        while not done():
            if self.now_ms >= end:
                return False
            waits = [self.near.poll(), self.far.poll(), end - self.now_ms, IDLE_MS]
            waits.append(max(self.queue[0][0] - self.now_ms, 0) if self.queue else IDLE_MS)
            wait = min(waits)
            self.now_ms += wait
            self.clock.advance(wait)
            while self.queue and self.queue[0][0] <= self.now_ms:
                _, _, where, data = self.queue.pop(0)
                (self.near if where == "near" else self.far).receive(data)
        return True
