"""How far a task is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time

_WIDTH = 28
_EVERY_S = 2.0


class Progress:
    """Context manager; `step(n, text)` adds n of the total."""

    def __init__(self, task, total, output=None):
        self._task = task
        self._total = max(1, total)
        self._done = self._mark = 0
        self._output = sys.stdout if output is None else output
        self._bar = self._output.isatty()
        self._next = time.monotonic() + _EVERY_S

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._bar:
            self._output.write("\r\x1b[K")
            self._output.flush()

    def mark(self):
        """Remembers how far it is, for `back()`."""
        self._mark = self._done

    def back(self):
        """Back to the mark: what came since has to be done again."""
        self._done = self._mark

    def step(self, count, text=""):
        self._done = min(self._total, self._done + count)
        share = self._done / self._total
        if self._bar:
            filled = round(share * _WIDTH)
            bar = "#" * filled + "-" * (_WIDTH - filled)
            self._output.write(f"\r\x1b[K{self._task} [{bar}] {share:4.0%} {text}"[:99])
            self._output.flush()
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            print(f"{self._task} {share:.0%} {text}", file=self._output, flush=True)
