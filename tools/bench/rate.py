"""Reads per second of the firmware, as a share of what a bare echo does in the same run.

Generator, echo and firmware share one CPU, so the share holds on any host. Echo and firmware
take turns; each share is of two slices side by side, and which of them is first alternates.
"""

import contextlib

from tools.bench import cpu, wire
from tools.bench.figures import Figure, Result, median
from tools.bench.generator import Generator
from tools.bench.processes import interpreter_of

_START_S = 20
_PAUSE_S = 0.0002


class _CPU:
    """CPU time per answer, in microseconds, from parts of a measurement."""

    def __init__(self):
        self._parts = []
        self._seconds = 0.0
        self._count = 0

    def add(self, seconds, count):
        self._parts.append(seconds / max(count, 1) * 1e6)
        self._seconds += seconds
        self._count += count

    def figure(self):
        if cpu.FINE:
            return median(self._parts)
        return Figure(self._seconds / max(self._count, 1) * 1e6)


class _Device:
    """One end of the comparison: where it is and what it did in each slice."""

    def __init__(self, generator, address, pid, code):
        self._generator = generator
        self._address = address
        self._pid = pid
        self._code = code
        self.rates = []  # answers per second of each slice
        self.busy = _CPU()
        self.alone = _CPU()
        self.lost = 0

    def warm_up(self, seconds):
        self._generator.run(self._address, self._code, seconds)

    def slice(self, seconds):
        done = self._run(self.busy, seconds=seconds)
        self.rates.append(done.count / done.seconds)

    def one_by_one(self, count):
        """The device has gone to sleep when the next datagram comes."""
        self._run(self.alone, count=count, pause_s=_PAUSE_S)

    def _run(self, cpu_time, **how):
        before = cpu.cpu_s(self._pid)
        done = self._generator.run(self._address, self._code, **how)
        cpu_time.add(cpu.cpu_s(self._pid) - before, done.count)
        self.lost += done.lost
        return done


def measure(workshop, progress, slices=20, slice_s=0.5, alone=200):
    result = Result()
    with contextlib.ExitStack() as stack:
        on_one = stack.enter_context(cpu.one_cpu())
        generator = stack.enter_context(Generator())
        process = stack.enter_context(workshop.echo(generator.port))
        _, address = generator.first_datagram(process, _START_S)
        echo = _Device(generator, address, process.pid, wire.GET)
        board = stack.enter_context(workshop.board(generator.port))
        _, address = generator.first_datagram(board, _START_S)
        reads = _Device(generator, address, interpreter_of(board), wire.CONTENT)
        both = [echo, reads]
        for device in both:
            device.warm_up(min(slice_s, 0.3))
        for number in range(slices):
            for device in both:
                device.slice(slice_s)
                device.one_by_one(alone)
            both.reverse()
            progress(f"slice {number + 1} of {slices}")
        board.check()
    shares = [read / bare for read, bare in zip(reads.rates, echo.rates, strict=True)]
    result.figures = {
        "read_share": median(shares),
        "echo_rate": median(echo.rates),
        "read_rate": median(reads.rates),
        "echo_cpu": echo.busy.figure(),
        "read_cpu": reads.busy.figure(),
        "echo_cpu_alone": echo.alone.figure(),
        "read_cpu_alone": reads.alone.figure(),
    }
    where = "all on one CPU" if on_one else "NOT on one CPU: this system cannot set it"
    result.notes.append(
        f"reads: {slices} slices of {slice_s:g} s each, in turns, --heap {workshop.heap}, "
        f"one request under way, {where}"
    )
    result.notes.append(
        "alone: the device sleeps before each datagram; in a slice the next one is often there "
        "already"
    )
    if echo.lost or reads.lost:
        result.notes.append(f"lost datagrams: echo {echo.lost}, firmware {reads.lost}")
    return result
