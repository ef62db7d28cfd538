"""A board that starts by the real boot.py and main.py, from a FAT in RAM; MicroPython only.

Each copy of its application is one file that does as the board says: its behaviour by number.
"""

import builtins
import os
import struct
import sys

import vfs
from cut_flash import Ram

from firmware import slot_head, slots

ROOT = os.getcwd()
FLASH = "/copies"
_HELD = ("machine", "time", "copies", "trial", "firmware", "firmware.app", "board")
# What a copy does, as a word of `Board.behaviour`.
APP = """
import board
def run(feed):
    return board.run(%d, feed)
"""


def package(number, padding=0):
    """A package (docs/update.md) whose application says that it is this number."""
    name = b"firmware/app.py"
    text = (APP % number).encode() + b"\n" * padding
    head = b'{"version": "%d"}' % number
    entry = bytes(32) + struct.pack("<IB", len(text), len(name)) + name
    return b"lwm2mpk1" + struct.pack("<HHI", len(head), 1, len(text)) + head + entry + bytes(
        32
    ), text


class Reset(BaseException):
    """The board has begun anew."""


class Large(Ram):
    """As `Ram`, with room for packages."""

    blocks = 96
    cut = False  # whether the supply has gone

    def writeblocks(self, number, buffer, offset=0):
        dead = self.dead
        answer = super().writeblocks(number, buffer, offset)
        self.cut = self.cut or self.dead != dead
        return answer


class Board:
    """`behaviour`: what each copy does when it runs: "works" (is confirmed), "crashes",
    "crashes late" (after a minute), "hangs", "ends" (its configuration is refused), "idles" (never
    registers), "stops" (a Ctrl-C), "returns" (for no reason), "fails later" (once it is
    confirmed), "confirmed" (then a Ctrl-C).

    It is its own `machine`, `time` and `board`, as far as boot.py and main.py want them.
    """

    PWRON_RESET = 1

    class Pin:
        IN = 0
        OUT = 1

        def __init__(self, name, mode, value=0):
            assert (name, mode) in (("PB0", 1), ("PC13", 0))
            if mode:
                self.value(value)

        def value(self, level=None):
            board = Board.now
            if level is not None:
                board.lit.append(level)
                return None
            board.looks += 1
            return 1 if board.pressed_at == board.looks else 0

    def __init__(self, data=None, torn=False):
        self.device = Large(data, torn)
        if data is None:
            vfs.VfsFat.mkfs(self.device)
        self.behaviour = {0: "works", 1: "works", 2: "works"}
        self.said = ""
        self.ran = []  # the copies that have started
        self.slept_s = 0
        self.timers = 0
        self.pressed_at = 0  # the look at the button that finds it pressed; 0: none does
        self.armed = False
        self._ms = 0
        Board.now = self

    # machine, time

    def WDT(self, timeout):
        assert timeout == 32000
        self.armed = True
        return self

    def feed(self):
        pass

    def Timer(self, number, period, callback):
        callback(None)
        self.timers += 1
        self.timer = self._ms, callback

    def reset(self):
        self.device.dead = True  # nothing is done any more
        raise Reset

    def ticks_ms(self):
        self._ms += 100
        return self._ms

    def ticks_add(self, one, other):
        return one + other

    def ticks_diff(self, one, other):
        return one - other

    def sleep(self, seconds):
        self.slept_s += seconds

    def sleep_ms(self, ms):
        self._ms += ms

    # the application

    def run(self, number, feed):
        self.ran.append(number)
        assert (feed is not None) == self.armed
        what = self.behaviour[number]
        if what == "crashes late":
            self._ms += 60000
        if what[:7] == "crashes":
            raise KeyError("a fault of copy %d" % number)
        if what == "ends":
            return 2
        if what == "stops":
            return 0
        if what == "hangs":
            self.reset()
        if what == "idles":
            for _ in range(4000):
                self._ms += 100
                feed and feed()
            return 0
        if what == "returns":
            return None
        if feed:
            slots.confirm()
        if what == "fails later":
            raise KeyError("a fault of copy %d" % number)
        return 0

    # from outside

    def inside(self, action):
        """What `action()` returns, with the file system as the working directory."""
        self.device.dead = False
        vfs.mount(vfs.VfsFat(self.device), FLASH)
        os.chdir(FLASH)
        said = builtins.print
        builtins.print = self._print
        # Loaded before, for its path is that of then; and maybe dropped by another test.
        sys.modules["firmware.slot_head"] = slot_head
        try:
            return action()
        finally:
            builtins.print = said
            os.chdir(ROOT)
            vfs.umount(FLASH)

    def install(self, number, padding=0):
        """Puts a package into a slot, as an update does: over what is there."""

        def write():
            with open(slots.path(number), "wb") as file:
                for part in package(number, padding):
                    file.write(part)

        self.inside(write)

    def fed(self, seconds):
        """Whether the timer feeds the watchdog so long after it was begun."""
        began, callback = self.timer
        self._ms = began + seconds * 1000
        try:
            self.inside(lambda: callback(None))
        except Reset:
            return False
        return True

    def factory(self):
        """Puts the factory's copy there."""

        def write():
            os.mkdir("firmware")
            with open("firmware/app.py", "w") as file:
                file.write(APP % 0)
            with open("boot.json", "w") as file:
                file.write('{"led": "PB0", "button": "PC13", "level": 1}')

        self.inside(write)

    def record(self):
        """(chosen, back, starts + 1, result) of the record."""
        return self.inside(slots._read)[:4]

    def start(self):
        """One start, until the board resets or stands at its prompt; returns which copy ran."""
        Board.now = self
        self.armed = False
        self.looks = 0
        self.lit = []
        before = len(self.ran)
        self.inside(self._start)
        assert len(self.ran) <= before + 1
        return self.ran[-1] if len(self.ran) > before else None

    def settle(self, most=8):
        """Starts until the board stands at its prompt; returns which copy stands there."""
        for _ in range(most):
            ran = self.start()
            if not self.device.dead:
                return ran
        raise AssertionError("still restarting: %r" % self.ran)

    def _start(self):
        held = {name: sys.modules.pop(name, None) for name in _HELD}
        path = sys.path[:]
        sys.path[:] = ["", ".frozen", ROOT]
        for name in ("machine", "time", "board"):
            sys.modules[name] = self
        names = {"__name__": "__main__"}
        try:
            for name in ("/boot.py", "/main.py"):
                with open(ROOT + name) as file:
                    exec(file.read(), names)
        except Reset:
            pass
        finally:
            for number in (1, 2):
                try:
                    vfs.umount("/slot%d" % number)
                except OSError:
                    pass
            sys.path[:] = path
            for name, module in held.items():
                sys.modules.pop(name, None)
                if module is not None:
                    sys.modules[name] = module

    def _print(self, *values, **kw):
        self.said += " ".join([str(value) for value in values]) + "\n"
