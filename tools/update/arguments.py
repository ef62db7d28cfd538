"""NAME=value, as they are given to `make update`."""

import re

from tools.errors import UserError
from tools.given import switches, values

HELP = """\
make update EP=NAME FILE=PACKAGE   sends a package (`make package`) to a registered board and
                                   follows it until the board runs it
  PULL=coap|coaps   the board fetches it: from the desk server, or from here where the server
                    offers no files (Leshan). Without it the server pushes it
  SERVER=URL        the server's HTTP API, default http://127.0.0.1:8080
  HOST=ADDRESS      where the board reaches this computer, if the server does not know
  KEYS=FILE         PULL=coaps from here: identities and keys, as for the desk server's --keys
  SEVERITY=N        0 at once, 1 when the board is not busy (default), 2 likewise, optional
  DEFER=S           a busy board may put it off for so many seconds
  WAIT=S            gives up after so long without any progress, default 600
  FORCE=1           sends a damaged file, too: what does the board say?
  ONLY=download     leaves it downloaded and checked; the same call without ONLY= installs it

make update EP=NAME                what the board runs, and how its update is
make update EP=NAME CANCEL=1       gives up what is downloaded or on its way"""

_NAMES = "EP FILE PULL SERVER HOST KEYS SEVERITY DEFER WAIT ONLY FORCE CANCEL".split()
_VALUES = {
    "PULL": ("coap|coaps", "coap or coaps"),
    "SERVER": (r"https?://[^/\s@?#]+(/api)?/?", "http://HOST:PORT"),
    "SEVERITY": ("[0-2]", "0, 1 or 2"),
    "DEFER": ("[0-9]{1,9}", "seconds"),
    "WAIT": ("[1-9][0-9]{0,5}", "seconds"),
    "ONLY": ("download", "download"),
}
_NEED_FILE = ("PULL", "HOST", "KEYS", "SEVERITY", "DEFER", "ONLY", "FORCE")
_SERVER = "http://127.0.0.1:8080"
_WAIT_S = 600


def parse(arguments):
    """A dictionary of what was given, with SERVER and WAIT always in it. UserError."""
    given = values(arguments, _NAMES, "update")
    switches(given, ("CANCEL", "FORCE"))
    for name, (pattern, expected) in _VALUES.items():
        if name in given and not re.fullmatch(pattern, given[name]):
            raise UserError(f"{name}={given[name][:60]}: expected {expected}")
    if "EP" not in given:
        raise UserError("EP=NAME is needed: the endpoint name of a registered board")
    if "FILE" in given and "CANCEL" in given:
        raise UserError("FILE= and CANCEL=1: give one of them")
    for name in _NEED_FILE:
        if name in given and "FILE" not in given:
            raise UserError(f"{name}= needs FILE=")
    for name in ("HOST", "KEYS"):
        if name in given and "PULL" not in given:
            raise UserError(f"{name}= needs PULL=")
    server = given.get("SERVER", _SERVER).rstrip("/")
    given["SERVER"] = server[:-4] if server.endswith("/api") else server
    given["WAIT"] = int(given.get("WAIT", _WAIT_S))
    return given
