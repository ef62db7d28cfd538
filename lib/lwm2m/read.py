"""Read: from a path to the payload of an answer or notification (TS 1.1.1 Core 6.3.1)."""

from micropython import const

from coap.message import Error, Options, uint_bytes
from lwm2m import formats

_CONTENT_FORMAT = const(12)
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_NOT_ACCEPTABLE = const(0x86)  # 4.06


def records(table, path):
    """Yields (path, type, value) of all that can be read at `path` and below, in order.

    What cannot be read, does not exist or has no valid value now is left out.
    """
    for instance in table.of(path[0]):
        if len(path) > 1 and instance.iid != path[1]:
            continue
        for row in instance.resources:
            if (len(path) > 2 and row[0] != path[2]) or "R" not in row[1]:
                continue
            try:
                value = getattr(instance, row[3])
            except Error:
                continue
            if value is None:
                continue
            at = (instance.oid, instance.iid, row[0])
            if len(row[2]) == 1:
                yield at, row[2], value
                continue
            for riid in sorted(value):
                if len(path) < 4 or riid == path[3]:
                    yield at + (riid,), row[2], value[riid]


class Target:
    """A path and the format it is wanted in, looked up once for any number of reads.

    Raises Error 4.04, 4.05 or 4.06 where it cannot be read like that. Valid as long as the
    table's generation stays the same.
    """

    def __init__(self, table, path, accept=None):
        self.path = path
        self.accept = accept
        self._table = table
        self._name = None  # of the attribute, where the target is one value
        self._kind = ""
        self._instance = None
        row = find(table, path)
        if row and "R" not in row[1]:
            raise Error(_METHOD_NOT_ALLOWED)
        if len(path) > 2:
            self._instance = table.find(path[0], path[1])
            self._kind = row[2]
            if len(self._kind) == 1:
                self._name = row[3]
        single = self._name is not None or len(path) == 4
        if accept is None:
            accept = formats.preferred(self._kind, single)
        self._format = formats.module(accept)
        if self._format is None or (self._format.SINGLE and not single):
            raise Error(_NOT_ACCEPTABLE)
        self.options = Options(((_CONTENT_FORMAT, uint_bytes(accept)),))
        self._value = self._bytes = None  # the same object has the same bytes as the last time

    def payload(self):
        """The payload with the values of now; Error 4.04 or 5.03 where there is no value."""
        if self._name is None:
            return self._format.encode(self.path, self._present())
        value = getattr(self._instance, self._name)
        if value is not self._value:
            if value is None:
                raise Error(_NOT_FOUND)
            self._bytes = self._format.encode(self.path, ((self.path, self._kind, value),))
            self._value = value
        return self._bytes

    def number(self):
        """The value where the target is one number, else None (for gt, lt and st)."""
        if self._name is None or self._kind not in "ifut":
            return None
        try:
            return getattr(self._instance, self._name)
        except Error:
            return None

    def _present(self):
        found = list(records(self._table, self.path))
        if not found and len(self.path) > 2:
            raise Error(_NOT_FOUND)
        return found


def find(table, path):
    """The row at `path`, None where the path ends above resources; Error 4.04 where nothing is.

    Resources that can be read and have no value do not exist.
    """
    if len(path) < 2:
        if path and not table.of(path[0]):
            raise Error(_NOT_FOUND)
        return None
    instance = table.find(path[0], path[1])
    if instance is None:
        raise Error(_NOT_FOUND)
    if len(path) == 2:
        return None
    row = instance.row(path[2])
    if row is None or not present(instance, row):
        raise Error(_NOT_FOUND)
    if len(path) == 4 and (len(row[2]) == 1 or path[3] not in getattr(instance, row[3])):
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
