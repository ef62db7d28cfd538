"""The board's end of the channel to its hardware, for the interpreter of a virtual board.

All hardware is simulated in the process of the virtual board (`tools/virtual/hardware.py`), with
the modules that tests use directly: here is only what asks for it. All of this lies in the heap
of the board under test, so most names are ones that MicroPython has anyway. The channel is the
stream socket VIRTUAL_BOARD_FD; each line is a JSON array, but for the watchdog's
{"event": "feed"}:

    [number, target, method, values, names]   asks for a call of a method, or without one of the
                                              target; the last values have the names; values
                                              null: asks for an attribute
    [number, kind, value, buffers]            the answer; a kind that is none below names an
                                              exception
    [0, "level", pin, level]                  the level of a pin, once for a new pin, then if it
                                              changes
    [0, "handler", pin, null]                 an interrupt
    [0, "socket", answers, null]              whether a name server answers from now on
    [0, "stop", null, null]                   a Ctrl-C; goes back when it is raised
    [0, "signal", null, null]                 it was raised by a signal instead
"""

import builtins
import json
import os
import select
import sys

world = sys.modules["world"]  # the one object, as in the simulation
stream = open(int(os.getenv("VIRTUAL_BOARD_FD")), "rb", buffering=0)  # the mode is for files
poll = select.poll()
poll.register(stream, select.POLLIN)
count = 0  # of requests
pins = {}
due = []  # pins whose handler is to run
timers = ()  # of machine_time
locked = False  # while handlers run
stopped = False  # a Ctrl-C has come
whole = False  # while pieces of one call go out


class Remote:
    """An object at the other end, or a method of it."""

    def __init__(self, target, method=""):
        self.target = target
        self.method = method

    def __getattr__(self, name):
        # What is written small is a function: no need to ask before it is called.
        if name.islower():
            return Remote(self.target, name)
        return request(self.target, name)

    def __call__(self, *args, **kw):
        if self.method == "feed":
            # Done by the loop that serves datagrams: nothing is asked and nothing looked at.
            return stream.write('{"event": "feed"}\n')
        if self.method == "write":
            # Of SPI, in pieces: a long one would take several times its size of the board's heap.
            world.whole = True
            try:
                for at in range(64, len(args[0]), 64):
                    request(self.target, "write", (args[0][at - 64 : at],))
            finally:
                world.whole = False
            at = (len(args[0]) - 1) // 64 * 64
            return request(self.target, "write", (args[0][at:],))
        return request(self.target, self.method, args + tuple(kw.values()), tuple(kw))

    def __getitem__(self, at):
        return self(at)

    def __setitem__(self, at, value):
        self(at, value)


class Pin(Remote):
    """Its level comes unasked: firmware looks at it often."""

    def value(self, *args):
        if args:
            return request(self.target, "value", args)
        sync()
        interrupt()
        return self.level

    __call__ = value


def sync():
    """Takes in what has come meanwhile and runs handlers; never waits."""
    if locked:
        return  # hardware is touched by a handler that runs in here
    world.locked = True
    try:
        while poll.poll(0):
            recv()
        while due:
            pin = due.pop(0)
            pin.handler(pin)
        for timer in timers:
            timer.run()
    finally:
        world.locked = False


def interrupt():
    """Raises the KeyboardInterrupt of a Ctrl-C: as on a board not before a call is done."""
    if stopped and not whole and not locked:
        world.stopped = False
        stream.write('[0, "stop", null, null]\n')
        raise KeyboardInterrupt


def request(target, method, values=None, names=()):
    """Sends a request and waits for its answer; what comes before it is taken in."""
    sync()
    # Numbered: a signal may have left the answer to another request on its way.
    world.count = number = count + 1
    stream.write(json.dumps((number, target, method, encode(target, values), names)) + "\n")
    answer = (0,)
    while answer[0] != number:
        answer = recv()
    _, kind, value, buffers = answer
    for place, data in buffers:
        values[place][:] = bytes.fromhex(data)
    interrupt()
    if kind == "value":
        return value
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "tuple":
        return tuple(value)
    if kind == "object":
        return pins.get(value) or Remote(value)
    if kind == "module":
        return getattr(__import__(value), method)
    raise getattr(builtins, kind)(*value)


def encode(target, value):
    """What JSON can carry of an argument; a function stays here as the pin's handler."""
    if isinstance(value, (tuple, list)):
        encoded = []
        for each in value:
            encoded.append(encode(target, each))
        return encoded
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, Remote) and not value.method:
        return {"object": value.target}
    if callable(value):
        pins[target].handler = value
        return {"handler": target}
    return value


def recv():
    """One line, which the other end has written as a whole."""
    line = stream.readline()
    if not line:
        raise SystemExit  # the virtual board is gone, and who would read a word
    try:
        _, kind, value, level = answer = json.loads(line)
        if kind == "level":
            pins.setdefault(value, Pin(value)).level = level
        elif kind == "handler":
            due.append(pins[value])
        elif kind == "socket":
            __import__("names").answer(value)
        elif kind in ("stop", "signal"):
            world.stopped = kind == "stop"
        return answer
    except (ValueError, TypeError, KeyError):
        return (0,)  # cut: the other end had to throw away what was not read for long


sys.modules["machine"] = Remote("machine")
sys.modules["network"] = Remote("network")
