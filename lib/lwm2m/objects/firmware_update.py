"""Firmware Update, object 5 version 1.1 (TS 1.1.1 Core appendix E.6): its rows and checks.

What it tells is in a dictionary of the application, and what it does is the application's.
"""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

IDLE, DOWNLOADING, DOWNLOADED, UPDATING = 0, 1, 2, 3  # State (/5/0/3)

_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_PULL_AND_PUSH = const(2)  # Firmware Update Delivery Method


def _kept(key, default=None):
    return property(
        lambda self: self.values.get(key, default),
        lambda self, value: self.act("keep", key, value),
    )


class FirmwareUpdate(Object):
    """`values` is the dictionary; `act(name, *arguments)` does one of

    keep(key, value)      a server has written a value
    push(size)            a package of so many bytes begins (0: not known); returns where it goes
    pull(uri)             a package is to be fetched
    reset(), cancel(), install()

    in a state that allows it. `protocols` are those of /5/0/8.
    """

    oid = 5
    version = "1.1"
    resources = (
        [0, "W", "o", "package"],  # Package
        [1, "RW", "s", "uri"],  # Package URI
        [2, "E", "", "update"],  # Update
        [3, "R", "i", "state"],  # State
        [5, "R", "i", "result"],  # Update Result
        [6, "R", "s", "name"],  # PkgName
        [7, "R", "s", "package_version"],  # PkgVersion
        [8, "R", "i[]", "protocols"],  # Firmware Update Protocol Support
        [9, "R", "i", "delivery"],  # Firmware Update Delivery Method
        [10, "E", "", "cancel"],  # Cancel
        [11, "RW", "i", "severity"],  # Severity: 0 critical, 1 mandatory, 2 optional
        [12, "R", "t", "changed_at"],  # Last State Change Time
        [13, "RW", "u", "defer_s"],  # Maximum Defer Period
    )
    limits = {1: (0, 255), 11: (0, 2), 13: (0, 0xFFFFFFFF)}

    delivery = _PULL_AND_PUSH
    state = _kept("state", IDLE)
    result = _kept("result", 0)
    name = _kept("name")
    package_version = _kept("version")
    changed_at = _kept("changed")
    severity = _kept("severity", 1)
    defer_s = _kept("defer", 0)

    def __init__(self, values, act, protocols):
        self.values = values
        self.act = act
        self.protocols = protocols

    def check(self, values):
        """What a state forbids is Error 4.05: a package or URI comes in Idle alone, an empty one
        of either, which resets, always but while it updates.
        """
        state = self.state
        for rid, _, value in values:
            if rid < 2 and (state == UPDATING or state != IDLE and not _empty(value)):
                raise Error(_METHOD_NOT_ALLOWED, "not in state %d" % state)

    @property
    def package(self):
        return None  # what is put back when a Write has failed

    @package.setter
    def package(self, value):
        if value is None:
            return
        if _empty(value):
            self.act("reset")
        else:
            sink = self.act("push", len(value))
            sink.write(value)
            sink.finish()

    def stream(self, rid, size):
        """A package begins that comes in blocks; the transfer of another one ends."""
        if self.state not in (IDLE, DOWNLOADING) or self.uri:
            self.check(((rid, None, b"P"),))
        return self.act("push", size)

    @property
    def uri(self):
        return self.values.get("uri", "")

    @uri.setter
    def uri(self, value):
        if value:
            self.act("pull", value)
        else:
            self.act("reset")

    def update(self, arguments):
        """Installs what was downloaded, once the answer has left."""
        if self.state != DOWNLOADED:
            raise Error(_METHOD_NOT_ALLOWED, "not in state %d" % self.state)
        self.act("install")

    def cancel(self, arguments):
        """Ends the download, or forgets what was downloaded."""
        if self.state not in (DOWNLOADING, DOWNLOADED):
            raise Error(_METHOD_NOT_ALLOWED, "not in state %d" % self.state)
        self.act("cancel")


def _empty(value):
    return not value or len(value) == 1 and not ord(value)
