"""What the interpreter of a virtual board does at start: boot.py, main.py, then the REPL.

Called as `import run_board; run_board.run("boot.py", "main.py")` in the directory that is the
flash; small, since it lies in the heap of the board under test. The supervisor learns on the
socket VIRTUAL_BOARD_FD that the files start and how they ended.
"""

import os
import sys

from world import stream


def run(*files):
    """Runs the files in the namespace that is also the REPL's, as a board does, and returns
    their status: 0 after an end or Ctrl-C, 1 after an exception, else the value of SystemExit
    or of the global name `exit_status` (on a board SystemExit would be a soft reset).

    A file that is not there is passed over. An exception in boot.py does not stop main.py.
    """
    names = __import__("__main__").__dict__
    status = 0
    try:
        stream.write(b'{"event": "started"}\n')
        for file in files:
            try:
                os.stat(file)
            except OSError:
                continue
            try:
                execfile(file, names)  # noqa: F821 - MicroPython's own
                if isinstance(names.get("exit_status"), int):
                    status = names["exit_status"] or status
            except Exception as error:
                sys.print_exception(error)
                status = 1
    except SystemExit as error:
        status = error.args[0] if error.args else 0
    except KeyboardInterrupt as error:
        sys.print_exception(error)
    if not isinstance(status, int):
        status = 1 if status else 0
    stream.write(b'{"event": "ended", "status": %d}\n' % status)
    return status
