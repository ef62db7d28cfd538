"""A line typed on the console after a colon; loaded while it is typed."""

import sys

from micropython import const

from firmware import once

_LONGEST = const(250)  # bytes
_SPACE = const(32)  # the first character that is no control character
_RUBOUT = const(127)  # what the Backspace of most terminals sends
_BACKSPACE = const(8)
_ESCAPE = const(27)
_CTRL_U = const(21)


async def run(app, stdin, readable):
    """Reads until Enter and has repl.py evaluate the line. Backspace and Ctrl-U take back; what
    noise or arrow keys bring is dropped.
    """
    write = sys.stdout.buffer.write
    write(b":")
    line = bytearray()
    skipping = ""  # what may follow in an escape sequence, besides its end
    while True:
        await readable(stdin)
        key = stdin.read(1)
        if not key or key in b"\r\n":
            break
        code = key[0]
        if skipping:
            letter = chr(code)
            skipping = "0123456789;" if letter in skipping else ""
        elif code == _ESCAPE:
            skipping = "[O"
        elif code in (_BACKSPACE, _RUBOUT, _CTRL_U):
            while line:
                last = line[-1]
                line = line[:-1]
                if last & 0xC0 != 0x80:  # else a later byte of a character
                    write(b"\b \b")
                    if code != _CTRL_U:
                        break
        elif code >= _SPACE and len(line) <= _LONGEST:
            line += key
            write(key)
    print()
    try:
        if len(line) > _LONGEST:
            raise ValueError
        line = str(line, "utf-8").strip()
    except ValueError:  # also a UnicodeError
        print("nothing done: a line is at most %d bytes of UTF-8" % _LONGEST)
        return
    if line:
        app.spare()
        once("repl", "evaluate", app, line)
