"""The copies of the application: which one runs, which one is next, and how its trial ends.

A copy is a package in one file, `slot1.pkg` or `slot2.pkg` in the start directory; number 0 is
the factory's copy, the files of the start directory or what is frozen. boot.py starts the one
that the record `slot` names, main.py counts the starts of a trial and goes back when it fails;
both are the factory's, and agree with this on the record: docs/update.md.
"""

import os
import struct
import sys

from micropython import const

from firmware.storage import Record

_RECORD = const("<BBBBII")  # chosen, to go back to, starts + 1, result; CRC-32 of both heads
_NOTHING = (0, 0, 0, 0, 0, 0)
_SUCCESS = const(1)  # a result of object 5
_RESERVE = const(17)  # blocks that stay free for records


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
    from firmware.slot_head import crc  # not more of it than is needed: memory is short

    return crc(path(number)) if number else 0


def _read():
    data = Record("slot").read()
    if data is None or len(data) != struct.calcsize(_RECORD):
        return _NOTHING
    return struct.unpack(_RECORD, data)


def _write(*values):
    Record("slot").write(struct.pack(_RECORD, *values))
