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
    get = attributes.get
    depth = len(path)
    links = ""
    if row:
        riids = None
        if depth == 3:
            riids = _instances(table.entry(path[0], path[1]), row)
        links = _link(path, effective(attributes, path), riids)
        for riid in sorted(riids or ()):
            below = path + (riid,)
            links += _link(below, get(below))
    else:
        for instance in table.of(path[0]):
            at = (instance.oid, instance.iid)
            if depth == 1 and not links:
                links = _link(path, get(path), None, instance.version)
            if at[:depth] == path:
                links += _link(at, get(at))
                for row in instance.resources:
                    if present(instance, row):
                        below = at + (row[0],)
                        links += _link(below, get(below), _instances(instance, row))
    return links[1:].encode()


def _link(path, attributes, riids=None, version=None):
    link = ",</%s>" % "/".join(map(str, path))
    if version:
        link += ";ver=" + version
    if riids is not None:
        link += ";dim=%d" % len(riids)
    return link + linked(attributes or {})


def _instances(instance, row):
    # Those of a multiple resource; it may have none, or no valid ones now. Else None.
    if len(row[2]) < 2:
        return None
    try:
        return getattr(instance, row[3]) or ()
    except Error:
        return ()
