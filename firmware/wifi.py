"""The Wi-Fi module of the board as the application's network interface, and its UDP links.

All of it is one sequence of commands, written as a generator (`_life`): join, then look after the
links in turn, and again from the beginning when that ends. `poll()` goes on with it.
"""

import asyncio
import gc
from errno import EAGAIN, ECONNABORTED, ECONNRESET, EIO, ENOBUFS, ENOTCONN, ETIMEDOUT

from micropython import const

from firmware import once

FATAL = (ECONNABORTED, ECONNRESET, ETIMEDOUT)  # after which the module begins anew
_TRIES = const(3)  # of a command that may be repeated; failures in a row that end a link
_QUEUE = const(8)  # datagrams of a link that wait to be sent
_INBOX = const(4)  # that wait to be taken
_FULL = const(100)  # times in a row that the module has no room for a datagram: some seconds
_GARBAGE = const(4096)  # bytes, then they are collected
_TURN_MS = const(20)  # between looks for something to send
# The module does not tell that something has come: it is asked, more often after traffic.
_OFTEN_MS = const(100)
_SELDOM_MS = const(500)
_AWAKE_MS = const(3000)
_CHECK_MS = const(10000)  # between looks whether the access point is there
_LOW_SIGNAL = const(4)  # among the error codes of /3/0/11
_WEAK_DBM = const(-85)  # from below this
_STRONG_DBM = const(-80)  # until it has come back to this
_REJOIN_MS = const(5000)  # from a join to the next, or from its failure


