"""One CoAP endpoint talking to one peer: reliability, duplicates, exchanges.

`receive()` takes a datagram, `poll()` does what is due and returns the milliseconds until it
wants to be called again. Nothing here waits, and no exception leaves either of them.
"""

from micropython import const

from coap.message import Error, FormatError, Message

_CON = const(0)
_NON = const(1)
_ACK = const(2)
_RST = const(3)

_EMPTY = const(0)
_GET = const(1)
_FETCH = const(5)
_CONTENT = const(0x45)  # 2.05
_CONTINUE = const(0x5F)  # 2.31
_BAD_OPTION = const(0x82)  # 4.02
_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03
_PROXYING_NOT_SUPPORTED = const(0xA5)  # 5.05

_BLOCK2 = const(23)
_BLOCK1 = const(27)
_PROXY_URI = const(35)
_PROXY_SCHEME = const(39)
# Longest value of the critical options understood here: Uri-Host, Uri-Port, Uri-Path, Uri-Query,
# Accept (RFC 7252 section 5.10), Block2 and Block1 (RFC 7959). Path and query repeat.
_LONGEST = {3: 255, 7: 2, 11: 255, 15: 255, 17: 2, 23: 3, 27: 3}
_REPEATABLE = const((11, 15))

_KNOWN_LIMIT = const(8)  # reads that are remembered
_KNOWN_SIZE = const(80)  # and the longest of them, in bytes of their options
_LATE_LIMIT = const(4)  # separate responses that wait for their turn
_BLOCKS_S = const(121)  # block-wise transfers are given up; the peer repeats one for 93 s

# Transmission parameters (RFC 7252 section 4.8)
_ACK_TIMEOUT_MS = const(2000)
_MAX_RETRANSMIT = const(4)
_MAX_TRANSMIT_WAIT_MS = const(93000)
_SEPARATE_MS = const(20000)  # after its ACK a response is awaited so long without a doubt

_SILENCE = const(-1)  # a response code: the request is not answered at all
_IDLE_MS = const(86400000)  # the longest wait that poll() asks for: the clock wraps


def _ignore(message=None):
    pass


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
        self.begin(chance)

    def begin(self, chance):
        self.left = _MAX_RETRANSMIT
        self.timeout_ms = _ACK_TIMEOUT_MS + _ACK_TIMEOUT_MS * chance // 510
        self.since = self.clock.ticks_ms()  # it was sent, or acknowledged

    def poll(self, transmit):
        """Retransmits when it is time; the milliseconds left, or 0 when it is given up."""
        clock = self.clock
        now = clock.ticks_ms()
        left_ms = self.timeout_ms - clock.ticks_diff(now, self.since)
        if left_ms > 0:
            return left_ms
        if self.left <= 0:
            return 0
        self.left -= 1
        self.timeout_ms *= 2
        self.since = now
        transmit(self.data)
        return self.timeout_ms


