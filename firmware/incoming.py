"""A package on its way into the file of its slot; arrival.py begins and ends it.

The file is written in place and never removed: what a power cut leaves of a longer one on a FAT
is in its way for ever. Nothing is read behind what has come, for there may be an older package.
"""

import asyncio

from micropython import const

from coap.message import Error
from firmware import once

_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_LOST = const(4)
_INTEGRITY = const(5)
_BAD_REQUEST = const(0x80)  # 4.00
_REQUEST_ENTITY_INCOMPLETE = const(0x88)  # 4.08
_REQUEST_ENTITY_TOO_LARGE = const(0x8D)  # 4.13
_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00

_LOOK = const(2048)  # bytes between looks whether the head is there
_MARK = const(16384)  # bytes between records of how much is there
_TURN_MS = const(50)
_SILENCE_MS = const(121000)  # as in coap/endpoint.py


class Incoming:
    """`write()` what comes, `finish()`; `stop()` when it ends early.

    `info` is what its head tells, once that has been found good, `taken` how many bytes are here,
    `etag` that of what a pull fetches, in hex.
    """

    file = info = etag = None
    taken = told = 0
    wanted = 16  # how much has to be there for the next look at the head; at first, what a package
    # begins with

    # Of object 5, which is not made for these while it comes (see Late)
    state = 1  # Downloading
    result = 0
    rows = ([3, "R", "i", "state"], [5, "R", "i", "result"])

    def __init__(self, app, room, size):
        self.app = app
        self.room = room
        self.size = size

    def fail(self, result, text):
        """Ends the update with this result; raises Error."""
        if self.app.transfer is self:
            once("states", "failed", self.app, result, text)
        codes = {_NO_SPACE: _REQUEST_ENTITY_TOO_LARGE, _NO_MEMORY: _INTERNAL_SERVER_ERROR}
        raise Error(codes.get(result, _BAD_REQUEST), text)

    def write(self, data):
        """The next bytes; Error where the update has ended."""
        if self.app.transfer is not self:
            raise Error(_REQUEST_ENTITY_INCOMPLETE, "the update has ended")
        before = self.taken
        end = before + len(data)
        if end > self.room:
            self.fail(_NO_SPACE, "larger than the %d bytes there is room for" % self.room)
        if self.info and end > self.size:
            self.fail(_INTEGRITY, "longer than its head says")
        try:
            self.file.write(data)
            self.taken = end
            if not self.info and end >= self.wanted:
                try:
                    self.look()
                except MemoryError:
                    self.app.spare()
                    self.look()
                self.file.seek(end)
            if before // _MARK != end // _MARK:
                # What is here is on the flash; of a pull there is a record of it, too.
                self.file.flush()
                if self.etag is not None and self.info:
                    once("states", "mark", self.app, end // _MARK * _MARK)
        except OSError as error:
            self.fail(_NO_SPACE, "the slot cannot be written: %s" % error)
        except MemoryError:
            self.fail(_NO_MEMORY, "no memory")
        except Exception as error:
            result = getattr(error, "result", None)
            if result is None:
                raise
            self.fail(result, str(error))
        if self.size:  # known
            tenth = end * 10 // self.size * 10
            if self.told < tenth <= 100:
                self.told = tenth
                self.app.notice("update: %d %%" % tenth)

    extend = write

    def look(self):
        """Looks for the head; an error of package.py, which has a `result`."""
        self.wanted = self.taken + _LOOK
        step = ("signature", "look", self, once("update_key", "load"))
        while step:  # one after the other, for the sake of memory
            step = once(*step)

    def finish(self):
        """All of it has come."""
        self.told = None
        once("inspection", "verify", self)

    async def ready(self):
        """It is whole and good."""
        await asyncio.sleep_ms(_TURN_MS)  # watch() ends meanwhile, and holds no memory
        if self.app.transfer is self:
            try:
                once("states", "loaded", self.app, self.info)
                once("update_record", "save", self.app)
            except MemoryError:
                once("states", "failed", self.app, _NO_MEMORY, "no memory")

    def stop(self):
        """Gives the file back; who writes on hears an Error."""
        file = self.file
        self.file = None
        try:
            if file:
                file.close()
        except OSError:
            pass  # the update ends, or what was read back is on the flash

    # A body that comes block by block, as Endpoint.stream makes it

    def __len__(self):
        return self.taken

    def holds(self, start, payload):
        """True for the block that came last, once more."""
        file = self.file
        if start + len(payload) != self.taken or not file:
            return False
        file.seek(start)
        return file.read(len(payload)) == payload

    async def watch(self):
        """Ends a push of which nothing comes any more."""
        app = self.app
        before = waited_ms = 0
        # in short turns: while it sleeps it holds the memory of a package that is done with
        while app.transfer is self and self.told is not None:
            await asyncio.sleep_ms(_TURN_MS)
            waited_ms = waited_ms + _TURN_MS if self.taken == before else 0
            before = self.taken
            if waited_ms >= _SILENCE_MS and app.transfer is self and self.told is not None:
                text = "nothing has come for %d s, after %d bytes" % (_SILENCE_MS // 1000, before)
                once("states", "failed", app, _LOST, text)
