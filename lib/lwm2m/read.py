"""Read: from a path to the payload of an answer or notification (TS 1.1.1 Core 6.3.1)."""

from micropython import const

from coap.message import Error, uint_bytes
from lwm2m import formats

_CONTENT_FORMAT = const(12)
_READ = const(1)  # of the rights of object 2
_SEVERAL = const(100)  # content formats from here on hold any number of values
_UNAUTHORIZED = const(0x81)  # 4.01
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_NOT_ACCEPTABLE = const(0x86)  # 4.06


def below(session, path):
    """Yields (path, type, value) of all that can be read at `path` and below, in order.

    What the server may not read, does not exist or has no valid value now is left out, and so
    is object 0.
    """
    depth = len(path)
    for instance in session.table.instances:
        oid = instance.oid
        iid = instance.iid
        if (oid, iid)[:depth] != path[:2] or oid == 0 or not session.allowed(oid, iid, _READ):
            continue
        for rid, operations, kind, name in instance.resources:
            if (depth > 2 and rid != path[2]) or "R" not in operations:
                continue
            try:
                value = getattr(instance, name)
            except Error:
                continue
            if value is None:
                continue
            at = (oid, iid, rid)
            if len(kind) > 1:
                for riid in sorted(value):
                    if depth < 4 or riid == path[3]:
                        yield at + (riid,), kind, value[riid]
            elif depth < 4:
                yield at, kind, value


class Target:
    """A path and the format it is wanted in, looked up once for any number of reads.

    Raises Error 4.01, 4.04, 4.05 or 4.06 where it cannot be read like that. Valid as long as
    the table's generation stays the same: `renew()`. `paths` are those that it is about.
    """

    composite = False
    kind = ""  # the type where the target is a resource, or an instance of one
    single = False  # True where it is one value
    format = None  # loaded when there are values: what has them may need the memory

    def __init__(self, session, path, accept=None):
        self.session = session
        self.path = path
        self.paths = (path,)
        row = find(session.table, path)
        if len(path) > 1 and not session.allowed(path[0], path[1], _READ):
            raise Error(_UNAUTHORIZED)
        if row:
            if "R" not in row[1]:
                raise Error(_METHOD_NOT_ALLOWED)
            self.instance = session.table.entry(path[0], path[1])
            self.kind = row[2]
            self.name = row[3]
        self.single = single = len(self.kind) == 1 or len(path) == 4
        if accept is None:
            accept = formats.preferred(self.kind, single, session.version)
        self.accept = accept
        if accept not in formats.MODULES or (accept < _SEVERAL and not single):
            raise Error(_NOT_ACCEPTABLE)
        self.options = ((_CONTENT_FORMAT, uint_bytes(accept)),)
        # The same object has the same bytes as the last time; so far there is none.
        self.value = self.bytes = self

    def payload(self):
        """The payload with the values of now; Error 4.04 or 5.03 where there is no value."""
        if len(self.kind) != 1:
            return self.encode(self.records())
        value = getattr(self.instance, self.name)
        if value is not self.value:
            if value is None:
                raise Error(_NOT_FOUND)
            self.bytes = self.encode(((self.path, self.kind, value),))
            self.value = value
        return self.bytes

    def records(self):
        """A list of (path, type, value) as of now; Error 4.04 or 5.03 where there is no value."""
        found = list(below(self.session, self.path))
        if not found and self.kind:
            getattr(self.instance, self.name)  # may raise 5.03
            raise Error(_NOT_FOUND)
        return found

    def encode(self, records, age_s=None):
        """The payload for these records, true `age_s` seconds ago: only SenML tells that."""
        if self.format is None:
            try:
                self.format = formats.module(self.accept, True)
            except MemoryError:
                self.session.table.drop()  # the values are here
                self.format = formats.module(self.accept, True)
        return self.format.encode(self.path, records, age_s)

    def number(self):
        """The value where the target is one number, else None (for gt, lt and st)."""
        if self.single and self.kind[0] in "iftu":
            for _, _, value in below(self.session, self.path):
                return value
        return None

    def renew(self):
        """The same target in the table of now; Error where it can be read no more."""
        return Target(self.session, self.path, self.accept)


def find(table, path):
    """The row at `path`, None where the path ends above resources; Error 4.04 where nothing is.

    Resources that can be read and have no value do not exist.
    """
    row = None
    if len(path) < 2:
        found = not path or table.of(path[0])
    else:
        found = instance = table.entry(path[0], path[1])
        if instance and len(path) > 2:
            row = instance.row(path[2])
            found = row and present(instance, row)
            if found and len(path) == 4:
                found = len(row[2]) > 1 and path[3] in (getattr(instance, row[3]) or ())
    if not found:
        raise Error(_NOT_FOUND)
    return row


def present(instance, row):
    """True when the resource exists; one without a valid value now (5.03) does."""
    if "R" not in row[1]:
        return True
    try:
        value = getattr(instance, row[3])
    except Error:
        return True
    return value is not None and value != {}
