"""The event log in the whole firmware: its lines, a fault from beginning to end, power cuts."""

import os

import cut_flash as cut
import vfs
from helpers import FakeClock
from hours import Hours
from scratch import Scratch, read, write
from world import world

from coap.numbers import CON, CONTENT
from firmware import events
from firmware.app import App
from firmware.storage import Record
from lwm2m.object import Table

START = "2026-01-01T00:00:00Z started: power on, version "


class Lines(App):
    """What puts the lines there, without all the rest."""

    def __init__(self):
        self.client = self
        self.clock = FakeClock()
        self.table = Table()
        self.changes = []
        self.table.on_changed = lambda *path: self.changes.append(path)

    def now_ms(self):
        return self.clock.ticks_ms()


def test_a_line_has_its_time_and_is_told():
    app = Lines()
    app.clock.advance(12345)
    app.event("a")
    app.event("b")
    assert app.events == "\0+12 a\n+12 b\n"
    assert app.changes == [(20, 0, 4014)] * 2


def test_a_line_that_repeats_the_last_is_none():
    app = Lines()
    for text in ("a", "a", "b", "a", "a", "an a", "a"):
        app.event(text)
    assert app.events == "\0+0 a\n+0 b\n+0 a\n+0 an a\n+0 a\n"
    assert len(app.changes) == 5


def test_lines_are_bounded():
    app = Lines()
    app.event("x" * 1000)
    assert app.events == "\0+0 " + "x" * 160 + "\n"
    app.event("two\nlines\n")
    assert app.events.endswith("+0 two; lines; \n")
    for number in range(100):
        app.event("number %d" % number)
    assert len(app.events) == 400 and app.events.endswith("+0 number 99\n")


def test_nothing_is_collected_where_it_is_stopped_or_not_installed():
    app = Lines()
    app.events = None
    app.event("a")
    assert app.events is None and app.changes == []
    app.events = ""

    def absent(*arguments):
        raise ImportError

    namespace = App.logged.__globals__
    once = namespace["once"]
    namespace["once"] = absent
    try:
        app.logged("save")
    finally:
        namespace["once"] = once
    assert app.events is None


def test_where_an_exception_came_from():
    def spill():
        raise KeyError("spilled")

    try:
        spill()
    except KeyError as error:
        text = events.place(error)
    parts = text.split(", ")
    assert parts[0] == "KeyError: spilled"
    assert parts[1].startswith("tests_host/test_event_lines.py line ")
    assert parts[1].endswith(" in spill") and parts[2].endswith("_exception_came_from")


def whole_log(hours, lines):
    # From within a run, by the modules that are loaded for it.
    from firmware import once

    lines[:] = once("events", "lines", hours.app)


def test_a_sensor_is_unplugged_and_plugged_in_again():
    world.reset()
    lines = []
    kept = []
    with Scratch() as folder, Hours(folder) as hours:
        hours.run(
            (10, lambda: hours.server.read("/20/0/4014", observe=True)),
            (200, lambda: world.apply({"i2c": "unplugged"})),
            (210, lambda: hours.server.read("/3/0/11/0")),
            (300, lambda: hours.server.read("/26242/0/7")),
            (600, lambda: world.apply({"i2c": "plugged"})),
            (700, lambda: hours.server.read("/3/0/11/0")),
            (701, lambda: whole_log(hours, lines)),
            (3 * 3600, lambda: kept.append(Record("events").read())),
            (3 * 3600 + 1, list),
        )
    assert lines[0].startswith(START), lines
    texts = [line.split(" ", 1)[1] for line in lines[1:]]
    assert texts[0].startswith("temperature: ") and "BMP180: no answer" in texts[0], lines
    assert texts[1:] == ["temperature: measured again"], lines
    assert lines[1][:20] in ("2026-01-01T00:03:20Z", "2026-01-01T00:03:25Z")
    assert lines[2][:20] in ("2026-01-01T00:10:00Z", "2026-01-01T00:10:05Z")
    answers = [bytes(each.payload) for each in hours.server.heard if each.mtype != CON]
    assert b"8" in answers and answers[-1] == b"0", answers
    assert b"21" in answers or b"20" in answers, answers
    # It was observed: each line is told when it comes.
    told = [each for each in hours.server.heard if each.first(6) is not None]
    assert len(told) >= 3 and {each.code for each in told} == {CONTENT}
    assert b"measured again" in kept[0]


def test_what_an_hour_of_faults_writes():
    # Out for 20 s each minute: the flash does not hear of each.
    world.reset()
    script = []
    for minute in range(2, 240):
        script.append((60 * minute, lambda: world.apply({"i2c": "unplugged"})))
        script.append((60 * minute + 20, lambda: world.apply({"i2c": "plugged"})))
    numbers = []

    def count():
        newest = max([read("state/events.%d" % n)[4] for n in range(2)])
        numbers.append(newest)

    with Scratch() as folder, Hours(folder) as hours:
        hours.run(*script, (240 * 60, count), (240 * 60 + 1, list))
    assert 4 <= numbers[0] <= 9, numbers


class Cut(Lines):
    """A start after a crash, on a file system that may lose its power."""

    def __init__(self):
        super().__init__()
        self.connections = [self]
        self.session = self.registration = self
        self.state = events.REGISTERED


def test_a_power_cut_loses_no_crash():
    """At every block write of the saving that takes the crash out of its file."""
    home = os.getcwd()
    from firmware import version  # noqa: F401 - from another folder it could not be loaded

    device = cut.formatted()
    vfs.mount(vfs.VfsFat(device), "/cut")
    os.chdir("/cut")
    try:
        os.mkdir("state")
        Record("events").write(b"\0\0\0+1 long ago\n")
        write("state/crash", b"Traceback:\nOSError: 5\n")
    finally:
        os.chdir(home)
        vfs.umount("/cut")
    for torn in (False, True):
        cuts = 0
        while True:
            ram = cut.Ram(device.data, torn)
            ram.allowed = cuts
            vfs.mount(vfs.VfsFat(ram), "/cut")
            os.chdir("/cut")
            try:
                app = Cut()
                app.clock.advance(60000)
                namespace = events.__dict__
                namespace["print"] = lambda *said: None
                events.save(app)
                del namespace["print"]
            finally:
                os.chdir(home)
                vfs.umount("/cut")
            done = not ram.dead
            ram.answer = 0
            vfs.mount(vfs.VfsFat(cut.Ram(ram.data)), "/cut")
            os.chdir("/cut")
            try:
                lines = events.lines(Cut())
                assert events.crash() == "OSError: 5", cuts
                assert "long ago" in lines[0] and lines[-1].split(" ")[1] == "started:", lines
                crashes = len([line for line in lines if "crashed: OSError: 5" in line])
                assert crashes == 1 or crashes == 2 and not done, (cuts, lines)
            finally:
                os.chdir(home)
                vfs.umount("/cut")
            if done:
                break
            cuts += 1
        assert cuts > 4
        print("event log: %d cut points%s" % (cuts, ", torn" if torn else ""))
