"""Modules from one file, `app.pack`: each in a file of its own wastes part of its last block.

Only installed where the file system is that small. tools/install.py makes the file: the number
of entries, an entry for each module and each folder, and the modules. An entry is the CRC-32 of
the path and the place in the file, 0 for a folder. Modules that are loaded at the start are
compressed, when there is memory for that; those that may come later are not. Importing this puts
the modules onto the path.
"""

import struct
import sys
from binascii import crc32

import vfs
from deflate import RAW, DeflateIO
from micropython import const

_FILE = const("app.pack")
_PLACE = const("/app")
_COMPRESSED = const(0x800000)  # flag in a place
_WINDOW_BITS = const(9)
_ENOENT = const(2)
_FOLDER = const(0x4000)
_PLAIN = const(0x8000)
_HEAD = const(2)
_ENTRY = const(8)


class Pack:
    """A file system in one file, as far as `import` asks for it: stat() and open()."""

    def __init__(self):
        with open(_FILE, "rb") as file:
            count = struct.unpack("<H", file.read(_HEAD))[0]
            self._index = file.read(count * _ENTRY)

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def _find(self, path):
        # The place of a module, 0 for a folder; OSError.
        name = struct.pack("<I", crc32(path) & 0xFFFFFFFF)
        at = self._index.find(name)
        while at >= 0:
            if at % _ENTRY == 0:
                return struct.unpack_from("<I", self._index, at + 4)[0]
            at = self._index.find(name, at + 1)
        raise OSError(_ENOENT)

    def stat(self, path):
        """Tells folders and files apart; the other figures are not known. OSError."""
        kind = _PLAIN if self._find(path[1:]) else _FOLDER
        return (kind, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def open(self, path, mode):
        """A stream of what a module holds. OSError."""
        start = self._find(path[1:])
        file = open(_FILE, "rb")
        file.seek(start & ~_COMPRESSED)
        if start & _COMPRESSED:
            return DeflateIO(file, RAW, _WINDOW_BITS, True)
        return file  # which goes on with others, but a module knows where it ends


vfs.mount(Pack(), _PLACE)
sys.path.append(_PLACE)
sys.path.append(_PLACE + "/lib")
