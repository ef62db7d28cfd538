"""The copies of the application: which one runs, which one is next, and how its trial ends.

A copy is a package in one file, `slot1.pkg` or `slot2.pkg` in the start directory; number 0 is
the factory's copy, the files of the start directory or what is frozen. boot.py starts the one
that the record `slot` names, main.py counts the starts of a trial and goes back when it fails;
both are the factory's, and agree with this on the record: docs/update.md.
"""

import os
import struct
import sys
from binascii import crc32

from micropython import const

from firmware.storage import Record

_RECORD = const("<BBBBII")  # chosen, to go back to, starts + 1, result; CRC-32 of both heads
_NOTHING = (0, 0, 0, 0, 0, 0)
_HEAD = const(16)  # bytes at the beginning of a package
_ENTRY = const(37)  # bytes before the name of a file
_SIGNATURE = const(32)  # bytes behind the last name
_PIECE = const(512)
_SUCCESS = const(1)  # a result of object 5
_RESERVE = const(12)  # blocks that stay free for records


def running():
    """The number of the copy that runs; 0: the factory's."""
    first = sys.path[0]
    return int(first[5:]) if first[:5] == "/slot" else 0


def target(board):
    """The number of the slot that an update may overwrite, None where there is none.

    Neither the copy that runs nor, in the factory's copy, the one that is chosen: someone may
    have come here by the button alone.
    """
    taken = (running() or _read()[0],) if board.SLOTS > 1 else (running(),)
    for number in range(1, board.SLOTS + 1):
        if number not in taken:
            return number
    return None


def path(number):
    """The name of the package file of a slot."""
    return "slot%d.pkg" % number


def room(board, number):
    """How long a package for this slot may be, in bytes."""
    facts = os.statvfs(".")
    block = facts[1] or facts[0]
    free = (facts[3] - _RESERVE) * block
    try:
        free += (os.stat(path(number))[6] + block - 1) // block * block
    except OSError:
        pass  # no package was there yet
    return max(0, min(board.SLOT_BYTES, free))


def choose(number, version):
    """Has the package in this slot, which has been checked, started next, on trial; says so.

    OSError where that cannot be written, ValueError where the file is none, or where that is the
    copy that runs: on trial it had none to go back to.
    """
    before = _read()
    back = running()
    if number == back:
        raise ValueError("slot %d runs" % number)
    back_crc = before[4] if back and back == before[0] else _crc(back)
    _write(number, back, 1, 0, _crc(number), back_crc)
    print("slot %d: version %s is tried with the next start" % (number, version))


def confirm():
    """Ends the trial of the copy that runs: it stays. OSError where that cannot be written."""
    chosen, _, starts, result, crc, _ = _read()
    if starts and chosen == running():
        _write(chosen, 0, 0, _SUCCESS, crc, 0)


def factory():
    """Has the factory's copy started next, and stay."""
    _write(0, 0, 0, _read()[3], 0, 0)


def outcome():
    """The result of object 5 that an update has come to since the last call, 0: none."""
    kept = _read()
    if kept[2] or not kept[3]:
        return 0
    _write(kept[0], kept[1], 0, 0, kept[4], kept[5])
    return kept[3]


def _crc(number):
    # Of the head of a package: all before the contents.
    if not number:
        return 0
    with open(path(number), "rb") as file:
        head = file.read(_HEAD)
        if len(head) < _HEAD or head[:8] != b"lwm2mpk1":
            raise ValueError("%s: no package" % path(number))
        length, count = struct.unpack_from("<HH", head, 8)
        at = _HEAD + length
        for _ in range(count):
            file.seek(at + _ENTRY - 1)
            at += _ENTRY + file.read(1)[0]
        left = at + _SIGNATURE
        file.seek(0)
        crc = 0
        while left:
            data = file.read(min(left, _PIECE))
            if not data:
                raise ValueError("%s: cut off" % path(number))
            crc = crc32(data, crc)
            left -= len(data)
    return crc & 0xFFFFFFFF


def _read():
    data = Record("slot").read()
    if data is None or len(data) != struct.calcsize(_RECORD):
        return _NOTHING
    return struct.unpack(_RECORD, data)


def _write(*values):
    Record("slot").write(struct.pack(_RECORD, *values))
