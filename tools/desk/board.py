"""The virtual board as a process of its own: world lines in, events out."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections import deque
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.05
_END_S = 5.0  # the virtual board promises three


class EventsFile:
    """Reads the JSON lines of a file that is being written."""

    def __init__(self, path):
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self):
        """Events added since the last call; a line that is not complete yet waits."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                events.append(event)
        return events


class Board:
    """A running virtual board.

    Args: endpoint is its name; options are the further arguments of tools.virtual_board, its
    account among them; on_event(event) is called for every event.
    """

    def __init__(self, endpoint, options, on_event):
        self._arguments = ["--endpoint", endpoint, *options]
        self._on_event = on_event
        self._stack = contextlib.ExitStack()
        self._process = None
        self._tasks = []
        self.errors = deque(maxlen=20)
        self.ended = asyncio.Event()

    @property
    def status(self):
        """Exit status, None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self):
        """Starts the process."""
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-"))
        path = os.path.join(folder, "events")
        self._events = EventsFile(path)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tools.virtual_board",
            *self._arguments,
            "--events",
            path,
            cwd=_ROOT,
            env={**os.environ, "VIRTUAL_BOARD_LEASHED": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # A Ctrl-C in this terminal is for the desk, which then stops the board in order.
            start_new_session=True,
        )
        self._tasks = [
            asyncio.ensure_future(self._follow()),
            asyncio.ensure_future(self._listen()),
        ]

    async def _follow(self):
        while not self.ended.is_set():
            self._drain()
            await asyncio.sleep(_POLL_S)

    def _drain(self):
        for event in self._events.read():
            self._on_event(event)

    async def _listen(self):
        while True:
            line = await self._process.stderr.readline()
            if not line:
                break
            self.errors.append(line.decode(errors="replace").rstrip())
        await self._process.wait()
        self._drain()
        self.ended.set()

    def world(self, **change):
        """Changes the world round the board, like temperature=24.5 or button=True."""
        if self._process and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(change).encode() + b"\n")

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self):
        """Lets the firmware de-register and ends the process; returns its exit status."""
        if self._process is None:
            self._stack.close()
            return None
        for number, wait_s in ((signal.SIGTERM, _END_S), (signal.SIGTERM, 1), (signal.SIGKILL, 1)):
            if self.ended.is_set():
                break
            self._signal(number)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ended.wait(), wait_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._process.stdin.close()
        self._stack.close()
        return self._process.returncode
