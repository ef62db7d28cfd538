"""First on the board: where the application's modules are, see docs/update.md.

It reads which copy is chosen and mounts that one's package, writes nothing, and imports nothing
of ours. Whatever is wrong with a copy: the one in the start directory, the factory's, runs. For
main.py it leaves `record`, `slot`, the number of the copy that runs, and `starts`, which is not
0 where that copy or another one is on trial.
"""

import sys
from binascii import crc32
from struct import pack, unpack, unpack_from


def record():
    """Sequence number, number of the file and data of the newest good one of state/slot.0 and .1.

    As firmware/storage.py writes them. The data, None where there are none: chosen copy, copy to
    go back to, starts of a trial and one more (0: confirmed), result to be told; CRC-32 of
    the heads of the packages of both copies.
    """
    newest = 0, 1, None
    for which in (0, 1):
        try:
            with open("state/slot.%d" % which, "rb") as file:
                data = file.read(27)
        except OSError:
            continue
        if len(data) == 26 and data[:4] == b"rec1" and data[8:10] == b"\x0c\0":
            sequence, _, crc = unpack("<IHI", data[4:14])
            ahead = sequence - newest[0] & 0xFFFFFFFF
            if crc32(data[14:], crc32(data[4:10])) & 0xFFFFFFFF == crc and (
                newest[2] is None or 0 < ahead < 0x80000000
            ):
                newest = sequence, which, data[14:]
    return newest


def pressed():
    """Lights the led for 2 s; whether the user button is pressed meanwhile."""
    import json
    import time

    from machine import Pin

    with open("boot.json") as file:
        pins = json.load(file)
    led = Pin(pins["led"], Pin.OUT, value=1)
    button = Pin(pins["button"], Pin.IN)
    try:
        for _ in range(100):
            if button.value() == pins["pressed"]:
                return True
            time.sleep_ms(20)
    finally:
        led.value(0)
    return False


class Package:
    """A package as a file system to import from; ValueError where its head is not that with
    this CRC-32.
    """

    def __init__(self, path, crc):
        self.path = path
        self.table = b""  # CRC-32 of each name and its offset in the file; 0: a folder
        with open(path, "rb") as file:
            data = file.read(16)
            found = crc32(data)
            length, count, size = unpack("<HHI", data[8:])
            data = file.read(length)
            found = crc32(data, found)
            offset = 0
            for _ in range(count):
                data = file.read(37)
                found = crc32(data, found)
                name = file.read(data[36])
                found = crc32(name, found)
                at = name.find(b"/")
                while at >= 0:
                    self.add(name[:at], 0)
                    at = name.find(b"/", at + 1)
                self.add(name, offset + 1)
                offset += unpack_from("<I", data, 32)[0]
            found = crc32(file.read(32), found)
            self.first = file.seek(0, 1) - 1
            if found & 0xFFFFFFFF != crc or file.seek(0, 2) <= self.first + size:
                raise ValueError("damaged")

    def add(self, name, offset):
        entry = pack("<II", crc32(name) & 0xFFFFFFFF, offset)
        if entry not in self.table:
            self.table += entry

    def find(self, path):
        key = pack("<I", crc32(path[1:].encode()) & 0xFFFFFFFF)
        at = self.table.find(key)
        while at >= 0:
            if at % 8 == 0:
                return unpack_from("<I", self.table, at + 4)[0]
            at = self.table.find(key, at + 1)
        raise OSError(2)  # ENOENT

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        return (0x8000 if self.find(path) else 0x4000,) + (0,) * 9

    def open(self, path, mode):
        offset = self.find(path)
        file = open(self.path, "rb")
        file.seek(self.first + offset)
        return file


slot = starts = 0
try:
    data = record()[2]
    if data and data[0]:
        try:
            by_hand = pressed()
        except Exception:  # no boot.json: a board without a led or a button for that
            by_hand = False
        if not by_hand:
            starts = data[2]
            # Two starts without a confirmation are enough.
            for which in (0, 1) if starts < 3 else (1,):
                try:
                    slot = data[which]
                    if slot:
                        import vfs

                        package = Package(
                            "slot%d.pkg" % slot, unpack_from("<I", data, 4 + 4 * which)[0]
                        )
                        vfs.mount(package, "/slot%d" % slot)
                        sys.path.insert(0, "/slot%d" % slot)
                    break
                except Exception as error:
                    print("boot: slot %d: %s" % (slot, error))
                    slot = 0
except Exception as error:
    print("boot:", error)
if "lib" not in sys.path:
    sys.path.append("lib")
