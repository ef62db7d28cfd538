"""The events file: one JSON object a line, each with the milliseconds since the start."""

import json
import time

from tools.errors import UserError
from tools.virtual.world import Lines


class Events:
    """Writes events as they come, flushed; without a path it writes nothing."""

    def __init__(self, path):
        self._start_ns = time.monotonic_ns()
        self._console = Lines()
        try:
            self._file = open(path, "w", encoding="utf-8") if path else None
        except OSError as error:
            raise UserError(f"--events {path}: {error.strerror}") from None

    def write(self, event, /, **fields):
        if self._file is None:
            return
        t_ms = (time.monotonic_ns() - self._start_ns) // 1_000_000
        self._file.write(json.dumps({"t_ms": t_ms, "event": event, **fields}) + "\n")
        self._file.flush()

    def console(self, data):
        """Console output as it comes; an event is written for every complete line."""
        for line in self._console.feed(data):
            self._console_line(line)

    def end_of_console(self):
        """Writes what stands on the last, unfinished line: the interpreter is gone."""
        rest = self._console.rest()
        if rest:
            self._console_line(rest)

    def _console_line(self, line):
        self.write("console", text=line.rstrip(b"\r").decode(errors="replace"))

    def close(self):
        self.end_of_console()
        if self._file is not None:
            self._file.close()
