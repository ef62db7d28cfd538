"""LwM2M Server, object 1: how the client behaves towards one server."""

from micropython import const

from coap.message import Error
from lwm2m.object import Object

_BAD_REQUEST = const(0x80)  # 4.00
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_DISABLE = const(4)
_UPDATE = const(8)
_MAX = const(0xFFFFFFFF)


class Server(Object):
    """One instance for each server; the registration reads it and obeys (TS 1.1.1 Core E.2).

    `lifetime_s` in seconds (1 and up), `pmin_s` and `pmax_s` the default periods. The servers
    with a `priority_order` register in ascending order. How that and the retry parameters count
    is told in retry.py; the delay between sequences is an hour rather than the day of the TS:
    nobody waits a day for a server that was restarted. `trigger()` begins a bootstrap when the
    answer has left; None where there is no Bootstrap-Server.
    """

    oid = 1
    version = "1.2"

    lifetime_s = 86400
    pmin_s = 0
    pmax_s = 0
    disable_timeout_s = 86400
    storing = False
    binding = "U"
    priority_order = None
    initial_delay_s = 0
    failure_block = False
    bootstrap_on_failure = True
    retry_count = 5
    retry_timer_s = 60
    sequence_delay_s = 3600
    sequence_count = 1
    mute_send = False
    kept = (1,)  # a lifetime there must be: the one that is
    trigger = None
    asked = 0  # the resource executed; the registration fulfils it and clears it

    resources = (
        [0, "R", "i", "short_server_id"],  # Short Server ID
        [1, "RW", "i", "lifetime_s"],  # Lifetime
        [2, "RW", "i", "pmin_s"],  # Default Minimum Period
        [3, "RW", "i", "pmax_s"],  # Default Maximum Period
        [4, "E", "", "disable"],  # Disable
        [5, "RW", "i", "disable_timeout_s"],  # Disable Timeout
        [6, "RW", "b", "storing"],  # Notification Storing When Disabled or Offline
        [7, "RW", "s", "binding"],  # Binding
        [8, "E", "", "update"],  # Registration Update Trigger
        [9, "E", "", "bootstrap"],  # Bootstrap-Request Trigger
        [13, "R", "u", "priority_order"],  # Registration Priority Order
        [14, "RW", "u", "initial_delay_s"],  # Initial Registration Delay Timer
        [15, "R", "b", "failure_block"],  # Registration Failure Block
        [16, "R", "b", "bootstrap_on_failure"],  # Bootstrap on Registration Failure
        [17, "RW", "u", "retry_count"],  # Communication Retry Count
        [18, "RW", "u", "retry_timer_s"],  # Communication Retry Timer
        [19, "RW", "u", "sequence_delay_s"],  # Communication Sequence Delay Timer
        [20, "RW", "u", "sequence_count"],  # Communication Sequence Retry Count
        [23, "RW", "b", "mute_send"],  # Mute Send
    )

    def __init__(self, short_server_id, iid=0, lifetime_s=None):
        self.iid = iid
        self.short_server_id = short_server_id
        if lifetime_s is not None:
            self.lifetime_s = lifetime_s

    def check(self, values):
        # It takes less memory than `limits` for all: 1 to 2^31 - 1 for the lifetime, from 0 for
        # other integers (up to rid 5), up to 2^32 - 1 for unsigned ones. Queue mode is no part
        # of the binding since LwM2M 1.1 (Core section 6.2.1).
        for rid, _, value in values:
            if value != "U" if rid == 7 else not (rid == 1) <= value <= _MAX >> (rid < 6):
                raise Error(_BAD_REQUEST, "out of range, or a binding other than U")

    def disable(self, arguments):
        self.asked = _DISABLE

    def update(self, arguments):
        self.asked = self.asked or _UPDATE

    def bootstrap(self, arguments):
        if self.trigger is None:
            raise Error(_METHOD_NOT_ALLOWED)
        self.trigger()
