"""The last look at a package, and the choice of its slot. Loaded for the moment."""

from micropython import const

from firmware import once

_DOWNLOADED = const(2)  # State (/5/0/3)
_UPDATING = const(3)
_INTEGRITY = const(5)  # Update Result (/5/0/5)
_FAILED = const(8)


def switch(app):
    """Chooses the slot of a package that is still good: True where the board is to restart.

    MemoryError.
    """
    values = app.update
    if values.get("state") != _UPDATING:
        return False
    app.spare()  # the restart is near
    try:
        number = values["slot"]
        _check(app, once("slots", "path", number))
        once("slots", "choose", number, values["package_version"])
    except Exception as error:
        # Not by its class: that of package.py is another one whenever the module is loaded anew.
        result = getattr(error, "result", None)
        if result is not None:
            once("states", "failed", app, result, str(error))
        elif isinstance(error, (OSError, ValueError)):
            app.log("update: not installed: %s" % error)
            once("states", "change", app, _DOWNLOADED, _FAILED)
        else:
            raise
        return False
    return True


def _check(app, path):
    # Once more, whatever has happened to slot and record since: nothing is started that is not
    # signed, whole and late enough.
    with open(path, "rb") as file:
        kept = _Kept(app, file)
        step = ("signature", "look", kept, once("update_key", "load"))
        while step:  # one after the other, for the sake of memory
            step = once(*step)
        if not kept.info:
            kept.fail(_INTEGRITY, "it ends within its head")
        for _ in once("contents", "contents", file):
            pass


class _Refused(Exception):
    result = 0


class _Kept:
    # A package on the flash, for those that look at it: as Incoming.

    info = room = None

    def __init__(self, app, file):
        self.app = app
        self.file = file
        self.taken = file.seek(0, 2)

    def fail(self, result, text):
        error = _Refused(text)
        error.result = result
        raise error
