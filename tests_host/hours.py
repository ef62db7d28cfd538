"""The whole firmware in this process, under MicroPython, with a clock that jumps.

Nothing of it is replaced but what tells and passes the time, the look-up of names and the keys
of the console: sockets are the host's own, on loopback, the hardware is the mock. Whenever
asyncio would wait, the server here has its turn, and where nothing came of that, the clock goes on
to what is due next. So hours take a second, and nothing depends on the speed of this computer.
"""

import asyncio
import os
import socket
import sys
import time as host_time
from asyncio import core

import board_radio
import machine
import machine_rtc
import machine_time
import network
import sensor_bmp180
import sensor_hts221
from peer import decode, encode
from scratch import write
from world import world

from coap.message import Message
from coap.numbers import ACK, CHANGED, CON, CREATED, DELETE, DELETED, GET, POST

_AHEAD_MS = 3600000
_FRESH = ("firmware", "lwm2m", "coap", "time", "socket")  # modules that are loaded for it
_WITH_TIME = (board_radio, machine, machine_rtc, machine_time, sensor_bmp180, sensor_hts221)
_WITH_TIME += (sys.modules["world"],)
_LOOK_UP_MS = 7000  # that lwIP blocks for a name server that is silent: four requests


class Time:
    """In the place of the module `time`.

    It is ahead of the host's: what asyncio, in C, wants to run at once has that one's time.
    """

    def __init__(self):
        self.total_ms = self._us = 0
        self._start = host_time.ticks_add(host_time.ticks_ms(), _AHEAD_MS)

    def ticks_ms(self):
        return host_time.ticks_add(self._start, self.total_ms)

    def advance(self, ms):
        self.total_ms += ms

    def sleep_ms(self, ms):
        self.advance(ms)

    def sleep_us(self, us):
        self._us += us
        self.advance(self._us // 1000)
        self._us %= 1000

    def ticks_us(self):
        return self.ticks_ms() * 1000 + self._us

    def time(self):
        return 1767225600 + self.total_ms // 1000

    def __getattr__(self, name):
        return getattr(host_time, name)


class Names:
    """In the place of the module `socket`: one name server, for every name loopback."""

    answers = True

    def __init__(self, clock):
        self.clock = clock
        self.asked = 0

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, *rest):
        if host.strip("0123456789."):
            self.asked += 1
            if not self.answers or not world.cable:
                self.clock.advance(_LOOK_UP_MS)
                raise OSError(-2)
            host = "127.0.0.1"
        return socket.getaddrinfo(host, *rest)


def bound_socket():
    """A datagram socket on loopback that never waits, and its port."""
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(42500, 42600):
        try:
            found.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            found.setblocking(False)
            return found, port
        except OSError:
            pass  # taken
    raise AssertionError("no free port")


class Server:
    """An LwM2M server that accepts everything; `requests` are (milliseconds, code, path)."""

    def __init__(self, clock):
        self.clock = clock
        self.requests = []
        self.last = None  # the address of the device
        self.reads = 0
        self.heard = []  # messages that are none of its requests
        self.socket, self.port = bound_socket()

    def serve(self):
        """Answers what has come; nothing passes without a cable."""
        while True:
            try:
                data, self.last = self.socket.recvfrom(1500)
            except OSError:
                return
            if not world.cable:
                continue
            message = decode(data)
            if message.mtype != CON or message.code >> 5:
                self.heard.append(message)
                continue
            path = b"/".join(message.all(11)).decode()
            self.requests.append((self.clock.total_ms, message.code, path))
            answer, options = CHANGED, ()
            if message.code == DELETE:
                answer = DELETED
            elif message.code == POST and path == "rd":
                answer, options = CREATED, [(8, b"rd"), (8, b"a1")]
            self.send(Message(ACK, answer, message.mid, message.token, options))

    def send(self, message):
        self.socket.sendto(encode(message), self.last)

    def read(self, path, observe=False):
        """Asks for a value; the answer will be among `heard`, and later ones."""
        self.reads += 1
        options = [(6, b"")] if observe else []
        options += [(11, part.encode()) for part in path.split("/")[1:]] + [(17, b"")]
        self.send(Message(CON, GET, 60000 + self.reads, b"%d" % self.reads, options))

    def codes(self):
        """What came, in one line: R register, U update, D de-register."""
        kinds = {(POST, "rd"): "R", (POST, "rd/a1"): "U", (DELETE, "rd/a1"): "D"}
        return "".join([kinds[each[1:]] for each in self.requests])

    def close(self):
        self.socket.close()


