"""The keys of the serial console, as in the original example, and the lines after a colon."""

import sys

from firmware import once


async def keys(app, readable):
    """Reads keys for ever: i tells who and where we are, r forgets what was provisioned and
    restarts, a colon begins a line for repl.py, any other counts up. `readable` waits for a
    stream.
    """
    # Bytes: a character of several, or noise on the line, would block or fail as text.
    stdin = sys.stdin.buffer
    while True:
        await readable(stdin)
        key = stdin.read(1)
        if not key:
            return  # no console there
        if key == b"i":
            once("status", "show", app)
        elif key == b"r":
            print("erasing what was provisioned, restarting")
            app.factory_reset()
        elif key == b":":
            try:
                await once("line", "run", app, stdin, readable)
            except (ImportError, MemoryError) as error:
                print("%s: no lines here, see docs/repl.md" % error)
        elif key != b"\n":  # of a CR LF
            app.button.count()
            print("counter: %d" % app.button.counter)
