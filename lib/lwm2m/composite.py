"""Composite operations: one request for many paths (TS 1.1.1 Core sections 6.3.8, 6.3.9, 6.4.4).

Read- and Observe-Composite are FETCH requests, Write-Composite is an iPATCH, all on the root;
the paths are in the payload, which is SenML (Transport section 6.4).
"""

from micropython import const

from coap.message import Error, uint_bytes
from lwm2m import formats
from lwm2m.read import Target, below

_FETCH = const(5)
_CONTENT_FORMAT = const(12)
_BAD_REQUEST = const(0x80)  # 4.00
_UNAUTHORIZED = const(0x81)  # 4.01
_NOT_FOUND = const(0x84)  # 4.04
_NOT_ACCEPTABLE = const(0x86)  # 4.06
_UNSUPPORTED_CONTENT_FORMAT = const(0x8F)  # 4.15
_SENML_CBOR = const(112)
_SENML = const((110, _SENML_CBOR, 320, 322))  # JSON, CBOR and both again for FETCH (RFC 8790)
_WRITE = const(2)  # of the rights of object 2
_LIMIT = const(32)  # paths in one request


class CompositeTarget(Target):
    """Several paths and the format that what can be read there is wanted in.

    A path where nothing can be read is left out as long as that is so, whether it is missing,
    write-only or forbidden: all is looked up anew for every payload, which may come out empty.
    Error 4.06 for a format that holds no paths.
    """

    composite = True
    path = ()  # what the records are named from

    def __init__(self, session, paths, accept=None):
        self.session = session
        self.paths = paths
        if accept is None:
            accept = _SENML_CBOR
        if accept not in _SENML:
            raise Error(_NOT_ACCEPTABLE)
        self.accept = accept
        self.options = ((_CONTENT_FORMAT, uint_bytes(accept)),)

    def records(self):
        found = []
        for path in self.paths:
            found.extend(below(self.session, path))
        return found

    def renew(self):
        return self


def handle(session, request, content_format, accept):
    """Executes an iPATCH on the root, or returns the target a FETCH asks for; raises Error."""
    if content_format not in _SENML:
        raise Error(_UNSUPPORTED_CONTENT_FORMAT)
    module = formats.module(content_format)
    if request.code != _FETCH:
        _write(session, module, request.payload)
        return None
    if accept is None:  # as it was asked: what asks in JSON understands JSON
        accept = 110 + content_format % 10
    return CompositeTarget(session, _paths(module, request.payload), accept)


def _paths(module, payload):
    # In order, without those that another one holds.
    paths = []
    for path, _ in module.decode(None, payload):
        if len(paths) == _LIMIT:
            raise Error(_BAD_REQUEST, "too many paths")
        paths.append(path)
    if not paths:
        raise Error(_BAD_REQUEST, "no path")
    paths.sort()
    kept = paths[:1]
    for path in paths:
        if path[: len(kept[-1])] != kept[-1]:
            kept.append(path)
    return tuple(kept)


def _write(session, module, payload):
    # Values of one instance go together: it is asked whether they make sense.
    from lwm2m.write import prepare, store

    groups = {}
    for path, raw in module.decode((), payload):
        groups.setdefault(path[:2], []).append((path, raw))
    if not groups:
        raise Error(_BAD_REQUEST, "no value")
    changes = []
    for ids in sorted(groups):
        oid, iid = ids
        if oid == 0 or not session.allowed(oid, iid, _WRITE):
            raise Error(_UNAUTHORIZED)
        instance = session.table.find(oid, iid)
        if instance is None:
            raise Error(_NOT_FOUND)
        changes += prepare(instance, ids, module, groups[ids], False)
    session.client.writer = session
    store(changes)
