"""Which copy of the application starts, for boot.py; docs/update.md tells the whole of it.

The factory's, like boot.py, main.py and trial.py: no update changes it, and it imports nothing
that one could. A module of its own, for the memory of it is needed only where a copy was ever
chosen or the factory's is one file, and compiled it is a third as long. Names are such as other
modules have, where there is one: each other takes memory for good.
"""

import json
import sys
import time
from binascii import crc32
from errno import EACCES, ENOENT, ETIMEDOUT
from struct import pack, unpack_from

import machine
import vfs
from micropython import const

_STARTS = const(2)  # of a trial, without a confirmation
_TRIAL_MS = const(300000)
_LOOK_MS = const(20)  # at the button
_LOOKS = const(100)
_MAGIC = const(b"rec1")
_HEADER = const(14)
_SIZE = const(26)
_PIECE = const(512)
_MPY = const(b"M")  # an .mpy file begins so

number = 0  # of the copy that runs, 0: the factory's
attempts = 0  # where there is a trial: the number of its starts, and one more
timer = None  # the watchdog beside the trial
since = None  # its beginning in ms, while it may come to its end


def record():
    """Sequence number, number of the file and data of the newest good one of state/slot.0 and .1.

    As firmware/storage.py writes them. The data, None where there are none: chosen copy, copy to
    go back to, starts of a trial and one more (0: confirmed), result to be told; CRC-32 of
    the heads of the packages of both copies, or as trial.py has it.
    """
    newest = 0, 1, None
    for which in (0, 1):
        try:
            with open("state/slot.%d" % which, "rb") as file:
                data = file.read(_SIZE + 1)
        except OSError:
            continue
        if len(data) != _SIZE:
            continue
        magic, sequence, length, crc = unpack_from(b"<4sIHI", data)
        data = data[_HEADER:]
        if (
            magic == _MAGIC
            and length == len(data)
            and crc == crc32(data, crc32(pack(b"<IH", sequence, length))) & 0xFFFFFFFF
            and (newest[2] is None or 0 < sequence - newest[0] & 0xFFFFFFFF < 0x80000000)
        ):
            newest = sequence, which, data
    return newest


def write(data):
    """Writes the next record; OSError where that cannot be done."""
    sequence, which, _ = record()
    head = pack(b"<IH", (sequence + 1) & 0xFFFFFFFF, len(data))
    crc = crc32(data, crc32(head)) & 0xFFFFFFFF
    with open("state/slot.%d" % (1 - which), "wb") as file:
        file.write(_MAGIC + head + pack(b"<I", crc) + data)


def button():
    # The led is lit for 2 s; whether the user button is pressed meanwhile. Without a good
    # boot.json the board has neither.
    try:
        with open("boot.json") as file:
            pins = json.load(file)
        led = machine.Pin(pins["led"], machine.Pin.OUT, value=1)
        pin = machine.Pin(pins["button"], machine.Pin.IN)
        left = _LOOKS
        while left and pin.value() != pins["level"]:
            time.sleep_ms(_LOOK_MS)
            left -= 1
        led.value(0)
        if left:
            print("the button is pressed: the factory's copy starts")
        return left > 0
    except (OSError, ValueError, KeyError, TypeError):
        return False


def feed():
    """Feeds the watchdog; OSError where the time of the trial is over without a confirmation."""
    global since
    if since is not None and time.ticks_diff(time.ticks_ms(), since) > _TRIAL_MS:
        if record()[2][2]:
            raise OSError(ETIMEDOUT, "not registered within %d s" % (_TRIAL_MS // 1000))
        since = None
    timer.feed()


class Package:
    """The file of a package as a file system to import from (docs/update.md).

    ValueError where its head is not that with this CRC-32. Without one it is the factory's copy
    as tools/packed.py makes it: its table is there, and the CRC-32 is that of all behind it.
    """

    def __init__(self, path, crc):
        self.path = path
        self.table = b""  # CRC-32 of each name, and where the file begins; 0: a folder
        with open(path, "rb") as file:
            data = file.read(16)
            if crc is None:
                length, crc = unpack_from(b"<II", data, 8)
                self.table = data = file.read(length)
                self.first = length + 15
                found = 1  # else that of nothing, 0, would be right where all is 0
                while data:
                    found = crc32(data, found)
                    data = file.read(_PIECE)
                if found & 0xFFFFFFFF != crc:
                    raise ValueError("it is damaged: deploy again")
                return
            found = crc32(data)
            length, count, size = unpack_from(b"<HHI", data, 8)
            found = crc32(file.read(length), found)
            offset = 1
            for _ in range(count):
                data = file.read(37)
                name = file.read(data[36])
                found = crc32(name, crc32(data, found))
                at = name.find(b"/")
                while at >= 0:
                    self.add(name[:at], 0)
                    at = name.find(b"/", at + 1)
                self.add(name, offset)
                offset += unpack_from(b"<I", data, 32)[0]
            found = crc32(file.read(32), found)
            self.first = file.seek(0, 1) - 1
            if found & 0xFFFFFFFF != crc or file.seek(0, 2) <= self.first + size:
                raise ValueError("its package is damaged")

    def add(self, name, offset):
        entry = pack(b"<II", crc32(name) & 0xFFFFFFFF, offset)
        if entry not in self.table:
            self.table += entry

    def find(self, path):
        key = pack(b"<I", crc32(path[1:].encode()) & 0xFFFFFFFF)
        at = self.table.find(key)
        while at >= 0:
            if at % 8 == 0:
                return unpack_from(b"<I", self.table, at + 4)[0]
            at = self.table.find(key, at + 1)
        raise OSError(ENOENT)

    # What MicroPython calls

    def mount(self, *arguments):
        pass

    umount = mount

    def stat(self, path):
        return (0x8000 if self.find(path) else 0x4000,) + (0,) * 9

    def open(self, path, mode):
        offset = self.find(path)
        if not offset or "r" not in mode:
            raise OSError(EACCES)
        file = open(self.path, "rb")
        file.seek(self.first + offset)
        if path[-4:] == ".mpy" and file.read(1) != _MPY:
            # A module that was made smaller, for a slot without room for all
            from deflate import ZLIB, DeflateIO

            file.seek(self.first + offset)
            return DeflateIO(file, ZLIB, 0, True)
        file.seek(self.first + offset)
        return file


def mount(which, crc):
    # True where that can be imported from now on. The factory's copy need not be one file.
    path = "slot%d.pkg" % which
    try:
        vfs.mount(Package(path, crc), "/" + path[:5])
        sys.path.insert(0, "/" + path[:5])
        return True
    except (OSError, ValueError, IndexError, MemoryError) as error:
        if which or error.args[:1] != (ENOENT,):
            print("slot %d: %s" % (which, error))


def begin():
    """Makes the copy that is chosen the first to import from; writes nothing.

    A copy that cannot be had is passed over for the one to go back to, and that for the
    factory's. This module stays for trial.py where that or another copy is on trial.
    """
    global number, attempts
    mount(0, None)
    data = record()[2]
    if data and data[0] and not button():
        attempts = data[2]
        for which in (0, 1) if attempts <= _STARTS else (1,):
            number = data[which]
            if not number or mount(number, unpack_from(b"<II", data, 4)[which]):
                break
            number = 0
    # The memory of what is not needed any more
    module = sys.modules[__name__]
    gone = "begin button mount "
    if not attempts:
        sys.modules.pop(__name__)
        gone += "record write feed "
    for name in gone.split():
        delattr(module, name)
