"""The desk: what it makes of events, its screen and commands."""

import asyncio
import json
import time

import pytest

from tools.desk.board import EventsFile
from tools.desk.commands import HELP, Unknown, perform
from tools.desk.secure import Secured, check_flash
from tools.desk.state import SERVO, TEMPERATURE, State
from tools.desk.terminal import LineEditor
from tools.desk.tour import SERVO_STEPS, TEMPERATURES_C, Tour, summary
from tools.desk.view import compose
from tools.errors import UserError
from tools.server import InvalidRequest
from tools.server.response import Response

REGISTRATION = {
    "endpoint": "b",
    "registrationId": "abc",
    "lifetime": 3600,
    "lwM2mVersion": "1.1",
    "objectLinks": [{}, {}],
}


def notification(path, value):
    return {
        "ep": "b",
        "kind": "single",
        "res": path,
        "val": {"kind": "singleResource", "id": 1, "type": "FLOAT", "value": value},
    }


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def recorded():
    """State after a registration, two temperatures and two pulses."""
    clock = Clock()
    state = State("b", clock=clock)
    state.board_event({"t_ms": 5, "event": "reset", "cause": "power"})
    state.board_event(pwm(1625))
    state.server_event("REGISTRATION", "b", REGISTRATION)
    state.server_event("NOTIFICATION", "b", notification(TEMPERATURE, "21.5"))
    clock.now += 5
    state.server_event("NOTIFICATION", "b", notification(TEMPERATURE, "24.5"))
    state.server_event("NOTIFICATION", "b", notification(SERVO, "0.25"))
    state.board_event(pwm(1187))
    state.board_event({"t_ms": 9, "event": "led", "pin": "PB0", "on": True})
    state.board_event({"t_ms": 9, "event": "console", "text": "hello\x1b[2J"})
    return state, clock


def pwm(pulse_us, freq=50):
    return {
        "t_ms": 1,
        "event": "pwm",
        "pin": "PD14",
        "freq": freq,
        "duty_ns": pulse_us * 1000 + 300,
    }


def test_state_from_recorded_events():
    state, clock = recorded()
    assert state.location == "/rd/abc" and state.lifetime_s == 3600 and state.age_s == 5
    assert list(state.temperatures_c) == [21.5, 24.5] and state.temperature_c == 24.5
    assert list(state.pulses_us) == [1625, 1187] and state.pulse_us == 1187
    assert state.servo == 0.25 and state.led is True
    state.server_event("UPDATED", "b", {"registration": {**REGISTRATION, "lifetime": 60}})
    assert state.age_s == 0 and state.lifetime_s == 60
    state.server_event("DEREGISTRATION", "b", REGISTRATION)
    assert state.age_s is None and state.deregistrations == 1


def test_state_ignores_what_is_not_its_own():
    state, _ = recorded()
    before = list(state.log_lines)
    state.server_event("REGISTRATION", "other", REGISTRATION)
    state.server_event("NOTIFICATION", "b", notification("/3303/0/5601", "1"))
    composite = {"ep": "b", "kind": "composite", "paths": ["/3/0", "/1/0"], "val": {}}
    state.server_event("NOTIFICATION", "b", composite)
    state.server_event("SEND", "b", {"ep": "b", "val": {}})
    state.board_event(pwm(99, freq=1000))
    state.board_event({"event": "something new"})
    state.board_event({})
    assert list(state.log_lines) == before
    assert state.registrations == 1 and state.pulse_us == 1187
    state.server_event("OBSERVATION_ENDED", "b", {**composite, "status": "NOT_FOUND(404)"})
    assert state.log_lines[-1].endswith("observation of /3/0, /1/0 ended: NOT_FOUND(404)")


def test_screen_fits_every_terminal():
    state, _ = recorded()
    for columns in (1, 2, 20, 80, 200):
        for rows in (1, 2, 5, 8, 24, 60):
            lines = compose(state, "http://127.0.0.1:1/api", "servo 0.5", columns, rows)
            assert len(lines) <= rows and max(map(len, lines)) <= columns
            assert lines[-1].startswith(">")
    text = "\n".join(compose(state, "http://127.0.0.1:1/api", "servo 0.5", 80, 24))
    for part in (
        "/rd/abc, lifetime 3600 s, 5 s old",
        "24.50 C",
        "0.250",
        "pulse 1187 us",
        "led           on",
        "board: hello?[2J",
        "> servo 0.5",
    ):
        assert part in text, (part, text)
    # in a small terminal the facts stay and the log goes
    assert "24.50 C" in "\n".join(compose(state, "x", "", 40, 5))


