"""Runs the shared tests under MicroPython.

Call: `micropython tests_host/run_mpy.py [MODULE ...]` in the repository root.

Every `tests_host/test_*.py` is imported and every `test_*` function in it is called; a line for
each module counts them. A traceback and exit status 1 tell of a failure.
"""

import gc
import os
import sys

sys.path[:] = ["", ".frozen", "lib", "tests_host", "tests_host/hardware"]


def main(only):
    from only import MICROPYTHON as reasons

    passed = failed = 0
    for file in sorted(os.listdir("tests_host")):
        if not file.startswith("test_") or not file.endswith(".py"):
            continue
        if only and file[:-3] not in only:
            continue
        module = __import__(file[:-3])
        count = 0
        for name in sorted(dir(module)):
            test = getattr(module, name)
            if not name.startswith("test_") or not callable(test):
                continue
            gc.collect()
            try:
                test()
                count += 1
            except Exception as error:
                failed += 1
                print("FAILED", file, name)
                sys.print_exception(error)
        why = reasons.get(file[:-3])
        print("%s: %d%s" % (file, count, ", here only: " + why if why else ""))
        passed += count
        del module, test, sys.modules[file[:-3]]  # its memory is for the next
    if len(only) != 1:
        print("MicroPython: %d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1:]))
