"""LwM2M Access Control, object 2: what several servers may do (TS 1.1.1 Core section 8).

Rights: 1 Read, Observe and Write-Attributes; 2 Write; 4 Execute; 8 Delete; 16 Create. No right
is needed to Discover. Loaded when there is a second server.
"""

from micropython import const

from lwm2m.object import Object

_READ = const(1)
_WRITE = const(2)
_CREATE = const(16)
_MAX_ID = const(65535)


class AccessControl(Object):
    """Who may do what with /object_id/instance_id, or create it where that is /object_id/65535.

    `acl` is {short server id: sum of rights}, 0 stands for all servers without an entry of their
    own. `owner` is the short id of the server that may write them, 65535 for none (section 8.1).
    """

    oid = 2
    resources = (
        [0, "R", "i", "object_id"],  # Object ID
        [1, "R", "i", "instance_id"],  # Object Instance ID
        [2, "RW", "i[]", "acl"],  # ACL
        [3, "RW", "i", "owner"],  # Access Control Owner
    )
    kept = (3,)  # an owner there must be: the one that is
    limits = {0: (1, 65534), 1: (0, 65535), 2: (0, 31), 3: (0, 65535)}

    acl = {}

    def __init__(self, iid, object_id, instance_id, owner, acl):
        self.iid = iid
        self.object_id = object_id
        self.instance_id = instance_id
        self.owner = owner
        self.acl = acl


def allowed(session, oid, iid, right):
    """True when the session's server has the right to the instance (section 8.2).

    To create one, `iid` is 65535. What does not exist is left to 4.04, and without any instance
    of object 2 there is no access control. Object 2 itself is read by all and written by owners.
    """
    table = session.table
    server_id = session.server.short_server_id
    if oid == 2:
        it = table.find(2, iid)
        return right == _READ or it is None or (right == _WRITE and it.owner == server_id)
    if not table.of(2) or (iid != _MAX_ID and table.entry(oid, iid) is None):
        return True
    it = control(table, oid, iid)
    if it is None:
        return False
    # An owner that its list does not name has all rights.
    default = 31 if it.owner == server_id else it.acl.get(0, 0)
    return it.acl.get(server_id, default) & right != 0


def control(table, oid, iid, owner=None, acl=None):
    """The access control of an instance, added where there is none; None without an `owner`."""
    free = 0
    for each in table.of(2):
        if each.object_id == oid and each.instance_id == iid:
            return each
        if each.iid == free:
            free += 1
    if owner is not None:
        table.add(AccessControl(free, oid, iid, owner, acl))


def defaults(client, owner_id):
    """Adds the access control that is missing: what a bootstrap would bring.

    Every server owns its instance of object 1, alone; the server `owner_id` owns all else and
    may create, the others may read. To be called when all instances are there.
    """
    table = client.table
    for each in list(table.instances):
        oid = each.oid
        if oid == 1:
            control(table, oid, each.iid, each.short_server_id, {})
        elif oid > 2:
            control(table, oid, each.iid, owner_id, {0: _READ})
    for oid in table.creatable:
        control(table, oid, _MAX_ID, _MAX_ID, {owner_id: _CREATE})


def dump(table):
    """Object, instance, owner and rights of each instance of object 2, as JSON values."""
    found = []
    for each in table.of(2):
        found.append((each.object_id, each.instance_id, each.owner, list(each.acl.items())))
    return found


def restore(table, kept):
    """Puts back what `dump()` told of into the instances that control the same.

    One that controls what is there no more is passed over. ValueError or TypeError, and nothing
    done, for nonsense.
    """
    found = []
    for oid, iid, owner, entries in kept:
        acl = dict(entries)
        for server_id, right in acl.items():
            if not 0 <= server_id | owner <= 65535 or right & ~31:
                raise ValueError
        each = control(table, oid, iid)
        if each:
            found.append((each, owner, acl))
    for each, owner, acl in found:
        each.owner = owner
        each.acl = acl
