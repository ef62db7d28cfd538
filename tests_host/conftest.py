"""Gives CPython what device code takes from MicroPython, and leaves out what only that can run."""

import only
import ticks  # noqa: F401

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
