"""Inventek ISM43362-M3G-L44 (eS-WiFi) over SPI: one command, one answer.

AT commands in 16-bit words, the low byte first: with 8-bit transfers the bytes of each pair are
swapped. DRDY high means that the module takes a command or, after one, that the answer is there.
"""

from errno import EAGAIN, ECONNABORTED, ECONNRESET, EINVAL, EIO, ENOBUFS, ETIMEDOUT

from micropython import const

ANSWER_MS = const(5000)  # what most commands take at most
DATAGRAM = const(1200)  # the longest, in bytes, that is sent or asked for

_SIZE = const(1248)  # an answer with one datagram, in whole chunks
_CHUNK = const(32)  # read between looks at DRDY
_NAK = const(0x15)  # padding, and what is read past the end
_FILL = const(0x0A)
_SETUP_US = const(1000)  # from CS low to the first word; 15 at least
_RESET_MS = const(50)
_BOOT_MS = const(3000)
_READY_MS = const(3000)  # to take a command
_FALL_MS = const(5)  # DRDY falls within, or it was too quick to be seen
_LOOKS = const(8)
_REST_MS = const(1000)

_OK = const(b"\r\nOK\r\n> ")
_OK_SIZE = const(8)
_PROMPT = const(b"\r\n> ")

# What it waits for
_NOTHING = const(0)
_RESET = const(1)  # the end of the reset pulse
_BOOT = const(2)  # the prompt
_READY = const(3)  # DRDY, to send the command
_FALL = const(4)  # DRDY to fall
_WORK = const(5)  # DRDY, to read the answer


