"""Small states that survive a power cut at any block write.

FAT puts no file in the place of another in one step, so nothing is renamed: a state is two
files written in turn, each with a sequence number and a CRC. The newer valid one counts, and
a write that is cut off damages only the older one.
"""

import os
import struct
from binascii import crc32

from micropython import const

_HEADER = const("<4sIHI")  # magic, sequence number, length in bytes, CRC-32 of the rest
_MAGIC = const(b"rec1")
_SIZE = const(14)


class Record:
    """One state of at most 65,535 bytes, kept under `name` in `directory`."""

    def __init__(self, name, directory="state"):
        self._directory = directory
        self._paths = ("%s/%s.0" % (directory, name), "%s/%s.1" % (directory, name))

    def read(self):
        """The bytes last written, or None."""
        return self._newest()[1]

    def write(self, data):
        """Replaces the state. OSError where the file system refuses, ValueError for more than
        65,535 bytes; the old state stays.
        """
        if len(data) > 0xFFFF:
            raise ValueError("a record holds at most 65535 bytes")
        sequence, _, which = self._newest()
        try:
            os.mkdir(self._directory)
        except OSError:
            pass  # it is there, or opening the file tells what is wrong
        sequence = (sequence + 1) & 0xFFFFFFFF
        crc = _crc(sequence, data)
        with open(self._paths[1 - which], "wb") as file:
            file.write(struct.pack(_HEADER, _MAGIC, sequence, len(data), crc))
            file.write(data)

    def erase(self):
        """Forgets the state; a cut in between leaves it as it was, never an older one."""
        which = self._newest()[2]
        for path in (self._paths[1 - which], self._paths[which]):
            try:
                os.remove(path)
            except OSError:
                pass  # was not there

    def _newest(self):
        # (sequence, data, which file); (0, None, 1) when there is none
        newest = (0, None, 1)
        for which, path in enumerate(self._paths):
            found = _load(path)
            if found is None:
                continue
            ahead = (found[0] - newest[0]) & 0xFFFFFFFF
            if newest[1] is None or 0 < ahead < 0x80000000:
                newest = (found[0], found[1], which)
        return newest


def _crc(sequence, data):
    return crc32(data, crc32(struct.pack("<IH", sequence, len(data)))) & 0xFFFFFFFF


def _load(path):
    try:
        with open(path, "rb") as file:
            header = file.read(_SIZE)
            if len(header) < _SIZE:
                return None
            magic, sequence, length, crc = struct.unpack(_HEADER, header)
            # Before memory is taken for a length that may be damaged.
            if file.seek(0, 2) != _SIZE + length:
                return None
            file.seek(_SIZE)
            data = file.read(length)
    except OSError:
        return None
    if magic != _MAGIC or _crc(sequence, data) != crc:
        return None
    return sequence, data
