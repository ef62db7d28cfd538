"""NAME=value, as they are given to `make deploy` and the targets beside it."""

import re

from tools.deploy import board
from tools.errors import UserError
from tools.given import switches, values

HELP = """\
make deploy PORT=DEVICE   compiles the firmware and brings what has changed onto the board
  BOARD=NAME              which board it has to be; without it: the one that answers
  SERVER=URI              for a config.json that has none: coap://HOST[:PORT]
  ENDPOINT=NAME           likewise; default: the board's name and its number
  CONFIG=FILE             this config.json instead of the board's
  AIOREPL=1               also micropython-lib's aiorepl, from the index of mip or from INDEX=URL
  FORCE=1                 writes all files, and SERVER and ENDPOINT over other ones

make devices              the serial ports; with PORT=DEVICE: what is on that board
make repl PORT=DEVICE     its prompt; Ctrl-] leaves
make logs PORT=DEVICE     what it says, with the time; FOR=SECONDS, else until Ctrl-C
make erase PORT=DEVICE    removes the firmware; with ALL=1 everything, accounts too. YES=1: unasked

DEVICE: such as /dev/ttyACM0, in short a0, or the --pty of a virtual board"""

_ALLOWED = {
    "deploy": "PORT BOARD SERVER ENDPOINT CONFIG AIOREPL INDEX FORCE",
    "devices": "PORT",
    "repl": "PORT",
    "logs": "PORT FOR",
    "erase": "PORT ALL YES",
}
COMMANDS = tuple(_ALLOWED)
_SWITCHES = ("AIOREPL", "FORCE", "ALL", "YES")


def parse(command, arguments):
    """A dictionary of what was given; switches that are off are not in it. UserError."""
    given = values(arguments, _ALLOWED[command].split(), "deploy")
    switches(given, _SWITCHES)
    if "BOARD" in given and given["BOARD"] not in board.names():
        raise UserError(f"BOARD={given['BOARD']}: expected one of {', '.join(board.names())}")
    if "FOR" in given and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", given["FOR"]):
        raise UserError("FOR=: expected seconds")
    if "INDEX" in given and "AIOREPL" not in given:
        raise UserError("INDEX= needs AIOREPL=1")
    if "PORT" not in given and command != "devices":
        raise UserError("PORT=DEVICE is needed; `make devices` lists the ports")
    return given
