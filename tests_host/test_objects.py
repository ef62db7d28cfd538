"""Every object row against the OMA registry, and private constants against coap.numbers.

registry.json holds what is needed of the registry: "operations type[] mandatory" by object and
resource.
"""

import json
import os

import layers

from coap import numbers
from firmware import late
from lwm2m.object import Object

# Where the objects differ from the registry: the IoTKit example decides.
DEVIATIONS = {
    # (object, resource or None): (row there, why)
    (10346, 5536): (None, "the example's servo position; the registry has it in 3337 only"),
    (3200, 5501): ("R i", "the counter is reset by a write"),
    (3201, 5850): (None, "executed to blink; in the registry a boolean of other objects"),
    (3201, 5853): (None, "the blink pattern; in the registry a string of other objects"),
    (5000, None): (None, "the example's own object; not in the registry"),
    (26242, None): (None, "the project's own, of the registry's range for private objects"),
}

# Those that are not the registry's latest.
VERSIONS = {5: "1.1"}  # of LwM2M 1.1; 1.2 adds a resource


def registry():
    with open("tests_host/registry.json") as file:
        return {int(oid): facts for oid, facts in json.load(file).items()}


def classes():
    """All objects that the device can offer, by id."""
    found = {}
    for package, root in (("lwm2m.objects", "lib/"), ("firmware.objects", "")):
        for file in sorted(os.listdir(root + package.replace(".", "/"))):
            if not file.endswith(".py") or file == "__init__.py":
                continue
            name = file[:-3]
            module = getattr(__import__(package + "." + name).objects, name)
            for each in dir(module):
                kind = getattr(module, each)
                if isinstance(kind, type) and issubclass(kind, Object) and kind.resources:
                    assert found.get(kind.oid, kind) is kind, kind.oid
                    found[kind.oid] = kind
    return found


def test_the_objects_are_found():
    assert {1, 3, 3200, 3201, 3303, 3337, 5000, 10346} <= set(classes())


def test_rows_are_as_the_registry_has_them():
    known = registry()
    used = set()
    for oid, kind in classes().items():
        if (oid, None) in DEVIATIONS:
            used.add((oid, None))
            assert oid not in known
            continue
        assert oid in known, "/%d: add its facts to registry.json, or to DEVIATIONS" % oid
        facts = known[oid]["resources"]
        for rid, operations, of_type, _ in kind.resources:
            row = facts.get(str(rid))
            if row:
                row = row.replace(" mandatory", "")
            if (oid, rid) in DEVIATIONS:
                used.add((oid, rid))
                assert row == DEVIATIONS[oid, rid][0], (oid, rid, row)
                assert row != "%s %s" % (operations, of_type or "-"), (oid, rid, "no deviation")
            else:
                assert row == "%s %s" % (operations or "-", of_type or "-"), (oid, rid, row)
    assert used == set(DEVIATIONS)


def test_rows_are_well_formed():
    for oid, kind in classes().items():
        assert 0 <= oid < 65535
        rids = [row[0] for row in kind.resources]
        assert rids == sorted(set(rids)), oid
        for rid, operations, of_type, name in kind.resources:
            assert operations in ("", "R", "W", "RW", "E"), (oid, rid)
            assert (of_type == "") == (operations == "E"), (oid, rid)
            assert of_type[:1] in "sifbtoluc" and of_type[1:] in ("", "[]"), (oid, rid)
            assert name and not name.startswith("_"), (oid, rid)
        for rid in kind.limits:
            # Nobody but a Bootstrap-Server writes to object 0, whatever its rows say.
            written = "W" if oid else ""
            assert written in [row[1] for row in kind.resources if row[0] == rid][0], (oid, rid)


def test_mandatory_resources_are_there():
    known = registry()
    for oid, kind in classes().items():
        if oid not in known:
            continue
        ours = [row[0] for row in kind.resources]
        for rid, row in known[oid]["resources"].items():
            assert "mandatory" not in row or int(rid) in ours, (oid, rid)


def test_versions_are_those_of_the_registry():
    known = registry()
    # Of those that are made when they are asked for, the row tells.
    told = {oid: version for _, oid, version in late._OBJECTS}
    for oid, kind in classes().items():
        # Without one the default counts: 1.0 for all but the LwM2M objects themselves.
        expected = VERSIONS.get(oid, known.get(oid, {}).get("version"))
        assert kind.version in (None, expected) and told.get(oid) in (None, expected), oid
    assert classes()[3303].version == told[3337] == told[5] == "1.1" and told[20] == "2.1"


def constants(path):
    """(name, value, comment) of the private constants in a file that are plain numbers."""
    with open(path) as file:
        for line in file.read().split("\n"):
            if line.startswith("_") and " = const(" in line:
                name, rest = line[1:].split(" = const(", 1)
                value, _, comment = rest.partition(")")
                if value[:1].isdigit() and " " not in value:
                    yield name, int(value, 16 if value[:2] == "0x" else 10), comment.strip("# ")


def test_private_constants_agree_with_the_numbers():
    seen = []
    for path in layers.device_files():
        if "/boards/" in path or "/drivers/" in path:
            continue  # they know neither CoAP nor LwM2M: their names are the hardware's
        for name, value, comment in constants(path):
            known = getattr(numbers, name, None)
            if known is None:
                # 0x86 without its name would pass unseen.
                assert not (comment[1:2] == "." and comment[:1].isdigit()), (path, name)
                continue
            assert value == known, (path, name)
            seen.append(name)
            if comment[1:2] == ".":
                dotted = "%d.%02d" % (value >> 5, value & 31)
                assert comment.split()[0] == dotted, (path, name, comment)
    assert len(seen) >= 40 and {"NOT_FOUND", "URI_PATH", "CON", "POST"} <= set(seen), seen


def test_numbers_agree_with_their_comments():
    checked = 0
    with open("lib/coap/numbers.py") as file:
        for line in file.read().split("\n"):
            if " = 0x" in line and " # " in line:
                name, rest = line.split(" = ", 1)
                value, comment = rest.split(" # ")
                value = int(value.strip(), 16)
                assert "%d.%02d" % (value >> 5, value & 31) == comment.strip(), line
                assert getattr(numbers, name) == value
                checked += 1
    assert checked >= 20
