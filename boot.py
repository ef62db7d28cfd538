"""First on the board: where the application's modules are, see docs/update.md.

It reads which copy is chosen and mounts the package of that one, writes nothing, and imports
nothing of ours. Whatever is wrong with a copy: the factory's runs, in the start directory. It
leaves for main.py `slot`, the number of the copy that runs, `attempts`, which is not 0 where that
copy or another one is on trial, and `record`. Names here are such as are used elsewhere: each
other one, even a local's, takes memory for good.
"""

import sys
from binascii import crc32
from struct import pack, unpack


def record():
    """Sequence number, number of the file and data of the newest good one of state/slot.0 and .1.

    As firmware/storage.py writes them. The data, None where there are none: chosen copy, copy to
    go back to, starts of a trial and one more (0: confirmed), result to be told; CRC-32 of
    the heads of the packages of both copies.
    """
    known = 0, 1, None
    for number in (0, 1):
        try:
            with open("state/slot.%d" % number, "rb") as file:
                data = file.read(27)
        except OSError:
            continue
        if len(data) == 26 and data[:4] == b"rec1" and data[8:10] == b"\x0c\0":
            sequence, _, check = unpack(b"<IHI", data[4:14])
            left = sequence - known[0] & 0xFFFFFFFF
            if crc32(data[14:], crc32(data[4:10])) & 0xFFFFFFFF == check and (
                known[2] is None or 0 < left < 0x80000000
            ):
                known = sequence, number, data[14:]
    return known


def button():
    """Lights the led for 2 s; whether the user button is pressed meanwhile.

    Without a good boot.json the board has neither.
    """
    try:
        import json
        import time

        from machine import Pin

        with open("boot.json") as file:
            pins = json.load(file)
        led = Pin(pins["led"], Pin.OUT, value=1)
        pin = Pin(pins["button"], Pin.IN)
        left = 100
        while left and pin.value() != pins["level"]:
            time.sleep_ms(20)
            left -= 1
        led.value(0)
        return left
    except Exception:
        return 0


class Package:
    """A package as a file system to import from; ValueError where its head is not that with
    this CRC-32.
    """

    def __init__(self, path, check):
        self.path = path
        self.table = b""  # CRC-32 of each name, and where the file begins; 0: a folder
        with open(path, "rb") as file:
            data = file.read(16)
            known = crc32(data)
            length, left, size = unpack(b"<HHI", data[8:])
            data = file.read(length)
            known = crc32(data, known)
            at = 1
            while left:
                left -= 1
                data = file.read(37)
                name = file.read(data[36])
                known = crc32(name, crc32(data, known))
                length = name.find(b"/")
                while length >= 0:
                    self.add(name[:length], 0)
                    length = name.find(b"/", length + 1)
                self.add(name, at)
                at += unpack(b"<I", data[32:36])[0]
            known = crc32(file.read(32), known) & 0xFFFFFFFF
            self.first = file.seek(0, 1) - 1
            if known != check or file.seek(0, 2) <= self.first + size:
                raise ValueError("its package is damaged")

    def add(self, name, at):
        data = pack(b"<II", crc32(name) & 0xFFFFFFFF, at)
        if data not in self.table:
            self.table += data

    def find(self, path):
        data = pack(b"<I", crc32(path[1:].encode()) & 0xFFFFFFFF)
        at = self.table.find(data)
        while at >= 0:
            if at % 8 == 0:
                return unpack(b"<I", self.table[at + 4 : at + 8])[0]
            at = self.table.find(data, at + 1)
        raise OSError(2)  # ENOENT

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        return (0x8000 if self.find(path) else 0x4000,) + (0,) * 9

    def open(self, path, mode):
        at = self.find(path)
        file = open(self.path, "rb")
        file.seek(self.first + at)
        return file


slot = attempts = 0
try:
    data = record()[2]
    if data and data[0] and not button():
        attempts = data[2]
        for number in (0, 1):
            if number or attempts < 3:  # two starts without a confirmation are enough
                try:
                    slot = data[number]
                    if slot:
                        import vfs

                        path = "slot%d.pkg" % slot
                        known = unpack(b"<II", data[4:])
                        vfs.mount(Package(path, known[number]), "/" + path[:5])
                        sys.path.insert(0, "/" + path[:5])
                    break
                except Exception as error:
                    print("boot: slot %d: %s" % (slot, error))
                    slot = 0
except Exception as error:
    print("boot.py failed: %s" % error)
del button, Package
if not slot and not attempts:
    del record
if "lib" not in sys.path:
    sys.path.append("lib")
