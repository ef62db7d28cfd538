"""The hardware of the virtual board: simulated here, asked for by the interpreter.

What runs is the simulation that tests use directly (`tests_host/hardware`); it lies in this
process because the heap of the interpreter is the board's. `tests_host/hardware/remote/world.py`
is the other end of the channel and describes its lines.
"""

import json
import re
import sys
import time
from types import ModuleType

from tools import install


def _import_simulation():
    for folder in ("cpython_shims", "hardware"):
        path = str(install.ROOT / "tests_host" / folder)
        if path not in sys.path:
            sys.path.insert(0, path)
    import ticks  # noqa: F401 - what MicroPython's `time` has more than CPython's

    # isort: split
    import machine
    import network
    from world import world

    return machine, network, world


machine, network, world = _import_simulation()

# What the interpreter has too; the first that fits is raised there.
_EXCEPTIONS = (OSError, ValueError, TypeError, AttributeError)


def _parse(line):
    """The five parts of a request; ValueError when it is none."""
    try:
        number, target, name, values, names = json.loads(line)
    except (TypeError, RecursionError):
        raise ValueError("not a request") from None
    if (
        type(number) is not int
        or not isinstance(target, (int, str))
        or not isinstance(name, str)
        or not isinstance(values, (list, type(None)))
        or not isinstance(names, list)
        or not all(isinstance(each, str) for each in names)
        or len(names) > len(values or ())
    ):
        raise ValueError("not a request")
    return number, target, name, values, names


def _attribute(owner, name):
    """What `machine`, `network` or an object of theirs offers under a name."""
    value = None if name.startswith("_") else getattr(owner, name, None)
    home = getattr(value, "__module__", None) or ""
    if type(value) is int or home.split("_")[0] in ("machine", "network"):
        return value
    kind = owner.__name__ if isinstance(owner, (ModuleType, type)) else type(owner).__name__
    raise AttributeError(f"{kind!r} has no attribute {name!r}")


def _describe(error):
    for kind in _EXCEPTIONS:
        if isinstance(error, kind):
            plain = all(isinstance(arg, (int, str)) for arg in error.args)
            return kind.__name__, list(error.args) if plain else [str(error)]
    return "RuntimeError", [repr(error)]


class Hardware:
    """The hardware of one start of the interpreter.

    `state` is the world at power-on, as `World.reset()` of the simulation takes it; `send` is
    called with every line for the board.
    """

    def __init__(self, state, send):
        world.reset(**state)
        self._send = send
        self._objects = {"machine": machine, "network": network}
        self._levels = {}  # of the pins that the board knows, as the board knows them
        self._pause_s = 0
        self._late = None  # (when, parts) of an answer
        network.pause = self._pause
        if not world.dns:
            self._tell(0, "socket", False, None)

    def change(self, state):
        """Takes over what has changed in the world."""
        world.apply(state)
        if "dns" in state:
            self._tell(0, "socket", world.dns, None)
        self._tell_levels()

    def run(self):
        """What has happened by itself; returns the milliseconds until more may, or None."""
        if not world.moves:
            return None
        wait_ms = world.wait_ms()
        self._tell_levels()
        return wait_ms

    def late_at(self):
        """When `tell_late()` has an answer to give, as time.monotonic(); None: not."""
        return self._late and self._late[0]

    def tell_late(self):
        """Answers a call that blocks the board, once it has taken its time."""
        if self._late and time.monotonic() >= self._late[0]:
            parts = self._late[1]
            self._late = None
            self._tell(*parts)

    def _pause(self, ms):
        # This process must go on: only the board waits, for its answer.
        self._pause_s += ms / 1000

    def request(self, line):
        """Does what a line of the board asks for and returns the events that this caused.

        Raises ValueError when the line is no request.
        """
        try:
            number, target, name, values, names = _parse(line)
            owner = self._objects[target]
        except (ValueError, KeyError):
            match = re.match(rb"\[([1-9]\d*), ", line)
            if match is None:
                raise ValueError("not a request") from None
            # Whoever waits there must not wait for ever.
            text = "an argument cannot be sent to the simulated hardware"
            self._tell(int(match[1]), "TypeError", [text], [])
            return []
        sent = []
        given = []
        try:
            result = _attribute(owner, name) if name else owner
            if values is not None:
                sent = self._decode(values, target)
                given = [bytearray(v) if isinstance(v, bytes) else v for v in sent]
                args = given[: len(given) - len(names)]
                kw = dict(zip(names, given[len(args) :], strict=True))
                result = result(*args, **kw)
            kind, value = self._encode(result)
        except machine.Reset:
            number = 0  # the interpreter that asked comes to its end
        except Exception as error:
            kind, value = _describe(error)
        self._tell_levels()
        if number:
            changed = [
                [place, now.hex()]
                for place, (before, now) in enumerate(zip(sent, given, strict=True))
                if now != before and isinstance(before, bytes)
            ]
            if self._pause_s:
                self._late = time.monotonic() + self._pause_s, (number, kind, value, changed)
                self._pause_s = 0
            else:
                self._tell(number, kind, value, changed)
        events, world.events = world.events, []
        return events

    def _decode(self, value, target):
        if isinstance(value, list):
            return [self._decode(each, target) for each in value]
        if not isinstance(value, dict):
            return value
        if "bytes" in value:
            return bytes.fromhex(value["bytes"])
        if "object" in value:
            return self._objects[value["object"]]
        if "handler" in value:
            return lambda pin: self._interrupt(target)
        raise TypeError("unknown kind of argument")

    def _encode(self, value):
        module = getattr(value, "__module__", None)
        if module in ("machine_time", "machine_rtc"):
            return "module", module  # calls back or has the clock: it runs in the interpreter
        if isinstance(value, (bytes, bytearray)):
            return "bytes", value.hex()
        if isinstance(value, tuple):
            return "tuple", list(value)
        if value is None or isinstance(value, (bool, int, float, str, list)):
            return "value", value
        for number, known in self._objects.items():
            if known is value:
                return "object", number
        number = len(self._objects)
        self._objects[number] = value
        if isinstance(value, machine.Pin):
            self._levels[number] = None
        return "object", number

    def _interrupt(self, pin):
        self._tell_levels()
        self._tell(0, "handler", pin, None)

    def _tell_levels(self):
        for pin, known in self._levels.items():
            level = self._objects[pin].value()
            if level != known:
                self._levels[pin] = level
                self._tell(0, "level", pin, level)

    def _tell(self, *parts):
        self._send(json.dumps(parts).encode() + b"\n")
