"""Runs all tests: the shared ones under MicroPython, then everything on CPython.

The last lines say how many ran on each. A shared test that ran on one interpreter only, and any
skipped test, is a failure unless `only.py` gives the reason.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from only import MICROPYTHON

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "pytest.xml"


def run_micropython():
    """(exit status, number of tests by module) of the shared tests under MicroPython."""
    command = [str(Path(sys.executable).parent / "micropython"), "-X", "heapsize=4m"]
    process = subprocess.Popen(
        [*command, "tests_host/run_mpy.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    counts = Counter()
    for line in process.stdout:
        print(line, end="", flush=True)
        found = re.match(r"(test_\w+)\.py: (\d+)", line)
        if found:
            counts[found[1]] = int(found[2])
    return process.wait(), counts


def run_pytest(arguments):
    """(exit status, number of passed tests by module, number of skipped ones) on CPython."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={REPORT}", *arguments]
    status = subprocess.call(command, cwd=ROOT)
    counts = Counter()
    skipped = 0
    if REPORT.exists():
        for case in ElementTree.parse(REPORT).getroot().iter("testcase"):
            if case.find("skipped") is not None:
                skipped += 1
            else:
                counts[case.get("classname").removeprefix("tests_host.")] += 1
    return status, counts, skipped


def main(arguments):
    mpy_status, mpy = run_micropython()
    status, cpython, skipped = run_pytest(arguments)
    good = not mpy_status and not status and not skipped
    for module in sorted(set(mpy) | {name for name in cpython if "." not in name}):
        if mpy[module] != cpython[module] and module not in MICROPYTHON:
            good = False
            print(f"{module}: {cpython[module]} on CPython, {mpy[module]} under MicroPython")
    shared = sum(count for name, count in cpython.items() if "." not in name)
    print(f"\nshared tests: {shared} on CPython, {sum(mpy.values())} under MicroPython")
    for module, reason in sorted(MICROPYTHON.items()):
        print(f"  under MicroPython only: {module}: {reason}")
    host = sum(cpython.values()) - shared
    print(f"  on CPython only: {host} in tests_host/cpython, which test or use host programs")
    print(f"skipped: {skipped}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
