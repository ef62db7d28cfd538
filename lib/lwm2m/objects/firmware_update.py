"""Firmware Update, object 5 version 1.1 (TS 1.1.1 Core appendix E.6): its rows and checks.

What it tells is the application's, and so is what follows from a Write or an Execute.
"""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_IDLE = const(0)  # State (/5/0/3)
_DOWNLOADING = const(1)
_DOWNLOADED = const(2)
_UPDATING = const(3)
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05


class FirmwareUpdate(Object):
    """An instance for the moment, as things are: `values` has what is not the default.

    `act` is called with a name and arguments for what the state allows: "push" and the bytes of a
    package that is not empty, "pull" and a URI, "reset", "cancel", "install", "keep" and name and
    value of what was written. `begin` is called with the size of a package that comes in blocks,
    0 where it is not known, and returns where it goes (lwm2m/stream.py).
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
    kept = (1,)  # to go back to an empty URI would be a reset that nobody has asked for
    named = ()  # rids in the Write under way

    package = name = package_version = changed_at = None
    uri = ""
    state = result = defer_s = 0
    severity = 1
    delivery = 2  # pull and push

    def __init__(self, values, act, begin, protocols):
        for name in values:
            setattr(self, name, values[name])
        self.act = act
        self.begin = begin
        self.protocols = protocols

    def check(self, values):
        """What a state forbids is Error 4.05: a package or URI comes in Idle alone, an empty one
        of either, which resets, always but while it updates.
        """
        self.named = [each[0] for each in values]
        for rid, _, value in values:
            if rid < 2:
                self.only(_IDLE if not _empty(value) else min(self.state, _DOWNLOADED))

    def only(self, first, last=None):
        if not first <= self.state <= (first if last is None else last):
            raise Error(_METHOD_NOT_ALLOWED, "not in state %d" % self.state)

    def streams(self, rid):
        """What a package that comes in blocks begins with; a new one in place of one that does."""
        if self.state != _DOWNLOADING or self.uri:
            self.only(_IDLE)
        return self.begin

    def changed(self, rid):
        """A resource was written, or set back to its default."""
        if rid < 2 and rid not in self.named:
            return
        Object.changed(self, rid)
        name = self.row(rid)[3]
        value = getattr(self, name)
        if rid > 1:
            self.act("keep", name, value)
        elif _empty(value):
            self.act("reset")
        else:
            self.act("pull" if rid else "push", value)

    def update(self, arguments):
        """Installs what was downloaded, once the answer has left."""
        self.only(_DOWNLOADED)
        self.act("install")

    def cancel(self, arguments):
        """Ends the download, or forgets what was downloaded."""
        self.only(_DOWNLOADING, _DOWNLOADED)
        self.act("cancel")


def _empty(value):
    return not value or len(value) == 1 and not ord(value)
