"""Device and Portfolio of the board: its clock, what it can measure, what is kept."""

import gc
import os

import machine
import machine_rtc
from helpers import Source
from peer import Peer
from scratch import Scratch

from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, INTERNAL_SERVER_ERROR, NOT_FOUND
from firmware import device, once, storage, written
from firmware.objects import portfolio
from lwm2m.formats import tlv
from lwm2m.object import Late

TLV = 11542
if not hasattr(gc, "mem_free"):  # CPython
    gc.mem_free = lambda: 40 * 1024
    gc.mem_alloc = lambda: 60 * 1024


class Usb:
    MODEL = "BOARD-1"


class Battery:
    MODEL = "BOARD-2"
    HARDWARE = "rev. C"
    POWER = {0: 1, 1: 5}
    measured = (3712, 81, 0)

    @staticmethod
    def battery():
        return Battery.measured


class Board:
    """Context manager: a peer with both objects, and records in a folder of their own."""

    def __init__(self, board=Usb):
        self.app = Source()
        self.app.board = board
        self.scratch = Scratch()

    def __enter__(self):
        self.folder = self.scratch.__enter__()
        self.state = self.folder + "/state"
        written.Record = lambda name: storage.Record(name, self.state)
        device.once = portfolio.once = self._once
        modules = {3: device, 16: portfolio}
        self.peer = Peer(
            *[Late(oid, lambda oid: modules[oid].make(self.app, oid)) for oid in (3, 16)]
        )
        self.peer.state = self.state
        self.peer.register()
        return self.peer

    def __exit__(self, *error):
        written.Record = storage.Record
        device.once = portfolio.once = once
        self.scratch.__exit__(*error)

    @staticmethod
    def _once(name, function, *arguments):
        # The module with that folder stays.
        assert name == "written"
        return getattr(written, function)(*arguments)


def text(peer, path):
    peer.table.drop()
    response = peer.get(path)
    return str(bytes(response.payload), "utf-8") if response.code == CONTENT else response.code


def identity(peer):
    peer.table.drop()
    response = peer.get("/16/0/0", accept=TLV)
    found = tlv.decode((16, 0, 0), response.payload)
    return {path[3]: tlv.value("s", raw) for path, raw in found}


def test_what_a_board_is():
    with Board() as peer:
        assert text(peer, "/3/0/0") == "IoTKitV3"
        assert text(peer, "/3/0/1") == "BOARD-1"
        assert len(text(peer, "/3/0/2")) == 24
        assert text(peer, "/3/0/6/0") == "5"
        assert int(text(peer, "/3/0/21")) >= int(text(peer, "/3/0/10")) > 0
        assert text(peer, "/3/0/17") == "IoTKit"
        for rid in (7, 9, 14, 15, 18, 20):
            assert text(peer, "/3/0/%d" % rid) == NOT_FOUND


def test_a_board_with_a_battery():
    with Board(Battery) as peer:
        assert text(peer, "/3/0/6/0") == "1"
        assert text(peer, "/3/0/7/0") == "3712"
        assert (text(peer, "/3/0/9"), text(peer, "/3/0/20")) == ("81", "0")
        assert text(peer, "/3/0/18") == "rev. C"
        Battery.measured = (None, None, 6)
        try:
            assert text(peer, "/3/0/7") == text(peer, "/3/0/9") == NOT_FOUND
            assert text(peer, "/3/0/20") == "6"
        finally:
            Battery.measured = (3712, 81, 0)


def test_the_clock_is_set_and_read():
    before = machine_rtc.RTC._offset_s
    try:
        with Board() as peer:
            for now_s in (946684800, 951782399, 951782400, 1709164800, 1709251200, 1735689599):
                assert peer.put("/3/0/13", b"%d" % now_s).code == CHANGED
                assert 0 <= int(text(peer, "/3/0/13")) - now_s <= 2
    finally:
        machine_rtc.RTC._offset_s = before


