"""The keys of the serial console, as in the original example."""

import asyncio
import sys


async def keys(app):
    """Reads keys for ever: i tells who and where we are, r forgets what was provisioned and
    restarts, any other counts up.
    """
    reader = asyncio.StreamReader(sys.stdin)
    while True:
        key = await reader.read(1)
        if not key:
            return  # no console there
        if key == "i":
            for line in app.status():
                print(line)
        elif key == "r":
            print("erasing what was provisioned, restarting")
            app.factory_reset()
        else:
            app.button.count()
            print("counter: %d" % app.button.counter)
