"""Whether a package is one for this board, its MicroPython and the version that runs.

Loaded for the moment, as package.py tells.
"""

import sys

from micropython import const

_SHOWN = const(32)  # characters of a value in a line
_NO_SPACE = const(2)
_UNSUPPORTED = const(6)
_FAILED = const(8)

# In the order of their numbers in an .mpy file; 0 is bytecode alone.
_ARCHITECTURES = const(
    " x86 x64 armv6 armv6m armv7m armv7em armv7emsp armv7emdp xtensa xtensawin rv32imc rv64imc"
)


def look(incoming, info):
    """Takes what the head tells, where the package is one for this board."""
    app = incoming.app
    found = unmet(
        info,
        app.board.__name__.rpartition(".")[2],
        app.update.get("floor"),
        app.settings.get("downgrade", False),
        incoming.room,
    )
    if found:
        incoming.fail(found[0], "package: " + found[1])
    incoming.info = info["name"], info["version"]
    incoming.size = info["size"]


def unmet(info, board, version, allow_downgrade=False, room=None, system=None):
    """(result, text) for a package that is not for this board, MicroPython or version, else None.

    `board`: of config.json; `version`: the least, None: the one that runs; `room`: bytes for a
    package; `system`: as `this_system()` gives it.
    """
    if version is None:
        from firmware.version import VERSION as version
    new = _numbers(info["version"])
    wanted = _numbers(info["micropython"])
    if len(new) != 3 or not wanted:
        return (_UNSUPPORTED, "its head lacks something, or is of another kind")
    if info["board"] != board:
        return (_UNSUPPORTED, "for board %s, this is %s" % (info["board"][:_SHOWN], board))
    release, mpy, march = system or this_system()
    if wanted > release:
        text = "needs MicroPython %s, this is %d.%d"
        return (_UNSUPPORTED, text % ((info["micropython"][:_SHOWN],) + release))
    if info["mpy"] != mpy:
        text = "has .mpy files of version %d, this MicroPython reads %s"
        return (_UNSUPPORTED, text % (info["mpy"], mpy))
    if info["march"] not in ("", march):
        text = "has native code for %s, this is %s"
        return (_UNSUPPORTED, text % (info["march"][:_SHOWN], march or "another"))
    if new < _numbers(version) and not allow_downgrade:
        text = "version %s is older than %s, which runs"
        return (_FAILED, text % (info["version"], version))
    if room is not None and info["size"] > room:
        text = "%d bytes, there is room for %d"
        return (_NO_SPACE, text % (info["size"], room))


def this_system():
    """(release of MicroPython as (1, 28), version of its .mpy files, its native code or "")."""
    this = sys.implementation
    mpy = getattr(this, "_mpy", 0)
    names = _ARCHITECTURES.split(" ")
    number = mpy >> 10 & 0x0F
    return tuple(this.version[:2]), mpy & 0xFF, names[number] if number < len(names) else ""


def _numbers(text):
    # (1, 2, 3) of "1.2.3", () for another text
    parts = text.split(".")
    for each in parts:
        if not each.isdigit() or len(each) > 5:
            return ()
    return tuple([int(each) for each in parts])
