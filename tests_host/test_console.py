"""The console: keys, lines after a colon, and what the REPL's functions do, whatever is typed."""

import asyncio

from peer import Peer, Sample

from firmware import app as firmware_app
from firmware import console, line, look, repl, trace
from firmware.connection import Connection
from lwm2m.registration import REGISTERED, STOPPED


class Wire:
    """In the place of standard input and output: bytes typed, bytes printed."""

    def __init__(self, typed=b""):
        self.typed = typed
        self.at = 0
        self.buffer = self
        self.printed = []

    def read(self, n):
        self.at += n
        return self.typed[self.at - n : self.at]

    def write(self, data):
        self.printed.append(bytes(data))

    @property
    def echo(self):
        return b"".join(self.printed)


class Sys:
    def __init__(self, wire):
        self.stdin = self.stdout = wire


class Printed:
    """Context manager: what these modules print, as a list of lines, goes nowhere else."""

    modules = (console, line, look, repl, trace)

    def __enter__(self):
        self.lines = []
        for module in self.modules:
            module.print = self.print
        return self.lines

    def print(self, *values):
        self.lines.append(" ".join([str(value) for value in values]))

    def __exit__(self, *error):
        for module in self.modules:
            del module.print


class Link:
    """A connection as far as the REPL and the trace look at one."""

    trace = None

    def __init__(self, app, session):
        self.app = app
        self.session = session
        self.uri = "coap://desk"
        self.account = {"short_server_id": 1}


class App:
    """The running firmware as far as the console looks at it."""

    error = None
    over = stopped = False

    def __init__(self, *objects):
        self.peer = peer = Peer(*(objects or (Sample(),)))
        self.client = peer.client
        self.table = peer.table
        self.settings = {"log": 1}
        self.connections = [Link(self, peer.session)]
        self.button = self
        self.counter = self.resets = self.spared = 0

    def __enter__(self):
        self.old = repl.App
        self.once = repl.once
        self.console_once = console.once
        self.trace = Connection.trace
        repl.App = type("Running", (), {"running": self, "error": None})
        # No module is dropped: the other tests go on with theirs.
        repl.once = console.once = line.once = look.once = call
        return self

    def __exit__(self, *error):
        repl.App = self.old
        repl.once = line.once = look.once = self.once
        console.once = self.console_once
        Connection.trace = self.trace

    def count(self):
        self.counter += 1

    def factory_reset(self):
        self.resets += 1

    def spare(self):
        self.spared += 1

    def stop(self):
        self.stopped = True
        self.peer.registration.stop()

    def type(self, data):
        """Types these bytes and returns (lines printed, bytes echoed)."""
        wire = Wire(data)
        kept = console.sys, line.sys
        console.sys = line.sys = Sys(wire)
        try:
            with Printed() as lines:
                asyncio.run(console.keys(self, ready))
        finally:
            console.sys, line.sys = kept
        return lines, wire.echo


def call(name, function, *arguments):
    if name == "status":  # its own tests are on the virtual board
        return console.print("endpoint: test")
    module = {"line": line, "look": look, "repl": repl, "trace": trace}[name]
    return getattr(module, function)(*arguments)


async def ready(stream):
    pass


def say(app, text):
    """The lines that a typed line brings."""
    with Printed() as lines:
        repl.evaluate(app, text)
    return lines


def test_keys_of_the_example():
    with App() as app:
        lines, _ = app.type(b"i")
        assert lines == ["endpoint: test"]
        lines, _ = app.type(b"xy\r")
        assert lines == ["counter: 1", "counter: 2", "counter: 3"]
        assert app.type(b"\n") == ([], b"")  # of a CR LF
        app.type(b"r")
        assert (app.resets, app.counter) == (1, 3)


