"""A device with object 5, whose tasks run by a clock of the test, on both interpreters.

The modules of the update are those of the firmware; what they await is `Tasks` in place of
asyncio, and nothing that `once()` loads is dropped in between.
"""

import os
import sys

import packages
from helpers import FakeClock
from peer import Peer, decode
from scratch import Scratch

import coap
import firmware
import lwm2m.formats
import lwm2m.objects
from coap.endpoint import Endpoint
from coap.message import uint, uint_bytes
from coap.numbers import CONTENT, NOT_FOUND
from firmware import update_key
from lwm2m.object import Late

_MODULES = (
    "update states install arrival inspection incoming pull fetch switch slots slot_head package"
    " signature description requirements contents update_key update_record storage version"
).split()
BLOCK1, SIZE1 = 27, 60
CONTINUE = 0x5F
IDLE, DOWNLOADING, DOWNLOADED, UPDATING = 0, 1, 2, 3


def once(name, function, *arguments):
    module = getattr(__import__("firmware." + name), name)
    return getattr(module, function)(*arguments)


class Sleep:
    def __init__(self, ms):
        self.ms = ms

    def __await__(self):
        yield self.ms

    __iter__ = __await__  # of MicroPython


class Tasks:
    """What stands for asyncio: tasks that run when the test lets time pass."""

    def __init__(self, clock):
        self.clock = clock
        self.now_ms = 0
        self.tasks = []  # [due_ms, coroutine]

    def create_task(self, task):
        self.tasks.append([self.now_ms, task])

    def sleep_ms(self, ms):
        return Sleep(ms)

    def close(self):
        for _, task in self.tasks:
            task.close()

    def run(self, ms):
        """Lets so much time pass, in turns of at least 1 ms."""
        end = self.now_ms + ms
        while True:
            due = [each for each in self.tasks if each[0] <= self.now_ms]
            for entry in due:
                try:
                    entry[0] = self.now_ms + max(entry[1].send(None), 1)
                except StopIteration:
                    self.tasks.remove(entry)
            if self.now_ms >= end:
                return
            later = min([each[0] for each in self.tasks] + [end])
            step = max(1, min(later, end) - self.now_ms)
            self.now_ms += step
            self.clock.advance(step)


class Board:
    SLOT_BYTES = 128 * 1024
    BLOCK_SIZE = 512

    def __init__(self, slots):
        self.__name__ = "firmware.boards.nucleo_f429zi"
        self.SLOTS = slots


class Link:
    """A link to a file server; `loss` is called for each datagram, True loses it."""

    socket = None
    wait_ms = 10
    error = None
    local_port = 5

    def __init__(self, site):
        self.site = site
        self.queue = []
        self.closed = False
        self.far = Endpoint(self._answered, site.serve, site.clock, os.urandom)
        self.far.body_limit = 1 << 20
        self.far.block_size = 1024

    def send(self, data):
        assert not self.closed
        self.site.asked += 1
        if not self.site.lost(decode(bytes(data))):
            self.far.receive(bytes(data))

    def _answered(self, data):
        self.queue.append(bytes(data))

    def recv(self, size):
        if self.site.broken:
            raise OSError(5, "broken")
        if not self.queue:
            raise OSError(11)
        return self.queue.pop(0)

    def close(self):
        self.closed = True


