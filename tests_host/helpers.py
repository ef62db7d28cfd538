"""What tests of both interpreters share."""

import gc


class FakeClock:
    """A clock that stands still until `advance()`; wraps as the boards' `time.ticks_ms` does."""

    PERIOD = 1 << 30

    def __init__(self, start_ms=0):
        self.now = start_ms % self.PERIOD

    def advance(self, ms):
        self.now = (self.now + ms) % self.PERIOD

    def ticks_ms(self):
        return self.now

    def ticks_add(self, ticks, delta):
        return (ticks + delta) % self.PERIOD

    def ticks_diff(self, end, start):
        half = self.PERIOD // 2
        return (end - start + half) % self.PERIOD - half


class Source:
    """What a Device (3) is made of; `called` and `kept` tell what came of it."""

    errors = 0

    def __init__(self):
        self.called = []
        self.kept = []
        self.now_s = 1800000000

    def restart(self, arguments):
        self.called.append(("reboot", arguments))

    def factory_reset(self, arguments):
        self.called.append(("factory reset", arguments))

    def clock(self, now_s=None):
        if now_s is not None:
            self.now_s = now_s
        return self.now_s

    def keep(self, name, value):
        self.kept.append((name, value))


def raises(kind, function, *args):
    """Calls the function, expects the error and returns it."""
    try:
        function(*args)
    except kind as error:
        return error
    raise AssertionError("no %s raised" % kind.__name__)


def in_use():
    """Bytes of the heap; 0 where that cannot be asked."""
    gc.collect()
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def same_memory(peer, function):
    """Calls the function twice: the second time, with all modules loaded, it keeps no memory.

    Between the calls the peer's client forgets what it has answered.
    """
    function()
    peer.run(300000)
    used = in_use()
    function()
    peer.run(300000)
    more = in_use() - used
    assert more < 300, more
