"""The driver of the Wi-Fi module at its wires: bytes of commands, grammar of answers, phases."""

from errno import EAGAIN, ECONNABORTED, ECONNRESET, EINVAL, EIO, ENOBUFS, ETIMEDOUT

from helpers import raises
from radio import Clock

from firmware.drivers.ism43362 import ISM43362

PROMPT = b"\x15\x15\r\n> "
OK = b"\r\nOK\r\n> "


class Wires:
    """What a logic analyser sees. `answers` are raw, in the order of the module's characters."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []
        self.now = b""  # of the answer that is read
        self.busy = 0  # looks at DRDY for which it stays low
        self.ready = True
        self.selected = False
        self.read = False
        self.silent = False
        self.broken = False
        self.lines = []

    def cs(self, level):
        if level and self.selected and self.read and not self.now:
            self.ready = True
        self.selected = not level
        self.read = False

    def reset(self, level):
        self.lines.append(level)

    def drdy(self):
        return self.level()

    def level(self):
        if self.busy:
            self.busy -= 1
            return 0
        return 1 if self.ready or self.now else 0

    def write(self, data):
        if self.broken:
            raise OSError(ETIMEDOUT, "bus")
        assert self.selected and not self.now
        self.sent.append(bytes(data))
        self.answer()

    def answer(self):
        self.ready = False
        if self.silent:
            return
        self.busy = 3
        answer = self.answers.pop(0) if self.answers else b""
        self.now = swapped(answer + b"\x15" * (len(answer) % 2))

    def readinto(self, data, fill):
        assert self.selected and fill == 0x0A and len(data) % 2 == 0
        piece = self.now[: len(data)]
        data[:] = piece + b"\x15" * (len(data) - len(piece))
        self.now = self.now[len(data) :]
        self.read = True


def swapped(data):
    return bytes([data[i ^ 1] for i in range(len(data))])


class Bench:
    """A driver at `Wires` that has started; `ask()` gives its answer."""

    def __init__(self, *answers, prompt=PROMPT):
        self.clock = Clock()
        self.wires = wires = Wires(*answers)
        self.driver = ISM43362(wires, wires.cs, wires.drdy, wires.reset, self.clock)
        wires.ready = False
        self.polls = 0
        self.clock.advance(self.driver.poll())
        self.driver.poll()
        assert wires.lines == [0, 1]
        wires.now = swapped(prompt)
        self.wait()

    def wait(self, limit_ms=70000):
        began = self.clock.now
        while self.driver.answer is None:
            wait_ms = self.driver.poll()
            assert 0 <= wait_ms <= 50
            self.clock.advance(wait_ms)
            assert self.clock.now - began < limit_ms
        self.waited_ms = self.clock.now - began
        return self.driver.answer

    def ask(self, *command, data=b""):
        self.driver.start(*command, data=data)
        return self.wait()


def number(answer):
    assert isinstance(answer, OSError), answer
    return answer.errno


def test_bytes_on_the_wire():
    """The text goes out in pairs, the low byte first."""
    bench = Bench(b"\r\nX\r\nOK\r\n> ", b"\r\n5\r\nOK\r\n> ", b"\r\n4\r\nOK\r\n> ")
    assert bench.driver.answer == b""
    assert bench.ask("I?") == b"X"
    assert bench.wires.sent == [b"\x3f\x49\x0a\x0d"]
    assert bench.ask("S3=0005", data=b"abcde") == b"5"
    assert bench.wires.sent[1] == swapped(b"S3=0005\rabcde\n")
    assert bench.ask("S3=0004", data=b"abcd") == b"4"
    assert bench.wires.sent[2] == swapped(b"S3=0004\rabcd")


def test_answers():
    """Raw answer, extra line ends of the firmware, and what the driver makes of it."""
    tail = b"data\r\nOK\r\n> "
    for raw, extra, expected in (
        (b"\r\n\r\nOK\r\n> ", 0, b""),
        (b"\r\n-53\r\nOK\r\n> ", 0, b"-53"),
        (b"\x15\x15\x15\r\n1\r\nOK\r\n> ", 0, b"1"),
        (b"\r\n1\r\nOK\r\n> \x15\x15\x15", 0, b"1"),
        (b"\r\n\r\n\r\nOK\r\n> ", 2, b""),
        (b"\r\nabc\r\n\r\nOK\r\n> ", 2, b"abc"),
        (b"\r\nab\r\n\r\n\r\nOK\r\n> ", 2, b"ab\r\n"),
        (b"\r\n\r\nOK\r\n> ", 2, b""),
        # A datagram may hold whatever it likes.
        (b"\r\n" + tail + OK, 0, tail),
        (b"\r\n\x15\x15\r\n> \r\nOK\r\n> \x15" + OK, 0, b"\x15\x15\r\n> \r\nOK\r\n> \x15"),
        (b"\r\nERROR\r\n> " + OK, 0, b"ERROR\r\n> "),
        (b"\r\n-1" + OK, 0, b"-1"),
        (b"\r\n" + bytes(range(256)) * 4 + OK, 0, bytes(range(256)) * 4),
        (b"\r\n" + b"\x15" * 1200 + OK, 0, b"\x15" * 1200),
        (b"\r\nERROR\r\n> ", 0, EINVAL),
        (b"\r\n\r\nERROR\r\n> ", 0, EINVAL),
        (b"\r\n-1\r\nERROR\r\n> ", 0, EINVAL),
        (b"\r\nERROR: Usage: P6=<0|1>\r\n> ", 0, EINVAL),
        (b"\r\n[JOIN   ] desk\r\n[JOIN   ] Failed\r\nERROR\r\n> ", 0, EINVAL),
        (PROMPT, 0, ECONNRESET),
        (b"\r\nwhat is this", 0, EIO),
        (b"\r\nOK\r\n> ", 0, EIO),  # the body's end is the beginning of OK: cut
        (b"OK\r\n> ", 0, EIO),
        (b"\r", 0, EIO),
        (b"\x00" * 7, 0, EIO),
    ):
        bench = Bench(raw)
        bench.driver.extra = extra
        answer = bench.ask("R0")
        if isinstance(expected, int):
            assert number(answer) == expected, (raw, answer)
        else:
            assert answer == expected, (raw, answer)
        assert not bench.wires.selected


def test_no_memory_for_an_answer():
    """It was read, so the next command has its own."""
    bench = Bench(b"\r\n" + b"x" * 1200 + OK, b"\r\n1" + OK)
    parse = bench.driver._parse

    def no_memory(start, end):
        raise MemoryError

    bench.driver._parse = no_memory
    assert number(bench.ask("R0")) == EIO
    bench.driver._parse = parse
    assert bench.ask("CS") == b"1"


def test_datagrams_of_all_lengths():
    for length in list(range(40)) + [1151, 1152, 1199, 1200]:
        data = bytes([(7 * i + length) & 255 for i in range(length)])
        bench = Bench(b"\r\n%d\r\nOK\r\n> " % length, b"\r\n" + data + OK)
        bench.ask("S3=%04d" % length, data=data)
        sent = bench.wires.sent[0]
        assert len(sent) % 2 == 0
        assert swapped(sent)[: 8 + length] == b"S3=%04d\r" % length + data
        assert bench.ask("R0") == data


def test_one_command_at_a_time():
    bench = Bench()
    bench.driver.start("CS")
    assert raises(OSError, bench.driver.start, "CR").errno == EAGAIN
    bench = Bench()
    for size in (1201, 5000):
        error = raises(OSError, bench.driver.start, "S3=%04d" % size, 3000, bytes(size))
        assert error.errno == ENOBUFS
    assert bench.driver.answer == b""  # nothing was begun


def test_every_wait_has_an_end():
    clock = Clock()
    wires = Wires()
    wires.ready = False
    driver = ISM43362(wires, wires.cs, wires.drdy, wires.reset, clock)
    bench = Bench()
    bench.driver, bench.wires, bench.clock = driver, wires, clock
    assert number(bench.wait()) == ETIMEDOUT  # no prompt
    assert 3000 <= bench.waited_ms < 3200

    bench = Bench()
    bench.wires.ready = False
    assert number(bench.ask("CS")) == ECONNABORTED  # takes no command
    assert 3000 <= bench.waited_ms < 3100 and not bench.wires.sent

    for limit_ms in (1000, 3000, 65000):
        bench = Bench()
        bench.wires.silent = True
        assert number(bench.ask("C0", limit_ms)) == ETIMEDOUT
        assert limit_ms <= bench.waited_ms < limit_ms + 100


def test_a_module_that_hangs_does_not_hang_us():
    """DRDY high and 0x15 for ever."""
    bench = Bench()
    bench.wires.level = lambda: 1
    bench.wires.answer = lambda: None
    assert number(bench.ask("CS")) == ECONNABORTED
    assert bench.waited_ms < 50
    # The same where there is an answer before.
    bench = Bench(b"\r\n1\r\nOK\r\n> ")
    bench.wires.level = lambda: 1
    assert number(bench.ask("CS")) == ECONNABORTED


def test_drdy_falls_late_or_is_too_quick_to_be_seen():
    bench = Bench(b"\r\n1\r\nOK\r\n> ")
    levels = [1] + [1] * 10 + [0] * 4  # before the command, then late, then busy
    level = bench.wires.level
    bench.wires.level = lambda: levels.pop(0) if levels else level()
    assert bench.ask("CS") == b"1"
    bench = Bench(b"\r\n1\r\nOK\r\n> ")
    level = bench.wires.level

    def never_low():
        bench.wires.busy = 0
        return level()

    bench.wires.level = never_low
    assert bench.ask("CS") == b"1"
    assert bench.waited_ms < 20


def test_the_bus_may_fail():
    bench = Bench()
    bench.wires.broken = True
    assert number(bench.ask("CS")) == ETIMEDOUT
    assert bench.waited_ms < 10
    assert not bench.wires.selected
