"""A Bootstrap-Write: to instances that come to count at Finish."""

from micropython import const

from coap.message import Error, uint
from lwm2m import formats
from lwm2m.object import Table
from lwm2m.objects.server import Server
from lwm2m.write import prepare

_CONTENT_FORMAT = const(12)
_BAD_REQUEST = const(0x80)  # 4.00
_NOT_FOUND = const(0x84)  # 4.04
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_MAX_ID = const(65534)
_LIMIT = const(32)  # instances, and values kept for other objects: a server fills no memory


def write(session, path, request):
    """Writes to the drafts of the session (section 6.1.7.4), or has it keep for later what is
    of further objects.

    What is not there is created, what is there replaced, whatever its rows allow; what is
    unknown is left out unless the path names it. Error 4.00, 4.04, 4.15 or 5.03 changes nothing.
    """
    oid = path[0]
    whole = len(path) < 3
    module = formats.module(uint(request.first(_CONTENT_FORMAT)))
    if module is None:
        raise Error(_UNSUPPORTED_CONTENT_FORMAT)
    found = {}
    for at, raw in module.decode(path, request.payload):
        if len(at) < 3 or at[1] > _MAX_ID:
            raise Error(_BAD_REQUEST, "no resource of an instance")
        found.setdefault(at[1], []).append((at, raw))
    if not found:
        raise Error(_BAD_REQUEST, "no value")
    table = session.table
    ready = []
    late = list(session.late)
    for iid, pairs in found.items():
        if oid > 2:
            new = session.client.table.find(oid, iid)
            if new is None:
                raise Error(_NOT_FOUND)
        else:
            new = _made(table, oid, iid, not whole)
        values = []
        for at, raw in pairs:
            rid = at[2]
            row = new.row(rid)
            if whole and not (row and "W" in row[1]):
                continue
            # Servers of LwM2M 1.0 write UQ, others all bindings that they know.
            if (oid, rid) == (1, 7) and "U" in module.value("s", raw):
                new.binding = "U"
            else:
                values.append((at, raw))
        changes = prepare(new, path, module, values, not whole)
        if oid > 2:
            late += changes
        else:
            # Nobody has this instance yet, so there is nothing to take back or to tell.
            del new.resources, values
            pairs.clear()
            while changes:
                _, row, value = changes.pop(0)
                setattr(new, row[3], value)
            ready.append(new)
    for each in table.instances:
        if each.oid != oid or each.iid not in found:
            ready.append(each)
    if len(ready) > _LIMIT or len(late) > _LIMIT:
        raise Error(_SERVICE_UNAVAILABLE)
    table = Table()
    table.add(*ready)
    session.table = table
    session.late = late


def _made(table, oid, iid, keeps):
    # A new instance with the defaults, or the values that it `keeps`, all of whose resources can
    # be written.
    if oid == 0:
        # There is one already, the Bootstrap-Server's: the module would take memory once more.
        known = table.of(0)
        if known:
            new = type(known[0])(iid)
        else:
            from lwm2m.objects.security import Security

            new = Security(iid)
        new.mode = None
    elif oid == 1:
        new = Server(None, iid)
        new.lifetime_s = new.binding = None
    else:
        from lwm2m.access import AccessControl

        new = AccessControl(iid, 0, 0, 0, {})
    old = table.find(oid, iid)
    if keeps and old:
        for name, value in old.__dict__.items():
            setattr(new, name, value)
    rows = []
    for rid, _, kind, name in new.resources:
        if kind:
            rows.append((rid, "RW", kind, name))
    new.resources = rows
    return new
