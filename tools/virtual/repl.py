"""What the REPL of the interpreter is doing, found by reading its output, and when to type.

The unix port throws away what was typed ahead whenever its REPL takes over or gives back the
terminal (TCSAFLUSH); a UART keeps it. So `Typing` holds input back for the moments in which it
would be lost: after a Ctrl-C until a prompt comes, and between a line and the next prompt.
"""

import time

_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_PROMPT = b">>> "
_MORE = b"... "
_CTRL_C = 0x03

# How long a prompt is waited for. After Ctrl-C the firmware de-registers first (1 s at most).
_AFTER_CTRL_C_S = 3.0
# After a line: short, since the line may be a program that itself reads what is typed.
_AFTER_LINE_S = 0.1


class ReplState:
    """Follows the output of one interpreter."""

    def __init__(self):
        self.raw = False
        self._tail = b""

    def feed(self, output):
        text = self._tail + output
        raw_at, friendly_at = text.rfind(_RAW_BANNER), text.rfind(b"\n" + _PROMPT)
        if raw_at != friendly_at:
            self.raw = raw_at > friendly_at
        self._tail = text[-64:]

    @property
    def at_prompt(self):
        if self.raw:
            return self._tail.endswith(b">")
        return self._tail.endswith((_PROMPT, _MORE))


class Typing:
    """Input on its way to the interpreter, in order; only a Ctrl-C overtakes what is held."""

    def __init__(self, limit=65536):
        self._limit = limit
        self._queue = bytearray()
        self._resume_at = 0.0
        self._paused = False

    @property
    def has_room(self):
        return len(self._queue) < self._limit

    def add(self, data):
        self._queue += data

    def pause(self, seconds=_AFTER_CTRL_C_S):
        """Holds the input until a prompt is seen, no longer than the seconds."""
        self._paused = True
        self._resume_at = time.monotonic() + seconds

    def prompt_seen(self):
        self._paused = False

    def wait_s(self):
        """Seconds until held input goes on by itself; None when there is nothing to wait for."""
        if not self._paused or not self._queue:
            return None
        return max(0.0, self._resume_at - time.monotonic())

    def next(self, state, in_repl):
        """Bytes to type now, b"" when there are none; `in_repl`: the firmware has ended."""
        if not self._queue:
            return b""
        if self._paused and time.monotonic() >= self._resume_at:
            self._paused = False
        ctrl_c = self._queue.find(_CTRL_C)
        if self._paused:
            if ctrl_c < 0:
                return b""
            del self._queue[ctrl_c]
            return bytes((_CTRL_C,))
        end = len(self._queue)
        if ctrl_c >= 0:
            end = ctrl_c + 1
            if not state.at_prompt:
                self.pause()
        if in_repl and not state.raw:
            line = min((i for i in map(self._queue.find, b"\r\n\x04") if i >= 0), default=end)
            if line < end:
                end = line + 1
                self.pause(_AFTER_LINE_S)
        data = bytes(self._queue[:end])
        del self._queue[:end]
        return data
