"""One CoAP endpoint talking to one peer: reliability, duplicates, exchanges.

`receive()` takes a datagram, `poll()` does what is due and returns the milliseconds until it
wants to be called again. Nothing here waits, and no exception leaves either of them.
"""

from micropython import const

from coap.duplicates import Duplicates
from coap.message import (
    ACCEPT,
    BAD_OPTION,
    INTERNAL_SERVER_ERROR,
    NO_OPTIONS,
    PROXY_SCHEME,
    PROXY_URI,
    PROXYING_NOT_SUPPORTED,
    SERVICE_UNAVAILABLE,
    URI_HOST,
    URI_PATH,
    URI_PORT,
    URI_QUERY,
    Error,
    FormatError,
    Message,
    Options,
)

_CON = const(0)
_NON = const(1)
_ACK = const(2)
_RST = const(3)
_GET = const(1)
_FETCH = const(5)
_EMPTY = const(0)

# Transmission parameters (RFC 7252 section 4.8)
ACK_TIMEOUT_MS = const(2000)
MAX_RETRANSMIT = const(4)
_SEPARATE_TIMEOUT_MS = const(93000)  # MAX_TRANSMIT_WAIT, for an answer after an empty ACK

SILENCE = const(-1)  # a response code: the request is not answered at all
IDLE_MS = const(86400000)  # the longest wait that poll() asks for: the clock wraps
_SWEEP_MS = const(300000)
_KNOWN_LIMIT = const(8)  # requests whose parsed options are remembered
_KNOWN_SIZE = const(80)  # and their longest; many empty options cost 20 times their bytes in RAM
_LATE_LIMIT = const(4)  # separate responses that wait for their turn

# Longest value of the options understood here, and whether they repeat (RFC 7252 section 5.10).
# Anything else with an odd number is an unknown critical option.
_CRITICAL = {
    URI_HOST: (255, False),
    URI_PORT: (2, False),
    URI_PATH: (255, True),
    URI_QUERY: (255, True),
    ACCEPT: (2, False),
}


class Exchange:
    """A confirmable message on its way, or a request that waits for its response."""

    def __init__(self, mid, token, data, on_done):
        self.mid = mid
        self.token = token  # None: no response is expected, the ACK is all
        self.data = data
        self.on_done = on_done
        self.retransmitted = 0
        self.timeout_ms = 0
        self.due = 0


