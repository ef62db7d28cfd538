"""Processors and processes: run on one CPU, find a child, read its CPU time."""

import contextlib
import os
import subprocess
import sys
import time

from tools.errors import UserError

# Whether CPU time is told to a fraction of a microsecond; elsewhere (ps) in steps of 10 ms.
FINE = sys.platform.startswith("linux")


@contextlib.contextmanager
def one_cpu():
    """This process and those it starts run on one CPU; yields False where that cannot be set."""
    try:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(allowed)})
    except (AttributeError, OSError):
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setaffinity(0, allowed)


def _ps(*arguments):
    try:
        return subprocess.run(
            ["ps", *arguments], check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def only_child(pid):
    """The process id of the one child of a process; None when it has none or several."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
    except OSError:
        pairs = [line.split() for line in _ps("-A", "-o", "pid=,ppid=").splitlines()]
        children = [child for child, parent in pairs if parent == str(pid)]
    return int(children[0]) if len(children) == 1 else None


def cpu_s(pid):
    """Seconds of CPU time that a process has used, in user and in system mode."""
    try:
        if FINE:
            # The number of another process's clock, as clock_getcpuclockid(3) makes it.
            return time.clock_gettime(~pid << 3 | 2)
        seconds = 0.0
        for part in _ps("-o", "time=", "-p", str(pid)).strip().split(":"):  # [HH:]MM:SS.cc
            seconds = seconds * 60 + float(part)
        return seconds
    except (OSError, ValueError):
        raise UserError("the device under test has ended: run the bench again") from None
