"""Gives CPython what device code takes from MicroPython, and leaves out what only that can run."""

import signal
import sys

import only
import pytest
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


def _loaded():
    rooms = ("coap", "firmware", "lwm2m")
    return {name: each for name, each in sys.modules.items() if name.partition(".")[0] in rooms}


@pytest.fixture(autouse=True)
def _same_modules():
    """`firmware.once()` gives modules back, as on the board: here each test has those of before.

    Else the classes that it has imported would be others than those of modules loaded anew.
    """
    before = _loaded()
    yield
    for name in _loaded():
        if name not in before:
            del sys.modules[name]
    for name, module in before.items():
        sys.modules[name] = module
        package, _, own = name.rpartition(".")
        if package:
            setattr(sys.modules[package], own, module)