class Over(BaseException):
    """The test has seen enough."""


class Hours:
    """Context manager; `run(script)` runs the firmware in `folder`, its flash.

    `script` are (seconds since power-on, function); after the last one it is over. `settings` are
    keys of config.json.
    """

    def __init__(self, folder, host="127.0.0.1", **settings):
        self.folder = folder
        self.settings = settings
        self.clock = Time()
        self.names = Names(self.clock)
        self.server = Server(self.clock)
        self.uri = "coap://%s:%d" % (host, self.server.port)
        self.servers = [self.server.serve]  # what has its turn when the firmware waits
        self.said = []  # (milliseconds, line)
        self.resets = []  # when
        self.longest_ms = 0  # that the loop was blocked
        self.seen = []  # (line of the network, line of the server) of the status
        self.bitten = []  # when the watchdog would have reset the board

    def __enter__(self):
        self._path = sys.path[:]
        self._home = os.getcwd()
        home = self._home + "/"
        sys.path[:] = [each if each == ".frozen" else home + each for each in sys.path]
        os.chdir(self.folder)
        self._loaded = {}
        for name in list(sys.modules):
            if name.split(".")[0] in _FRESH:
                self._loaded[name] = sys.modules.pop(name)
        sys.modules["time"] = self.clock
        sys.modules["socket"] = self.names
        self._ticks, self._queue, self._print = core.ticks, core.IOQueue, print
        core.ticks = self.clock.ticks_ms
        hours = self

        class Queue(core.IOQueue):
            def wait_io_event(self, wait_ms):
                hours.pass_on(self.poller, wait_ms)
                super().wait_io_event(0)

        core.IOQueue = Queue
        network.pause = self.clock.advance
        for module in _WITH_TIME:
            module.time = self.clock
        import builtins

        builtins.print = self._say
        return self

    def __exit__(self, *error):
        import builtins

        builtins.print = self._print
        core.ticks, core.IOQueue = self._ticks, self._queue
        network.pause = host_time.sleep_ms
        for module in _WITH_TIME:
            module.time = host_time
        asyncio.new_event_loop()
        for name in list(sys.modules):
            if name.split(".")[0] in _FRESH:
                del sys.modules[name]
        sys.modules.update(self._loaded)
        os.chdir(self._home)
        sys.path[:] = self._path
        self.server.close()

    def _say(self, *args, **more):
        self.said.append((self.clock.total_ms, " ".join([str(each) for each in args])))

    def lines(self, text):
        """The milliseconds at which lines with this text were printed."""
        return [at for at, line in self.said if text in line]

    def pass_on(self, poller, wait_ms):
        """Time passes, where nothing happens."""
        if self._left is not None:
            blocked_ms = self.clock.total_ms - self._left
            self.longest_ms = max(self.longest_ms, blocked_ms)
        if world.wdt_expired():
            self.bitten.append(self.clock.total_ms)
            world.wdt = None
        for serve in self.servers:
            serve()
        if wait_ms and not list(poller.ipoll(0)):
            at_s, action = self._script[0]
            left_ms = at_s * 1000 - self.clock.total_ms
            if left_ms > wait_ms >= 0:
                self.clock.advance(wait_ms)
            else:
                self.clock.advance(max(left_ms, 0))
                self._script.pop(0)
                action()
                if not self._script:
                    raise Over
        self._left = self.clock.total_ms

    def run(self, *script):
        import json

        self._script = list(script)
        config = {"board": "nucleo_f429zi", "endpoint": "test"}
        config["server"] = self.uri
        config.update(self.settings)
        write("config.json", json.dumps(config))
        from firmware import app, config, console

        console.keys = no_keys
        while True:
            self._left = None
            asyncio.new_event_loop()
            self.app = None
            try:
                self.app = app.App(*config.load())
                asyncio.run(self.app.main())
            except machine.Reset:
                self.resets.append(self.clock.total_ms)
                for connection in self.app.connections:
                    connection.close()
                world.wdt = None
                world.pins.clear()
                world.lan = None
            except Over:
                for connection in self.app.connections:
                    connection.close()
                return

    def status(self):
        """The lines of the status; by the modules that are loaded for this run."""
        from firmware import once

        return once("status", "lines", self.app)

    def look(self):
        """Takes down what the status tells of the network and of the server."""
        found = []
        for line in self.status():
            if line.startswith(("network: ", "server: ")):
                found.append(line)
        self.seen.append(tuple(found))


async def no_keys(app, readable):
    pass
