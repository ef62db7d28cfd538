"""The event log and what is told of failures: what is kept, when it is written, how it is read."""

import os
import sys

import machine
from helpers import raises
from peer import Peer
from scratch import Scratch, read, write
from world import world

from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, METHOD_NOT_ALLOWED
from firmware import events
from firmware.objects import diagnosis, event_log
from firmware.storage import Record
from firmware.version import VERSION
from lwm2m.object import Late

# What is loaded when it is needed: in another folder MicroPython finds it no more.
LATER = (
    "coap.block coap.cutting coap.duplicates firmware.slots firmware.version lwm2m.arguments"
    " lwm2m.write lwm2m.formats.opaque lwm2m.formats.text lwm2m.formats.tlv"
)
OPAQUE = 42
STARTED = "started: power on, version " + VERSION
HOUR_MS = 3600000
TRACEBACK = b"""Traceback (most recent call last):
  File "firmware.app", line 390, in run
  File "firmware.app", line 190, in main
  File "firmware.objects.temperature", line 12, in sample
OSError: 5
"""


class Clock:
    """In the place of `time`: seconds of Unix that a test sets."""

    now_s = 1793433600  # 2026-10-31 08:00:00 UTC
    year = 2026

    def time(self):
        return self.now_s

    def gmtime(self, now_s):
        past = now_s - self.now_s
        day_s = 8 * 3600 + past
        return self.year, 10, 31, day_s // 3600, day_s // 60 % 60, day_s % 60, 5, 304