class ISM43362:
    """The module at a finished SPI bus (mode 0, 8 bits, 10 MHz at most) and three pins.

    `cs` and `reset` are driven, `drdy` is looked at; `ticks` has MicroPython's ticks_ms,
    ticks_diff and sleep_us. It begins with a reset. Nothing waits here but for 1 ms at each end
    of a command: `poll()` does what is due. Then `answer` is None while there is none, bytes (the
    body of the answer), or an OSError, with these numbers:

    EINVAL the module says ERROR; EIO its answer makes no sense, or there is no memory for it;
    ETIMEDOUT it has none, ECONNABORTED it takes no command any more, or its output never ends;
    ECONNRESET it has restarted by itself and knows nothing.

    After the last three only `restart()` helps: an answer that comes later would be taken for the
    next command's.

    `buffer` holds the last command or answer.
    """

    extra = 0  # more bytes of line ends before the OK: 2 with firmware C6

    def __init__(self, spi, cs, drdy, reset, ticks):
        self._spi = spi
        self._cs = cs
        self._drdy = drdy
        self._reset = reset
        self.ticks = ticks
        self.buffer = bytearray(_SIZE)
        self._chunk = bytearray(_CHUNK)
        self.restart()

    def restart(self):
        """Resets the module. The answer is b"" when it takes commands, after 0.5 to 1 s."""
        self._cs(1)
        self._reset(0)
        self._owed = True  # the module has, or will have, something to be read
        self._wait(_RESET, _RESET_MS)

    def start(self, command, timeout_ms=ANSWER_MS, data=b""):
        """Begins a command; the text without its CR, and for S3 the data.

        OSError with EAGAIN while another one is under way, with ENOBUFS for too much.
        """
        if self.answer is None:
            raise OSError(EAGAIN, "a command is under way")
        head = (command + "\r").encode()
        size = len(head)
        end = size + len(data)
        if len(data) > DATAGRAM or end > _SIZE:
            raise OSError(ENOBUFS, "too long for the module")
        buffer = self.buffer
        buffer[:size] = head
        buffer[size:end] = data
        if end & 1:
            buffer[end] = _FILL
        self._length = end + (end & 1)
        self._timeout_ms = timeout_ms
        self._owed = False
        self._wait(_READY, _READY_MS)

    def poll(self):
        """Does what is due; returns the milliseconds until it wants to be called again."""
        state = self._state
        if state == _NOTHING:
            return _REST_MS
        waited_ms = self.ticks.ticks_diff(self.ticks.ticks_ms(), self._since)
        if state == _RESET:
            if waited_ms < _RESET_MS:
                return _RESET_MS - waited_ms
            self._reset(1)
            self._wait(_BOOT, _BOOT_MS)
            return _RESET_MS
        ready = self._drdy()
        if state == _FALL:
            if ready and waited_ms < _FALL_MS:
                return 1
            state = self._state = _WORK
        if ready:
            try:
                if state == _READY:
                    self._write()
                else:
                    self._read()
            except OSError as error:  # of the bus
                self._end(error)
            except KeyboardInterrupt:  # the program may go on, and wants to say good-bye
                if not self._owed:
                    self._end(OSError(EIO, "interrupted"))
                raise
            return 1 if self.answer is None else 0
        if waited_ms >= self._limit_ms:
            self._end(
                OSError(ECONNABORTED if state == _READY else ETIMEDOUT, "the module is silent")
            )
            return 0
        return 1 if waited_ms < 20 else min(waited_ms >> 4, 50)

    def _wait(self, state, limit_ms):
        self.answer = None
        self._state = state
        self._since = self.ticks.ticks_ms()
        self._limit_ms = limit_ms

    def _end(self, answer):
        self._state = _NOTHING
        self.answer = answer

    def _swap(self, size):
        buffer = self.buffer
        for i in range(0, size, 2):
            buffer[i], buffer[i + 1] = buffer[i + 1], buffer[i]

    def _write(self):
        sent = memoryview(self.buffer)[: self._length]  # before anything else: it takes memory
        self._swap(self._length)
        self._wait(_FALL, self._timeout_ms)
        try:
            self._cs(0)
            self.ticks.sleep_us(_SETUP_US)
            self._owed = True
            self._spi.write(sent)
        except MemoryError:
            self._end(OSError(EIO, "no memory"))
        finally:
            self._cs(1)
        for _ in range(_LOOKS):  # it falls within microseconds
            if self._state == _FALL and not self._drdy():
                self._state = _WORK

    def _read(self):
        drdy = self._drdy
        buffer = self.buffer
        chunk = self._chunk
        size = 0
        try:
            self._cs(0)
            self.ticks.sleep_us(_SETUP_US)
            while self._owed and size < _SIZE:
                self._spi.readinto(chunk, _FILL)
                buffer[size : size + _CHUNK] = chunk
                size += _CHUNK
                self._owed = drdy()
        except KeyboardInterrupt:
            self._owed = drdy()
            raise
        finally:
            self._cs(1)
        self._swap(size)
        end = size
        while end and buffer[end - 1] == _NAK:
            end -= 1
        start = 0
        while start < end and buffer[start] == _NAK:
            start += 1
        if size == _SIZE and self._owed:
            self._end(OSError(ECONNABORTED, "the module's output has no end"))
        elif start < end:
            try:
                answer = self._parse(start, end)
            except MemoryError:  # it was read: nothing waits for us any more
                answer = OSError(EIO, "no memory")
            self._end(answer)
        else:  # it was not an answer yet: DRDY had not fallen
            self._owed = True

    def _parse(self, start, end):
        # From the end: a datagram may hold whatever a tail looks like.
        view = memoryview(self.buffer)
        body = end - _OK_SIZE
        if view[start : start + 2] == _PROMPT[:2]:
            if body >= start + 2 and view[body:end] == _OK:
                return bytes(view[start + 2 : max(start + 2, body - self.extra)])
            if view[start:end] == _PROMPT:
                if self._state == _BOOT:
                    return b""
                return OSError(ECONNRESET, "the module has restarted")
            if view[end - 4 : end] == _PROMPT and b"ERROR" in bytes(view[start:end]):
                return OSError(EINVAL, "the module says ERROR")
        return OSError(EIO, "the module's answer makes no sense")