def test_each_day_of_the_clock():
    class RTC:
        def datetime(self):
            return RTC.when

    known = getattr(machine, "RTC")  # noqa: B009 - it is loaded when asked for
    machine.RTC = RTC
    try:
        day = 0
        for year in range(2000, 2069):
            for month in range(1, 13):
                length = 31 - (month - 1) % 7 % 2
                if month == 2:
                    length = 28 if year % 4 else 29
                for date in range(1, length + 1):
                    RTC.when = (year, month, date, 1, 23, 59, 58, 0)
                    assert device.clock() == 946684800 + (day + 1) * 86400 - 2
                    day += 1
    finally:
        machine.RTC = known


def test_where_it_is_is_kept():
    with Board() as peer:
        assert written.read() == {}
        assert peer.put("/3/0/14", b"-03:30").code == CHANGED
        assert peer.put("/3/0/15", b"America/St_Johns").code == CHANGED
        assert peer.put("/3/0/14", b"later").code == BAD_REQUEST
        assert (text(peer, "/3/0/14"), text(peer, "/3/0/15")) == ("-03:30", "America/St_Johns")
        assert written.read() == {"utc_offset": "-03:30", "timezone": "America/St_Johns"}
        # What is written again wears no flash.
        sizes = os.listdir(peer.state)
        assert peer.put("/3/0/14", b"-03:30").code == CHANGED
        assert os.listdir(peer.state) == sizes
        payload = bytes(tlv.encode((3, 0), (((3, 0, 14), "s", "Z"),)))
        assert peer.put("/3/0", payload, TLV).code == CHANGED
        assert (text(peer, "/3/0/14"), text(peer, "/3/0/15")) == ("Z", NOT_FOUND)
        assert written.read() == {"utc_offset": "Z"}


def test_a_record_that_is_damaged_is_none():
    with Board() as peer:
        assert peer.put("/3/0/14", b"Z").code == CHANGED
        for name in os.listdir(peer.state):
            with open(peer.state + "/" + name, "wb") as file:
                file.write(b"rubbish")
        assert text(peer, "/3/0/14") == NOT_FOUND
        assert peer.put("/3/0/14", b"+01").code == CHANGED
        assert text(peer, "/3/0/14") == "+01"


def test_what_cannot_be_kept_is_told():
    with Board() as peer:
        with open(peer.state, "w") as file:  # where the folder should be
            file.write("x")
        assert peer.put("/3/0/14", b"Z").code == INTERNAL_SERVER_ERROR
        assert text(peer, "/3/0/14") == NOT_FOUND


def test_portfolio_says_what_it_is_until_someone_writes():
    with Board() as peer:
        own = identity(peer)
        assert (own[1], own[2]) == ("IoTKitV3", "BOARD-1")
        assert sorted(own) == [0, 1, 2, 3]
        payload = bytes(tlv.encode((16, 0, 0), (((16, 0, 0, 0), "s", "line 7"),)))
        assert peer.post("/16/0/0", payload, TLV).code == CHANGED
        changed = dict(own)
        changed[0] = "line 7"
        assert identity(peer) == changed
        assert peer.put("/16/0/0", payload, TLV).code == CHANGED
        assert identity(peer) == {0: "line 7"}
        assert written.read("identity") == {"0": "line 7"}
        payload = bytes(tlv.encode((16, 0, 0), (((16, 0, 0, 4), "s", "x"),)))
        assert peer.put("/16/0/0", payload, TLV).code == BAD_REQUEST
        assert peer.put("/16/0", b"", TLV).code == CHANGED  # it leaves it out
        assert identity(peer) == own and written.read() == {}


def test_both_are_kept_side_by_side():
    with Board() as peer:
        payload = bytes(tlv.encode((16, 0, 0), (((16, 0, 0, 2), "s", "press"),)))
        assert peer.put("/16/0/0", payload, TLV).code == CHANGED
        assert peer.put("/3/0/15", b"UTC").code == CHANGED
        assert identity(peer) == {2: "press"} and text(peer, "/3/0/15") == "UTC"
        written.keep("timezone", None)
        assert identity(peer) == {2: "press"} and text(peer, "/3/0/15") == NOT_FOUND
