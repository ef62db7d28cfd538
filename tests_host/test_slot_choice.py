"""The record of the chosen copy as both sides of it see it, and reading a package."""

import os
import struct
import sys
from binascii import crc32

from helpers import raises
from scratch import Scratch

from firmware import slot_head, slots
from firmware.storage import Record

try:
    import vfs  # noqa: F401
except ImportError:  # CPython: nothing is mounted here
    sys.modules["vfs"] = None.__class__
    import copies

    sys.modules.pop("vfs")
else:
    import copies

assert slot_head  # from another folder MicroPython would not find it
FILES = (
    ("coap/message.mpy", b"M first"),
    ("firmware/app.mpy", b"M second!"),
    ("firmware/boards/one.mpy", b"M"),
    ("firmware/data.json", b"{}"),
)


class Board:
    SLOT_BYTES = 4096

    def __init__(self, number):
        self.SLOTS = number


class Inside:
    """Context manager: a folder that is the start directory, and which copy runs."""

    def __init__(self, running=0):
        self._running = running

    def __enter__(self):
        self._scratch = Scratch()
        path = self._scratch.__enter__()
        self._here = os.getcwd()
        os.chdir(path)
        if self._running:
            sys.path.insert(0, "/slot%d" % self._running)
        return path

    def __exit__(self, *error):
        if self._running:
            sys.path.pop(0)
        os.chdir(self._here)
        self._scratch.__exit__(*error)


def package(files=FILES):
    """(head, contents)"""
    contents = b"".join([data for _, data in files])
    head = b"lwm2mpk1" + struct.pack("<HHI", 4, len(files), len(contents)) + b'{"":'
    for name, data in files:
        head += bytes(32) + struct.pack("<IB", len(data), len(name)) + name.encode()
    return head + b"signature" + bytes(23), contents


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def install(number):
    write(slots.path(number), b"".join(package()))


def chosen():
    return slots._read()[:4]


def test_both_sides_agree_on_the_record():
    with Inside():
        record = Record("slot")
        assert copies.record() == (0, 1, None)
        for _ in range(5):
            data = os.urandom(12)
            record.write(data)
            assert copies.record()[2] == data == record.read()
            data = os.urandom(12)
            copies.write(data)
            assert copies.record()[2] == data == record.read()
        assert copies.record()[0] == 10
        # Numbers that wrap.
        for first, second in ((0xFFFFFFFF, 0), (0, 0xFFFFFFFF), (5, 6), (0x7FFFFFFF, 0x80000001)):
            for which in (0, 1):
                for number, sequence in ((which, first), (1 - which, second)):
                    data = bytes((number + 1,)) * 12
                    head = struct.pack("<IH", sequence, 12)
                    crc = crc32(data, crc32(head)) & 0xFFFFFFFF
                    write("state/slot.%d" % number, b"rec1" + head + struct.pack("<I", crc) + data)
                assert copies.record()[2] == record.read(), (first, second, which)


def test_a_damaged_record_is_none():
    with Inside():
        record = Record("slot")
        record.write(b"old record..")
        record.write(b"new record..")
        with open("state/slot.1", "rb") as file:
            good = file.read()
        for at in range(len(good)):
            bad = bytearray(good)
            bad[at] ^= 0x10
            write("state/slot.1", bad)
            assert copies.record()[2] == b"old record.." == record.read(), at
        for bad in (b"", good[:-1], good + b"x"):
            write("state/slot.1", bad)
            assert copies.record()[2] == b"old record.."
        # A good one of another length, of a later firmware.
        write("state/slot.1", good)
        record.write(b"longer than it should be")
        assert copies.record()[2] == b"new record.."


