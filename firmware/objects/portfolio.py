"""Portfolio, object 16: who owns what the board is part of."""

import sys
from binascii import hexlify

import machine
from micropython import const

from coap.message import Error
from firmware import once
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00


class Portfolio(Object):
    """Says what the board is until a server writes something else: id, manufacturer, model and
    software version of the host device. That is kept until a factory reset.
    """

    oid = 16
    resources = ([0, "RW", "s[]", "identity"],)  # Identity
    limits = {0: (0, 64)}
    own = None  # what counts unless a server has written, where that was asked for

    def __init__(self, app):
        self.app = app
        kept = once("written", "read", "identity")
        if kept is None:
            self.clear(None)
        else:  # in JSON the ids are text
            self.identity = {int(riid): kept[riid] for riid in kept}

    def check(self, values):
        for _, riid, _ in values:
            if riid is not None and riid > 3:
                raise Error(_BAD_REQUEST, "the instances are 0 to 3")

    def clear(self, row):
        serial = str(hexlify(machine.unique_id()), "ascii")
        software = sys.version.split("; ")[-1].split(" on ")[0]  # as in firmware/device.py
        self.own = self.identity = dict(
            enumerate((serial, "IoTKitV3", self.app.board.MODEL, software))
        )

    def changed(self, rid):
        once("written", "keep", "identity", None if self.identity is self.own else self.identity)
        Object.changed(self, rid)


def make(app, oid):
    """The instance, see late.py."""
    return Portfolio(app)
