"""What main.py does beside starting a copy of the application: its trial, and its failures.

The factory's like boot.py and main.py: no update changes it. Loaded where it is needed.
docs/update.md tells how a copy starts.
"""

import io
import os
import sys
import time

import machine
from micropython import const

try:
    import copies
except ImportError:
    copies = None  # tools/install.py has left it out: no copies, no trial

_STARTS = const(2)  # as in copies.py
_WATCHDOG_MS = const(32000)  # the longest of both boards is 32.7 s
_FED_MS = const(1000)  # at the prompt, which feeds none
_FAILED = const(8)  # a result of object 5
_CRASHES = const(5)  # since one after a longer run, each within
_EARLY_MS = const(60000)  # of the start
_LONGEST = const(400)  # bytes of a traceback that are kept, the last ones
_PAUSE_S = const(5)
_PROMPT_MS = const(3300000)  # and 300 s of the trial: someone at the prompt has an hour


def begin():
    """Counts one more start of the copy that boot.py has found; returns what feeds the watchdog.

    None where that is not on trial: what has been taken instead of a copy that failed becomes
    the one that is chosen. Where a start cannot be counted the factory's copy starts, for else
    the other might for ever.
    """
    if not copies.attempts:  # boot.py was interrupted: what is there is the factory's
        return None
    try:
        data = copies.record()[2]
        if copies.number != data[0]:
            _fail("it has not registered" if copies.attempts > _STARTS else "no copy")
            return None
        copies.write(data[:2] + bytes((copies.attempts + 1,)) + data[3:])
    except OSError as error:
        print("state/slot: %s: the factory's copy starts" % error)
        if copies.number:
            sys.path.pop(0)
        return None
    copies.timer = machine.WDT(timeout=_WATCHDOG_MS)
    copies.since = time.ticks_ms()
    sys.modules.pop(__name__)  # its memory
    return copies.feed


def stop(exit_status):
    """The copy has ended; ValueError where that is a failure, else someone is at the prompt.

    Who is to say that someone is: a copy on trial that just returns would never be left. So the
    watchdog is fed for an hour, or for ever once the copy is confirmed.
    """
    if exit_status:
        raise ValueError("it refuses its configuration")
    if copies.since is not None:
        copies.since = time.ticks_add(time.ticks_ms(), _PROMPT_MS)
    machine.Timer(-1, period=_FED_MS, callback=_fed)


def _fed(timer):
    try:
        copies.feed()
    except OSError:  # its time is over
        machine.reset()


def _fail(cause):
    data = copies.record()[2]
    print("slot %d: %s: back to the copy before it" % (data[0], cause))
    copies.write(bytes((data[1], 0, 0, _FAILED)) + data[8:12] + bytes(4))


def _lost(data, useless, since):
    # Why a copy is not taken again; None where it is. A confirmed one has no copy to go back to,
    # and in place of the CRC-32 of that the number of its crashes soon after a start.
    if useless or data[2]:
        return "it has failed"
    count = 0
    if time.ticks_diff(time.ticks_ms(), since) < _EARLY_MS:
        count = data[8] + 1
    if count >= _CRASHES:
        return "it has crashed soon after %d starts" % count
    if count != data[8]:
        copies.write(data[:8] + bytes((count, 0, 0, 0)))


def failed(error, useless, since):
    """Keeps a failure for the next start to tell, and restarts the board.

    A copy that is on trial, or `useless` since it cannot even be loaded, is not taken again, nor
    one that fails soon after each start, the latest of which was at `since`, in ms.
    Else there is a pause before: a Ctrl-C then, or as the error, returns the exit status.
    """
    armed = copies and copies.timer
    if isinstance(error, KeyboardInterrupt):
        if armed:
            stop(0)
        return 0
    try:
        text = io.StringIO()
        sys.print_exception(error, text)
        text = text.getvalue()
        print(text)
        _kept(text.encode()[-_LONGEST:])
    except (OSError, MemoryError) as lack:  # what follows matters more
        print("state/crash: %s" % lack)
    try:
        data = copies and sys.path[0][:6] in ("/slot1", "/slot2") and copies.record()[2]
        # The watchdog may be that of a trial which has ended well.
        useless = data and _lost(data, useless, since)
        if useless:
            _fail(useless)
    except (OSError, MemoryError) as lack:
        print("state/slot: %s" % lack)
        useless = False
    if not useless:
        try:
            print("restarting in %d s; Ctrl-C gives the prompt" % _PAUSE_S)
            time.sleep(_PAUSE_S)
        except KeyboardInterrupt:
            if armed:
                stop(0)
            return 1
    machine.reset()


def _kept(text):
    try:
        os.mkdir("state")
    except OSError:
        pass  # it is there
    try:
        with open("state/crash", "rb") as file:
            if file.read() == text:
                return  # a flash wears out
    except OSError:
        pass  # the first one
    with open("state/crash", "wb") as file:
        file.write(text)
