"""The resource table: objects as classes with one literal row per resource.

    class Temperature(Object):
        oid = 3303
        resources = (
            (5700, "R", "f", "value"),  # Sensor Value
            (5605, "E", "", "reset"),  # Reset Min and Max Measured Values
        )

A row is (rid, operations, type, name). Operations are R, W, RW, E or nothing at all. Types are
those of the registry: s string, i integer, f float, b boolean, t time (s since 1970), o opaque
(bytes), l objlink (a pair of ids), u unsigned, c corelink; with [] behind it the resource has
instances. The name is an attribute or property (a method for E). Its value None, or {} for
instances, means that the resource does not exist; a class attribute is the default to which
a Write in replace mode goes back. Instances of a resource are a dict riid: value.

A row may be a list: a tuple of constants is kept in a .mpy with strings of its own, which take
twice the room, and on the heap when it is loaded. Defaults above the rows have their long names
in the .mpy once.
"""

from micropython import const

from coap.message import Error

_NOT_FOUND = const(0x84)  # 4.04
_MAX_ID = const(65534)  # 65535 is reserved (TS 1.1.1 Core section 7.1)


class Object:
    """One instance of an object; subclasses are the objects."""

    oid = 0
    iid = 0
    version = None  # "1.1": where it is not the default of LwM2M 1.1 for this object
    resources = ()
    limits = {}  # rid: (lowest, highest) for what may be written
    kept = ()  # rids of what a Write in replace mode leaves alone that does not name it
    mandatory = ()  # rids of what a Create has to bring
    removable = False  # True where a server may Delete the instance
    table = None

    def row(self, rid):
        """The row of a resource, or None."""
        for row in self.resources:
            if row[0] == rid:
                return row
        return None

    def changed(self, rid):
        """To be called when a value has changed: observers of it are told when it is due."""
        if self.table is not None:
            self.table.changed(self.oid, self.iid, rid)

    def check(self, values):
        """Refuses a Write before anything is stored: raise Error where `values`, a list of
        (rid, riid or None, value) of the right types and within the limits, make no sense.
        """

    def clear(self, row):
        """Sets a resource back to its default, the attribute of the class."""
        try:
            if row[0] not in self.kept:
                delattr(self, row[3])
        except AttributeError:
            pass  # it was never written, or a property guards it


class Late:
    """Stands in a table for an instance that is made when somebody asks for it.

    `make(oid)` makes it; `Table.drop()` gives its memory back. So it has no state of its own but
    reads and changes that of others, and only its ids and its version are known without it. The
    rows `own` are known as well, for what has to work without memory: `source` has the values.
    """

    iid = 0
    version = None
    table = None
    made = None
    own = ()

    def __init__(self, oid, make, version=None):
        self.oid = oid
        self.make = make
        if version:
            self.version = version

    def get(self):
        """The instance."""
        made = self.made
        if made is None:
            made = self.make(self.oid)
            made.table = self.table
            self.made = made
        return made

    def row(self, rid):
        for row in self.own:
            if row[0] == rid:
                return row
        return self.get().row(rid)

    def __getattr__(self, name):
        for row in self.own:
            if row[3] == name:
                return getattr(self.source, name)
        return getattr(self.get(), name)


class Table:
    """All instances that a client offers, in ascending order of (oid, iid); or `Late` ones."""

    def __init__(self):
        self.instances = []
        self.creatable = {}  # oid: function(iid) that makes an instance for a Create, or raises
        self.generation = 0  # counts additions and removals
        self.on_changed = None  # called with (oid, iid, rid); rid None: the instance as a whole

    def add(self, *objects):
        """Adds instances; ValueError for a second one with the same ids."""
        for new in objects:
            if self.entry(new.oid, new.iid):
                raise ValueError("/%d/%d is there already" % (new.oid, new.iid))
            at = 0
            for each in self.instances:
                at += (each.oid, each.iid) < (new.oid, new.iid)
            self.instances.insert(at, new)
            new.table = self
            self.changed(new.oid, new.iid, None)

    def remove(self, instance):
        """Removes an entry; ValueError when it is not there."""
        self.instances.remove(instance)
        instance.table = None
        self.changed(instance.oid, instance.iid, None)

    def find(self, oid, iid):
        """The instance, or None. A late one is not to be held: it is made again."""
        found = self.entry(oid, iid)
        return found.get() if type(found) is Late else found

    def entry(self, oid, iid):
        """The instance or its `Late`, which has its attributes but takes no values; or None."""
        for instance in self.instances:
            if instance.oid == oid and instance.iid == iid:
                return instance
        return None

    def drop(self):
        """Gives back the memory of what can be made again."""
        for instance in self.instances:
            if type(instance) is Late:
                instance.made = None

    def of(self, oid):
        """The entries of one object."""
        found = []
        for instance in self.instances:
            if instance.oid == oid:
                found.append(instance)
        return found

    def changed(self, oid, iid, rid):
        if rid is None:
            self.generation += 1
        if self.on_changed:
            self.on_changed(oid, iid, rid)


def parse_path(segments):
    """The path of Uri-Path segments (bytes); Error 4.04 where they are none of ours."""
    path = []
    for segment in segments:
        try:
            number = int(segment)
        except ValueError:
            number = -1
        # "03" is not the id 3: paths are compared in bytes (RFC 7252 section 6.4).
        if not 0 <= number <= _MAX_ID or b"%d" % number != segment or len(path) == 4:
            raise Error(_NOT_FOUND)
        path.append(number)
    return tuple(path)