class Endpoint:
    """Both roles of CoAP towards one peer.

    `send(data)` sends one datagram (a memoryview that is only valid during the call) and may
    raise OSError: the datagram then counts as lost. `handler(request, response)` fills the
    response or raises Error; leaving `response.code` EMPTY means that `respond()` follows
    (a separate response), SILENCE that nothing does. `clock` has MicroPython's ticks_ms,
    ticks_add and ticks_diff; `random(n)` returns n random bytes; `log(text)` hears of faults.
    `size` is the longest message sent, in bytes (RFC 7252 section 4.6).
    """

    def __init__(self, send, handler, clock, random, log=None, size=1152):
        self._send = send
        self.handler = handler
        self._clock = clock
        self._random = random
        self._log = log
        self.wake = _ignore  # called when poll() should run soon
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._in = Message()
        self._out = Message()
        self._own = Message()  # apart from _out: a handler may send while it fills its response
        self._known = {}  # option bytes of a request: its Options
        self._exchange = None  # NSTART = 1 (RFC 7252 section 4.7)
        self._acked = -1  # mid of the latest separate response taken
        self._late = []  # separate responses that wait for the exchange to end
        self._kept = Duplicates()
        self._seconds = 0
        self._second_at = clock.ticks_ms()
        self._sweep_at = None
        seed = random(2)
        self._mid = seed[0] << 8 | seed[1]
        self.on_reset = None  # called with the mid of a RST that belongs to no exchange
        self.malformed = 0  # datagrams dropped as no CoAP message
        self.duplicates = 0  # requests that had been answered before
        self.faults = 0  # handlers that failed with an unexpected error
        self.lost = 0  # datagrams that the link refused

    @property
    def idle(self):
        """True when a new exchange may begin."""
        return self._exchange is None and not self._late

    def forget_requests(self):
        """Drops what layers above keep in `Options.memo`: their tables have changed."""
        self._known.clear()

    # Receiving

    def receive(self, data):
        """Takes one datagram as bytes."""
        message = self._in
        try:
            start = message.decode_header(data)
            if not start:
                return
            code = message.code
            if code == _GET and message.mtype < _ACK:
                key = data[start:]
                options = self._known.get(key)
                if options is None:
                    message.decode_options(data, start)
                    if not message.payload and len(key) <= _KNOWN_SIZE:
                        if len(self._known) >= _KNOWN_LIMIT:
                            self._known.clear()
                        self._known[key] = message.options
                else:
                    message.options = options
                    message.payload = b""
                self._answer(message)
                return
            self.wake()
            if code == _EMPTY:
                self._receive_empty(message)
            else:
                message.decode_options(data, start)
                if code >> 5 == 0:
                    self._receive_request(message)
                else:
                    self._receive_response(message)
        except FormatError:
            self.malformed += 1
            if message.mtype == _CON:
                self._send_empty(_RST, message.mid)
        except OSError:
            self.lost += 1
        except Exception as error:  # a bad datagram costs one datagram
            self._fault(error)

    def _receive_empty(self, message):
        if message.mtype == _CON:  # a ping (RFC 7252 section 4.3)
            self._send_empty(_RST, message.mid)
            return
        exchange = self._exchange
        if exchange is not None and exchange.mid == message.mid:
            if message.mtype == _RST:
                self._finish(None, True)
            elif message.mtype == _ACK:
                if exchange.token is None:
                    self._finish(message)
                else:  # a separate response will follow (RFC 7252 section 5.2.2)
                    exchange.data = None
                    exchange.due = self._after(_SEPARATE_TIMEOUT_MS)
        elif message.mtype == _RST and self.on_reset:
            self.on_reset(message.mid)

    def _receive_response(self, message):
        exchange = self._exchange
        mtype = message.mtype
        known = (
            message.code >> 5 in (2, 4, 5)  # other classes are reserved (section 12.1)
            and mtype != _RST
            and exchange is not None
            and exchange.token == message.token
            and (mtype != _ACK or exchange.mid == message.mid)
            and not _bad_option(message.options)
        )
        if mtype == _CON:
            # A reserved class or an answer nobody waits for is rejected (section 4.2), but the
            # late copy of one that was taken is acknowledged again (section 4.5).
            if known:
                self._acked = message.mid
            self._send_empty(_ACK if message.mid == self._acked else _RST, message.mid)
        if known:
            self._finish(message)

    def _receive_request(self, message):
        if message.mtype >= _ACK:
            return  # an ACK or RST never carries a request: ignored (section 4.2)
        if message.code == _FETCH:  # like GET: may be computed again
            self._answer(message)
            return
        now_s = self._now_s()
        kept = self._kept.find(message.mid, message.token, now_s)
        if kept is not None:
            self.duplicates += 1
            if message.mtype == _CON:
                self._repeat(message, kept[0], kept[1])
        elif self._kept.full(now_s):
            self._reply(message, SERVICE_UNAVAILABLE)
        else:
            self._answer(message, now_s)

    def _repeat(self, message, code, whole):
        if whole is not None:
            self._send(whole)
        elif code == _EMPTY:  # still at work, a separate response follows
            self._send_empty(_ACK, message.mid)
        else:
            self._reply(message, code)

    def _answer(self, message, now_s=None):
        # Executes a request and sends the answer; with now_s the answer is kept.
        options = message.options
        out = self._out
        out.code = _EMPTY
        out.options = NO_OPTIONS
        out.payload = b""
        if options.memo is None:
            bad = _bad_option(options)
            if bad:
                # A critical option drops a NON (section 5.4.1); 5.05 is due to both (5.10.2).
                if message.mtype == _CON or bad != BAD_OPTION:
                    self._reply(message, bad)
                return
        try:
            self.handler(message, out)
        except Error as error:
            out.code = error.code
            out.options = NO_OPTIONS
            out.payload = error.text.encode()
        except Exception as error:
            self._fault(error)
            out.code = INTERNAL_SERVER_ERROR
            out.options = NO_OPTIONS
            out.payload = b""
        code = out.code
        if code == SILENCE:
            return
        if message.mtype == _CON:
            out.mtype = _ACK
            out.mid = message.mid
        else:
            out.mtype = _NON
            out.mid = self.next_mid()
        if code == _EMPTY:
            if message.mtype == _CON:
                self._send_empty(_ACK, message.mid)
            size = 0
        else:
            out.token = message.token
            try:
                size = out.encode(self._buffer)
            except Exception as error:  # the request was executed: it must not come again
                self._fault(error)
                out.code = code = INTERNAL_SERVER_ERROR
                out.options = NO_OPTIONS
                out.payload = str(error).encode()
                size = out.encode(self._buffer)
        if now_s is not None:
            # A diagnostic text is not worth its memory: a duplicate hears the code alone.
            # The duplicate of a NON hears nothing.
            whole = None
            if code >> 5 == 2 and size > 4 + len(message.token) and message.mtype == _CON:
                whole = bytes(self._view[:size])
            self._kept.keep(message.mid, message.token, code, now_s, whole)
            if self._sweep_at is None:
                self._sweep_at = self._after(_SWEEP_MS)
        if size:
            self._send(self._view[:size])

    def _reply(self, message, code):
        # A bare answer to a request that is not handed to the handler.
        out = self._out
        out.code = code
        out.token = message.token
        out.options = NO_OPTIONS
        out.payload = b""
        out.mtype = _ACK if message.mtype == _CON else _NON
        out.mid = message.mid if message.mtype == _CON else self.next_mid()
        self._send(self._view[: out.encode(self._buffer)])

    def _fault(self, error):
        self.faults += 1
        if self._log:
            self._log("%s: %s" % (type(error).__name__, error))

    # Sending

    def next_mid(self):
        self._mid = (self._mid + 1) & 0xFFFF
        return self._mid

    def request(self, code, options, payload, on_done):
        """Sends a confirmable request; only while `idle`.

        `on_done(message)` gets the response, or None after a time-out or a RST. The message
        is only valid during the call. Raises ValueError where it exceeds the buffer.
        """
        token = self._random(4)
        self._begin(code, token, options, payload, on_done, token)

    def notify(self, token, options, payload, on_done=None, code=0x45):
        """Sends a notification or another separate response (RFC 7641, RFC 7252 section 5.2.2).

        With `on_done` it is confirmable, allowed only while `idle`, and `on_done(message)` is
        called with the ACK, None after a time-out, False after a RST. Without, it is
        non-confirmable. Returns the message id. Raises ValueError where it exceeds the buffer.
        """
        if on_done:
            return self._begin(code, token, options, payload, on_done, None)
        size = self._build(_NON, code, token, options, payload)
        self._transmit(self._view[:size])
        return self._own.mid

    def respond(self, token, code, options=(), payload=b""):
        """Sends the separate response to a request that was left unanswered (section 5.2.2)."""
        if self.idle:
            self._respond(token, code, options, payload)
        elif len(self._late) < _LATE_LIMIT:
            self._late.append((token, code, options, payload))
        else:
            self.lost += 1

    def _respond(self, token, code, options, payload):
        try:
            self.notify(token, options, payload, _ignore, code)
        except Exception as error:  # too long: the peer still waits for an answer
            self._fault(error)
            self.notify(token, (), str(error).encode(), _ignore, INTERNAL_SERVER_ERROR)

    def _build(self, mtype, code, token, options, payload):
        own = self._own
        own.mtype = mtype
        own.code = code
        own.mid = self.next_mid()
        own.token = token
        own.options = Options(options)
        own.payload = payload
        return own.encode(self._buffer)

    def _begin(self, code, token, options, payload, on_done, expects):
        if self._exchange is not None:
            raise RuntimeError("an exchange is under way (NSTART is 1)")
        size = self._build(_CON, code, token, options, payload)
        data = bytes(self._view[:size])  # kept for retransmission, the buffer is not
        exchange = Exchange(self._own.mid, expects, data, on_done)
        # A random time-out between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR (section 4.2)
        exchange.timeout_ms = ACK_TIMEOUT_MS + ACK_TIMEOUT_MS * self._random(1)[0] // 510
        exchange.due = self._after(exchange.timeout_ms)
        self._exchange = exchange
        self._transmit(data)
        return exchange.mid

    def _transmit(self, data):
        try:
            self._send(data)
        except OSError:
            self.lost += 1

    def _send_empty(self, mtype, mid):
        self._buffer[0] = 0x40 | mtype << 4
        self._buffer[1] = 0
        self._buffer[2] = mid >> 8
        self._buffer[3] = mid & 255
        self._transmit(self._view[:4])

    def _finish(self, message, reset=False):
        exchange = self._exchange
        self._exchange = None
        try:
            exchange.on_done(False if reset and exchange.token is None else message)
        except Exception as error:
            self._fault(error)

    def cancel(self):
        """Gives up what is under way without telling anyone."""
        self._exchange = None
        self._late.clear()

    # Time

    def _after(self, ms):
        return self._clock.ticks_add(self._clock.ticks_ms(), ms)

    def _now_s(self):
        # Seconds that do not jump where the clock wraps; called at least once a day by poll().
        passed = self._clock.ticks_diff(self._clock.ticks_ms(), self._second_at) // 1000
        if passed:
            self._seconds += passed
            self._second_at = self._clock.ticks_add(self._second_at, passed * 1000)
        return self._seconds

    def poll(self):
        """Retransmits, gives up, forgets; returns the milliseconds until the next call."""
        clock = self._clock
        now = clock.ticks_ms()
        wait_ms = IDLE_MS
        exchange = self._exchange
        if exchange is not None:
            left = clock.ticks_diff(exchange.due, now)
            if left <= 0:
                if exchange.data is None or exchange.retransmitted >= MAX_RETRANSMIT:
                    self._finish(None)
                    left = 0
                else:
                    exchange.retransmitted += 1
                    exchange.timeout_ms *= 2
                    left = exchange.timeout_ms
                    exchange.due = clock.ticks_add(now, left)
                    self._transmit(exchange.data)
            wait_ms = left
        elif self._late:
            self._respond(*self._late.pop(0))
            wait_ms = 0
        if self._sweep_at is not None:
            left = clock.ticks_diff(self._sweep_at, now)
            if left <= 0:
                self._kept.expire(self._now_s())
                left = _SWEEP_MS
                self._sweep_at = clock.ticks_add(now, left) if len(self._kept) else None
            wait_ms = min(wait_ms, left)
        else:
            self._now_s()
        return wait_ms


def _ignore(message=None):
    pass


def _bad_option(options):
    # The code for a critical option that is unknown, too long or repeated (sections 5.4.1 to
    # 5.4.5), or None. Elective ones are ignored instead.
    last = None
    for number, value in options.items:
        if number & 1:
            if number == PROXY_URI or number == PROXY_SCHEME:
                return PROXYING_NOT_SUPPORTED
            rule = _CRITICAL.get(number)
            if rule is None or len(value) > rule[0] or (number == last and not rule[1]):
                return BAD_OPTION
        last = number
    return None
