"""Settings (26241) over the wire: what is checked, kept and done at once, with a mock servo."""

import json
import os
import struct

import machine
from helpers import raises
from peer import Peer
from scratch import Scratch, read, write
from world import world

from coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    INTERNAL_SERVER_ERROR,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
)
from firmware import account_list, config, settings
from firmware.drivers.servo import Servo
from firmware.objects import positioner
from firmware.objects.servomotor import Servomotor
from firmware.storage import Record
from lwm2m.object import Late

TEXT, TLV = 0, 11542
CONFIG = {"board": "nucleo_f429zi", "endpoint": "test", "server": "coap://192.168.1.10"}
KEYS = ("measure_s", "send_s", "log", "ntp", "confirmable", "servo_min", "servo_max", "servo_rest")


class App:
    """Context manager: the running firmware as far as the object looks at it, in a flash."""

    reporting = None
    clock = None

    def __init__(self, **more):
        self.config = dict(CONFIG)
        self.config.update(more)

    def __enter__(self):
        self.scratch = Scratch()
        self.folder = self.scratch.__enter__()
        write(self.folder + "/config.json", json.dumps(self.config))
        self.old = settings.once, settings.Record
        settings.once = self.call
        settings.Record = self.state
        self.start()
        return self

    def __exit__(self, *error):
        settings.once, settings.Record = self.old
        self.scratch.__exit__(*error)

    def start(self):
        """As after a restart."""
        self.calls = []
        self.told = []
        self.said = []
        found, _ = self.load()
        self.settings = {key: found[key] for key in KEYS if key[:6] != "servo_"}
        world.reset()
        limits = tuple([found[key] for key in KEYS[5:]])
        self.servomotor = Servomotor(Servo(machine.Pin("PD14"), limits), "servo2")
        self.peer = Peer(self.servomotor, Late(26241, self.late), Late(3337, self.late, "1.1"))
        self.client = self.peer.client
        self.peer.register()
        world.events.clear()

    def call(self, name, function, *arguments):
        if name == "config":
            return config.read(self.folder, *arguments[1:])
        self.calls.append((name, function, arguments[0] if name == "trace" else None))

    def late(self, oid):
        return (settings if oid == 26241 else positioner).make(self, oid)

    def load(self):
        """What `config.load()` returns; what it prints is in `said`."""
        config.print = lambda *words: self.said.append(" ".join([str(word) for word in words]))
        try:
            return config.load(self.folder)
        finally:
            del config.print

    def files(self):
        """Of the record."""
        try:
            names = os.listdir(self.folder + "/state")
        except OSError:
            return []
        return sorted([name for name in names if name.startswith("settings")])

    def record(self):
        return Record("settings", self.folder + "/state")

    def state(self, name, directory=None):
        # Here, not in the current folder.
        return self.record()

    def notice(self, text):
        self.told.append(text)

    def write(self, rid, value):
        """Writes one resource in text; the code of the response."""
        return self.peer.put("/26241/0/%d" % rid, str(value).encode()).code

    def values(self):
        """What a server reads, by key; numbers as numbers."""
        self.peer.table.drop()
        found = {}
        for row in settings.Settings.resources[:8]:
            response = self.peer.get("/26241/0/%d" % row[0], accept=TEXT)
            assert response.code == CONTENT, row
            text = bytes(response.payload).decode()
            found[row[3]] = text if row[2] in "sb" else float(text)
        return found

    def pulses(self):
        lengths = [each["duty_ns"] // 1000 for each in world.events if each["event"] == "pwm"]
        world.events.clear()
        return lengths


DEFAULTS = {
    "measure_s": 5,
    "send_s": 0,
    "log": 1,
    "ntp": "",
    "confirmable": "0",
    "servo_min": 0,
    "servo_max": 1,
    "servo_rest": 0.5,
}


def test_what_counts_without_a_change():
    with App() as app:
        assert app.values() == DEFAULTS
        assert bytes(app.peer.get("/26241/0/8", accept=TEXT).payload) == b""
        assert app.files() == [] and app.said == []
    more = {"measure_s": 60, "log": 0, "ntp": "time.example:1234", "servo_min": 0.25}
    with App(**more) as app:
        expected = dict(DEFAULTS)
        expected.update(more)
        assert app.values() == expected


def test_each_is_taken_kept_and_told():
    for rid, value, read_back in (
        (0, 1, 1),
        (0, 86400, 86400),
        (1, 30, 30),
        (2, 0, 0),
        (3, "time.example", "time.example"),
        (3, "10.0.0.1:1123", "10.0.0.1:1123"),
        (3, "[::1]:1123", "[::1]:1123"),
        (3, "[::1]", "[::1]"),
        (4, 1, "1"),
        (5, 0.1, 0.1),
        (6, 0.9, 0.9),
        (7, 0.25, 0.25),
    ):
        with App() as app:
            key = KEYS[rid]
            assert app.write(rid, value) == CHANGED, (key, value)
            expected = dict(DEFAULTS)
            expected[key] = read_back
            assert app.values() == expected, (key, value)
            assert len(app.files()) == 1
            if key != "log":
                assert app.told == ["settings: %s %s" % (key, told(app, key))]
            assert bytes(app.peer.get("/26241/0/8", accept=TEXT).payload) == key.encode()
            app.start()
            assert app.values() == expected, (key, value)
            assert app.said == ["settings changed by a server: " + key]


def told(app, key):
    return getattr(settings.make(app, 26241), key)


def test_what_makes_no_sense_is_refused_and_changes_nothing():
    table = [(rid, text) for rid in range(8) for text in ("", " ", "x")]
    table.remove((3, ""))  # no time server
    table.remove((3, "x"))  # a host
    table += [(0, text) for text in (0, -1, 86401, 1.5, "nan", 1 << 40, "5 ")]
    table += [(1, -1), (1, 86401), (2, -1), (2, 4), (4, 2), (4, "yes")]
    table += [(3, text) for text in (":1", "a:0", "a:65536", "a/b", "a?b", "coap://a", "a b", "@")]
    table += [(3, "x" * 300)]
    table += [(rid, text) for rid in (5, 6, 7) for text in (-0.1, 1.1, "nan", "inf", -1, 2)]
    table += [(5, 0.6), (5, 1), (6, 0.4), (6, 0), (7, 0.05), (7, 0.95)]
    with App(servo_min=0.1, servo_max=0.9) as app:
        before = app.values()
        for rid, text in table:
            assert app.write(rid, text) == BAD_REQUEST, (rid, text)
            assert app.values() == before and app.files() == [], (rid, text)
        assert app.pulses() == [] and app.told == [] and app.calls == []
        assert app.write(8, "x") == METHOD_NOT_ALLOWED
        assert app.write(9, "x") == METHOD_NOT_ALLOWED
        assert app.write(10, "x") == NOT_FOUND
        # The diagnostic payload names the key, the value and what was expected.
        text = bytes(app.peer.put("/26241/0/0", b"0").payload).decode()
        assert text == "settings: measure_s is 0, expected a whole number from 1 to 86400", text


def single(rid, value):
    return (
        b"\xe4" + struct.pack(">Hf", rid, value)
        if rid > 255
        else b"\xc4" + struct.pack(">Bf", rid, value)
    )


def test_limits_that_only_make_sense_together():
    with App() as app:
        together = single(5, 0.6) + single(6, 0.7) + single(7, 0.65)
        assert app.peer.post("/26241/0", single(5, 0.6), TLV).code == BAD_REQUEST
        assert app.peer.post("/26241/0", together, TLV).code == CHANGED
        assert app.servomotor.servo.limits == (0.6, 0.7, 0.65)  # not 0.6000000238
        (payload, code) = (single(7, 0.8) + single(6, 0.75), BAD_REQUEST)
        assert app.peer.post("/26241/0", payload, TLV).code == code
        assert app.servomotor.servo.limits == (0.6, 0.7, 0.65)


def test_replacing_goes_back_to_the_file_for_what_is_not_named():
    with App(measure_s=7) as app:
        assert app.write(0, 9) == app.write(2, 0) == app.write(7, 0.25) == CHANGED
        assert app.peer.put("/26241/0", b"\xc1\x01\x0a", TLV).code == CHANGED
        expected = dict(DEFAULTS)
        expected.update({"measure_s": 7, "send_s": 10})
        assert app.values() == expected
        assert bytes(app.peer.get("/26241/0/8", accept=TEXT).payload) == b"send_s"
        # All or nothing there too: alone this minimum is beyond the rest position of the file.
        assert app.write(7, 0.8) == app.write(5, 0.7) == CHANGED
        before = app.values()
        assert app.peer.put("/26241/0", single(5, 0.75), TLV).code == BAD_REQUEST
        assert app.values() == before
        app.start()
        assert app.values() == before


def test_restore():
    with App(measure_s=7, servo_rest=0.25) as app:
        for rid, value in ((0, 9), (1, 30), (2, 0), (3, "time.example"), (4, 1), (7, 0.75)):
            assert app.write(rid, value) == CHANGED
        assert app.servomotor.position == 0.75
        app.peer.observe("/26241/0/0", b"m")
        assert app.peer.post("/26241/0/9").code == CHANGED
        expected = dict(DEFAULTS)
        expected.update({"measure_s": 7, "servo_rest": 0.25})
        assert app.values() == expected and app.files() == []
        assert app.servomotor.position == 0.25 and app.clock is None
        (note,) = [each for _, each in app.peer.run(1000) if each.token == b"m"]
        assert bytes(note.payload) == b"7"


def test_a_write_of_many_objects_that_is_refused_leaves_nothing_behind():
    # The instance has said yes, another object then says no; what comes next is Restore.
    with App() as app:
        wrong = (
            b'[{"bn":"/26241/0/","n":"0","v":77},{"n":"2","v":0},{"bn":"/","n":"26241/1/0","v":1}]'
        )
        assert app.peer.ask(7, "", wrong, 110).code == NOT_FOUND
        assert app.settings["measure_s"] == 5
        assert app.peer.post("/26241/0/9").code == CHANGED
        assert app.settings["measure_s"] == 5 and app.settings["log"] == 1
        assert app.files() == []


def test_done_at_once():
    with App() as app:
        session = app.peer.session
        assert app.write(4, 1) == CHANGED and session.confirmable is True
        assert app.write(4, 0) == CHANGED and session.confirmable is False
        assert app.calls == []
        assert app.write(1, 30) == CHANGED and app.calls.pop() == ("parts", "report", None)
        assert app.write(0, 60) == CHANGED and app.settings["measure_s"] == 60
        assert app.write(3, "time.example:99") == CHANGED
        assert app.settings["ntp"] == ("time.example", 99) and app.clock[1:] == (0, "not set")
        assert app.write(3, "") == CHANGED
        assert app.settings["ntp"] == "" and app.clock is None
        # What someone has set at the prompt stays, until a server sets the same.
        app.settings["log"] = 0
        assert app.write(0, 61) == CHANGED and app.settings["log"] == 0
        assert app.write(2, 1) == CHANGED and app.settings["log"] == 1
        assert app.calls == []


def test_level_of_the_log_with_and_without_the_trace():
    # Where there is CPython, there is no trace: it is told like one that was left out.
    try:
        import firmware.trace

        assert firmware.trace
        there = True
    except ImportError:
        there = False
    with App() as app:
        for level in (2, 3, 1, 0):
            code = app.write(2, level)
            assert code == (CHANGED if there or level < 2 else BAD_REQUEST), level
        traced = [arguments for name, _, arguments in app.calls if name == "trace"]
        assert traced == ([2, 3, 1] if there else [])


def test_the_limits_hold_for_both_objects_and_the_driver():
    with App() as app:
        peer, servo = app.peer, app.servomotor.servo
        for path, value in (("/3337/0/5519", 0), ("/3337/0/5520", 100)):
            assert float(bytes(peer.get(path).payload).decode()) == value
        peer.observe("/3337/0", b"p", accept=TLV)
        assert app.write(5, 0.2) == app.write(6, 0.8) == CHANGED
        assert app.pulses() == []  # the arm may stay where it is
        assert [each.token for _, each in peer.run(1000)] == [b"p"]
        for path, value in (("/3337/0/5519", 20), ("/3337/0/5520", 80)):
            assert float(bytes(peer.get(path).payload).decode()) == value
        for path, value, code in (
            ("/10346/0/5536", b"0.19", BAD_REQUEST),
            ("/10346/0/5536", b"0.81", BAD_REQUEST),
            ("/3337/0/5536", b"19.9", BAD_REQUEST),
            ("/3337/0/5536", b"80.1", BAD_REQUEST),
            ("/10346/0/5536", b"0.2", CHANGED),
            ("/10346/0/5536", b"0.8", CHANGED),
            ("/3337/0/5536", b"20", CHANGED),
            ("/3337/0/5536", b"80", CHANGED),
        ):
            assert peer.put(path, value).code == code, (path, value)
            assert len(app.pulses()) == (code == CHANGED)
        for position in (0.1, 0.9):
            error = raises(ValueError, setattr, servo, "position", position)
            assert str(error) == "servo position: expected 0.2 to 0.8"
        assert servo.position == 0.8 and app.pulses() == []


def test_the_arm_follows_its_limits_and_its_rest():
    with App(servo_rest=0.25) as app:
        servo = app.servomotor.servo
        assert servo.position == 0.25
        app.peer.observe("/10346/0/5536", b"f", accept=TEXT)
        # At rest: it goes along.
        assert app.write(7, 0.75) == CHANGED and app.pulses() == [2062]
        (note,) = [each for _, each in app.peer.run(1000)]
        assert bytes(note.payload) == b"0.75"
        # Elsewhere it stays.
        assert app.peer.put("/10346/0/5536", b"0.9").code == CHANGED and app.pulses() == [2325]
        assert app.write(7, 0.5) == CHANGED and app.pulses() == []
        # Beyond the limits it goes to the nearest.
        assert app.write(6, 0.8) == CHANGED and app.pulses() == [2150]
        assert servo.position == 0.8
        assert app.write(5, 0.5) == CHANGED and app.pulses() == []
        app.start()
        assert app.servomotor.position == 0.5 and app.servomotor.servo.limits == (0.5, 0.8, 0.5)


def test_the_flash_is_written_for_a_change_only():
    with App() as app:
        assert app.write(0, 9) == CHANGED
        before = read(app.folder + "/state/settings.0")
        for _ in range(3):
            assert app.write(0, 9) == CHANGED
        assert app.files() == ["settings.0"] and read(app.folder + "/state/settings.0") == before
        assert app.write(0, 10) == CHANGED and len(app.files()) == 2


def test_a_flash_that_refuses():
    class Full(Record):
        def write(self, data):
            raise OSError(28, "ENOSPC")

    with App() as app:
        kept = settings.Record
        settings.Record = lambda *any_one: Full("settings", app.folder + "/state")
        try:
            response = app.peer.put("/26241/0/0", b"9")
            assert app.peer.post("/26241/0/9").code == CHANGED  # nothing to write
        finally:
            settings.Record = kept
        assert response.code == INTERNAL_SERVER_ERROR
        assert bytes(response.payload).startswith(b"not kept: "), bytes(response.payload)
        assert app.values() == DEFAULTS and app.settings["measure_s"] == 5
        assert app.write(0, 9) == CHANGED


def test_records_that_are_passed_over():
    line = "settings changed by a server: passed over: "
    for data, reason in (
        (b"", "the record is damaged"),
        (b"{", "the record is damaged"),
        (b"5", "the record is damaged"),
        (b"[]", "the record is damaged"),
        (b"[" * 600, "the record is damaged"),
        (b"\xff", "the record is damaged"),
        (b'{"measure_s": 0}', "settings: measure_s is 0, expected a whole number from 1 to 86400"),
        (b'{"log": null}', "settings: log is None, expected a whole number from 0 to 3"),
        (b'{"servo_min": [1]}', "settings: servo_min is a list, expected a number from 0 to 1"),
        (b'{"servo_rest": true}', "settings: servo_rest is True, expected a number from 0 to 1"),
        (b'{"ntp": {"a": 1}}', "settings: ntp is a dict, expected host or host:port of a time"),
        (b'{"confirmable": 1}', "settings: confirmable is 1, expected true or false"),
    ):
        with App() as app:
            app.record().write(data)
            app.start()
            (said,) = app.said
            assert said.replace("a bool", "True").startswith(line + reason), said
            assert app.values() == DEFAULTS
            # The next Write makes a good one.
            assert app.write(0, 9) == CHANGED
            app.start()
            expected = dict(DEFAULTS)
            expected["measure_s"] = 9
            assert app.values() == expected
    with App() as app:
        os.mkdir(app.folder + "/state")
        write(app.folder + "/state/settings.0", b"rec1" + bytes(40))
        app.start()
        assert app.said == [line + "the record is damaged"]


def test_keys_that_are_not_of_this_object_are_passed_over():
    with App() as app:
        app.record().write(b'{"measure_s": 9, "server": "coap://evil", "later": 1}')
        app.start()
        assert app.said == ["settings changed by a server: measure_s"]
        found, (account,) = app.load()
        assert found["server"] == account["uri"] == CONFIG["server"] and "later" not in found


def test_a_factory_reset_forgets_them():
    with App() as app:
        assert app.write(0, 9) == app.write(0, 10) == CHANGED
        assert len(app.files()) == 2
        account_list.order_reset(app.folder)
        app.start()
        assert app.files() == [] and app.values() == DEFAULTS and app.said == []


def test_the_servo_in_the_file():
    for more, words in (
        ({"servo_min": -0.1}, "servo_min is -0.1, expected a number from 0 to 1"),
        ({"servo_max": 1.5}, "servo_max is 1.5, expected a number from 0 to 1"),
        ({"servo_rest": "0.5"}, "servo_rest is '0.5', expected a number from 0 to 1"),
        ({"servo_rest": True}, "expected a number from 0 to 1"),
        ({"servo_min": 0.5, "servo_max": 0.5}, "servo_max is 0.5, expected more than servo_min"),
        ({"servo_min": 0.6}, "servo_rest is 0.5, expected a position from servo_min, 0.6, to"),
        ({"servo_max": 0.4}, "servo_rest is 0.5, expected a position from servo_min, 0.0, to"),
    ):
        with Scratch() as folder:
            content = dict(CONFIG)
            content.update(more)
            write(folder + "/config.json", json.dumps(content))
            error = raises(config.ConfigError, config.load, folder)
            assert words in str(error), error
    with Scratch() as folder:
        content = dict(CONFIG)
        content.update({"servo_min": 0, "servo_max": 1, "servo_rest": 1})
        write(folder + "/config.json", json.dumps(content))
        found, _ = config.load(folder)
        assert found["servo_rest"] == 1.0 and found["servo_min"] == 0.0
