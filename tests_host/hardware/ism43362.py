"""The Wi-Fi module Inventek ISM43362-M3G-L44 as its host sees it: SPI bytes and four pins.

`Module` keeps the phases of the SPI interface and is strict about them: what a host must not do
raises `Misuse`. What the commands mean is in ism43362_commands.py, what is out there in
access_point.py. Nothing happens by itself: the clock is looked at when a pin or the bus is used.
"""

from access_point import AccessPoint
from ism43362_commands import Commands
from ism43362_faults import Faults

NAK = b"\x15"  # what is read where there is nothing to read
PROMPT = b"\x15\x15\r\n> "

_OFF = 0  # held in reset
_BOOT = 1
_IDLE = 2  # DRDY high: ready for a command
_BUSY = 3  # DRDY low
_DATA = 4  # DRDY high: an answer waits
_PAUSE = 5  # DRDY low: the answer was read, not ready yet

_FILLERS = b"\n\x00\xff"  # what a host may clock out while it reads
_RESET_MS = 10
_SETUP_US = 15
_LONGEST = 1460 + 9  # bytes of a command, payload and pad


class Misuse(AssertionError):
    """The host did what the module does not take."""


class Pin:
    """A line between host and module, used as a `machine.Pin`."""

    OUT = 1
    IN = 0

    def __init__(self, level=None, changed=None):
        self._level = level
        self._changed = changed

    def value(self, value=None):
        if value is None:
            return self._level
        value = 1 if value else 0
        if value != self._level:
            self._level = value
            if self._changed:
                self._changed(value)
        return None

    __call__ = value

    def init(self, mode=-1, pull=None, *, value=None, alt=-1):
        if value is not None:
            self.value(value)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high = on
    low = off


class _Output(Pin):
    """DRDY: driven by the module."""

    def __init__(self, level):
        super().__init__()
        self._read = level

    def value(self, value=None):
        if value is not None:
            raise Misuse("DRDY is driven by the module")
        return self._read()

    __call__ = value


class _SPI:
    """The bus, used as a `machine.SPI`."""

    def __init__(self, transfer):
        self._transfer = transfer

    def init(self, *args, **kw):
        pass

    def deinit(self):
        pass

    def write(self, buf):
        self._transfer(bytes(buf), None)

    def readinto(self, buf, write=0):
        self._transfer(bytes([write]) * len(buf), buf)

    def read(self, nbytes, write=0):
        buf = bytearray(nbytes)
        self.readinto(buf, write)
        return bytes(buf)

    def write_readinto(self, write_buf, read_buf):
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        self._transfer(bytes(write_buf), read_buf)