def test_a_line_is_echoed_and_evaluated():
    with App() as app:
        for typed, echo, printed in (
            (b":1 + 2\r", b":1 + 2", ["", "3"]),
            (b":'a' + 'b'\n", b":'a' + 'b'", ["", "'ab'"]),
            (b":4\x7f5\r", b":4\b \b5", ["", "5"]),
            (b":99\x15\x085\r", b":99\b \b\b \b5", ["", "5"]),
            (b":'\xc3\xbc\x08'\r", b":'\xc3\xbc\b \b'", ["", "''"]),
            (b":\x1b[A7\x1b[1;5D\x1bOP\r", b":7", ["", "7"]),
            (b":7\x00\x01\x06\r", b":7", ["", "7"]),
            (b":   \r", b":   ", [""]),
            (b":\r", b":", [""]),
            (b":None\r\n", b":None", [""]),
        ):
            assert app.type(typed) == (printed, echo), typed
        assert app.counter == 0 and app.spared


def test_hostile_lines_cost_one_line():
    with App() as app:
        for typed, word in (
            (b"9" * 250, "9" * 20),
            (b"9" * 251, "at most 250"),
            (b"9" * 70000, "at most 250"),
            (b"'\xff\xfe'", "UTF-8"),
            (b"\xc3", "UTF-8"),
            (bytes(range(128, 256)), "UTF-8"),
            (b"(" * 250, "Error"),
            (b"-" * 249 + b"1", ""),
            (b"1 +", "SyntaxError"),
            (b"raise SystemExit", "SystemExit"),
            (b"raise GeneratorExit", "GeneratorExit"),
            (b"import asyncio; raise asyncio.CancelledError", "CancelledError"),
            (b"raise KeyboardInterrupt", "interrupted"),
            (b"raise MemoryError", "MemoryError"),
            (b"f = lambda: f()", ""),
            (b"f()", "recursion depth"),
            (b"import no_such_module", "Error"),
            (b"read('/' * 200)", "4.04"),
            (b"read('/x')", "4.04"),
            (b"read(None)", "4.00"),
            (b"read()", "TypeError"),
            (b"read(1, 2, 3)", "TypeError"),
            (b"write('/20000/0/1', [])", "4.00"),
            (b"log(9)", "0 errors"),
            (b"log('x')", "0 errors"),
            (b"read = None", ""),
            (b"read('/20000/0/1')", "1"),
        ):
            lines, _ = app.type(b":" + typed + b"\r")
            assert word in "\n".join(lines), (typed[:40], lines)
            # Still there:
            assert app.type(b":6 * 7\r")[0] == ["", "42"]
        assert app.counter == 0


class Mute(Exception):
    def __str__(self):
        raise Mute("again")


def test_errors_within_errors():
    with App() as app:
        main = __import__("__main__").__dict__
        main["Mute"] = Mute
        try:
            assert say(app, "raise Mute()") == ["an error without words; traceback() shows where"]
            for text in (
                "exec('try:\\n 1/0\\nfinally:\\n raise Mute()')",
                "exec('try:\\n 1/0\\nexcept Exception as e:\\n raise ValueError(e)')",
            ):
                (printed,) = say(app, text)
                assert "traceback()" in printed
            (printed,) = say(app, "raise ValueError('x' * 5000)")
            assert len(printed) < 260
        finally:
            del main["Mute"]


def test_a_traceback_when_asked():
    shown = []

    class Shower:
        print_exception = shown.append

    with App() as app:
        kept = repl.sys
        repl.sys = Shower
        try:
            assert say(app, "traceback()") == ["no error so far"]
            assert say(app, "1/0")[0].startswith("ZeroDivisionError: ")
            assert not shown
            assert say(app, "traceback()") == []
            assert type(shown.pop()) is ZeroDivisionError
            # And what went wrong in an object that a server used
            peer = app.peer
            peer.register()
            sample = peer.table.find(20000, 0)
            sample.stuck = KeyError("angle")
            assert peer.put("/20000/0/300", b"0.5").code == 0xA0
            say(app, "traceback()")
            assert [type(error) for error in shown] == [ZeroDivisionError, KeyError]
        finally:
            repl.sys = kept


