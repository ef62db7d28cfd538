"""Gives CPython what device code takes from MicroPython, and leaves out what only that can run."""

import signal

import only
import ticks  # noqa: F401

# Where the tests run in the background it may be ignored, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = [name + ".py" for name in only.MICROPYTHON]
# Needs Java and minutes: `make interop` names it.
collect_ignore.append("interop")


def pytest_report_header():
    return ["MicroPython only: %s: %s" % entry for entry in only.MICROPYTHON.items()]


def pytest_terminal_summary(terminalreporter):
    """Figures that tests have measured, given by `record_property("figures", text)`."""
    for status in ("passed", "failed"):
        for report in terminalreporter.getreports(status):
            for name, text in report.user_properties:
                if name == "figures":
                    terminalreporter.write_line(text)
