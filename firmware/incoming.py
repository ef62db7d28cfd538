"""A package on its way into its slot's file, checked as it comes; loaded for the moment.

The file is written in place and never removed: what a power cut leaves of a longer one on a FAT
is in its way for ever. Nothing is read behind what has come, for there may be an older package.
"""

import asyncio
import os

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

_BEGIN = const(16)  # bytes that show whether it is a package at all
_LOOK = const(2048)  # bytes between looks whether the head is there
_MARK = const(16384)  # bytes between records of how much is there
_SILENCE_MS = const(121000)  # as in coap/endpoint.py


def begin(app, number, size, offset=0):
    """The `Incoming` of a package for this slot, which is `app.transfer` from then on.

    `size` in bytes, 0 where that is not known. The first `offset` bytes are there already, unless
    they are not: `taken` tells. Raises Error 4.13 or 5.00 when the update has failed.
    """
    app.transfer = incoming = Incoming(app, number, size)
    incoming.open(offset)
    return incoming


class Incoming:
    """Where the package goes: `write()` what comes, `finish()`, `stop()` when it ends early."""

    file = None
    info = None  # what its head tells, once that has been found good
    taken = 0  # bytes that are here
    told = 0  # per cent
    etag = None  # of what a pull fetches, in hex
    ended = False  # all of it has come

    def __init__(self, app, number, size):
        self.app = app
        self.size = size
        self.path = once("slots", "path", number)
        self.room = once("slots", "room", app.board, number)
        self.look = _BEGIN
        self._at = 0

    def open(self, offset):
        try:
            try:
                there = os.stat(self.path)[6]
            except OSError:
                there = 0
            if self.size > self.room:
                self.fail(_NO_SPACE, "%d bytes, there is room for %d" % (self.size, self.room))
            if not there:
                # Its first block belongs to it before it grows: else a cut would leak them all.
                with open(self.path, "wb") as file:
                    file.write(b"\0")
            self.file = open(self.path, "r+b")
            if 0 < offset <= there:
                self.taken = offset
                self.info = self._head()
        except OSError as error:
            self.fail(_NO_SPACE, "the slot cannot be written: %s" % error)
        except MemoryError:
            self.fail(_NO_MEMORY, "no memory")
        except Error:
            raise
        except Exception:
            self.info = None  # of package.py: what was there is good for nothing
        if not self.info:
            self.taken = 0
        else:
            self.size = self.info["size"]
        self.file.seek(self.taken)

    def fail(self, result, text):
        """Ends the update with this result; raises Error."""
        if self.app.transfer is self:
            once("update", "failed", self.app, result, text)
        code = _BAD_REQUEST
        if result == _NO_SPACE:
            code = _REQUEST_ENTITY_TOO_LARGE
        elif result == _NO_MEMORY:
            code = _INTERNAL_SERVER_ERROR
        raise Error(code, text)

    def write(self, data):
        """The next bytes; Error where the update has ended."""
        if self.app.transfer is not self:
            raise Error(_REQUEST_ENTITY_INCOMPLETE, "the update has ended")
        end = self.taken + len(data)
        if end > self.room:
            self.fail(_NO_SPACE, "larger than the %d bytes there is room for" % self.room)
        if self.info and end > self.size:
            self.fail(_INTEGRITY, "longer than its head says")
        before = self.taken
        try:
            self.file.write(data)
            self.taken = end
            if not self.info and end >= self.look:
                self._examine()
            if before // _MARK != end // _MARK:
                self.mark()
        except OSError as error:
            self.fail(_NO_SPACE, "the slot cannot be written: %s" % error)
        except MemoryError:
            self.fail(_NO_MEMORY, "no memory")
        if self.size:
            tenth = end * 10 // self.size * 10
            if self.told < tenth <= 100:
                self.told = tenth
                self.app.notice("update: %d %%" % tenth)

    def mark(self):
        """What is here is on the flash; of a pull there is a record of it, too."""
        self.file.flush()
        values = self.app.update
        if self.etag is not None and self.info:
            values["etag"] = self.etag
            values["offset"] = self.taken // _MARK * _MARK
            once("update", "save", self.app)

    def again(self):
        """Begins anew: it is another package now."""
        self.info = self.etag = None
        self.taken = self.told = 0
        self.look = _BEGIN
        self.file.seek(0)

    def finish(self):
        """All of it has come: what was written is read back and compared, in a task."""
        self.ended = True
        asyncio.create_task(self._verify())

    def stop(self):
        """Gives the file back; who writes on hears an Error."""
        if self.file:
            self.file.close()
            self.file = None

    async def watch(self):
        """Ends a push of which nothing comes any more."""
        while True:
            before = self.taken
            await asyncio.sleep_ms(_SILENCE_MS)
            if self.app.transfer is not self or self.ended:
                return
            if self.taken == before:
                text = "nothing has come for %d s, after %d bytes" % (_SILENCE_MS // 1000, before)
                once("update", "failed", self.app, _LOST, text)
                return

    async def _verify(self):
        app = self.app
        try:
            self.file.flush()
            if not self.info:
                self._examine()
                if not self.info:
                    self.fail(_INTEGRITY, "it ends within its head")
            for _ in once("package", "contents", self.file, self.taken):
                await asyncio.sleep_ms(0)
                if app.transfer is not self:
                    return
        except Error:
            return
        except Exception as error:
            if app.transfer is self:
                once("update", "failed", app, *_reason(error))
            return
        self.stop()
        once("update", "loaded", app, self.info)

    def _examine(self):
        # Looks at the head as soon as it is there.
        self.look = self.taken + _LOOK
        try:
            info = self._head()
        except (OSError, MemoryError):
            raise
        except Exception as error:
            self.fail(*_reason(error))
        self.file.seek(self.taken)
        if info:
            self.info = info
            self.size = info["size"]

    def _head(self):
        app = self.app
        info = once("package", "head", self, once("update_key", "load"))
        if info:
            from firmware.version import VERSION

            once(
                "package",
                "expected",
                info,
                app.board.__name__.rpartition(".")[2],
                app.update.get("floor", VERSION),
                app.settings.get("downgrade", False),
                self.room,
            )
        return info

    # What package.head() reads: as a file that ends with what has come

    def seek(self, at):
        self._at = at
        self.file.seek(at)

    def read(self, size):
        data = self.file.read(max(0, min(size, self.taken - self._at)))
        self._at += len(data)
        return data


def _reason(error):
    # (result, text) of an error of package.py, or of a lack of something
    result = getattr(error, "result", None)
    if result is None:
        result = _NO_MEMORY if isinstance(error, MemoryError) else _NO_SPACE
    return result, str(error) or "no memory"
