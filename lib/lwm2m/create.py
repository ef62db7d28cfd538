"""Create and Delete (TS 1.1.1 Core sections 6.3.6 and 6.3.7), loaded for the first of them."""

from micropython import const

from coap.message import Error, uint
from lwm2m import formats
from lwm2m.write import prepare, store

_DELETE = const(4)
_LOCATION_PATH = const(8)
_SEVERAL = const(100)  # content formats from here on hold any number of values
_TLV = const(11542)
_CREATED = const(0x41)  # 2.01
_DELETED = const(0x42)  # 2.02
_BAD_REQUEST = const(0x80)  # 4.00
_UNAUTHORIZED = const(0x81)  # 4.01
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15
_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00
_SERVICE_UNAVAILABLE = const(0xA3)  # 5.03

_RIGHT_TO_DELETE = const(8)  # see access.py
_RIGHT_TO_CREATE = const(16)
_MAX_ID = const(65535)
_LIMIT = const(16)  # instances of an object, lest a server fills the memory


def handle(session, path, request, content_format, response):
    """Answers a DELETE, or the POST to an object; after an Error all is as it was.

    What the payload of a Create leaves out keeps its default. Its values may be at /oid/iid, or
    without an id at the top of TLV or at /oid/rid: then the lowest free id is taken.
    """
    if request.code == _DELETE:
        _delete(session, path)
        response.code = _DELETED
        return
    table = session.table
    oid = path[0]
    others = table.of(oid)
    make = table.creatable.get(oid)
    if make is None:
        raise Error(_METHOD_NOT_ALLOWED if others else _NOT_FOUND)
    if not session.allowed(oid, _MAX_ID, _RIGHT_TO_CREATE):
        raise Error(_UNAUTHORIZED)
    if content_format is None:
        raise Error(_BAD_REQUEST, "no content format")
    module = formats.module(content_format)
    if module is None or content_format < _SEVERAL:
        raise Error(_UNSUPPORTED_CONTENT_FORMAT)
    if len(others) >= _LIMIT:
        raise Error(_SERVICE_UNAVAILABLE)
    iid, found = _decoded(table, oid, module, content_format, request.payload)
    if iid == _MAX_ID or table.find(oid, iid):
        raise Error(_BAD_REQUEST, "it exists")
    path = oid, iid
    new = make(iid)
    new.iid = iid
    new.removable = True
    try:
        changes = prepare(new, path, module, found, False)
        for rid in new.mandatory:
            for change in changes:
                if change[1][0] == rid:
                    break
            else:
                raise Error(_BAD_REQUEST, "%d is mandatory" % rid)
        store(changes)
    except Error as error:
        if error.code < _INTERNAL_SERVER_ERROR:
            error.code = _BAD_REQUEST  # 4.04 and 4.05 would be about the path of the request
        raise
    if table.of(2):
        from lwm2m.access import control

        owner = session.server.short_server_id
        stale = control(table, oid, iid, owner, {})
        if stale:  # of one that is gone
            stale.owner = owner
            stale.acl = {}
            stale.changed(2)
    table.add(new)
    response.options = ((_LOCATION_PATH, b"%d" % oid), (_LOCATION_PATH, b"%d" % iid))
    response.code = _CREATED


def _decoded(table, oid, module, content_format, payload):
    # The id of the new instance, and (path, raw) of all values below it.
    iid = 0
    while table.find(oid, iid):
        iid += 1
    if content_format == _TLV:
        if payload and payload[0] < 0x40:  # an object instance (section 7.4.3)
            iid = uint(payload[1 : 2 + (payload[0] >> 5)])
        return iid, module.decode((oid, iid), payload)
    found = list(module.decode((oid,), payload))
    start = 2  # where the ids begin that are those of resources
    for at, _ in found:
        if len(at) == 2:
            start = 1
    if found and start == 2:
        iid = found[0][0][1]
    values = []
    for at, raw in found:
        if start == 2 and at[1] != iid:
            raise Error(_BAD_REQUEST, "several instances")
        values.append(((oid, iid) + at[start:], raw))
    return iid, values


def _delete(session, path):
    if len(path) != 2:
        raise Error(_METHOD_NOT_ALLOWED)
    oid, iid = path
    table = session.table
    instance = table.find(oid, iid)
    if instance is None:
        raise Error(_NOT_FOUND)
    if not session.allowed(oid, iid, _RIGHT_TO_DELETE):
        raise Error(_UNAUTHORIZED)
    if not instance.removable:
        raise Error(_METHOD_NOT_ALLOWED)
    table.remove(instance)
    for each in table.of(2):
        if (each.object_id, each.instance_id) == path:
            table.remove(each)
