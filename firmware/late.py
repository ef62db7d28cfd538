"""The objects that are rarely asked for: each is made when it is, see `lwm2m.object.Late`.

A module of this package that has `make(app, oid)` has a row here for each of its objects, and
its name in `_ONCE` of __init__.py, with those that it loads. What they tell and keep is in the
`App` and in records.
"""

import os

from lwm2m.object import Late

# Module, object, version where it is not the default of LwM2M 1.1
_OBJECTS = (
    ("device", 3, None),
    ("objects.connectivity", 4, None),
    ("update", 5, "1.1"),
    ("objects.statistics", 7, None),
    ("objects.portfolio", 16, None),
    ("objects.event_log", 20, "2.1"),
    ("objects.output", 3201, None),
    ("objects.positioner", 3337, "1.1"),
    ("objects.output", 5000, None),
    ("settings", 26241, None),
    ("objects.diagnosis", 26242, None),
)
# Of the Device, from the `App`: a board without memory is restarted, and says so.
_OWN = (
    [4, "E", "", "restart"],  # Reboot
    [5, "E", "", "factory_reset"],  # Factory Reset
    [10, "R", "i", "memory_free"],  # Memory Free, in kB
)


def add(app):
    """Adds to the table those whose module has been installed."""
    late = app.late  # once, for it takes memory each time
    for name, oid, version in _OBJECTS:
        if _there(name):
            entry = Late(oid, late, version)
            if oid == 3:
                entry.own = _OWN
                entry.source = app
            app.table.add(entry)


def module(oid):
    """The module that makes the instance for `Late`."""
    for row in _OBJECTS:
        if row[1] == oid:
            return row[0]


def _there(name):
    # tools/install.py may have left it out. Of what is frozen there are no files, and nothing
    # is left out.
    path, _, kind = __file__.rpartition("late.")
    for each in (name, "parts"):
        try:
            os.stat(path + each.replace(".", "/") + "." + kind)
            return each == name
        except OSError:
            pass
    return True
