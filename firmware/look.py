"""What the REPL's functions show of the objects, and change; see repl.py.

Nothing here shows a credential: object 0 is no part of the table.
"""

from micropython import const

from coap.message import Error
from firmware import once
from lwm2m.object import parse_path
from lwm2m.read import below, find

_BAD_REQUEST = const(0x80)  # 4.00
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
# Python's own types
_TYPES = {"f": float, "b": bool, "o": bytes, "l": tuple, "s": str, "c": str}


def status(app):
    """Prints who and where we are."""
    if app.over:
        print("the client has ended: start() runs it")
    elif app.stopped:
        print("the client is stopped: start() registers again")
    once("status", "show", app)


def objects(app, oid=None):
    """Prints the instances, of one object or of all, with their resources: id, name, operations
    and type.
    """
    for each in app.table.instances:
        if oid is None or each.oid == oid:
            instance = app.table.find(each.oid, each.iid)
            print(_text((instance.oid, instance.iid)), type(instance).__name__)
            for rid, operations, kind, name in instance.resources:
                print("   ", rid, name, operations, kind)


def read(app, path):
    """The value of a resource like /3303/0/5700; more than one are printed, each in a line."""
    path = _path(path)
    table = app.table
    row = find(table, path)
    if not row:
        for at, _, value in below(_All(table), path):
            print("%s = %r" % (_text(at), value))
        return None
    if "R" not in row[1]:
        raise Error(_METHOD_NOT_ALLOWED)
    value = getattr(table.find(path[0], path[1]), row[3])
    return value if len(path) < 4 else value[path[3]]


def write(app, path, value):
    """Writes a resource as a server does, and returns its value then.

    `value` is of Python's type for it: a number, text, bytes, a pair of ids, and a dictionary
    of those for a resource with instances.
    """
    from lwm2m.write import prepare, store

    path = _path(path)
    instance = app.table.find(path[0], path[1]) if len(path) > 2 else None
    if not instance:
        raise Error(_NOT_FOUND)
    found = [(path, value)]
    if isinstance(value, dict) and len(path) == 3:
        found = [(path + (riid,), value[riid]) for riid in sorted(value)] or [(path, None)]
    store(prepare(instance, path, _Python, found, True))
    row = instance.row(path[2])
    if "R" not in row[1]:
        return None
    value = getattr(instance, row[3])
    return value if len(path) < 4 else value[path[3]]


def execute(app, path, arguments=""):
    """Executes a resource as a server does."""
    path = _path(path)
    row = find(app.table, path)
    if not row or row[1] != "E":
        raise Error(_METHOD_NOT_ALLOWED)
    getattr(app.table.find(path[0], path[1]), row[3])(arguments)


def observations(app):
    """Prints what servers observe, by which attributes, and when they were last told."""
    none = True
    for connection in app.connections:
        found = connection.session.observations
        for each in found.all if found else ():
            none = False
            words = []
            for criteria in each.criteria:
                words.append(_text(criteria.path))
                for name in sorted(criteria.rules):
                    words.append("%s=%s" % (name, criteria.rules[name]))
            told_s = (app.client.now_ms() - each.told_ms) // 1000
            print("%s: %s, told %d s ago" % (connection.uri, " ".join(words), told_s))
    if none:
        print("nothing is observed")


def events(app):
    """Prints what the event log tells, the oldest line first."""
    for line in once("events", "lines", app):
        print(line)


class _All:
    # In the place of a session, which may read everything.

    def __init__(self, table):
        self.table = table

    def allowed(self, oid, iid, right):
        return True


class _Python:
    # In the place of a content format: values as Python has them.

    @staticmethod
    def value(kind, value):
        wanted = _TYPES.get(kind[0], int)
        if wanted is float and type(value) is int:
            value = float(value)
        good = type(value) is wanted
        if good and wanted is tuple:
            good = [type(each) for each in value] == [int, int]
        if not good:
            raise Error(_BAD_REQUEST, "the value has to be of type " + wanted.__name__)
        return value


def _path(path):
    if not isinstance(path, str):
        raise Error(_BAD_REQUEST, "a path is written like /3303/0/5700, in quotes")
    path = parse_path([part.encode() for part in path.strip("/").split("/")])
    if path[0] == 0:
        raise Error(_METHOD_NOT_ALLOWED, "credentials are never shown")
    return path


def _text(path):
    return "/" + "/".join([str(number) for number in path])
