"""A DTLS handshake, from its first datagram to its end.

Loaded for the moment: nothing of it stays with the session.
"""

import asyncio
import time
from errno import EAGAIN, ECONNREFUSED, ETIMEDOUT

from micropython import const

from firmware import once

_DATAGRAM = const(1153)  # as in connection.py
_ATTEMPTS = const(8)  # datagrams taken in a row
_STEP_MS = const(50)
_AGAIN_MS = const(8000)  # lost flights are repeated after 1, 3 and 7 s


async def run(link, data):
    """Returns when the session is up; OSError where it cannot be had, with the reason.

    Whether the handshake is over shows only in that something can be sent: the data.
    One that drags on is begun anew after 8 and after 24 s: a server that was restarted
    meanwhile knows nothing of it, and mbedTLS repeats ever more seldom.
    """
    link.send(data)
    start = time.ticks_ms()
    again_ms = _AGAIN_MS
    while not step(link):
        passed_ms = time.ticks_diff(time.ticks_ms(), start)
        if passed_ms >= link.timeout_ms:
            raise OSError(ETIMEDOUT, once("fault", "missing", link))
        if passed_ms >= again_ms:
            again_ms *= 3
            link.tls.close()
            link.begin()
        await asyncio.sleep_ms(_STEP_MS)


def step(link):
    """Goes on; True when it is over. To be called a few times a second: this is also what
    repeats lost flights."""
    for _ in range(_ATTEMPTS):
        waiting = link.waiting  # nothing would be sent at once, without a handshake
        if waiting and link.act(link.tls.send, waiting) == len(waiting):
            link.established = True
            link.heard_ms = time.ticks_ms()
            link.waiting = None
            return True
        try:
            link.take(_DATAGRAM)
        except OSError as error:
            if error.errno == EAGAIN:
                break
            if error.errno != ECONNREFUSED:
                raise
            link.level = max(link.level, 1)
        except MemoryError:
            break
    return False
