"""The access control of object 2 over a restart: part of state.py where there are more servers."""


def snapshot(table):
    """Object, instance, owner and rights of each instance of object 2, as JSON values."""
    return [
        (each.object_id, each.instance_id, each.owner, list(each.acl.items()))
        for each in table.of(2)
    ]


def restore(table, kept):
    """Puts back what `snapshot()` told of into the instances that control the same.

    One that controls what is there no more is passed over. ValueError or TypeError, and nothing
    done, for nonsense.
    """
    found = []
    for oid, iid, owner, entries in kept:
        acl = dict(entries)
        for server_id, right in acl.items():
            if not 0 <= server_id | owner <= 65535 or right & ~31:
                raise ValueError
        for each in table.of(2):
            if (each.object_id, each.instance_id) == (oid, iid):
                found.append((each, owner, acl))
    for each, owner, acl in found:
        each.owner = owner
        each.acl = acl
