"""The time of day from a time server (SNTP, RFC 4330); loaded for the moment it is asked.

The clock of the board runs up to some per cent wrong: it is set anew each hour. Nothing waits
for the answer. The look-up of the server's name may block for seconds where the name server is
lost, so what failed is tried again after one minute, two, four ..., at most an hour.
"""

import asyncio
import os
import time

import machine
from micropython import const

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
_2068 = const(3094168448)  # from here on the seconds from 2000 do not fit into 31 bits
_2000 = const(946684800)


async def run(app):
    """Sets the clock, and `app.clock`: when it is asked next (client.now_ms), the seconds that
    were waited for it in vain, words for people.
    """
    asked = app.settings["ntp"]
    host, port = asked
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
    if app.settings["ntp"] is not asked:
        return  # a server has named another one meanwhile
    wait_s = 0
    text = "from " + host
    if trouble:
        wait_s = min(app.clock[1] * 2 or _FIRST_S, _LONGEST_S)
        text = "time server %s: %s" % (host, trouble)
    app.clock = app.client.now_ms() + (wait_s or _LONGEST_S) * 1000, wait_s, text


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
        if now_s >= _2068:
            return "is years ahead"
        day = time.gmtime(now_s - (_2000 if time.gmtime(0)[0] == 2000 else 0))
        machine.RTC().datetime((day[0], day[1], day[2], day[6] + 1, day[3], day[4], day[5], 0))
        return None
    return "no answer"
