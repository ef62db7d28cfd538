"""Second on the board: starts the copy of the application that boot.py has found, and catches
its failures (docs/update.md). Ctrl-C on the console ends it.

`record`, `slot` and `attempts` are boot.py's. What a copy has to offer is `run(feed)` in
firmware/app.py: `feed` is to be called every 30 s at least while the copy is on trial, else it
is None; 0 is returned after a Ctrl-C.
"""

import sys

feed = exit_status = None
try:
    if attempts:
        try:
            import trial

            feed = trial.begin(record, slot, attempts)
        except Exception as error:
            print("main: %s: a start that cannot be counted is none" % error)
            if slot:
                sys.path.pop(0)
                slot = 0
    from firmware.app import run

    exit_status = 0
    exit_status = run(feed)
    if feed and exit_status:
        raise ValueError("its configuration is refused")
except KeyboardInterrupt:
    pass
except BaseException as error:
    try:
        import trial

        # What was on trial, or could not even be loaded, is not taken again.
        trial.failed(error, slot and (feed or exit_status is None) and record)
    except KeyboardInterrupt:
        pass
    exit_status = 1
if feed:
    trial.stop()
if exit_status == 0:
    try:
        from firmware import once

        once("repl", "offer")  # its functions at the prompt: docs/repl.md
    except (ImportError, MemoryError) as error:
        print("no functions at the prompt:", error)