class WiFi:
    """`driver` is an ISM43362, whose clock counts here, too; `address` as for LAN.

    What all interfaces have is told in lan.py. `longest_ms`: the longest time of a `poll()`.
    """

    trouble = None
    helpless = False
    signal_dbm = None
    up = False
    socket = None  # of the module, that the next command is for
    longest_ms = 0
    module = ""  # its firmware
    folder = ""  # of the board's records
    app = None  # to be told of the signal

    def __init__(self, driver, address=None):
        self.driver = driver
        self.ticks = driver.ticks
        self.static = address
        self.address = None
        self.links = [None, None, None, None]
        self._checked = 0
        self._life = None

    def start(self):
        self._life = self._live()

    def isconnected(self):
        return self.up

    def ifconfig(self):
        return self.static or (self.address, "by DHCP", "by DHCP", "by DHCP")

    def check(self):
        pass  # the life goes on by itself

    def udp(self, host, port, local_port=0):
        """A Link, to be opened by the module: it has a `local_port` then, or an `error`."""
        links = self.links
        if self.up and None in links:
            link = Link(self.ticks, host, port, local_port)
            links[links.index(None)] = link
            return link
        raise OSError(
            ENOBUFS, self.trouble or "no Wi-Fi, or the Wi-Fi module's four sockets are in use"
        )

    async def run(self, app):
        """Looks after everything, for ever."""
        # Commands leave garbage all the time: without this, what is loaded later would lie
        # scattered behind it.
        gc.threshold(_GARBAGE)
        self.app = app
        while True:
            await asyncio.sleep_ms(self.poll())

    def poll(self):
        """Goes on; returns the milliseconds until it wants to be called again, sooner is fine."""
        ticks = self.ticks
        began = ticks.ticks_ms()
        try:
            wait_ms = next(self._life)
        except (StopIteration, MemoryError):  # the first: a Ctrl-C has come in between
            self._life = self._live()
            wait_ms = _TURN_MS
        self.longest_ms = max(self.longest_ms, ticks.ticks_diff(ticks.ticks_ms(), began))
        return wait_ms

    # Commands: generators, to be used with `yield from`

    def do(self, command, timeout_ms=5000, data=b"", tries=_TRIES):
        """The answer to a command (one that may be repeated, or with `tries` 1); OSError as the
        driver says. None for what was begun already.
        """
        driver = self.driver
        while True:
            while driver.answer is None:  # also of a command before a Ctrl-C
                yield driver.poll()
            if command:
                driver.start(command, timeout_ms, data)
                while driver.answer is None:
                    yield driver.poll()
            answer = driver.answer
            if not isinstance(answer, OSError):
                return answer
            tries -= 1
            if tries <= 0 or answer.errno in FATAL:
                raise answer

    def select(self, number):
        """The commands that follow are for this socket."""
        if self.socket != number:
            self.socket = None
            yield from self.do("P0=%d" % number)
            self.socket = number

    # The life

    def _live(self):
        while True:
            pause_ms = _REJOIN_MS
            try:
                if not self.up:
                    yield from once("wifi_join", "join", self)
                while True:
                    yield from self._check()
                    for number, link in enumerate(self.links):
                        if link:
                            try:
                                yield from self._serve(number, link)
                            except OSError as error:
                                link.failures += 1
                                if error.errno in FATAL:
                                    raise
                                if link.failures == _TRIES and link.outbox:
                                    link.outbox.pop(0)  # refused, perhaps for ever
                                if link.failures >= _TRIES:
                                    # Is it the socket, or the network? The port stays, so the
                                    # peer knows nothing.
                                    link.open = False
                                    link.failures = 0
                                    self.signal_dbm = None
                    yield _TURN_MS
                    pause_ms -= _TURN_MS if pause_ms else 0  # not by the clock: it wraps
            except OSError as error:
                once("wifi_join", "lost", self, error)
            while pause_ms:
                yield _TURN_MS
                pause_ms -= _TURN_MS

    def _check(self):
        now = self.ticks.ticks_ms()
        if self.signal_dbm is None or self.ticks.ticks_diff(now, self._checked) >= _CHECK_MS:
            self._checked = now
            for _ in range(_TRIES):
                if (yield from self.do("CS")).strip() == b"1":
                    break
            else:
                raise OSError(ENOTCONN, "the access point is gone")
            before = self.signal_dbm
            try:
                self.signal_dbm = int((yield from self.do("CR")))
            except ValueError:
                self.signal_dbm = before or 0
            if self.app and before != self.signal_dbm:
                self._signal()

    def _signal(self):
        app = self.app
        app.table.changed(4, 0, 2)
        app.table.changed(4, 0, 3)
        weak_dbm = _STRONG_DBM if app.errors >> _LOW_SIGNAL & 1 else _WEAK_DBM
        app.report(_LOW_SIGNAL, self.signal_dbm < weak_dbm)

    def _serve(self, number, link):
        if not link.open or link.closed:
            if link.closed or not link.error:
                yield from once("wifi_link", "close" if link.closed else "connect", self, number)
            return
        ticks = self.ticks
        while link.outbox:
            yield from self.select(number)
            outbox = link.outbox  # the link itself loses it by close()
            data = outbox[0]
            link.used = ticks.ticks_ms()
            # After an error it goes once more: to have it twice does a peer no harm.
            sent = yield from self.do("S3=%04d" % len(data), data=data, tries=1)
            if sent.strip() == b"0":  # the module is full
                link.full += 1
                if link.full >= _FULL:
                    link.full = 0
                    link.failures = _TRIES
                    raise OSError(EIO, "not sent")
                break
            link.full = 0
            if sent.strip() != b"%d" % len(data):
                raise OSError(EIO, "not sent")
            outbox.pop(0)
        now = ticks.ticks_ms()
        gap_ms = _SELDOM_MS if ticks.ticks_diff(now, link.used) >= _AWAKE_MS else _OFTEN_MS
        if len(link.inbox) < _INBOX and ticks.ticks_diff(now, link.asked) >= gap_ms:
            yield from self.select(number)
            data = yield from self.do("R0", tries=1)
            if data:
                link.inbox.append(data)
                link.used = ticks.ticks_ms()
            else:
                link.asked = ticks.ticks_ms()
        link.failures = 0


class Link:
    """As UDP in lan.py, but for `socket`: it is waited for by time."""

    established = True
    secure = False
    socket = None
    wait_ms = 25
    closed = False
    open = False
    error = None
    failures = 0
    full = 0  # how often in a row the module had no room for a datagram

    def __init__(self, ticks, host, port, local_port):
        self.host = host
        self.address = None
        self.port = port
        self.wanted = local_port
        self.local_port = 0
        self.inbox = []
        self.outbox = []
        self.used = ticks.ticks_ms()
        self.asked = ticks.ticks_add(self.used, -_SELDOM_MS)

    def ipoll(self, timeout_ms):
        """Something where recv() has something to give or to tell."""
        return self.inbox or (self.error and (self,)) or ()

    def recv(self, size):
        """A datagram, or its first `size` bytes."""
        if self.inbox:
            return self.inbox.pop(0)[:size]
        raise self.error or OSError(EAGAIN, "nothing yet")

    def send(self, data):
        """Takes a datagram, to be sent in some milliseconds; OSError when too many wait."""
        if self.error:
            raise self.error
        if len(self.outbox) >= _QUEUE:
            raise OSError(ENOBUFS, "the Wi-Fi module is too slow")
        self.outbox.append(bytes(data))

    def close(self):
        self.closed = True
        self.inbox = self.outbox = ()
