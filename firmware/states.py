"""Firmware update: what is known of it, and how its states change (TS 1.1.1 Core appendix E.6).

Loaded for the moment, as are the others: arrival.py, pull.py and fetch.py, install.py.
`app.update` is a dictionary, None before anyone has asked. By the names of the object's
attributes (lwm2m/objects/firmware_update.py) it has what is not their default; and "slot" that
the package goes to, "from" (short id of the server that wrote the URI), "etag" (hex) and
"offset" of a pull, "late" where the installation is deferred, "floor" (the version that gave way
to the factory's copy). All of it is the record `state/update`, so a pull goes on after a restart.
`app.transfer` is the package that comes (incoming.py), None while there is none.
"""

import time

from micropython import const

from firmware import once

_IDLE = const(0)
_DOWNLOADED = const(2)
_SUCCESS = const(1)  # Update Result (/5/0/5)
_LASTING = const(("severity", "defer_s", "floor"))  # survive the end of an update
_2000 = const(946684800)  # Unix time of what most boards count from
_2026 = const(1767225600)  # Unix time; a clock that tells less was not set


def change(app, state=None, result=None, more=(), kept=True):
    """Sets what the object tells, `more` of it from a dictionary, and has observers told; with
    `kept` it survives a restart.
    """
    values = app.update
    values.update(more)
    told = []
    if state is not None and state != values.get("state", _IDLE):
        now_s = int(time.time()) + (_2000 if time.gmtime(0)[0] == 2000 else 0)
        if now_s >= _2026:
            values["changed_at"] = now_s
            told.append(12)
        values["state"] = state
        told.append(3)
    if result is not None and result != values.get("result", 0):
        values["result"] = result
        told.append(5)
    if kept:
        once("update_record", "save", app)
    app.table.entry(5, 0).made = None  # it tells what was
    for rid in told:
        app.table.changed(5, 0, rid)


def mark(app, offset):
    """So much of what is pulled is on the flash."""
    values = app.update
    values["etag"] = app.transfer.etag
    values["offset"] = offset
    once("update_record", "save", app)


def end(app, result):
    """Back to Idle: nothing of the package is told any more but the result."""
    values = app.update
    uri = values.get("uri")
    gone = (6, 7) if "package_version" in values else ()
    for key in tuple(values):
        if key not in _LASTING and key not in ("state", "result", "changed_at"):
            del values[key]
    if uri and result > _SUCCESS:
        values["uri"] = uri
    elif uri:
        gone += (1,)
    stop(app)
    change(app, _IDLE, result)
    for rid in gone:
        app.table.changed(5, 0, rid)


def stop(app):
    """No package comes any more."""
    if app.transfer is not None:
        app.transfer.stop()
        app.transfer = None
    entry = app.table.entry(5, 0)
    entry.own = ()
    entry.source = None


def failed(app, result, text):
    """An update ends with this result; `text` says why."""
    app.log(text if text[:8] == "package:" else "update: " + text)
    end(app, result)


def forget(app, *keys):
    for key in keys:
        app.update.pop(key, None)


def loaded(app, info):
    """The package, (name, version), is whole and good; to be saved yet."""
    app.notice("update: %s %s is ready" % info)
    stop(app)
    forget(app, "etag", "offset")
    change(app, _DOWNLOADED, 0, {"name": info[0], "package_version": info[1]}, False)
