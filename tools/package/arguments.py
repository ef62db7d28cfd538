"""NAME=value, as they are given to `make package` and `make package-info`."""

import re

from tools.errors import UserError
from tools.given import switches, values
from tools.package import build

HELP = """\
make package VERSION=1.2.3   one file with the compiled application, for an update over the air
  BOARD=NAME                 which board it is for, default nucleo_f429zi
  KEY_FILE=FILE              the update key: 64 hexadecimal digits; default build/update.key,
                             which is made when it is not there
  OUT=FILE                   default build/BOARD-VERSION.pkg
  OBJECTS=NAME,...           modules of firmware/objects that only some boards want
  WITHOUT=NAME,...           leaves out: security, trace, console, diagnosis
  LINES=0                    no numbers of lines in tracebacks: smaller
  ALL=1                      refuses what does not fit, instead of leaving out one after the other
  NAME=TEXT                  of the package (/5/0/6), default iotkitv3-lwm2m
  NEEDS=1.30                 the least MicroPython that it runs on, default 1.28

make package-info FILE=FILE  shows one; KEY_FILE=FILE as above: whether it has signed it"""

_ALLOWED = {
    "build": "VERSION BOARD KEY_FILE OUT OBJECTS WITHOUT LINES ALL NAME NEEDS".split(),
    "info": ["FILE", "KEY_FILE"],
}
_SECRET = dict.fromkeys(("KEY", "UPDATE_KEY", "SECRET"), "KEY_FILE=FILE")


def parse(command, arguments):
    """A dictionary of what was given, lists as lists; UserError."""
    given = values(arguments, _ALLOWED[command], "package", _SECRET)
    return _info(given) if command == "info" else _build(given)


def _info(given):
    if "FILE" not in given:
        raise UserError("FILE=FILE is needed: which package to show")
    return given


def _build(given):
    if not build.VERSION.fullmatch(given.get("VERSION", "")):
        raise UserError("VERSION= is needed, three numbers such as 1.2.3")
    if not re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", given.get("NEEDS", "1.28")):
        raise UserError("NEEDS=: expected two numbers such as 1.28")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,32}", given.get("NAME", build.NAME)):
        raise UserError("NAME=: expected 1 to 32 letters, digits or _ . -")
    switches(given, ["LINES"], default="1")
    switches(given, ["ALL"])
    given.setdefault("BOARD", "nucleo_f429zi")
    for name in ("OBJECTS", "WITHOUT"):
        if name in given:
            given[name] = sorted(set(given[name].split(",")))
    for each in given.get("WITHOUT", ()):
        if each not in build.GROUPS:
            raise UserError(f"WITHOUT={each}: expected one or more of {','.join(build.GROUPS)}")
    return given
