"""The factory's copy of the application as one file, for a file system without room for many.

Each file takes whole blocks, half a block is lost on average, and its name takes its place in a
directory. In one file nothing is lost, and some modules can be compressed there. `copies.py` on
the board, which has to agree with this, mounts it as /slot0. Little endian:

    8s magic, I length of the table in bytes, I CRC-32, begun with 1, of all that follows
    the table: for each file and folder I CRC-32 of its name, I where it begins, 0: a folder
    the files, one behind the other

Where a file begins is counted from 1, the first byte behind the table. It needs no signature: it
comes over the cable as the files would, and nothing that comes over the air is taken for it.
"""

import struct
import zlib

from tools import boot_file
from tools.errors import UserError

NAME = "slot0.pkg"
_MAGIC = b"lwm2mpk0"
_FIRST = 1  # the CRC-32 of nothing but zeros is not 0 with this
# What starts it, and beside it what tries other copies where there may be some.
_OUTSIDE = ("boot.py", "copies.mpy", "main.py")
_FOR_OTHERS = (boot_file.NAME, "trial.mpy")
# What may be compressed: to load it takes 1.3 KB of memory in one piece, which there may be no
# more later. So what a start loads before it registers, and nothing does again; and what only
# someone at the console wants.
COMPRESSIBLE = (
    "coap.endpoint coap.message firmware.__init__ firmware.account_list firmware.app"
    " firmware.config firmware.connection firmware.connections firmware.console"
    " firmware.drivers.bmp180 firmware.drivers.sensor firmware.drivers.servo firmware.lan"
    " firmware.modules firmware.network_settings firmware.objects.example"
    " firmware.objects.servomotor firmware.objects.temperature firmware.look firmware.parts"
    " firmware.repl firmware.trace"
    " lwm2m.client lwm2m.object lwm2m.objects.server lwm2m.operations lwm2m.read"
    " lwm2m.registration lwm2m.session"
).split()
# Of the board's memory, 2 KB are taken while a compressed module is loaded.
_WINDOW_BITS = 9


def packed(files, gain=0):
    """The files of an installation, content by name, with one in the place of most of them.

    It is made smaller by so many bytes, if it can be: for that modules of `COMPRESSIBLE` are
    compressed, no more of them than need be.
    """
    outside = _OUTSIDE + (_FOR_OTHERS if boot_file.NAME in files else ())
    inside = {
        name.removeprefix("lib/"): data for name, data in files.items() if name not in outside
    }
    if gain > 0:
        smaller = {name: compressed(name, data) for name, data in inside.items()}
        gains = {name: len(data) - len(smaller[name]) for name, data in inside.items()}
        for name in sorted(gains, key=lambda name: (-gains[name], name)):
            if gain > 0 and name.removesuffix(".mpy").replace("/", ".") in COMPRESSIBLE:
                inside[name] = smaller[name]
                gain -= gains[name]
    return {NAME: _pack(inside), **{name: files[name] for name in outside}}


def compressed(name, data):
    """A module as copies.py opens it; what is no module, or gains nothing, as it is."""
    if not name.endswith(".mpy"):
        return data
    packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW_BITS)
    smaller = packer.compress(data) + packer.flush()
    return min(data, smaller, key=len)


def _pack(files):
    table = {}
    offset = 1
    for name, data in sorted(files.items()):
        for at, letter in enumerate(name):
            if letter == "/":
                table[name[:at]] = 0
        table[name] = offset
        offset += len(data)
    entries = {zlib.crc32(name.encode()): offset for name, offset in table.items()}
    if len(entries) < len(table):
        raise UserError("two names have the same CRC-32, by which boot.py knows them: rename one")
    behind = b"".join(struct.pack("<II", *entry) for entry in entries.items())
    head = _MAGIC + struct.pack("<I", len(behind))
    behind += b"".join(data for _, data in sorted(files.items()))
    return head + struct.pack("<I", zlib.crc32(behind, _FIRST)) + behind
