"""Measures the firmware and prints a table of figures, bars and goals.

    python -m tools.bench [--quick] [--heap 128k] [--json FILE] [MEASUREMENT ...]

Measurements: rate, allocations, heap, dtls, sizes, update, registration; all of them without a
name. Progress goes to standard error. Exit status: 0 when all was measured (whatever the
figures), 1 when something could not be, 2 for bad arguments.
"""

import argparse
import contextlib
import json
import platform
import re
import sys
import time

from tools.bench import allocations, dtls, heap, rate, registration, sizes, table, update
from tools.bench.processes import Workshop, micropython
from tools.errors import UserError
from tools.virtual.interpreter import find_micropython

# name: (function, arguments with --quick, keys of its rows)
MEASUREMENTS = {
    "rate": (
        rate.measure,
        {"slices": 10, "slice_s": 0.1},
        (
            "read_share",
            "echo_rate",
            "read_rate",
            "echo_cpu",
            "read_cpu",
            "echo_cpu_alone",
            "read_cpu_alone",
        ),
    ),
    "allocations": (allocations.measure, {"runs": 1}, ("allocated",)),
    "heap": (
        heap.measure,
        {"step": 8},
        ("smallest_heap", "free_heap", "free_larger", "mock_share", "echo_heap"),
    ),
    "dtls": (
        dtls.measure,
        {"step": 16},
        ("secure_heap", "record_buffers", "handshake", "secure_board"),
    ),
    "sizes": (sizes.measure, {}, ("installed", "deployed", "deployed_l475", "libraries")),
    "update": (update.measure, {"step": 1024}, ("update_peak", "update_free")),
    "registration": (registration.measure, {}, ("register", "register_all")),
}


def _size(text):
    if not re.fullmatch(r"[1-9]\d{0,8}[kKmM]?", text):
        raise ValueError
    return text


_size.__name__ = "size (like 128k)"  # argparse: "invalid size (like 128k) value"


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures the firmware against the figures it has to reach."
    )
    parser.add_argument("--quick", action="store_true", help="rough figures in half a minute")
    parser.add_argument(
        "--heap",
        type=_size,
        default="128k",
        metavar="SIZE",
        help="heap of echo and firmware (128k)",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures as JSON")
    parser.add_argument(
        "measurements", nargs="*", metavar="MEASUREMENT", help=", ".join(MEASUREMENTS)
    )
    options = parser.parse_args(arguments)
    for name in options.measurements:
        if name not in MEASUREMENTS:
            parser.error(f"no measurement {name!r}, expected {', '.join(MEASUREMENTS)}")
    return options


def _host(workshop):
    code = "import sys; print(*sys.implementation[1])"
    with micropython("MicroPython", "64k", workshop.folder, code) as process:
        version = process.wait().split()
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"MicroPython {'.'.join(version[:3])} {' '.join(version[3:])} on {system}"


def _measure(workshop, options, names, start):
    figures, notes, errors = {}, [], []
    for name in names:
        function, quick, _ = MEASUREMENTS[name]

        def progress(text, name=name):
            seconds = time.monotonic() - start
            print(f"{seconds:5.1f} s  {name}: {text}", file=sys.stderr, flush=True)

        try:
            result = function(workshop, progress, **(quick if options.quick else {}))
        except UserError as error:
            errors.append(f"bench: {name}: {error}")
            progress("failed")
            continue
        figures.update(result.figures)
        notes += result.notes
    return figures, notes, errors


def _open(path, stack):
    # Before anything is measured: a wrong path is heard of at once.
    if path is None:
        return None
    try:
        return stack.enter_context(open(path, "w", encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--json {path}: {error.strerror}") from None


def _run(options, file):
    start = time.monotonic()
    find_micropython()
    names = [name for name in MEASUREMENTS if name in (options.measurements or MEASUREMENTS)]
    print("compiling ...", file=sys.stderr, flush=True)
    with Workshop(options.heap) as workshop:
        host = _host(workshop)
        figures, notes, errors = _measure(workshop, options, names, start)
    wanted = {key for name in names for key in MEASUREMENTS[name][2]}
    print(host, *table.lines(figures, wanted), "", *notes, sep="\n", flush=True)
    if file:
        content = {
            "host": host,
            "heap": options.heap,
            "quick": options.quick,
            "rows": table.as_json(figures, wanted),
            "notes": notes,
            "errors": errors,
        }
        json.dump(content, file, indent=2)
        file.write("\n")
    return errors


def main(arguments):
    """Runs the bench and returns the exit status."""
    options = _parse(arguments)
    with contextlib.ExitStack() as stack:
        try:
            file = _open(options.json, stack)
        except UserError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        try:
            errors = _run(options, file)
        except UserError as error:
            errors = [f"bench: {error}"]
        except KeyboardInterrupt:
            return 130
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
