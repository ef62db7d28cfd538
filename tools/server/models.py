"""What is known of objects and resources: names, operations and data types.

models.json holds the facts of the OMA registry for the objects the firmware uses. ADDITIONS are
what the registry does not know, of the servo example and of the firmware's own objects: without
them a TLV value has no type and would be shown as opaque bytes.
"""

import json
from pathlib import Path
from typing import NamedTuple

# (object, resource): (name, operations, type, multiple)
ADDITIONS = {
    (10346, 5536): ("Servo Position", "RW", "FLOAT", False),
    (3200, 5501): ("Digital Input Counter", "RW", "INTEGER", False),
    (3201, 5850): ("Blink", "E", "", False),
    (3201, 5853): ("Blink Pattern", "RW", "STRING", False),
    (5000, 1): ("Unregister", "E", "", False),
    (26241, 0): ("Measuring Period", "RW", "INTEGER", False),
    (26241, 1): ("Send Period", "RW", "INTEGER", False),
    (26241, 2): ("Log Level", "RW", "INTEGER", False),
    (26241, 3): ("Time Server", "RW", "STRING", False),
    (26241, 4): ("Confirmable Notifications", "RW", "BOOLEAN", False),
    (26241, 5): ("Servo Minimum", "RW", "FLOAT", False),
    (26241, 6): ("Servo Maximum", "RW", "FLOAT", False),
    (26241, 7): ("Servo Rest Position", "RW", "FLOAT", False),
    (26241, 8): ("Changed Settings", "R", "STRING", False),
    (26241, 9): ("Restore", "E", "", False),
    (26242, 0): ("Last Reset Cause", "R", "STRING", False),
    (26242, 1): ("Last Crash", "R", "STRING", False),
    (26242, 2): ("Last Exception", "R", "STRING", False),
    (26242, 3): ("Uptime", "R", "UNSIGNED_INTEGER", False),
    (26242, 4): ("Dropped Datagrams", "R", "UNSIGNED_INTEGER", False),
    (26242, 5): ("Datagrams Not Sent", "R", "UNSIGNED_INTEGER", False),
    (26242, 6): ("Retransmissions", "R", "UNSIGNED_INTEGER", False),
    (26242, 7): ("Sensor Failures", "R", "UNSIGNED_INTEGER", False),
    (26242, 8): ("Failed Requests", "R", "UNSIGNED_INTEGER", False),
    (26242, 9): ("Slot", "R", "UNSIGNED_INTEGER", False),
    (26242, 10): ("On Trial", "R", "BOOLEAN", False),
}
# Objects of the firmware's own, with one instance each.
OBJECTS = {26241: "Settings", 26242: "Diagnosis"}


class ResourceModel(NamedTuple):
    """One resource of the registry; type is a data type in capitals, "" where there is none."""

    name: str
    operations: str
    type: str
    multiple: bool


class Models:
    """Object models by id."""

    def __init__(self, objects=None):
        if objects is None:
            objects = json.loads(Path(__file__).with_name("models.json").read_text("utf-8"))
        self._multiple = {int(oid): entry["multiple"] for oid, entry in objects.items()}
        self._multiple.update(dict.fromkeys(OBJECTS, False))
        self._resources = {
            (int(oid), int(rid)): ResourceModel(*row)
            for oid, entry in objects.items()
            for rid, row in entry["resources"].items()
        }
        for key, row in ADDITIONS.items():
            self._resources[key] = ResourceModel(*row)

    def resource(self, oid, rid):
        """The model of a resource, None if unknown."""
        return self._resources.get((oid, rid))

    def type_of(self, oid, rid):
        """Data type of a resource in capitals, None if unknown."""
        model = self.resource(oid, rid)
        return model.type or None if model else None

    def is_multiple(self, oid, rid):
        """True if the resource may have several instances, None if unknown."""
        model = self.resource(oid, rid)
        return model.multiple if model else None

    def is_single_instance_object(self, oid):
        """True if the object is known to have one instance only."""
        return self._multiple.get(oid) is False
