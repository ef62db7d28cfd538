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
    if len(path) > 2:
        instance = table.find(path[0], path[1])
        found = linked(effective(attributes, path))
        if len(path) == 4:
            return _link(path, found).encode()
        links = [_link(path, _dim(instance, row) + found)]
        if len(row[2]) > 1:
            for riid in sorted(_instances(instance, row)):
                below = path + (riid,)
                links.append(_link(below, linked(attributes.get(below, {}))))
        return ",".join(links).encode()
    links = []
    if len(path) == 1:
        version = table.of(path[0])[0].version
        links.append(_link(path, ";ver=%s" % version if version else ""))
        links[0] += linked(attributes.get(path, {}))
    for instance in table.of(path[0]):
        if len(path) == 2 and instance.iid != path[1]:
            continue
        at = (instance.oid, instance.iid)
        links.append(_link(at, linked(attributes.get(at, {}))))
        for row in instance.resources:
            if present(instance, row):
                below = at + (row[0],)
                links.append(_link(below, _dim(instance, row) + linked(attributes.get(below, {}))))
    return ",".join(links).encode()


def _link(path, parameters):
    return "</%s>%s" % ("/".join([str(number) for number in path]), parameters)


def _dim(instance, row):
    return ";dim=%d" % len(_instances(instance, row)) if len(row[2]) > 1 else ""


def _instances(instance, row):
    # Those of a multiple resource; it may have none, or no valid ones now.
    try:
        return getattr(instance, row[3]) or ()
    except Error:
        return ()
