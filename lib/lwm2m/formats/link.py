"""Link format (RFC 6690): the payload of a Discover."""

from coap.message import Error
from lwm2m.attributes import effective, linked
from lwm2m.read import find, present


def discover(table, path, attributes):
    """What is at `path` and below, with the attributes set there (Core section 6.3.2).

    A resource is shown with all attributes that count for it, inherited ones too. No access
    right is needed (section 8.2). Error 4.04 where nothing is.
    """
    row = find(table, path)
    links = []
    if row:
        riids = None
        if len(path) == 3:
            riids = _instances(table.find(path[0], path[1]), row)
        links.append(_link(path, effective(attributes, path), _dim(riids)))
        for riid in sorted(riids or ()):
            below = path + (riid,)
            links.append(_link(below, attributes.get(below)))
    else:
        instances = table.of(path[0])
        if len(path) == 1:
            version = instances[0].version
            found = ";ver=%s" % version if version else ""
            links.append(_link(path, attributes.get(path), found))
        for instance in instances:
            at = (instance.oid, instance.iid)
            if at[: len(path)] == path:
                links.append(_link(at, attributes.get(at)))
                for row in instance.resources:
                    if present(instance, row):
                        below = at + (row[0],)
                        dim = _dim(_instances(instance, row))
                        links.append(_link(below, attributes.get(below), dim))
    return ",".join(links).encode()


def _link(path, attributes, parameter=""):
    return "</%s>%s%s" % ("/".join(map(str, path)), parameter, linked(attributes or {}))


def _dim(riids):
    return "" if riids is None else ";dim=%d" % len(riids)


def _instances(instance, row):
    # Those of a multiple resource; it may have none, or no valid ones now. Else None.
    if len(row[2]) < 2:
        return None
    try:
        return getattr(instance, row[3]) or ()
    except Error:
        return ()