def test_screen_before_anything_is_known():
    text = "\n".join(compose(State("b"), "x", "", 80, 24))
    assert "waiting for the board" in text and "not reported yet" in text


def test_line_editor():
    lines = []
    editor = LineEditor(lines.append, lambda: lines.append("END"))
    editor.feed(b"temq\x7fp 2\x1b[D4\n")
    assert lines == ["temp 24"]
    editor.feed(b"nonsense\x15servo")
    editor.feed(b" 1\r")
    editor.feed(b"x\x04")
    assert lines == ["temp 24", "servo 1"]
    editor.feed(b"\x7f\x04")
    assert lines[-1] == "END"


def test_events_file_takes_whole_lines_only(tmp_path):
    path = tmp_path / "events"
    events = EventsFile(path)
    assert events.read() == []
    with open(path, "wb", buffering=0) as file:
        file.write(b'{"event": "led"}\n{"event": "p')
        assert events.read() == [{"event": "led"}]
        assert events.read() == []
        file.write(b'wm"}\nnot json\n[1]\n')
        assert events.read() == [{"event": "pwm"}]


class FakeBoard:
    """A board that reports each temperature after a while and moves its servo at once."""

    def __init__(self, state, deaf=False):
        self.state = state
        self.changes = []
        self.ended = asyncio.Event()
        self._deaf = deaf

    def world(self, **change):
        self.changes.append(change)
        if "temperature" in change and not self._deaf:
            asyncio.get_running_loop().call_later(
                0.01,
                self.state.server_event,
                "NOTIFICATION",
                "b",
                notification(TEMPERATURE, str(change["temperature"] - 0.05)),
            )


class FakeSession:
    def __init__(
        self,
        state,
        pulse_us=lambda position: int(750 + 1750 * position),
        secured=None,
        **options,
    ):
        self.state = state
        self.secured = secured
        self.board = FakeBoard(state, **options)
        self._pulse_us = pulse_us
        self._tasks = []

    async def move_servo(self, position):
        if self._pulse_us is None:
            return Response("4.05")
        self.state.board_event(pwm(self._pulse_us(position)))
        return Response("2.04")

    async def read(self, path):
        if path == "/x":
            raise InvalidRequest("no path")
        return Response("4.04", error="nothing there")

    async def press(self):
        self.board.world(button=True)

    def background(self, work):
        self._tasks.append(asyncio.ensure_future(work))

    async def settle(self):
        await asyncio.gather(*self._tasks)


def tour(for_s=0.1, hurry=False, registered=True, events=(), secure=False, **options):
    """(tour, state) after an unattended job with a fake board."""

    async def work():
        state = State("b")
        session = FakeSession(state, **options)
        job = Tour(session, for_s)
        if hurry:
            job._deadline = time.monotonic() + 0.3
        for kind, error in events:
            state.server_event(kind, "b", {"secure": True, "error": error})
        if registered:
            state.server_event("REGISTRATION", "b", {**REGISTRATION, "secure": secure})
            state.server_event("NOTIFICATION", "b", notification(TEMPERATURE, "21.5"))
        await asyncio.wait_for(job.run(), 10)
        return job, state

    return asyncio.run(work())


def test_tour_passes_with_a_board_that_does_everything():
    job, state = tour()
    assert job.failure is None
    assert job.pulses_us == [pulse_us for _, pulse_us in SERVO_STEPS] == [750, 1625, 2500]
    assert job.notified_c == [celsius - 0.05 for celsius in TEMPERATURES_C]
    # a job that was asked to be shorter than it can be says so
    assert "longer than the 0 s asked for" in state.log_lines[-1]
    state.server_event("DEREGISTRATION", "b", REGISTRATION)
    lines, passed = summary(state, job, 0)
    assert passed and not any("FAIL" in line for line in lines)
    assert "pulses: 750, 1625, 2500 us" in "\n".join(lines)
    for status in (1, 2, None, -9):
        assert not summary(state, job, status)[1]


