"""The board's end of the channel to its hardware, for the interpreter of a virtual board.

All hardware is simulated in the process of the virtual board (`tools/virtual/hardware.py`), with
the modules that tests use directly: here is only what asks for it, as all of this lies in the
heap of the board under test. The channel is the stream socket VIRTUAL_BOARD_FD; each line is a
JSON array, but for the watchdog's {"event": "feed"}:

    [number, target, name, args, kw]    asks for a call of a method; without a name: of the target;
                                        args null: for an attribute; number 0: without an answer
    [number, kind, value, buffers]      the answer; a kind that is none below names an exception
    [0, "level", pin, level]            the level of a pin, once for a new pin, then if it changes
    [0, "call", pin, null]              an interrupt
    [0, "stop", null, null]             a Ctrl-C; {"event": "stopping"} says that it is raised
"""

import builtins
import json
import os
import select


class Reset(BaseException):
    """Raised where the other end is gone: no hardware, and nobody to start the board anew."""


class Remote:
    """An object at the other end, or a method of it."""

    def __init__(self, target, name=""):
        self._target = target
        self._name = name

    def __getattr__(self, name):
        # What is written small is a function: no need to ask before it is called.
        if name[0].islower():
            return Remote(self._target, name)
        return world.ask(self._target, name)

    def __call__(self, *args, **kw):
        if self._name == "feed":
            # Done by the loop that serves datagrams: nothing is asked and nothing looked at.
            return world.send('{"event": "feed"}\n')
        return world.ask(self._target, self._name, args, kw)


class _Pin(Remote):
    # Levels come unasked and are set without an answer: firmware does both often.

    def value(self, value=None):
        world.touch()
        if value is None:
            return self.level
        # An input goes back to its own level with the next line from there.
        self.level = 1 if value else 0
        world.send('[0, %d, "value", [%d], []]\n' % (self._target, self.level))

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class World:
    """The channel. A closed one swallows what needs no answer; `ask()` raises Reset then."""

    rtc_offset_s = 0

    def __init__(self, fd):
        self.timers = []
        self._stream = open(fd, "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._stream, select.POLLIN)
        self._number = 0
        self._pins = {}
        self._due = []
        self._busy = False

    def touch(self):
        """Takes in what has come meanwhile and runs handlers; never waits."""
        if self._busy:
            return  # hardware is touched by a handler that runs in here
        self._busy = True
        try:
            while self._stream and self._poll.poll(0):
                self._take()
            while self._due:
                pin = self._due.pop(0)
                pin.handler(pin)
            for timer in tuple(self.timers):
                timer.run()
        finally:
            self._busy = False

    def send(self, line):
        try:
            if self._stream:
                self._stream.write(line)
        except OSError:
            self._stream = None

    def ask(self, target, name, args=None, kw={}):  # noqa: B006 - never changed
        """Sends a request and waits for its answer; what comes before it is taken in."""
        self.touch()
        self._buffers = buffers = []
        # Numbered: a Ctrl-C may have left the answer to another request on its way.
        self._number = number = self._number + 1
        if args is not None:
            args = self._encode(target, args)
        kw = self._encode(target, list(kw.items()))
        self.send(json.dumps((number, target, name, args, kw)) + "\n")
        answer = None
        while not answer or answer[0] != number:
            if not self._stream:
                raise Reset("the virtual board is gone")
            answer = self._take()
        _, kind, value, changed = answer
        for place, data in changed:
            buffers[place][:] = bytes.fromhex(data)
        if kind == "value":
            return value
        if kind == "bytes":
            return bytes.fromhex(value)
        if kind == "tuple":
            return tuple(value)
        if kind == "object":
            return self._pins[value] if value in self._pins else Remote(value)
        raise getattr(builtins, kind)(*value)

    def _encode(self, target, value):
        if isinstance(value, (tuple, list)):
            encoded = []
            for each in value:
                encoded.append(self._encode(target, each))
            return encoded
        if isinstance(value, (bytes, bytearray, memoryview)):
            self._buffers.append(value)
            return {"bytes": bytes(value).hex()}
        if isinstance(value, Remote) and not value._name:
            return {"object": value._target}
        if callable(value):
            self._pins[target].handler = value
            return {"handler": target}
        return value

    def _take(self):
        # One line, which the other end has written as a whole; returns it if it is one.
        try:
            line = self._stream.readline()
        except OSError:
            line = None
        if not line:
            self._stream = None
            return None
        try:
            answer = _, kind, value, level = json.loads(line)
            if kind == "level":
                if value not in self._pins:
                    self._pins[value] = _Pin(value)
                self._pins[value].level = level
            elif kind == "call":
                self._due.append(self._pins[value])
            elif kind == "stop":
                self.send('{"event": "stopping"}\n')
                raise KeyboardInterrupt
        except (ValueError, TypeError, KeyError):
            return None  # cut: the other end had to throw away what was not read for long
        return answer


world = World(int(os.getenv("VIRTUAL_BOARD_FD")))
