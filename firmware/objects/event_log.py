"""Event Log, object 20 (OMA's version 2.1): what the device has noted, line by line."""

from micropython import const

from coap.message import Error
from firmware import once
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00
_STOPPED = const(1)  # bits of LogStatus
_HAS_DATA = const(2)
_LOST = const(4)
_GAP = const(b"(lines lost)\n")  # in the place of what had to go before it was kept
_LONGEST_S = const(86400)


class EventLog(Object):
    """What firmware/events.py keeps; that is loaded for each look at it.

    LogStart takes 0='1' to keep what there is and 1='S' to end after S seconds, LogStop 0='1' to
    empty it. The one class there is takes all events (0, generic), the one format is text (0).
    """

    oid = 20
    version = "2.1"

    kind = 0

    resources = (
        [4010, "RW", "i", "kind"],  # LogClass
        [4011, "E", "", "start"],  # LogStart
        [4012, "E", "", "stop"],  # LogStop
        [4013, "R", "i", "state"],  # LogStatus
        [4014, "R", "o", "value"],  # LogData
        [4015, "RW", "i", "kind"],  # LogDataFormat
    )
    limits = {4010: (0, 0), 4015: (0, 0)}

    def __init__(self, app):
        self.app = app

    @property
    def value(self):
        return once("events", "read", self.app)

    @property
    def state(self):
        data = self.value
        found = _HAS_DATA if data else 0
        if self.app.events is None:
            found |= _STOPPED
        return found | _LOST if _GAP in data else found

    def start(self, arguments):
        self._set("start", *_arguments(arguments, _LONGEST_S))

    def stop(self, arguments):
        self._set("stop", not _arguments(arguments, 0)[0])

    def _set(self, function, *arguments):
        once("events", function, self.app, *arguments)
        self.changed(4013)
        self.changed(4014)


def _arguments(text, longest_s):
    # The first as a truth, the second as a number.
    from lwm2m.arguments import parse

    found = parse(text)
    first = found.pop(0, None) or "0"
    second = found.pop(1, None) or "0"
    if found or first not in "01" or not second.isdigit() or int(second[:6]) > longest_s:
        raise Error(_BAD_REQUEST, "0='0' or '1'; at LogStart 1='0' to '%d', in s" % _LONGEST_S)
    return first == "1", int(second)


def make(app, oid):
    """The instance, see late.py."""
    return EventLog(app)