class App:
    """The running firmware as far as events.py looks at it, in a folder of its own."""

    events = "\0"
    event_due = 60000
    failures = 0
    trial = False

    def __init__(self):
        late = [Late(oid, self.late, version) for oid, version in ((20, "2.1"), (26242, None))]
        self.peer = peer = Peer(*late)
        self.client = peer.client
        self.table = peer.table
        self.connections = [self]
        self.session = peer.session

    def late(self, oid):
        return (diagnosis if oid > 20 else event_log).make(self, oid)

    def event(self, text):
        # As firmware/app.py, which test_event_lines looks at.
        self.events += "+%d %s\n" % (self.client.now_ms() // 1000, text)

    def at(self, ms):
        """Time goes on until this one."""
        self.peer.clock.advance(ms - self.client.now_ms())
        assert self.client.now_ms() == ms

    @property
    def lines(self):
        return events.lines(self)

    def __enter__(self):
        world.reset()
        for name in LATER.split():
            __import__(name)
        self.place = os.getcwd()
        self.scratch = Scratch()
        os.chdir(self.scratch.__enter__())
        self.once = diagnosis.once
        diagnosis.once = event_log.once = call  # no module is dropped
        self.time = events.time
        events.time = self.clock = Clock()
        return self

    def __exit__(self, *error):
        events.time = self.time
        diagnosis.once = event_log.once = self.once
        os.chdir(self.place)
        self.scratch.__exit__(*error)


def call(name, function, *arguments):
    assert name == "events"
    return getattr(events, function)(*arguments)


def kept():
    """What the record holds: (stopped, crash, lines)."""
    data = Record("events").read()
    if data is None:
        return None
    size = data[1] | data[2] << 8
    return data[0], data[3 : 3 + size], data[3 + size :]


def restarted(app):
    """The same device after a restart."""
    app.events = "\0"
    app.event_due = 60000
    app.event_until = 0
    app.clock.now_s += 1000


def test_a_start_is_told_with_its_cause_and_version():
    with App() as app:
        assert app.lines == ["2026-10-31T08:00:00Z " + STARTED]
        assert kept() is None  # reading writes nothing


def test_causes():
    real = machine.reset_cause
    try:
        for name, text in (
            ("PWRON_RESET", "power on"),
            ("HARD_RESET", "reset"),
            ("WDT_RESET", "watchdog"),
            ("DEEPSLEEP_RESET", "deep sleep"),
            ("SOFT_RESET", "soft reset"),
        ):
            machine.reset_cause = lambda name=name: getattr(machine, name)
            assert events.cause() == text
        machine.reset_cause = lambda: 77
        assert events.cause() == "reset cause 77"
    finally:
        machine.reset_cause = real


def test_lines_get_the_time_of_day_where_it_is_known():
    with App() as app:
        app.clock.year = 2015  # nobody has set it
        app.at(65000)
        app.event("a")
        assert app.lines[1] == "+65 a"
        app.clock.year = 2026
        app.at(70000)
        assert app.lines[1] == "2026-10-31T07:59:55Z a"


def test_nothing_is_written_without_a_server():
    with App() as app:
        app.event("a")
        for ms in (60000, HOUR_MS, 10 * HOUR_MS):
            app.at(ms)
            events.save(app)
        assert kept() is None and len(app.lines) == 2


def test_it_is_written_ever_more_rarely():
    with App() as app:
        app.peer.register()
        written = []
        for minute in range(1, 4 * 24 * 60):
            ms = minute * 60000
            app.at(ms)
            app.event("fault %d" % minute)
            if ms >= app.event_due:
                events.save(app)
                assert app.events == ""
                written.append(minute)
        assert written[:6] == [1, 2, 4, 8, 16, 32]
        assert written[-1] - written[-2] == written[-2] - written[-3] == 360
        assert len(written) == 24


def test_the_log_is_bounded_and_loses_its_oldest_lines():
    with App() as app:
        app.peer.register()
        app.at(60000)
        for number in range(100):
            app.event("fault number %d" % number)
            events.save(app)
        assert len(kept()[2]) <= 1004
        lines = app.lines
        assert lines[-1].endswith(" fault number 99")
        numbers = [int(line.rsplit(" ", 1)[1]) for line in lines]
        assert numbers == list(range(numbers[0], 100)) and 15 < len(numbers) < 40
        assert max([os.stat("state/" + name)[6] for name in os.listdir("state")]) <= 1024


def test_lines_that_had_to_go_leave_a_mark():
    with App() as app:
        assert app.lines
        app.events = "rest of a line\n+7 whole\n"
        assert app.lines[0] == "(lines lost)" and app.lines[1].endswith("Z whole")
        app.peer.register()
        assert app.peer.get("/20/0/4013", 0).payload == b"6"


def test_it_survives_a_restart():
    with App() as app:
        app.peer.register()
        app.at(60000)
        app.event("a")
        events.save(app)
        restarted(app)
        app.event("b")
        texts = [line.split(" ", 1)[1] for line in app.lines]
        assert texts == [
            STARTED,
            "a",
            STARTED,
            "b",
        ]


def test_a_restart_without_a_server_writes_what_is_new_only():
    with App() as app:
        for count in range(1, 6):
            app.event("restarting: no address")
            events.end(app)
            assert [line.split(" ", 1)[1] for line in app.lines].count(
                "restarting: no address"
            ) == min(count, 1 if app.events == "" else 2)
            sequence = read("state/events.0")[4]
            assert sequence == 1 and os.listdir("state") == ["events.0"]
            restarted(app)
        app.event("restarting: no name")
        events.end(app)
        assert kept()[2].endswith(b" restarting: no name\n")


def test_a_damaged_record_is_none():
    with App() as app:
        os.mkdir("state")
        write("state/events.0", b"rec1" + b"x" * 40)
        assert len(app.lines) == 1


def test_a_crash_is_told_once_and_kept():
    with App() as app:
        os.mkdir("state")
        write("state/crash", TRACEBACK)
        said = (
            "OSError: 5, firmware.objects.temperature line 12 in sample,"
            " firmware.app line 190 in main, firmware.app line 390 in run"
        )
        # As often as it restarts without a server: the file stays, for it is the only one.
        for _ in range(3):
            assert app.lines[0].endswith(" crashed: " + said)
            assert events.crash() == said
            restarted(app)
        assert read("state/crash") == TRACEBACK
        app.peer.register()
        app.at(60000)
        events.save(app)
        assert raises(OSError, read, "state/crash")
        restarted(app)
        assert [line.count("crashed") for line in app.lines] == [1, 0, 0]
        assert events.crash() == said
        # Many lines later it is not in the log any more, but still known.
        for number in range(60):
            app.event("fault number %d" % number)
            events.save(app)
        assert not [line for line in app.lines if "crashed" in line]
        assert events.crash() == said


def test_a_crash_of_whatever_bytes():
    for data in (b"\xff\xfe\n", b"", b"\n\n", b"x" * 1000, bytes(range(256))):
        with App() as app:
            os.mkdir("state")
            write("state/crash", data)
            app.peer.register()
            assert len(app.lines) == 2
            app.at(60000)
            events.save(app)
            assert app.peer.get("/20/0/4014", OPAQUE).code == CONTENT
            assert len(kept()[1]) == min(len(data), 400)


def test_a_flash_that_refuses_is_told_and_nothing_lost():
    with App() as app:
        app.peer.register()
        app.at(60000)
        app.event("a")
        write("state", b"a file where a folder should be")
        printed = []
        events.print = printed.append
        try:
            events.save(app)
        finally:
            del events.print
        assert len(printed) == 1 and printed[0].startswith("events: not saved: ")
        os.remove("state")
        assert app.event_due == 120000
        events.save(app)
        assert kept()[2].endswith(b" a\n")


def test_object_20_over_the_wire():
    with App() as app:
        peer = app.peer
        peer.register()
        assert peer.get("/20/0/4010", 0).payload == peer.get("/20/0/4015", 0).payload == b"0"
        assert peer.get("/20/0/4013", 0).payload == b"2"
        response = peer.get("/20/0/4014", OPAQUE)
        assert response.payload == b"2026-10-31T08:00:00Z %s\n" % STARTED.encode()
        for path in ("/20/0/4010", "/20/0/4015"):
            assert peer.put(path, b"0").code == CHANGED
            assert peer.put(path, b"1").code == BAD_REQUEST
        assert peer.put("/20/0/4014", b"x").code == METHOD_NOT_ALLOWED
        assert peer.get("/20/0/4011").code == METHOD_NOT_ALLOWED


def test_stop_and_start():
    with App() as app:
        peer = app.peer
        peer.register()
        assert peer.post("/20/0/4012").code == CHANGED  # kept
        assert peer.get("/20/0/4013", 0).payload == b"3"
        assert app.events is None
        # A restart changes nothing.
        restarted(app)
        assert peer.get("/20/0/4013", 0).payload == b"3" and len(app.lines) == 1
        assert peer.post("/20/0/4011", b"0='1'").code == CHANGED  # extended
        app.event("a")
        assert peer.get("/20/0/4013", 0).payload == b"2" and len(app.lines) == 2
        assert peer.post("/20/0/4011").code == CHANGED  # emptied
        assert peer.get("/20/0/4013", 0).payload == b"0" and app.lines == []
        app.event("b")
        assert peer.post("/20/0/4012", b"0='1'").code == CHANGED  # emptied
        assert peer.get("/20/0/4013", 0).payload == b"1" and app.lines == []


def test_a_period():
    with App() as app:
        peer = app.peer
        peer.register()
        assert peer.post("/20/0/4011", b"0='0',1='10'").code == CHANGED
        start_s = app.client.now_ms() // 1000
        app.event("within")
        app.at((start_s + 11) * 1000)
        app.event("too late")
        assert peer.get("/20/0/4013", 0).payload == b"3"
        (line,) = app.lines
        assert line.endswith(" within") and app.events is None


def test_arguments_that_make_no_sense_change_nothing():
    with App() as app:
        peer = app.peer
        peer.register()
        before = app.lines
        for rid in (4011, 4012):
            for arguments in (b"0='2'", b"0='10'", b"2", b"1='x'", b"1='99999999'", b"1='-1'"):
                code = peer.post("/20/0/%d" % rid, arguments).code
                assert code == BAD_REQUEST, (rid, arguments)
        assert peer.post("/20/0/4012", b"1='5'").code == BAD_REQUEST
        assert app.lines == before


def test_log_data_is_read_block_by_block():
    with App() as app:
        peer = app.peer
        peer.register()
        app.at(60000)
        for number in range(60):
            app.event("fault number %d" % number)
            events.save(app)
        whole = b""
        number = 0
        more = True
        while more:
            response = peer.ask(
                1,
                "/20/0/4014",
                accept=OPAQUE,
                more_options=[(23, bytes([number << 4 | 3]))],
            )
            assert response.code == CONTENT, response.code
            whole += bytes(response.payload)
            option = response.first(23)
            more = option[-1] & 8
            number += 1
        assert number > 6
        assert whole == events.read(app)


def test_object_26242():
    with App() as app:
        peer = app.peer
        peer.register()
        endpoint = peer.session.endpoint
        peer.session.receive(b"\x40")  # too short: no CoAP
        endpoint.lost = 2
        endpoint.repeated = 9
        endpoint.faults = 3
        app.failures = 4
        app.at(65000)
        expected = {
            0: b"power on",
            3: b"65",
            4: b"1",
            5: b"2",
            6: b"9",
            7: b"4",
            8: b"3",
            9: b"0",
            10: b"0",
        }
        for rid, payload in expected.items():
            response = peer.get("/26242/0/%d" % rid, 0)
            assert response.payload == payload, (rid, bytes(response.payload))
        for rid in (1, 2):  # nothing is known
            assert peer.get("/26242/0/%d" % rid, 0).code == 0x84
        assert peer.get("/26242/0").code == CONTENT


def test_the_last_exception_is_told_with_its_place():
    with App() as app:
        told = diagnosis.Diagnosis(app)
        assert told.error is None
        app.session.endpoint.error = error = KeyError("x")
        place = events.place
        events.place = lambda given: "told" if given is error else None
        try:
            assert told.error == "told"
        finally:
            events.place = place


def test_the_slot_that_runs():
    from firmware import slots

    with App():
        sys.path.insert(0, "/slot2")
        try:
            assert events.facts()[2] == slots.running() == 2
        finally:
            sys.path.remove("/slot2")
        assert events.facts()[2] == slots.running() == 0


def test_told():
    text = events.told(str(TRACEBACK, "utf-8"))
    assert text.startswith("OSError: 5, firmware.objects.temperature line 12 in sample, ")
    assert events.told("") == "?"
    # The last 400 bytes of a longer one begin anywhere.
    assert events.told('7, in f\n  File "m", line 3, in g\nE: x\n') == "E: x, m line 3 in g"
