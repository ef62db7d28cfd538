"""What a board says on its serial port."""

import codecs
import time

from tools.board_repl import BoardRepl

_TURN_S = 0.2
PROMPT = ">>> "


def read_lines(repl, seconds):
    """Yields the lines of an open BoardRepl for so long, None: for ever; "" in pauses.

    The last one yielded may be the prompt, which has no end of line. A port that goes, as USB
    of the board's own does at a reset, is opened again.
    """
    end = None if seconds is None else time.monotonic() + seconds
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while end is None or time.monotonic() < end:
        try:
            repl.serial.timeout = _TURN_S
            data = repl.serial.read(repl.serial.in_waiting or 1)
        except OSError:
            repl.reopen()
            continue
        *lines, rest = (rest + decoder.decode(data)).split("\n")
        for line in lines:
            yield printable(line)
        if rest.endswith(PROMPT):
            yield PROMPT
            rest = ""
        if not data:
            yield ""


def printable(line):
    """The line without what could move a terminal's cursor."""
    return "".join(each for each in line if each.isprintable() or each == "\t").rstrip()


def logs(port, seconds, tell=print):
    """Shows the lines with the seconds since the start; nothing is sent to the board."""
    repl = BoardRepl(port)
    repl.open()
    start = time.monotonic()
    try:
        for line in read_lines(repl, seconds):
            if line:
                tell(f"{time.monotonic() - start:8.1f} s  {line}")
    finally:
        repl.close()