class Endpoint:
    """Both roles of CoAP towards one peer.

    `send(data)` sends one datagram (a memoryview that is only valid during the call) and may
    raise OSError: the datagram then counts as lost. `handler(request, response)` fills the
    response or raises Error; leaving `response.code` EMPTY means that `respond()` follows
    (a separate response), SILENCE (-1) that nothing does. `clock` has MicroPython's ticks_ms,
    ticks_add and ticks_diff; `random(n)` returns n random bytes; `log(text)` hears of faults.
    `size` is the longest message sent, in bytes (RFC 7252 section 4.6).

    What is longer than `block_size` goes in blocks of that size, or smaller where the peer asks
    for it (RFC 7959): a power of two from 16 to 1024 that leaves room for options in `size`.
    Handlers see and give payloads as a whole. `body_limit` is the longest payload in bytes that
    is put together or kept for it; a longer one is refused (4.13) or made anew for each block.

    A handler may set `response.again` to a function that makes the payload anew: the same GET
    is then answered by it alone, until `forget()`.

    An idempotent request for which there is no memory is handled once more after `log()` has
    heard of it, which may have had some given back.
    """

    block_size = 512
    body_limit = 4096
    # Called with the first block of a request and whether there are more; returns what takes the
    # body in place of memory, or None. That has len() of what is there, extend(payload),
    # holds(start, payload) for a block that may have come before, and is the payload that the
    # handler gets in the end. All of it may raise Error.
    stream = None
    # Called when a confirmable message was repeated twice in vain, after 6 to 9 s, and then again;
    # and where a request was acknowledged 20 s ago and nothing followed.
    on_silence = None

    # What a new one has
    exchange = None  # NSTART = 1 (RFC 7252 section 4.7)
    malformed = 0  # datagrams dropped as no CoAP message, or too long for one
    repeated = 0  # retransmissions
    faults = 0  # handlers that failed with an unexpected error
    lost = 0  # datagrams that the link refused
    error = None  # the last unexpected one
    _acked = -1  # mid of the latest separate response taken
    _kept = None  # answers not to be given twice; made for the first of them
    _blocks = None  # block-wise transfers of the peer; made for the first of them
    _seconds = 0

    def __init__(self, send, handler, clock, random, log=_ignore, size=640):
        self.send = send
        self.handler = handler
        self.clock = clock
        self.random = random
        self.log = log
        self.wake = _ignore  # called when poll() should run soon
        self.buffer = bytearray(size)
        self._view = memoryview(self.buffer)
        self._in = Message()
        self.out = Message()
        self._own = Message()  # apart from out: a handler may send while it fills its response
        self._known = {}  # option bytes of a GET: (function for the payload, options to answer)
        self._late = []  # separate responses that wait for the exchange to end
        self._second_at = clock.ticks_ms()
        seed = random(2)
        self.mid = seed[0] << 8 | seed[1]
        self.on_reset = _ignore  # called with the mid of a RST that belongs to no exchange

    @property
    def idle(self):
        """True when a new exchange may begin."""
        return self.exchange is None and not self._late

    def forget(self, lasting=None):
        """Drops the reads that are remembered: what they were based on has changed.

        For the sake of memory alone those may stay that hold none which can be given back: whose
        answers' options, encoded and with the payload's marker, are `lasting`. The memory for
        duplicates goes then as well, if nothing is in it.
        """
        known = self._known
        while True:
            for key in known:
                if known[key][1] != lasting:
                    break
            else:
                break
            del known[key]
        if self._blocks:
            self._blocks.answers.clear()
        if lasting and not self._kept:
            self._kept = None

    # Receiving

    def receive(self, data):
        """Takes one datagram as bytes."""
        try:
            # The way of nearly every datagram: a GET with the options of one that was answered
            # before, only message id and token are new. All else goes the long way.
            if len(data) > 4 and data[1] == _GET:
                first = data[0]
                start = 4 + (first & 15)
                known = self._known.get(data[start:])
                if known is not None and 0x40 <= first <= 0x58 and start <= 12:
                    options = known[1]
                    try:
                        payload = known[0]()
                    except Exception:
                        payload = b""  # no value now: the handler tells why
                    begin = start + len(options)
                    end = begin + len(payload)
                    buffer = self.buffer
                    if payload and end <= len(buffer):
                        buffer[:start] = data[:start]
                        if first < 0x50:
                            buffer[0] = first | 0x20  # CON: the ACK has the same message id
                        else:
                            mid = self.next_mid()
                            buffer[2] = mid >> 8
                            buffer[3] = mid & 255
                        buffer[1] = _CONTENT
                        buffer[start:begin] = options
                        buffer[begin:end] = payload
                        self.transmit(self._view[:end])
                        return
            self._receive(data)
        except Exception as error:  # a bad datagram costs one datagram
            self.fault(error)

    def _receive(self, data):
        message = self._in
        try:
            start = message.decode(data)
            if not start:
                return
            code = message.code
            # Like GET a FETCH may be computed again, but not put together again.
            if code == _GET or (code == _FETCH and message.first(_BLOCK1) is None):
                if message.mtype < _ACK:
                    self.answer(message, None, data[start:])
                return
            self.wake()
            if code == _EMPTY:
                self._empty(message)
            elif code >> 5:
                self._response(message)
            elif message.mtype < _ACK:
                self._request(message)
            # else ignored: an ACK or RST never carries a request (section 4.2)
        except FormatError:
            self.malformed += 1
            if message.mtype == _CON:
                self._send_empty(_RST, message)

    def _empty(self, message):
        mtype = message.mtype
        exchange = self.exchange
        if mtype == _CON:  # a ping (RFC 7252 section 4.3)
            self._send_empty(_RST, message)
        elif not exchange or exchange.mid != message.mid:
            if mtype == _RST:
                self.on_reset(message.mid)
        elif mtype == _RST:
            self._finish(None if exchange.token else False)
        elif mtype == _ACK:
            if not exchange.token:
                self._finish(message)
            elif exchange.left >= 0:  # a further ACK puts nothing off
                # The response follows by itself (section 5.2.2), or never.
                exchange.left = -1
                exchange.timeout_ms = _MAX_TRANSMIT_WAIT_MS
                if self.on_silence:
                    exchange.timeout_ms = _SEPARATE_MS
                exchange.since = self.clock.ticks_ms()

    def _response(self, message):
        exchange = self.exchange
        mtype = message.mtype
        known = (
            message.code >> 5 in (2, 4, 5)  # other classes are reserved (section 12.1)
            and mtype != _RST
            and exchange
            and exchange.token == message.token
            and (mtype != _ACK or exchange.mid == message.mid)
            and _bad_option(message.options) < _BAD_OPTION
        )
        if mtype == _CON:
            # A reserved class or an answer nobody waits for is rejected (section 4.2), but the
            # late copy of one that was taken is acknowledged again (section 4.5).
            if known:
                self._acked = message.mid
            self._send_empty(_ACK if message.mid == self._acked else _RST, message)
        if known:
            self._finish(message)

    def _request(self, message):
        # One that is executed once, however often it arrives.
        kept = self._kept
        if kept is None:
            try:
                from coap import duplicates
            except MemoryError as error:  # not executed: it may come again
                self.fault(error)
                self._reply(message, _SERVICE_UNAVAILABLE)
                return
            self._kept = kept = duplicates.Duplicates()
        now_s = self.now_s()
        answer = kept.find(message.mid, message.token, now_s)
        if answer is None:
            if kept.full(now_s):
                self._reply(message, _SERVICE_UNAVAILABLE)
            else:
                self.answer(message, now_s, b"")
        elif message.mtype == _CON:
            code, whole = answer
            if whole is not None:
                self.transmit(whole)
            elif code == _EMPTY:  # still at work, a separate response follows
                self._send_empty(_ACK, message)
            else:
                self._reply(message, code)

    def answer(self, message, now_s, key):
        # Executes a request and sends the answer; with now_s the answer is kept, with the
        # option bytes `key` the read may be remembered.
        confirmable = message.mtype == _CON
        bad = _bad_option(message.options)
        if bad >= _BAD_OPTION:
            # A critical option drops a NON (section 5.4.1); 5.05 is due to both (5.10.2).
            if confirmable or bad != _BAD_OPTION:
                self._reply(message, bad)
            return
        out = self._prepare(message, _EMPTY)
        kept = self._kept
        once_more = idempotent = message.code & 1  # GET, PUT, FETCH and iPATCH
        try:
            if bad and not self.blocks().take(message, out):
                now_s = None  # nothing was executed
            else:
                while True:
                    try:
                        self.handler(message, out)
                        break
                    except MemoryError as error:
                        if not once_more:
                            raise
                        once_more = 0
                        self.fault(error)
                        self._prepare(message, _EMPTY)
                if bad or len(out.payload) > self.block_size:
                    self.blocks().cut(message, out)
        except Error as error:
            _fail(out, error.code, error.text)
        except Exception as error:
            if idempotent and isinstance(error, MemoryError):
                now_s = None  # a copy may find memory
            self.fault(error)
            _fail(out, _INTERNAL_SERVER_ERROR)
        code = out.code
        if code == _SILENCE:
            return
        size = 0
        if code == _EMPTY:
            if confirmable:
                self._send_empty(_ACK, message)
        else:
            try:
                size = out.encode(self.buffer)
            except Exception as error:  # the request was executed: it must not come again
                self.fault(error)
                code = _INTERNAL_SERVER_ERROR
                _fail(out, code)  # no text: it might need memory
                size = out.encode(self.buffer)
        start = 4 + len(message.token)
        if out.again and out.payload and len(key) <= _KNOWN_SIZE:
            if len(self._known) >= _KNOWN_LIMIT:
                self.forget()
            options = bytes(self._view[start : size - len(out.payload)])
            self._known[bytes(key)] = (out.again, options)
        if now_s is not None:
            # A diagnostic text is not worth its memory, nor is the echo of a Block1: a duplicate
            # hears the code alone. The duplicate of a NON hears nothing.
            whole = None
            if (
                code >> 5 == 2
                and size > start
                and confirmable
                and (out.payload or out.options[0][0] != _BLOCK1)
            ):
                try:
                    whole = bytes(self._view[:size])
                except MemoryError as error:
                    self.fault(error)
            self._kept = kept
            kept.keep(message.mid, message.token, code, now_s, whole)
        if size:
            self.transmit(self._view[:size])
        out.__init__()  # the memory of what it was made of

    def blocks(self):
        # The block-wise transfers with the peer, which are about to be used.
        blocks = self._blocks
        if blocks is None:
            from coap import block

            self._blocks = blocks = block.Blocks(self)
        blocks.due_s = self.now_s() + _BLOCKS_S
        return blocks

    def _prepare(self, message, code):
        # The head of an answer: piggy-backed on the ACK of a CON, a NON of its own else.
        out = self.out
        if message.mtype == _CON:
            out.__init__(_ACK, code, message.mid, message.token)
        else:
            out.__init__(_NON, code, self.next_mid(), message.token)
        return out

    def _reply(self, message, code):
        # A bare answer, not made by the handler.
        self._transmit(self._prepare(message, code))

    def fault(self, error):
        """Counts and logs what should not have happened."""
        self.faults += 1
        text = type(error).__name__
        try:
            text = "%s: %s" % (text, error)
            self.error = error
        except MemoryError:
            pass  # the name alone takes none
        self.log(text)

    # Sending

    def next_mid(self):
        self.mid = (self.mid + 1) & 0xFFFF
        return self.mid

    def request(self, code, options, payload, on_done):
        """Sends a confirmable request; only while `idle`, which is False until it ends.

        `on_done(message)` gets the response, or None after a time-out or a RST. The message
        is only valid during the call. Raises ValueError where it exceeds the buffer.
        """
        if len(payload) > self.block_size:
            from coap import upload

            upload.upload(self, code, options, payload, on_done)
        else:
            self.notify(self.random(4), options, payload, on_done, code)

    def notify(self, token, options, payload, on_done=None, code=_CONTENT, key=None):
        """Sends a notification or another separate response (RFC 7641, RFC 7252 section 5.2.2).

        With `on_done` it is confirmable, allowed only while `idle`, and `on_done(message)` is
        called with the ACK, None after a time-out, False after a RST. Without, it is
        non-confirmable. Returns the message id. Raises ValueError where it exceeds the buffer.

        Of a long payload it carries the first block; `key` tells the requests that fetch the
        rest (see coap.block.key), which else go to the handler.
        """
        if on_done and self.exchange:
            raise RuntimeError("not idle")
        own = self._own
        own.__init__(_CON if on_done else _NON, code, self.next_mid(), token, options, payload)
        if len(payload) > self.block_size:
            self.blocks().cut(own, own, key)
        data = self._view[: own.encode(self.buffer)]
        if on_done:
            data = bytes(data)  # kept for retransmission, the buffer is not
            expects = token if code < 32 else None  # a response answers a request only
            chance = self.random(1)[0]
            self.exchange = Exchange(own.mid, expects, data, on_done, self.clock, chance)
        self.transmit(data)
        return own.mid

    def respond(self, token, code, options=(), payload=b""):
        """Sends the separate response to a request that was left unanswered (section 5.2.2)."""
        if len(self._late) < _LATE_LIMIT:
            self._late.append((token, code, options, payload))
        else:
            self.lost += 1
        if not self.exchange:
            self._respond()
        self.wake()

    def _respond(self):
        token, code, options, payload = self._late.pop(0)
        try:
            self.notify(token, options, payload, _ignore, code)
        except Exception as error:  # too long: the peer still waits for an answer
            self.fault(error)
            self.notify(token, (), str(error).encode(), _ignore, _INTERNAL_SERVER_ERROR)

    def transmit(self, data):
        try:
            self.send(data)
        except OSError:
            self.lost += 1

    def _transmit(self, message):
        self.transmit(self._view[: message.encode(self.buffer)])

    def _send_empty(self, mtype, message):
        self._own.__init__(mtype, _EMPTY, message.mid)
        self._transmit(self._own)

    def _finish(self, message):
        on_done = self.exchange.on_done
        self.exchange = None
        try:
            on_done(message)
        except Exception as error:
            self.fault(error)

    def resume(self, pause_ms=0):
        """The way is free: what waits for an answer leaves at once, and then as if it were new.

        Else it could be silent for up to 32 s more, and be given up after a try or two. Nothing
        is done where it left within `pause_ms`.
        """
        exchange = self.exchange
        clock = self.clock
        if (
            exchange
            and exchange.left >= 0
            and clock.ticks_diff(clock.ticks_ms(), exchange.since) >= pause_ms
        ):
            exchange.begin(self.random(1)[0])
            self.transmit(exchange.data)
            self.wake()

    def cancel(self):
        """Gives up what is under way without telling anyone."""
        self.exchange = None
        self._late.clear()

    # Time

    def now_s(self):
        # Seconds that do not jump where the clock wraps: poll() asks at least once a day.
        clock = self.clock
        passed = clock.ticks_diff(clock.ticks_ms(), self._second_at) // 1000
        self._second_at = clock.ticks_add(self._second_at, passed * 1000)
        self._seconds += passed
        return self._seconds

    def poll(self):
        """Retransmits, gives up, forgets; returns the milliseconds until the next call."""
        wait_ms = _IDLE_MS
        exchange = self.exchange
        if exchange:
            left = exchange.left
            wait_ms = exchange.poll(self.transmit)
            if not wait_ms and left == -1 and self.on_silence:
                exchange.left = -2
                exchange.timeout_ms = wait_ms = _MAX_TRANSMIT_WAIT_MS - _SEPARATE_MS
                exchange.since = self.clock.ticks_ms()
                self.on_silence()
            elif not wait_ms:
                self._finish(None)
            elif left > exchange.left:
                self.repeated += 1
                if left < 4 and self.on_silence:
                    self.on_silence()
        elif self._late:
            self._respond()
            wait_ms = 0
        now_s = self.now_s()
        # Only memory is gained by it: no reason to be called.
        if self._blocks and now_s >= self._blocks.due_s:
            self._blocks = None
        kept = self._kept
        if kept:  # answers are in it
            if now_s >= kept.due_s:
                kept.expire(now_s)
            wait_ms = min(wait_ms, (kept.due_s - now_s) * 1000)
        return wait_ms


def _fail(out, code, text=""):
    # Makes an answer that was begun, and may be half done, one of an error.
    out.code = code
    out.options = ()
    out.payload = text.encode()
    out.again = None


def _bad_option(options):
    # The code for a critical option that is unknown, too long or repeated (sections 5.4.1 to
    # 5.4.5). Else 2.31 where a Block option is among them, or 0. Elective ones are ignored.
    last = code = 0
    for number, value in options:
        if number & 1:
            if number == _PROXY_URI or number == _PROXY_SCHEME:
                return _PROXYING_NOT_SUPPORTED
            if len(value) > _LONGEST.get(number, -1) or (
                number == last and number not in _REPEATABLE
            ):
                return _BAD_OPTION
            if number == _BLOCK2 or number == _BLOCK1:
                code = _CONTINUE
        last = number
    return code