def test_names_last_and_functions_do_not():
    with App() as app:
        main = __import__("__main__").__dict__
        assert say(app, "answer = 42") == []
        assert say(app, "[answer for _ in range(2)]") == ["[42, 42]"]
        del main["answer"]
        assert say(app, "app is None") == ["False"]
        for name in ("read", "status", "app", "trace"):
            assert name not in main
        repl.offer()
        assert main["app"] is app
        with Printed() as lines:
            assert main["read"]("/20000/0/1") == 1
            assert main["read"]("/20000/0/13") is None
            assert "docs/repl.md" in repr(main["status"])
        assert lines == ["4.04: nothing there, objects() shows what there is"]
        say(app, "1")  # takes them away


def test_read_and_write():
    with App() as app:
        sample = app.table.find(20000, 0)
        sample.set(9, {0: 5, 3: 7})
        for text, printed in (
            ("read('/20000/0/1')", "1"),
            ("read('20000/0/0')", "'sample'"),
            ("read('/20000/0/9')", None),
            ("read('/20000/0/9/3')", "7"),
            ("read('/20000/0/9/4')", "4.04"),
            ("read('/20000/0/10')", "4.05"),
            ("read('/20000/0/11')", "4.05"),
            ("read('/20000/0/13')", "4.04"),
            ("read('/20000/0/99')", "4.04"),
            ("read('/4711')", "4.04"),
            ("read('/0')", "4.05"),
            ("read('/0/0/5')", "4.05 credentials are never shown"),
            ("write('/0/0/5', b'k')", "4.05 credentials are never shown"),
            ("write('/20000/0/1', 9)", "9"),
            ("write('/20000/0/1', True)", "4.00"),
            ("write('/20000/0/1', 1.5)", "4.00 the value has to be of type int"),
            ("write('/20000/0/2', 3)", "3.0"),
            ("write('/20000/0/3', True)", "True"),
            ("write('/20000/0/3', 1)", "4.00"),
            ("write('/20000/0/5', b'ab')", "b'ab'"),
            ("write('/20000/0/6', (3, 0))", "(3, 0)"),
            ("write('/20000/0/6', (3,))", "4.00"),
            ("write('/20000/0/8', 'refuse')", "4.00 refused"),
            ("write('/20000/0/8', 'x' * 11)", "4.00 out of range"),
            ("write('/20000/0/9', {1: 2})", "{1: 2}"),
            ("write('/20000/0/9/1', 4)", "4"),
            ("write('/20000/0/9/2', 4)", "4.04"),
            ("write('/20000/0/9', {})", "{}"),
            ("write('/20000/0/11', 'p')", None),
            ("write('/20000/0/12', 1.0)", "4.05"),
            ("write('/20000/0', 1)", "4.04"),
            ("execute('/20000/0/10', '5')", None),
            ("execute('/20000/0/1')", "4.05"),
            ("execute('/20000/0')", "4.05"),
        ):
            lines = say(app, text)
            if printed is not None:
                assert lines[0].startswith(printed), (text, lines)
        assert sample.executed == ["5"] and sample.secret == "p"
        sample.measured = None
        assert say(app, "read('/20000/0/12')")[0].startswith("5.03: no valid value now")
        lines = say(app, "read('/20000/0')")
        assert lines[0] == "/20000/0/0 = 'sample'" and "/20000/0/11" not in "".join(lines)
        assert "p" not in [text[-2] for text in lines]


def test_a_write_is_told_to_observers():
    with App() as app:
        app.peer.register()
        app.peer.observe("/20000/0/1")
        assert say(app, "write('/20000/0/1', 77)") == ["77"]
        ((_, message),) = app.peer.run(10)
        assert message.payload == b"77" or message.payload
        (printed,) = say(app, "observations()")
        assert printed.startswith("coap://desk: /20000/0/1 pmax=0 pmin=0, told "), printed
        app.peer.session.cancel_observation()
        assert say(app, "observations()") == ["nothing is observed"]


