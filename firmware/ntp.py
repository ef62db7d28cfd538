"""The time of day from a time server (SNTP, RFC 4330); loaded for the moment it is asked.

The clock of the board runs up to some per cent wrong: it is set anew each hour. Nothing waits
for the answer. The look-up of the server's name may block for seconds where the name server is
lost, so what failed is tried again after one minute, two, four ..., at most an hour.
"""

import asyncio
import os
import sys
import time

import machine
from micropython import const

_SERVER = const("pool.ntp.org")  # for boards with MicroPython's own ntptime, which has it too
_PORT = const(123)
_FIRST_S = const(60)
_LONGEST_S = const(3600)
_TURN_MS = const(100)
_TURNS = const(50)  # that an answer is waited for
_SIZE = const(48)
_CLIENT = const(0x23)  # version 4, mode 3
_SERVER_MODE = const(4)
_ERA = const(0x100000000)  # seconds from 1900 until they begin anew, in 2036
_1970 = const(2208988800)  # in seconds from 1900
_2026 = const(1767225600)  # Unix time; the clock of a server that tells an earlier one is wrong
_2000 = const(946684800)


async def ask(app):
    """Sets the clock, and `app.clock` and `app.clock_ms` for what comes next."""
    server = app.settings["ntp"]
    if server is None:
        server = app.settings["ntp"] = _default()
    if not server:
        app.clock_ms = None
        return
    host, port = server
    try:
        link = app.interface.udp(host, port, 0)
        try:
            trouble = await _answer(link)
        finally:
            link.close()
    except OSError as error:
        trouble = error.args[-1]
    except MemoryError:
        trouble = "no memory"
    if trouble:
        wait_s = min(app.clock[0] * 2 or _FIRST_S, _LONGEST_S)
        app.clock = wait_s, "time server %s: %s" % (host, trouble)
    else:
        wait_s = _LONGEST_S
        app.clock = 0, "from " + host
    app.clock_ms = app.client.now_ms() + wait_s * 1000


def _default():
    try:
        import ntptime
    except ImportError:
        return ""
    sys.modules.pop(ntptime.__name__, None)  # its memory
    return _SERVER, _PORT


async def _answer(link):
    # Sets the clock; returns why it did not, if so.
    request = bytearray(_SIZE)
    request[0] = _CLIENT
    request[40:] = mark = os.urandom(8)  # comes back: nobody else can answer
    link.send(request)
    for _ in range(_TURNS):
        await asyncio.sleep_ms(_TURN_MS)
        try:
            answer = link.recv(_SIZE + 1)
        except OSError:  # not yet
            continue
        if len(answer) < _SIZE or answer[0] & 7 != _SERVER_MODE or answer[24:32] != mark:
            continue
        if answer[0] >> 6 == 3 or not 0 < answer[1] < 16:  # section 5: not synchronized, or busy
            return "has no time to give"
        now_s = int.from_bytes(answer[40:44], "big")
        if not now_s >> 31:
            now_s += _ERA
        now_s -= _1970
        if now_s < _2026:
            return "is years behind"
        day = time.gmtime(now_s - (_2000 if time.gmtime(0)[0] == 2000 else 0))
        machine.RTC().datetime((day[0], day[1], day[2], day[6] + 1, day[3], day[4], day[5], 0))
        return None
    return "no answer"
