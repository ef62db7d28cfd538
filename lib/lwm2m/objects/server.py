"""LwM2M Server, object 1: how the client behaves towards one server."""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00


class Server(Object):
    """One instance for each server; the registration reads it and obeys.

    `lifetime_s` in seconds (1 and up), `pmin_s` and `pmax_s` the default periods. The retry
    parameters are those of TS 1.1.1 Core section 6.2.1: attempts of a sequence, the delay
    after the first of them (doubled each time), the delay between sequences (an hour rather
    than the day of the TS: nobody waits a day for a server that was restarted).
    """

    oid = 1
    resources = (
        (0, "R", "i", "short_server_id"),  # Short Server ID
        (1, "RW", "i", "lifetime_s"),  # Lifetime
        (2, "RW", "i", "pmin_s"),  # Default Minimum Period
        (3, "RW", "i", "pmax_s"),  # Default Maximum Period
        (6, "RW", "b", "storing"),  # Notification Storing When Disabled or Offline
        (7, "RW", "s", "binding"),  # Binding
        (8, "E", "", "update"),  # Registration Update Trigger
    )
    limits = {1: (1, 0x7FFFFFFF), 2: (0, 0x7FFFFFFF), 3: (0, 0x7FFFFFFF)}

    lifetime_s = 86400
    pmin_s = 0
    pmax_s = 0
    storing = False
    binding = "U"
    retry_count = 5
    retry_timer_s = 60
    sequence_delay_s = 3600

    def __init__(self, short_server_id, iid=0, lifetime_s=None):
        self.iid = iid
        self.short_server_id = short_server_id
        if lifetime_s is not None:
            self.lifetime_s = lifetime_s
        self.update_asked = False  # the registration fulfils it and clears it

    def check(self, values):
        for rid, _, value in values:
            if rid == 7 and value != "U":
                raise Error(_BAD_REQUEST, "binding U is the one there is")

    def clear(self, row):
        if row[0] != 1:  # a lifetime there must be: the one that is
            super().clear(row)

    def update(self, arguments):
        self.update_asked = True