def test_tour_runs_on_for_the_time_asked_for():
    started = time.monotonic()
    job, state = tour(for_s=2.0)
    assert job.failure is None and 0.9 < time.monotonic() - started < 1.6
    assert "running on" in state.log_lines[-1]


def test_tour_fails_with_whatever_does_not_happen():
    for options, expected, passed_lines in (
        ({"registered": False}, "registration: did not happen in time", 1),
        ({"deaf": True}, "notification of 24.50 C", 4),
        ({"pulse_us": lambda position: 1625}, "pulse of 750 us", 3),
        ({"pulse_us": None}, "METHOD_NOT_ALLOWED(405)", 3),
    ):
        job, state = tour(hurry=True, **options)
        assert expected in job.failure
        if options.get("registered", True):
            state.server_event("DEREGISTRATION", "b", REGISTRATION)
        lines, passed = summary(state, job, 0)
        assert not passed
        good = sum(line.startswith("  ok") for line in lines)
        assert good == passed_lines, lines


def test_missing_deregistration_fails():
    job, state = tour()
    lines, passed = summary(state, job, 0)
    assert not passed and "  FAIL  de-registered at the end" in lines


def test_a_secure_run_passes_only_when_all_of_it_was_secure():
    secured = Secured("b")
    job, state = tour(hurry=True, secured=secured)
    assert job.failure.startswith("bootstrap: did not happen in time")
    job, state = tour(hurry=True, secured=secured, events=[("BOOTSTRAP_FAILED", "POST /bs: 4.06")])
    assert state.bootstrap == "failed: POST /bs: 4.06" and job.failure
    for secure in (False, True):
        events = [("BOOTSTRAP_STARTED", None), ("BOOTSTRAP_FINISHED", None)]
        job, state = tour(secured=secured, events=events, secure=secure)
        assert job.failure is None
        state.server_event("DEREGISTRATION", "b", REGISTRATION)
        lines, passed = summary(state, job, 0, secured)
        assert passed is secure
        assert [line.split()[0] for line in lines[2:4]] == ["ok", "ok" if secure else "FAIL"]
        text = "\n".join(compose(state, "x", "", 100, 24))
        assert "bootstrap     finished over DTLS" in text
        state.server_event("REGISTRATION", "b", {**REGISTRATION, "secure": secure})
        text = "\n".join(compose(state, "x", "", 100, 24))
        assert ("/rd/abc over DTLS, lifetime" in text) is secure


def test_a_flash_of_another_run_is_refused(tmp_path):
    check_flash(None)
    check_flash(str(tmp_path))
    (tmp_path / "boot.py").write_text("")
    with pytest.raises(UserError):
        check_flash(str(tmp_path))


def test_commands():
    async def work():
        state = State("b")
        session = FakeSession(state)
        for line in ("", "temp 24.5", "key i", "press", "servo 0.25", "read /3/0", "help"):
            assert perform(session, line) is True, line
        await session.settle()
        assert session.board.changes == [{"temperature": 24.5}, {"key": "i"}, {"button": True}]
        assert state.pulse_us == 1187
        text = "\n".join(state.log_lines)
        assert "/3/0 = NOT_FOUND(404): nothing there" in text
        assert all(line in text for line in HELP)
        for line in ("servo", "servo 1.1", "servo x", "servo nan", "temp 500", "key", "key ab"):
            with pytest.raises(Unknown):
                perform(session, line)
        for line in ("read", "jump"):
            with pytest.raises(Unknown):
                perform(session, line)
        assert perform(session, "quit") is False

    asyncio.run(work())


def test_recorded_events_are_json(tmp_path):
    # what the desk reads is what the virtual board writes: one object a line
    path = tmp_path / "events"
    path.write_text("".join(json.dumps(pwm(us)) + "\n" for us in (750, 1625, 2500)))
    state = State("b")
    for event in EventsFile(path).read():
        state.board_event(event)
    assert list(state.pulses_us) == [750, 1625, 2500]
