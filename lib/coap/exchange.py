"""A confirmable message on its way: retransmission (RFC 7252 section 4.2)."""

from micropython import const

# Transmission parameters (RFC 7252 section 4.8)
_ACK_TIMEOUT_MS = const(2000)
_MAX_RETRANSMIT = const(4)
_MAX_TRANSMIT_WAIT_MS = const(93000)


class Exchange:
    """Waits for an ACK, or with a token for the response.

    `on_done` is what the endpoint calls in the end. The first time-out lies at random between
    ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR; `chance` (0 to 255) decides where.
    """

    def __init__(self, mid, token, data, on_done, clock, chance):
        self.mid = mid
        self.token = token  # None: no response is expected, the ACK is all
        self.on_done = on_done
        self.data = data
        self.clock = clock
        self.left = _MAX_RETRANSMIT
        self.timeout_ms = _ACK_TIMEOUT_MS + _ACK_TIMEOUT_MS * chance // 510
        self._due = clock.ticks_add(clock.ticks_ms(), self.timeout_ms)

    def acknowledged(self):
        """An empty ACK came: the response follows by itself (section 5.2.2), or never."""
        self.left = 0
        self._due = self.clock.ticks_add(self.clock.ticks_ms(), _MAX_TRANSMIT_WAIT_MS)

    def poll(self, transmit):
        """Retransmits when it is time; the milliseconds left, or 0 when it is given up."""
        clock = self.clock
        now = clock.ticks_ms()
        left_ms = clock.ticks_diff(self._due, now)
        if left_ms > 0:
            return left_ms
        if not self.left:
            return 0
        self.left -= 1
        self.timeout_ms *= 2
        self._due = clock.ticks_add(now, self.timeout_ms)
        transmit(self.data)
        return self.timeout_ms