class Module:
    """A module that has just got its supply, near an `AccessPoint`.

    For the host: `spi`, the pins `cs`, `reset` (both low active), `drdy` and `wakeup` (no matter
    which level it has). `ticks` has MicroPython's `ticks_ms`, `ticks_add` and `ticks_diff`.

    Times in ms: `boot_ms` from reset to the prompt; `busy_ms` of a command that waits for nothing
    else; `lag_ms` DRDY takes to fall after a command; `gap_ms` from the end of an answer until
    the next command is taken. `linger` is the number of 16-bit words for which DRDY stays high
    after the last one of an answer, `lead` the number of bytes 0x15 before each answer. Firmware
    C6 adds a line end before OK and swallows datagrams of a single byte. With `now_us`, a function
    that tells the microseconds, the time between CS and the first word is checked, too.

    `fault(...)` makes a transaction fail by name, `faults.share` some of all by chance: see
    ism43362_faults.py. `log` holds the last commands, without the passphrase.
    """

    def __init__(
        self,
        ticks,
        access_point=None,
        firmware="C3.5.2.5.STM",
        boot_ms=500,
        busy_ms=1,
        lag_ms=0,
        gap_ms=0,
        linger=0,
        lead=0,
        seed=1,
        now_us=None,
    ):
        self.ticks = ticks
        self.access_point = access_point or AccessPoint()
        self.firmware = firmware
        self.boot_ms = boot_ms
        self.busy_ms = busy_ms
        self.lag_ms = lag_ms
        self.gap_ms = gap_ms
        self.linger = linger
        self.lead = lead
        self._now_us = now_us
        self.faults = Faults(seed)
        self.fault = self.faults.add
        self.log = []
        self.resets = 0  # by the pin
        self.boots = 0
        self.commands = None
        self.spi = _SPI(self.transfer)
        self.cs = Pin(1, self._on_cs)
        self.reset = Pin(1, self._on_reset)
        self.wakeup = Pin(0)
        self.drdy = _Output(self._drdy)
        self._boot()

    # -- the pins

    def _on_reset(self, level):
        if not level:
            self.resets += 1
            self._off()
            self._since = self.ticks.ticks_ms()
        elif self.ticks.ticks_diff(self.ticks.ticks_ms(), self._since) < _RESET_MS:
            raise Misuse("reset low for less than %d ms" % _RESET_MS)
        else:
            self._boot()

    def close(self):
        """Gives back the sockets of the host."""
        if self.commands:
            self.commands.close()

    def _off(self):
        self.close()
        self._phase = _OFF
        self._received = bytearray()

    def _boot(self):
        """What a reset does, by the pin or by a fault of its own."""
        self._off()
        self.boots += 1
        self.commands = Commands(self.access_point, self.ticks, self.firmware, self.busy_ms)
        self._enter(_BOOT, self.boot_ms)

    def _enter(self, phase, wait_ms):
        self._phase = phase
        self._since = self.ticks.ticks_ms()
        self._due = self.ticks.ticks_add(self._since, wait_ms)

    def _left_ms(self, due):
        return self.ticks.ticks_diff(due, self.ticks.ticks_ms())

    def wait_ms(self):
        """Milliseconds until DRDY may change by itself; None while only the host can do that."""
        self._run()
        if self._phase in (_BOOT, _PAUSE):
            return self._left_ms(self._due)
        if self._phase == _BUSY and not self._stuck:
            return max(self._left_ms(self._due), 1)
        return None

    def _run(self):
        """Takes over what time has brought."""
        if self._phase in (_BOOT, _PAUSE, _BUSY) and self._left_ms(self._due) <= 0:
            if self._phase == _BOOT:
                self._answer(PROMPT)
            elif self._phase == _PAUSE:
                self._phase = _IDLE
            elif not self._stuck:
                self._complete()

    def _drdy(self):
        self._run()
        if self._phase == _IDLE:
            return 1
        if self._phase == _DATA:
            return 1 if self._storm or self._at < len(self._out) + 2 * self.linger else 0
        if self._phase == _BUSY:
            # The module takes a moment to see that CS has risen.
            since = self.ticks.ticks_add(self._since, self.lag_ms)
            return 1 if self._left_ms(since) > 0 else 0
        return 0

    def _on_cs(self, level):
        self._run()
        if not level:
            self._clocked = 0
            self._selected_us = self._now_us() if self._now_us else 0
            self._received = bytearray()
            return
        if self._clocked % 2:
            raise Misuse("%d bytes while CS was low: 16-bit words come in pairs" % self._clocked)
        if self._phase == _IDLE and self._received:
            received, self._received = self._received, bytearray()
            self._command(bytes(received))
        elif self._phase == _DATA and not self._storm and self._at >= len(self._out):
            self._enter(_PAUSE, self.gap_ms)

    # -- the bus

    def transfer(self, sent, into):
        """Clocks bytes both ways; `into` is None where the host does not look at what comes."""
        self._run()
        if self.cs.value():
            raise Misuse("bytes while CS is high")
        if self._now_us and self._now_us() - self._selected_us < _SETUP_US:
            raise Misuse("bytes less than %d us after CS has fallen" % _SETUP_US)
        self._clocked += len(sent)
        if self._phase == _OFF:
            raise Misuse("bytes while the module is held in reset")
        if self._phase == _BOOT:
            raise Misuse("bytes before the prompt of the start")
        if self._phase == _BUSY:
            raise Misuse("bytes while the module is busy (DRDY low)")
        if self._phase == _PAUSE:
            raise Misuse("bytes before DRDY is high again after an answer")
        reads = all([byte in _FILLERS for byte in sent]) and (into is not None)
        if self._phase == _DATA:
            if not reads:
                raise Misuse("a command, but the answer before it (or the prompt) is not read")
            self._hand_out(into)
            return
        if reads and not self._received:
            raise Misuse("a read, but there is no answer")
        self._received.extend(sent)
        if len(self._received) > _LONGEST:
            raise Misuse("a command of more than %d bytes" % _LONGEST)
        if into is not None:
            for i in range(len(into)):
                into[i] = NAK[0]

    def _hand_out(self, into):
        if len(into) % 2:
            raise Misuse("a read of %d bytes: 16-bit words come in pairs" % len(into))
        for i in range(len(into)):
            # The low byte of a word is the first character, and the high byte is sent first.
            at = (self._at + i) ^ 1
            into[i] = self._out[at] if at < len(self._out) else NAK[0]
        self._at += len(into)

    def _command(self, received):
        command, payload = _split(bytes([received[i ^ 1] for i in range(len(received))]))
        self.log.append(b"C2=***" if command.startswith(b"C2=") else command)
        del self.log[:-200]
        self._fault = self.faults.choose(command)
        wait_ms = self.commands.begin(command, payload)
        if self._fault == "late":
            wait_ms += self.faults.late_ms
        self._stuck = self._fault == "stuck"
        self._enter(_BUSY, wait_ms)

    def _complete(self):
        """The end of a command: its effect, and then what becomes of the answer."""
        fault = self._fault
        if fault == "reset":
            self._boot()
            return
        answer = self.faults.refusal(fault) or self.commands.end(fault)
        if answer is None:
            self._due = self.ticks.ticks_add(self.ticks.ticks_ms(), 1)  # it waits for a datagram
        else:
            self._answer(NAK * self.lead + self.faults.spoil(fault, answer), fault == "storm")

    def _answer(self, data, storm=False):
        self._out = b"" if storm else data + NAK * (len(data) % 2)
        self._storm = storm
        self._at = 0
        self._phase = _DATA


def _split(data):
    """(command, payload or None) of what was received; Misuse where it has not that form."""
    text, end, rest = data.partition(b"\r")
    if not end:
        raise Misuse("no CR in the command %r" % text[:8])
    payload = None
    if text.startswith(b"S3="):
        digits = text[3:]
        if len(digits) != 4 or not digits.isdigit():
            raise Misuse("%r: the size has four digits" % text)
        size = int(digits)
        if len(rest) < size:
            raise Misuse("%r: only %d bytes came" % (text, len(rest)))
        payload, rest = rest[:size], rest[size:]
    if rest not in (b"", b"\n"):
        raise Misuse("%d bytes after the end of %r" % (len(rest), text[:8]))
    return text, payload