class Site:
    """Context manager: device, server and file server, in `folder` or an empty directory."""

    settings = {}

    def __init__(self, slots=2, running=0, key=True, folder=None):
        self.folder = folder
        self.slots = slots
        self.running = running
        self.key = key
        self.restarts = self.resets = self.asked = 0
        self.update = self.transfer = self.tasks = None
        self.busy = self.trial = self.broken = False
        self.logged = []
        self.noticed = []
        self.later = []
        self.links = []
        self.files = {}  # path: (bytes, ETag or b"")
        self.lost = lambda message: False
        self.connections = []

    def __enter__(self):
        self.scratch = None
        if not self.folder:
            self.scratch = Scratch()
            self.folder = self.scratch.__enter__()
        self.home = os.getcwd()
        self.path = sys.path[:]
        sys.path[:] = [_absolute(each, self.home) for each in self.path]
        for package in (firmware, lwm2m, lwm2m.formats, lwm2m.objects, coap):
            if isinstance(package.__path__, str):  # of MicroPython, below the directory of now
                package.__path__ = _absolute(package.__path__, self.home)
        os.chdir(self.folder)
        self.old = firmware.once
        firmware.once = once
        _unload()
        if self.key is True:
            self.key = packages.new_key()
            update_key.store("", self.key)
        self.board = Board(self.slots)
        if self.running:
            sys.path.insert(0, "/slot%d" % self.running)
        self.start()
        return self

    def __exit__(self, *error):
        self._stop()
        sys.path[:] = self.path
        _unload()
        firmware.once = self.old
        os.chdir(self.home)
        if self.scratch:
            self.scratch.__exit__(*error)

    def start(self):
        """The device starts (anew)."""
        self._stop()
        self.update = self.transfer = None
        self.clock = FakeClock()
        self.tasks = Tasks(self.clock)
        for name in "update install arrival inspection incoming pull fetch switch".split():
            module = getattr(__import__("firmware." + name), name)
            module.asyncio = self.tasks
            if name == "fetch":
                module.time = self.clock
            setattr(self, "module_" + name, module)
        self.interface = self
        self.peer = peer = Peer(Late(5, self.late, "1.1"))
        self.client = peer.client
        self.table = peer.table
        peer.register()
        self.tasks.create_task(self.module_install.start(self))
        self.tasks.run(0)
        return self

    def _stop(self):
        if self.tasks:
            self.tasks.close()
        if self.transfer:
            self.transfer.stop()

    # What the modules want of the application

    def late(self, oid):
        return self.module_update.make(self, oid)

    def act(self, name, *arguments):
        if name == "pull":
            writer = self.client.writer
            self.update["from"] = writer.server.short_server_id if writer else 0
            once("states", "change", self, DOWNLOADING, 0, (), False)
        if name == "switch":
            self.later.append(lambda: once(name, name, self) and self.reset())
        else:
            once(name if name in ("install", "pull") else "update", name, self, *arguments)

    def receive(self, size):
        incoming = once("arrival", "push", self, size)
        once("states", "change", self, DOWNLOADING, 0, (), False)
        return incoming

    def log(self, text):
        self.logged.append(text)

    def notice(self, text):
        self.noticed.append(text)

    def spare(self, more=""):
        pass

    def restart(self):
        self.restarts += 1

    def reset(self):
        self.resets += 1

    async def network(self):
        pass

    def udp(self, host, port, local_port):
        self.links.append(Link(self))
        return self.links[-1]

    def serve(self, request, response):
        path = b"/" + b"/".join(request.all(11))
        if path not in self.files:
            response.code = NOT_FOUND
            return
        response.payload, etag = self.files[path]
        response.code = CONTENT

    # What a server does

    def value(self, rid):
        """A resource as a number or text; None where it does not exist."""
        answer = self.peer.get("/5/0/%d" % rid)
        if answer.code != CONTENT:
            return None
        text = str(answer.payload, "utf-8")
        return text if rid in (1, 6, 7) else int(text)

    def state(self):
        return self.value(3), self.value(5)

    def block(self, data, number, szx=5, content_format=42, size1=True, mid=None):
        """One block of a package; returns the answer."""
        size = 16 << szx
        start = number * size
        more = start + size < len(data)
        options = [(BLOCK1, uint_bytes(number << 4 | more << 3 | szx))]
        if size1 and not number:
            options.append((SIZE1, uint_bytes(len(data))))
        given = {} if mid is None else {"mid": mid, "token": b"t%d" % mid}
        return self.peer.put(
            "/5/0/0", data[start : start + size], content_format, more_options=options, **given
        )

    def push(self, data, szx=5, content_format=42, size1=True, stop=None):
        """Sends a package; returns the first answer that is no 2.31, or the last."""
        count = (len(data) + (16 << szx) - 1) >> szx + 4
        for number in range(count if stop is None else stop):
            answer = self.block(data, number, szx, content_format, size1)
            if answer.code != CONTINUE:
                break
            assert uint(answer.first(BLOCK1)) >> 4 == number
        return answer

    def slot(self, number=1):
        with open("slot%d.pkg" % number, "rb") as file:
            return file.read()


def _absolute(path, home):
    return path if path[:1] in ("/", ".") else home + "/" + path if path else home


def _unload():
    for name in _MODULES:
        sys.modules.pop("firmware." + name, None)
        firmware.__dict__.pop(name, None)