def test_a_package_is_a_file_system():
    head, contents = package()
    with Inside():
        write("slot1.pkg", head + contents + b"of a longer one")
        one = copies.Package("slot1.pkg", crc32(head) & 0xFFFFFFFF)
        for folder in ("/coap", "/firmware", "/firmware/boards"):
            assert one.stat(folder)[0] == 0x4000, folder
            raises(OSError, one.open, folder, "r")
        for name, data in FILES:
            assert one.stat("/" + name)[0] == 0x8000
            with one.open("/" + name, "rb") as file:
                assert file.read(len(data)) == data
            raises(OSError, one.open, "/" + name, "wb")
        for name in ("/lwm2m", "/firmware/app.py", "/firmware/app", "/app.mpy", "/../boot.py"):
            assert raises(OSError, one.stat, name).args[0] == 2, name
        assert len(one.table) == 8 * (len(FILES) + 3)


def test_a_package_with_another_head_is_refused():
    head, contents = package()
    crc = crc32(head) & 0xFFFFFFFF
    with Inside():
        for at in range(len(head)):
            bad = bytearray(head)
            bad[at] ^= 1
            write("slot1.pkg", bytes(bad) + contents)
            raises(Exception, copies.Package, "slot1.pkg", crc)
        for length in range(0, len(head) + len(contents), 7):
            write("slot1.pkg", (head + contents)[:length])
            raises(Exception, copies.Package, "slot1.pkg", crc)


def test_an_update_goes_where_nothing_runs():
    for number, running, record, target in (
        (0, 0, 0, None),
        (1, 0, 0, 1),
        (1, 1, 1, None),
        (2, 0, 0, 1),
        (2, 1, 1, 2),
        (2, 2, 2, 1),
        (2, 0, 1, 2),  # by the button
        (1, 0, 1, 1),
    ):
        with Inside(running):
            if record:
                slots._write(record, 0, 0, 0, 0, 0)
            assert slots.running() == running
            assert slots.target(Board(number)) == target, (number, running, record)


def test_room():
    with Inside():
        assert slots.room(Board(1), 1) == 4096
        statvfs = os.statvfs

        class Full:
            """An `os` whose file system has so many blocks left."""

            stat = os.stat

            def __init__(self, free):
                self.statvfs = lambda path: (512, 512, 100, free)

        try:
            for free, has in ((0, 0), (17, 0), (18, 512), (21, 2048), (100, 4096)):
                slots.os = Full(free)
                assert slots.room(Board(1), 1) == has
            # An old package goes.
            write("slot1.pkg", bytes(700))
            slots.os = Full(18)
            assert slots.room(Board(1), 1) == 512 + 1024
        finally:
            slots.os = os
        assert os.statvfs is statvfs


def test_a_copy_is_chosen_and_confirmed():
    head, _ = package()
    with Inside():
        assert chosen() == (0, 0, 0, 0) and slots.outcome() == 0
        raises(OSError, slots.choose, 1, "1")
        for bad in (b"", b"lwm2mpk1", b"lwm2mpk2" + bytes(100), head[:-1]):
            write("slot1.pkg", bad)
            raises(Exception, slots.choose, 1, "1")
        assert chosen() == (0, 0, 0, 0)
        install(1)
        slots.choose(1, "1")
        assert slots._read() == (1, 0, 1, 0, crc32(head) & 0xFFFFFFFF, 0)
        slots.confirm()  # the factory's copy runs
        assert chosen() == (1, 0, 1, 0) and slots.outcome() == 0
        sys.path.insert(0, "/slot1")
        try:
            slots.confirm()
            assert chosen() == (1, 0, 0, 1)
            install(2)
            slots.choose(2, "2")
            assert slots._read() == (2, 1, 1, 0) + 2 * (crc32(head) & 0xFFFFFFFF,)
            slots.factory()
            assert chosen() == (0, 0, 0, 0)
        finally:
            sys.path.pop(0)


def test_a_result_is_told_once():
    with Inside():
        install(1)
        slots.choose(1, "1")
        sys.path.insert(0, "/slot1")
        try:
            slots.confirm()
        finally:
            sys.path.pop(0)
        assert slots.outcome() == 1
        assert slots.outcome() == 0 and chosen() == (1, 0, 0, 0)
