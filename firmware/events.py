"""The event log: what went wrong and when, kept over a restart. Loaded for the moment.

A line begins where something happens (`App.event`), with the seconds since the start in front of
it. When it goes to the record `events` it gets the time of day instead, where that is known by
then. The oldest lines make room; all of it, with what main.py has written of a crash, fits into
two blocks of flash.

A flash wears out, and what goes wrong may go wrong again and again. So it is written while a
server knows this device, and each time it has to wait as long as the client has run already:
after 1 min, 2 min, 4 min ..., at last four times a day. Before a restart it is written too,
unless the log ends like that anyway: without a network a board may restart for days. What main.py
tells of a crash stays in its file until then.
"""

import os
import struct
import sys
import time

import machine
from micropython import const

from firmware.storage import Record
from lwm2m.registration import REGISTERED

_HEAD = const("<BH")  # 1 where it is stopped, length of the crash; both are followed by the lines
_SIZE = const(3)
_LONGEST = const(1007)  # bytes of crash and lines: two blocks with both heads
_CRASH = const("state/crash")
_CRASH_SIZE = const(400)
_SHOWN = const(160)  # characters of an exception's own words
_PLACES = const(3)  # of its traceback
_CLOCK_SET = const(2026)  # no clock that was set shows an earlier year
_LONGEST_MS = const(21600000)
_NOTHING_SAID = const("\0")  # what the App begins with
_FOR_EVER_S = const(0x3FFFFFFF)
_LOST = const(b"(lines lost)\n")


# What the App calls


def save(app):
    """Writes what is new, if a server knows this device; what fails is tried again later."""
    _begin(app)
    now_ms = app.client.now_ms()
    if app.events and _registered(app):
        app.event_due = now_ms + min(now_ms, _LONGEST_MS)
        _save(app)


def end(app):
    """Before a restart, or after a fault: writes what is new."""
    _begin(app)
    last = (app.events or "").encode().split(b"\n")[-2:][0].partition(b" ")[2]
    if last and (_registered(app) or last + b"\n" not in _load()[2]):
        _save(app)


# What object 20 asks of it


def read(app):
    """All lines, the oldest first, as bytes."""
    _begin(app)
    _, said, kept, _ = _load()
    return _cut(kept + _dated(app), len(said))


def start(app, keep, period_s):
    """Goes on collecting, or begins without what there was; ends after a period, if any."""
    _begin(app)
    app.events = (app.events or "") if keep else ""
    # Without a timer, which would keep this module in memory: whoever looks sees the end.
    app.event_until = app.client.now_ms() + period_s * 1000 if period_s else 0
    _save(app, keep)


def stop(app, keep):
    """Ends collecting; a restart changes nothing."""
    _begin(app)
    _stop(app, keep)


# What is known


def facts():
    """Why the board has started, its last crash, and the number of the slot that runs."""
    first = sys.path[0]  # as slots.running(), which takes more memory
    return cause(), crash(), int(first[5:]) if first[:5] == "/slot" else 0


def crash():
    """The last failure that ended the firmware, in a line; None where there was none."""
    found = _load()[1]
    return told(words(found)) if found else None


def lines(app):
    """Lines of text: all that is in the log."""
    return words(read(app)).split("\n")[:-1]


def cause():
    """Why the board has started, in some words."""
    number = machine.reset_cause()
    for name, text in (
        ("PWRON_RESET", "power on"),
        ("WDT_RESET", "watchdog"),
        ("DEEPSLEEP_RESET", "deep sleep"),
        ("HARD_RESET", "reset"),
        ("SOFT_RESET", "soft reset"),
    ):
        if getattr(machine, name, None) == number:
            return text
    return "reset cause %d" % number


def place(error):
    """An exception in a line, with where it came from."""
    import io

    stream = io.StringIO()
    sys.print_exception(error, stream)
    return told(stream.getvalue())


def told(traceback):
    """A traceback in a line: the exception, and where it came from, the innermost place first."""
    text = "?"
    found = []
    for each in traceback.split("\n"):
        line = each.strip()
        if line.startswith('File "'):
            found.insert(0, line[6:].replace('"', "").replace(",", ""))
        elif line:
            text = line[:_SHOWN]  # the last one is the exception
    return ", ".join([text] + found[:_PLACES])


def words(data):
    """Bytes as text, whatever they are."""
    try:
        return str(data, "utf-8")
    except ValueError:
        return str(bytes([byte if byte < 127 else 63 for byte in data]), "utf-8")


def _registered(app):
    for connection in app.connections:
        if connection.session.registration.state == REGISTERED:
            return True
    return False


def _load():
    # (stopped, crash, lines, True where the lines say nothing of the crash yet)
    data = Record("events").read() or b"\0\0\0"
    stopped, size = struct.unpack_from(_HEAD, data)
    try:
        with open(_CRASH, "rb") as file:
            return stopped, file.read(_CRASH_SIZE), data[_SIZE + size :], True
    except OSError:
        return stopped, data[_SIZE : _SIZE + size], data[_SIZE + size :], False


def _begin(app):
    # Whoever comes first after the start puts in front what there is to say of it: at the start
    # itself memory is short. And collecting ends where a server has said when.
    if app.events and app.events[0] == _NOTHING_SAID:
        stopped, said, _, fresh = _load()
        if stopped:
            app.events = None
            return
        from firmware.version import VERSION

        text = "+0 started: %s, version %s\n" % (cause(), VERSION)
        if fresh:
            text = "+0 crashed: " + told(words(said)) + "\n" + text
        app.events = text + app.events[1:]
    until_ms = getattr(app, "event_until", 0)
    if until_ms and app.client.now_ms() >= until_ms:
        _stop(app, True)


def _stop(app, keep):
    new = _dated(app)
    app.event_until = 0
    app.events = None
    _save(app, keep, new)


def _save(app, keep=True, new=None):
    _, said, kept, fresh = _load()
    if new is None:
        new = _dated(app)
    kept = _cut(kept + new, len(said)) if keep else b""
    head = struct.pack(_HEAD, app.events is None, len(said))
    try:
        Record("events").write(head + said + kept)
        if app.events:
            app.events = ""
        if fresh:
            os.remove(_CRASH)
    except OSError as error:
        print("events: not saved: %s; is the file system full?" % error)


def _cut(data, taken):
    # Whole lines from the end, that fit.
    excess = len(data) - (_LONGEST - taken)
    return data[data.find(b"\n", excess - 1) + 1 :] if excess > 0 else data


def _dated(app):
    # What is new, with the time of day.
    if not app.events:
        return b""
    now_s = int(time.time())
    started_s = now_s - app.client.now_ms() // 1000
    is_set = time.gmtime(now_s)[0] >= _CLOCK_SET
    until_s = getattr(app, "event_until", 0) // 1000 or _FOR_EVER_S
    found = b""
    for line in app.events.encode().split(b"\n")[:-1]:
        stamp, _, text = line.partition(b" ")
        if not stamp[1:].isdigit():
            found += _LOST  # the rest of a line that had to go
            continue
        if int(stamp) > until_s:
            break
        if is_set:
            at = time.gmtime(started_s + int(stamp[1:]))
            stamp = b"%d-%02d-%02dT%02d:%02d:%02dZ" % at[:6]
        found += stamp + b" " + text + b"\n"
    return found
