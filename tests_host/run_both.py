"""Runs all tests: the shared ones under MicroPython, then everything on CPython.

The last lines say how many ran on each. A shared test that ran on one interpreter only is a
failure unless `only.py` gives the reason, and so is a key of a test that is found in anything that
the run wrote or printed. A test that needs what is not installed is skipped, with a line that
says what to install; with NOTHING_SKIPPED=1 in the environment that is a failure, too.
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from only import MICROPYTHON

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from tools.keysearch.run import Run  # noqa: E402 - found by the line above

_LONG = ("test_copies", "test_ntp", "test_settings_live", "test_wifi_hours")
REPORT = ROOT / "build" / "pytest.xml"


def run_micropython(run):
    """(modules that failed, number of tests by module) of the shared tests under MicroPython.

    Each module has a process of its own, as many at once as there are processors.
    """
    micropython = Path(sys.executable).parent / "micropython"
    command = [micropython, "-X", "heapsize=4m", "tests_host/run_mpy.py"]
    modules = sorted(path.stem for path in (ROOT / "tests_host").glob("test_*.py"))
    modules.sort(key=lambda name: name not in _LONG)  # else one of them may run last, alone
    counts = Counter()

    def count(line):
        found = re.match(r"(test_\w+)\.py: (\d+)", line)
        if found:
            counts[found[1]] = int(found[2])

    def module(name):
        return run.call([*command, name], count, in_one_piece=True, cwd=ROOT)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        statuses = list(pool.map(module, modules))
    failed = [name for name, status in zip(modules, statuses, strict=True) if status]
    print(f"MicroPython: {sum(counts.values())} passed, {len(failed)} modules failed", *failed)
    return failed, counts


def run_pytest(run, arguments):
    """(exit status, number of passed tests by module, why tests were skipped) on CPython."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    # Most tests wait most of the time: four at once take two cores.
    command = [sys.executable, "-m", "pytest", "-q", "-n4", "--dist=loadfile"]
    command.append("--no-loadscope-reorder")  # else the longest, which is one test, begins last
    command.append(f"--junit-xml={REPORT}")
    command.append(f"--basetemp={run.temporary / 'pytest'}")
    status = run.call([*command, *arguments], cwd=ROOT)
    counts = Counter()
    skipped = Counter()
    if REPORT.exists():
        for case in ElementTree.parse(REPORT).getroot().iter("testcase"):
            reason = case.find("skipped")
            if reason is not None:
                skipped[reason.get("message")] += 1
            else:
                counts[case.get("classname").removeprefix("tests_host.")] += 1
    return status, counts, skipped


def main(arguments):
    run = Run(ROOT / "build" / "searched" / "test")
    failed, mpy = run_micropython(run)
    status, cpython, skipped = run_pytest(run, arguments)
    good = not failed and not status
    if skipped and os.environ.get("NOTHING_SKIPPED") == "1":
        good = False
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
    for reason, count in sorted(skipped.items()):
        print(f"  skipped: {count}: {reason}")
    print(f"skipped: {sum(skipped.values())}", flush=True)
    good = run.search(REPORT, ROOT / ".hypothesis", part=bool(arguments)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
