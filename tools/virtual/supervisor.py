"""The supervisor of a virtual board: one loop over the console, the channel and the signals.

It starts the interpreter, starts it anew on every reset, and ends it. Nothing in here waits
for a reader or a writer; the firmware under test must never be slowed by its observer.
"""

import json
import select
import sys
import time

from tools.virtual.hardware import Hardware
from tools.virtual.interpreter import Interpreter
from tools.virtual.repl import ReplState, Typing
from tools.virtual.streams import Outgoing, read_available
from tools.virtual.world import Lines, parse_line

# From the first signal to the exit at most 3 s: the firmware gets this much of it.
_ENDING_S = 2.3
# Firmware that looks at its hardware does so more often than this.
_STOP_S = 0.4
# The same request often arrives twice at once (timeout(1) signals the process and its group).
_SAME_REQUEST_S = 0.2
# Firmware that prints without end must not keep the loop from its other duties.
_READS_A_TURN = 16
_STOP = b'[0, "stop", null, null]'
_SIGNAL = b'[0, "signal", null, null]'
_SOFT_REBOOT = b"MPY: sync filesystems\r\nMPY: soft reboot\r\n"
_CTRL_A = b"\x01"
_EXIT_CRASH = 1
_EXIT_CONFIGURATION = 2


def _exit_status(ended_with):
    """The exit status for how the firmware ended; None when it was stopped."""
    if ended_with in (None, 0, _EXIT_CONFIGURATION):
        return ended_with or 0
    return _EXIT_CRASH


def _parse_event(line):
    """(name, other fields) of a line of the channel; ValueError when it is not an event."""
    fields = json.loads(line)
    name = fields.pop("event", None) if isinstance(fields, dict) else None
    if not isinstance(name, str):
        raise ValueError
    if name == "wdt" and not isinstance(fields.get("timeout_ms"), (int, float)):
        raise ValueError
    return name, fields


def warn(text):
    print("virtual_board: " + text, file=sys.stderr, flush=True)


