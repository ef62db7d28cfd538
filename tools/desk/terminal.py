"""Keyboard and screen of the live view; plain lines where there is no terminal."""

import asyncio
import os
import sys
import termios
import threading
import tty

from .view import compose

_REFRESH_S = 0.25
_SHOW_OTHER_SCREEN = "\x1b[?1049h"
_SHOW_FIRST_SCREEN = "\x1b[?1049l\x1b[?25h"


class LineEditor:
    """Turns typed bytes into lines: letters, backspace, Ctrl-U, Enter, Ctrl-D for the end."""

    def __init__(self, on_line, on_end):
        self.typed = ""
        self._on_line = on_line
        self._on_end = on_end
        self._escape = False

    def feed(self, data):
        """Takes bytes from the keyboard."""
        for letter in data.decode(errors="ignore"):
            if self._escape:
                # the rest of an arrow or function key
                self._escape = not (letter.isalpha() or letter == "~")
            elif letter == "\x1b":
                self._escape = True
            elif letter in "\r\n":
                line, self.typed = self.typed, ""
                self._on_line(line)
            elif letter in "\x7f\b":
                self.typed = self.typed[:-1]
            elif letter == "\x15":
                self.typed = ""
            elif letter == "\x04" and not self.typed:
                self._on_end()
            elif letter.isprintable() and len(self.typed) < 200:
                self.typed += letter


class Screen:
    """The live view on a terminal; use it with "async with"."""

    def __init__(self, state, http_uri, on_line, on_end):
        self._state = state
        self._http_uri = http_uri
        self._editor = LineEditor(on_line, on_end)
        self._settings = None
        self._task = None

    def _key(self):
        data = os.read(sys.stdin.fileno(), 1024)
        self._editor.feed(data or b"\x04")
        self._state.changed = True

    async def _refresh(self):
        while True:
            self._draw()
            await asyncio.sleep(_REFRESH_S)

    def _draw(self):
        # not shutil's function: it trusts the environment more than the terminal
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        if not columns or not rows:
            columns, rows = 80, 24  # a terminal that does not say
        lines = compose(self._state, self._http_uri, self._editor.typed, columns, rows)
        # cleared before it is written: behind a full line the cursor stands on its last letter
        sys.stdout.write("\x1b[H" + "\r\n".join("\x1b[K" + line for line in lines) + "\x1b[J")
        sys.stdout.flush()

    async def __aenter__(self):
        descriptor = sys.stdin.fileno()
        self._settings = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        sys.stdout.write(_SHOW_OTHER_SCREEN)
        asyncio.get_running_loop().add_reader(descriptor, self._key)
        self._task = asyncio.ensure_future(self._refresh())
        return self

    async def __aexit__(self, *exc):
        descriptor = sys.stdin.fileno()
        asyncio.get_running_loop().remove_reader(descriptor)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        sys.stdout.write(_SHOW_FIRST_SCREEN)
        sys.stdout.flush()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, self._settings)


class PlainLines:
    """Commands from a standard input that is no terminal; its end is no reason to stop."""

    def __init__(self, on_line):
        self._on_line = on_line
        self._loop = None

    def _read(self, descriptor):
        rest = b""
        while True:
            try:
                # not sys.stdin: its lock would be held here while the program ends
                data = os.read(descriptor, 1024)
            except OSError:
                return
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                try:
                    self._loop.call_soon_threadsafe(self._on_line, line.decode(errors="replace"))
                except RuntimeError:
                    return  # the loop is closed

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        try:
            descriptor = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError):
            return self
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()
        return self

    async def __aexit__(self, *exc):
        pass
