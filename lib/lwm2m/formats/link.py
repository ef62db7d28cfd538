"""Link format (RFC 6690): the payloads of Register, Update and Discover."""

from lwm2m.attributes import effective, linked
from lwm2m.read import find, present

_PERIODS = ("pmin", "pmax")


def register(table, ct):
    """The objects and instances of a registration (TS 1.1.1 Core section 6.2.1).

    `ct` is the preferred content format. Object 0 is never listed, and the version of an
    object only where it is not the default.
    """
    links = ['</>;rt="oma.lwm2m";ct=%d' % ct]
    oid = None
    for instance in table.instances:
        if instance.oid == 0:
            continue
        if instance.oid != oid and instance.version:
            links.append("</%d>;ver=%s" % (instance.oid, instance.version))
        oid = instance.oid
        links.append("</%d/%d>" % (oid, instance.iid))
    return ",".join(links).encode()


def discover(table, path, attributes):
    """What is at `path` and below, with the attributes set there (Core section 6.3.2).

    A resource is shown with all attributes that count for it, inherited ones too. Error 4.04
    where nothing is.
    """
    row = find(table, path)
    if len(path) > 2:
        instance = table.find(path[0], path[1])
        found = dict(attributes.get(path, {}))
        for name in _PERIODS:
            value = effective(attributes, path, name)
            if value is not None:
                found[name] = value
        if len(path) == 4:
            return _link(path, linked(found)).encode()
        links = [_link(path, _dim(instance, row) + linked(found))]
        if len(row[2]) > 1:
            for riid in sorted(getattr(instance, row[3])):
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
    # The number of instances of a multiple resource.
    return ";dim=%d" % len(getattr(instance, row[3])) if len(row[2]) > 1 else ""
