"""The object models Leshan gets: those of the desk server, and the OMA test object.

Leshan looks a model up by the version the client announces. What a client of this repository has
is described in the registry's newest version; where it announces 1.0, the same rows serve.
"""

import json
from pathlib import Path

from tools.server import models

_TEST_OBJECT = 3442
_TYPES = (
    (10, "String", "STRING"),
    (20, "Integer", "INTEGER"),
    (25, "Unsigned Integer", "UNSIGNED_INTEGER"),
    (30, "Float", "FLOAT"),
    (40, "Boolean", "BOOLEAN"),
    (50, "Opaque", "OPAQUE"),
    (60, "Time", "TIME"),
    (70, "ObjLink", "OBJLNK"),
    (80, "CoreLnk", "CORELINK"),
)


def _test_object():
    resources = {
        0: ["Reset values", "E", "", False],
        1: ["Randomize values", "E", "", False],
        2: ["Clear values", "E", "", False],
        3: ["Exec With Arguments", "E", "", False],
        4: ["Arguments List", "R", "STRING", True],
        5: ["Send Values", "E", "", False],
        6: ["Resources to Send", "RW", "STRING", True],
    }
    for offset, name, kind in _TYPES:
        resources[100 + offset] = [name + " Value", "RW", kind, False]
        resources[1100 + offset] = ["Multiple %s Value" % name, "RW", kind, True]
    return {
        "name": "LwM2M v1.1 Test Object",
        "version": "1.0",
        "multiple": True,
        "resources": {str(rid): row for rid, row in resources.items()},
    }


def models_of():
    """The models as Leshan's front reads them: a list of dictionaries."""
    objects = json.loads(Path(models.__file__).with_name("models.json").read_text("utf-8"))
    objects.setdefault(str(_TEST_OBJECT), _test_object())
    for (oid, rid), row in models.ADDITIONS.items():
        entry = objects.setdefault(
            str(oid),
            {
                "name": models.OBJECTS.get(oid, row[0]),
                "version": "1.0",
                "multiple": False,
                "resources": {},
            },
        )
        entry["resources"][str(rid)] = list(row)
    found = []
    for oid, entry in objects.items():
        for version in sorted({"1.0", entry["version"]}):
            found.append({**entry, "id": int(oid), "version": version})
    return found


def write(path):
    """Writes them to a file; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(models_of()))
    return path
