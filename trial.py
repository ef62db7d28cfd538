"""What main.py does beside starting a copy of the application: its trial, and its failures.

The factory's like boot.py and main.py: no update changes it. Loaded where it is needed.
docs/update.md tells how a copy starts. What is in the record `state/slot` boot.py tells.
"""

import io
import os
import sys
import time
from binascii import crc32
from struct import pack

import machine
from micropython import const

_STARTS = const(2)  # without a confirmation
_TRIAL_MS = const(300000)
_WATCHDOG_MS = const(32000)  # the longest of both boards is 32.7 s
_FED_MS = const(1000)  # at the prompt, which feeds none
_FAILED = const(8)  # a result of object 5
_LONGEST = const(400)  # bytes of a traceback that are kept, the last ones
_PAUSE_S = const(5)


_record = None  # boot.py's
_watchdog = None
_since = None  # the beginning of the trial in ms, while it may come to its end


def begin(record, slot, attempts):
    """Counts one more start of the copy in `slot` and returns what feeds the watchdog beside it.

    The three are boot.py's. Where that has taken another copy than the record names, it becomes
    the one that is chosen, and None is returned. OSError where that cannot be written.
    """
    global _record, _watchdog, _since
    data = record()[2]
    if slot != data[0]:
        _back(record, "not registered" if attempts > _STARTS else "it is damaged")
        return None
    _write(record, data[:2] + bytes((attempts + 1,)) + data[3:])
    _record = record
    _watchdog = machine.WDT(timeout=_WATCHDOG_MS)
    _since = time.ticks_ms()
    return feed


def feed():
    """Feeds the watchdog, and ends the trial when its time is over."""
    global _since
    if _since is not None and time.ticks_diff(time.ticks_ms(), _since) > _TRIAL_MS:
        _since = None
        if _record()[2][2]:
            _back(_record, "not registered within %d s" % (_TRIAL_MS // 1000))
            machine.reset()
    _watchdog.feed()


def stop():
    """Someone is at the prompt: the trial's time does not end, and the watchdog is fed."""
    global _since
    _since = None
    machine.Timer(-1, period=_FED_MS, callback=lambda timer: feed())


def _back(record, cause):
    data = record()[2]
    print("slot %d: %s: back to the copy before it" % (data[0], cause))
    _write(record, bytes((data[1], 0, 0, _FAILED)) + data[8:12] + bytes(4))


def failed(error, record):
    """Keeps a failure for the next start to tell, and restarts the board.

    With `record` the copy is not taken again. Else a Ctrl-C ends the pause before the restart.
    """
    text = io.StringIO()
    sys.print_exception(error, text)
    text = text.getvalue()
    print(text)
    try:
        _keep(text.encode()[-_LONGEST:])
        if record:
            _back(record, "it has failed")
    except OSError as error:
        print("state: %s" % error)
    if not record:
        print("restarting in %d s; Ctrl-C gives the prompt" % _PAUSE_S)
        time.sleep(_PAUSE_S)
    machine.reset()


def _keep(text):
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


def _write(record, data):
    # As firmware/storage.py does it; the one of the copy on trial may be broken.
    sequence, which, _ = record()
    head = pack("<IH", (sequence + 1) & 0xFFFFFFFF, len(data))
    crc = crc32(data, crc32(head)) & 0xFFFFFFFF
    with open("state/slot.%d" % (1 - which), "wb") as file:
        file.write(b"rec1" + head + pack("<I", crc) + data)