def test_an_object_added_at_run_time_is_told_in_an_update():
    with App() as app:
        app.peer.register()
        __import__("__main__").Sample = Sample
        assert say(app, "app.table.add(Sample(iid=4))") == []
        ((_, update),) = app.peer.run(10, app.peer.serve)
        assert [bytes(part) for part in update.all(11)] == [b"rd", b"a1"]
        assert b"</20000/4>" in update.payload
        assert say(app, "app.table.add(Sample(iid=4))")[0].startswith("ValueError: /20000/4 is")
        assert say(app, "read('/20000/4/1')") == ["1"]
        say(app, "app.table.remove(app.table.find(20000, 4))")
        ((_, update),) = app.peer.run(10, app.peer.serve)
        assert b"</20000/4>" not in update.payload
        del __import__("__main__").Sample


def test_objects_and_status():
    with App() as app:
        lines = say(app, "objects()")
        assert lines[0] == "/1/0 Server"
        assert "    1 integer RW i" in lines and "    10 run E " in lines
        assert say(app, "objects(1)")[:2] == ["/1/0 Server", "    0 short_server_id R i"]
        assert say(app, "objects(4711)") == []
        assert say(app, "status()") == ["endpoint: test"]
        app.stopped = True
        assert say(app, "status()")[0].startswith("the client is stopped: start()")
        app.over = True
        assert say(app, "status()")[0].startswith("the client has ended: start()")
        assert "start()" in say(app, "stop()")[0]
        repl.App.running = None
        for text in ("status()", "objects()", "log()", "stop()"):
            assert say(app, text) == [
                "the client has not run: start() it, and look at what it prints"
            ]
        repl.App.running = app


def test_stop_and_start():
    with App() as app:
        peer = app.peer
        peer.register()
        say(app, "stop()")
        peer.run(10, peer.serve)
        assert peer.registration.state == STOPPED
        say(app, "start()")
        assert not app.stopped
        peer.run(10, peer.serve)
        assert peer.registration.state == REGISTERED
        say(app, "start()")  # nothing more
        assert peer.run(10) == []


def test_log_levels():
    with App() as app:
        assert say(app, "log()") == ["1"]
        assert say(app, "log(2)") == ["2"]
        assert Connection.trace is trace._operation
        assert say(app, "log(3)") == ["3"]
        assert Connection.trace is trace._message
        assert say(app, "trace(False)") == []
        assert Connection.trace is None and app.settings["log"] == 1
        say(app, "trace()")
        assert Connection.trace is trace._message and app.settings["log"] == 3
        assert say(app, "log(0)") == ["0"]
        assert Connection.trace is None


def test_levels_of_the_application():
    class Quiet:
        settings = {"log": 0}
        notice = firmware_app.App.notice

    quiet = Quiet()  # good news is not for the event log
    printed = []
    firmware_app.print = printed.append
    try:
        quiet.notice("registered")
        assert not printed
        quiet.settings["log"] = 1
        quiet.notice("registered")
    finally:
        del firmware_app.print
    assert printed == ["registered"]


def test_events_of_the_prompt_are_lines():
    with App() as app:
        app.events = "+5 a\n+6 b\n"
        kept = look.once
        look.once = lambda name, function, app: [name, function, app.events]
        try:
            assert say(app, "events()") == ["events", "lines", "+5 a\n+6 b\n"]
        finally:
            look.once = kept


def test_noise_reaches_the_end():
    # Every byte there is, in every order of a small generator: it always comes to an end.
    state = 1
    noise = bytearray()
    for _ in range(6000):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        code = state >> 8 & 0xFF
        noise.append(58 if code in b"ir" else code)
    with App() as app:
        app.type(bytes(noise))
        assert app.type(b":1\r")[0] == ["", "1"]