class Supervisor:
    """Runs a flash directory until it ends, crashes or is told to end.

    `before` is code that the interpreter runs first, ended by a semicolon; `repl` tells whether
    a REPL follows the files; `serial` is a SerialLine or None. With `leashed`, the end of
    standard input is a request to end. `program` is the path of another MicroPython to run.
    """

    def __init__(
        self,
        flash,
        heap,
        world,
        events,
        signals,
        before="",
        repl=False,
        serial=None,
        leashed=False,
        program=None,
    ):
        self._flash = flash
        self._heap = heap
        self._world = world
        self._events = events
        self._before = before
        self._repl = repl
        self._serial = serial
        self._leashed = leashed
        self._program = program
        self._stdout = Outgoing(1)
        self._stdin_lines = Lines()
        self._signals = signals
        self._exit_status = None
        self._interpreter = None
        self._ending_since = None

    # -- the life of an interpreter

    def _start(self, cause, files=("boot.py", "main.py")):
        self._channel_lines = Lines(64 * 1024)
        self._state = ReplState()
        self._typing = Typing()
        self._started = False
        self._ended_with = None
        self._channel_open = True
        self._watchdog_s = None
        self._watchdog_at = None
        self._enter_raw = False
        self._uses_hardware = False
        self._interrupt_at = None
        run = f"run_board.run{files!r}"
        if not self._repl:
            run = f"raise SystemExit({run})"
        code = f"{self._before}import run_board; {run}"
        self._events.write("reset", cause=cause)
        world = self._world.at_start(cause)
        self._interpreter = Interpreter(
            self._flash, self._heap, code, json.dumps(world), self._repl, self._program
        )
        self._keys = Outgoing(self._interpreter.console)
        self._to_mock = Outgoing(self._interpreter.channel.fileno(), limit=64 * 1024)
        self._hardware = Hardware(dict(world, radio=self._world.radio), self._tell_mock)

    def _restart(self, cause):
        self._stop()
        if self._ending_since is not None:
            self._finish(0)
        else:
            self._start(cause)

    def _stop(self, patience_s=0.0):
        self._read_console()
        status = self._interpreter.end(patience_s)
        self._interpreter = None
        self._events.end_of_console()
        return status

    def _finish(self, status):
        if self._interpreter is not None:
            self._stop()
        self._exit_status = status

    def _console_closed(self):
        """The interpreter ended by itself."""
        ended_with, raw = self._ended_with, self._state.raw
        status = self._stop(patience_s=1.0)
        if self._ending_since is not None:
            self._finish(_exit_status(ended_with))
        elif ended_with is None:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            warn(f"the interpreter ended in the middle of the firmware with {how}")
            self._finish(_EXIT_CRASH)
        elif self._repl:
            self._soft_reset(raw)
        else:
            self._finish(_exit_status(ended_with))

    def _soft_reset(self, raw):
        self._show(_SOFT_REBOOT)
        typed_ahead = self._typing
        self._start("soft", files=("boot.py",) if raw else ("boot.py", "main.py"))
        self._typing = typed_ahead
        self._typing.prompt_seen()
        if raw:
            self._enter_raw = True
            self._typing.pause()

    # -- ending

    def end(self):
        """Asks the firmware to end; asking again ends it at once."""
        now = time.monotonic()
        if self._ending_since is not None:
            if now - self._ending_since > _SAME_REQUEST_S:
                self._finish(0)
            return
        self._ending_since = now
        if not self._started or self._at_repl_prompt():
            self._finish(_exit_status(self._ended_with))
        elif self._uses_hardware:
            # The interpreter raises a signal's Ctrl-C wherever it is. Inside its garbage
            # collector that leaves the heap locked: no firmware could de-register then.
            self._tell_mock(_STOP + b"\n")
            self._interrupt_at = now + _STOP_S
        else:
            self._interpreter.interrupt()

    def _check_interrupt(self):
        """A Ctrl-C by signal for firmware that did not look at its hardware."""
        if self._interrupt_at is None or time.monotonic() < self._interrupt_at:
            return
        self._on_channel()  # that it does stop may stand there
        if self._interpreter is not None and self._interrupt_at is not None:
            self._interrupt_at = None
            self._tell_mock(_SIGNAL + b"\n")  # or the other would be a second Ctrl-C
            self._interpreter.interrupt()

    # -- what the interpreter says

    def _show(self, data, raw=False):
        if raw and self._serial is not None:
            # A program talks to the raw REPL, like mpremote: what it reads are no lines for
            # people, and may be a file that holds keys. It goes to that program alone.
            self._events.end_of_console()
        else:
            self._stdout.write(data)
            self._events.console(data)
        if self._serial is not None:
            self._serial.write(data, text=not self._state.raw)

    def _read_console(self):
        """Takes over what is on the console; returns False at its end."""
        for _ in range(_READS_A_TURN):
            data = read_available(self._interpreter.console)
            if not data:
                return data is not None
            raw = self._state.raw
            self._state.feed(data)
            self._show(data, raw)
        return True

    def _on_console(self):
        interpreter = self._interpreter
        alive = self._read_console()
        # Lines of the channel that were sent before this output must be known before it is judged.
        self._on_channel()
        if self._interpreter is not interpreter or self._exit_status is not None:
            return
        if not alive:
            self._console_closed()
        elif self._at_repl_prompt():
            if self._ending_since is not None:
                self._finish(_exit_status(self._ended_with))
            elif self._enter_raw and not self._state.raw:
                self._keys.write(_CTRL_A)
                self._enter_raw = False
            else:
                self._typing.prompt_seen()

    def _on_channel(self):
        interpreter = self._interpreter
        while self._interpreter is interpreter and self._exit_status is None:
            data = read_available(interpreter.channel.fileno())
            if not data:
                self._channel_open = data is not None
                return
            for line in self._channel_lines.feed(data):
                try:
                    events = self._events_of(line)
                except ValueError:
                    warn("not an event of the mock hardware: " + repr(line[:80]))
                    continue
                for name, fields in events:
                    self._on_event(name, fields)
                    if self._interpreter is not interpreter:
                        return

    def _events_of(self, line):
        if line == _STOP:  # it does
            self._interrupt_at = None
            return []
        if line.startswith(b"["):
            self._uses_hardware = True
            events = self._hardware.request(line)
            return [(event.pop("event"), event) for event in events]
        return [_parse_event(line)]

    def _tell_mock(self, line):
        self._to_mock.write(line)
        self._to_mock.flush_some()  # at once: firmware waits for an answer

    def _on_event(self, name, fields):
        if name == "started":
            self._started = True
        elif name == "ended":
            self._on_ended(fields.get("status", 0))
        elif name == "feed":
            self._feed()
        elif name == "reset":
            self._restart(fields.get("cause", "hard"))
        else:
            if name == "wdt":
                self._watchdog_s = fields["timeout_ms"] / 1000
                self._feed()
            self._events.write(name, **fields)

    def _at_repl_prompt(self):
        return self._ended_with is not None and self._state.at_prompt

    def _on_ended(self, status):
        self._ended_with = status
        self._typing.pause()
        # Without a REPL the interpreter is about to end by itself.
        if self._repl and (status == _EXIT_CONFIGURATION or self._ending_since is not None):
            self._finish(_exit_status(status))

    def _feed(self):
        if self._watchdog_s is not None:
            self._watchdog_at = time.monotonic() + self._watchdog_s

    def _check_watchdog(self):
        if self._watchdog_at is None or time.monotonic() < self._watchdog_at:
            return
        self._on_channel()  # a feed may wait there, should this process have been late
        if self._interpreter is None or self._watchdog_at is None:
            return
        if time.monotonic() >= self._watchdog_at:
            self._events.write("wdt", timeout_ms=round(self._watchdog_s * 1000), expired=True)
            self._restart("wdt")

    # -- what comes from outside

    def _on_stdin(self):
        data = read_available(0)
        if data is None:
            self._stdin_open = False
            if self._leashed and self._ending_since is None:
                self.end()
            return
        for line in self._stdin_lines.feed(data):
            if not line.strip():
                continue
            try:
                heard, actions = self._world.change(parse_line(line))
            except ValueError as error:
                warn(f"world: {error}")
                continue
            if heard:
                self._hardware.change(heard)
            if "key" in actions:
                self._typing.add(actions["key"].encode(errors="ignore"))
            if "reset" in actions:
                self._restart(actions["reset"])
            if self._exit_status is not None:
                return

    def _on_signal(self):
        if self._signals.take():
            self.end()

    def _type(self):
        # Before the firmware starts a Ctrl-C would hit the interpreter's own start-up code.
        if self._started and not self._keys.pending:
            self._keys.write(self._typing.next(self._state, self._ended_with is not None))

    # -- the loop

    def run(self, for_s=None):
        """Runs until the end and returns the exit status."""
        start = time.monotonic()
        self._stdin_open = True
        self._start("power")
        while self._exit_status is None:
            now = time.monotonic()
            if for_s is not None and now - start >= for_s and self._ending_since is None:
                self.end()
            elif self._ending_since is not None and now - self._ending_since >= _ENDING_S:
                warn("the firmware did not end in time and was stopped")
                self._finish(0)
            else:
                self._check_watchdog()
                self._check_interrupt()
                self._hardware.tell_late()
            if self._exit_status is None:
                self._type()
                self._turn(self._wait_s(start + for_s if for_s is not None else None))
        self._stdout.finish(0.5)
        return self._exit_status

    def _wait_s(self, end_at):
        now = time.monotonic()
        times = [self._watchdog_at, self._interrupt_at, self._hardware_at()]
        times.append(self._hardware.late_at())
        times.append(end_at if self._ending_since is None else self._ending_since + _ENDING_S)
        waits = [max(0.0, at - now) for at in times if at is not None]
        typing_s = self._typing.wait_s()
        if typing_s is not None and self._started and not self._keys.pending:
            waits.append(typing_s)
        return min(waits, default=None)

    def _hardware_at(self):
        # When the simulated hardware does something by itself.
        wait_ms = self._hardware.run()
        return None if wait_ms is None else time.monotonic() + wait_ms / 1000

    def _turn(self, wait_s):
        readers = {self._interpreter.console: self._on_console}
        if self._channel_open:
            readers[self._interpreter.channel.fileno()] = self._on_channel
        readers[self._signals.fd] = self._on_signal
        if self._stdin_open:
            readers[0] = self._on_stdin
        writers = {}
        for output in (self._stdout, self._keys, self._to_mock):
            if output.pending and output.fd is not None:
                writers[output.fd] = output.flush_some
        if self._serial is not None:
            if self._typing.has_room:
                readers[self._serial.master] = self._on_serial
            if self._serial.output.pending:
                writers[self._serial.master] = self._serial.flush_some
        interpreter = self._interpreter
        readable, writable, _ = select.select(list(readers), list(writers), [], wait_s)
        for fd in writable:
            writers[fd]()
        for fd in readable:
            # After a restart the numbers in hand may belong to the next interpreter.
            if self._interpreter is not interpreter or self._exit_status is not None:
                return
            readers[fd]()

    def _on_serial(self):
        self._typing.add(self._serial.read())

    def close(self):
        """Ends what still runs; safe to call at any time."""
        if self._interpreter is not None:
            self._interpreter.end()
            self._interpreter = None
