"""LwM2M Access Control, object 2: what the servers may do with one object instance."""

from lwm2m.object import Object


class AccessControl(Object):
    """Who may do what with /object_id/instance_id, or create it where that is /object_id/65535.

    `acl` is {short server id: rights}, 0 stands for all servers without an entry of their own;
    rights are a sum of 1 Read, 2 Write, 4 Execute, 8 Delete, 16 Create. `owner` is the short
    id of the server that may write them, 65535 for none (TS 1.1.1 Core section 8.1).
    """

    oid = 2
    resources = (
        (0, "R", "i", "object_id"),  # Object ID
        (1, "R", "i", "instance_id"),  # Object Instance ID
        (2, "RW", "i[]", "acl"),  # ACL
        (3, "RW", "i", "owner"),  # Access Control Owner
    )
    kept = (3,)  # an owner there must be: the one that is
    limits = {2: (0, 31), 3: (0, 65535)}

    acl = {}

    def __init__(self, iid, object_id, instance_id, owner, acl):
        self.iid = iid
        self.object_id = object_id
        self.instance_id = instance_id
        self.owner = owner
        self.acl = acl
