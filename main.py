"""Second on the board: starts the copy of the application that boot.py has found, and catches its
failures (docs/update.md). It offers `run(feed)` in firmware/app.py: `feed` is to be called every
30 s while it is on trial, else None; 0 is returned after a Ctrl-C.
"""

import sys
import time

exit_status = feed = failed = None  # all of them: in the end there may be no memory for one
since = time.ticks_ms()
try:
    if "copies" in sys.modules:  # of boot.py: there is a trial
        feed = __import__("trial").begin()
    from firmware.app import run

    exit_status = 0
    exit_status = run(feed)
    if feed:
        __import__("trial").stop(exit_status)
except BaseException as error:
    try:
        failed = __import__("trial").failed
    except ImportError:  # left out
        raise error
    except MemoryError:
        __import__("machine").reset()
    exit_status = failed(error, exit_status is None, since)
if exit_status == 0:
    try:
        from firmware import once

        once("repl", "offer")  # its functions at the prompt: docs/repl.md
    except (ImportError, MemoryError) as failed:
        print("no functions at the prompt:", failed)
