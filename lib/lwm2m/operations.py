"""Dispatch: which operation of LwM2M a CoAP request is (TS 1.1.1 Transport section 6.4)."""

from micropython import const

from coap.message import Error, uint, uint_bytes
from lwm2m.object import parse_path
from lwm2m.read import Target, find

_GET = const(1)
_POST = const(2)
_PUT = const(3)
_DELETE = const(4)
_FETCH = const(5)
_IPATCH = const(7)
_OBSERVE = const(6)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)
_ACCEPT = const(17)
_READ = const(1)  # rights, see access.py
_WRITE = const(2)
_EXECUTE = const(4)
_TEXT = const(0)  # content formats
_LINK = const(40)
_CHANGED = const(0x44)  # 2.04
_CONTENT = const(0x45)  # 2.05
_BAD_REQUEST = const(0x80)  # 4.00
_UNAUTHORIZED = const(0x81)  # 4.01
_NOT_FOUND = const(0x84)  # 4.04
_SILENCE = const(-1)  # as in coap/endpoint.py
_ACK_TIMEOUT_MS = const(2000)  # RFC 7252 section 4.8
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05


def handle(session, request, response):
    """Executes a request of the session's server and fills the response; raises Error.

    Before the server has accepted the registration its requests are ignored. They tell that its
    answer was lost: the Register is repeated, as often as a first repetition may come.
    """
    registration = session.registration
    if registration.state != "registered":
        registration.taken = True
        session.endpoint.resume(_ACK_TIMEOUT_MS)
        response.code = _SILENCE
        return
    path = parse_path(request.all(_URI_PATH))
    code = request.code
    content_format = _option(request, _CONTENT_FORMAT)
    accept = _option(request, _ACCEPT)
    if not path:
        if code != _FETCH and code != _IPATCH:
            raise Error(_NOT_FOUND)
        from lwm2m import composite

        target = composite.handle(session, request, content_format, accept)
        if target:
            _read(session, target, request, response)
        else:
            response.code = _CHANGED
        return
    oid = path[0]
    depth = len(path)
    if oid == 0:
        raise Error(_UNAUTHORIZED)
    if code == _GET:
        if accept == _LINK:
            from lwm2m.formats import link

            response.code = _CONTENT
            response.payload = link.discover(session.table, path, session.attributes)
            response.options = ((_CONTENT_FORMAT, uint_bytes(_LINK)),)
        else:
            _read(session, Target(session, path, accept), request, response)
        return
    payload = request.payload
    if code == _DELETE or (code == _POST and depth == 1):
        from lwm2m import create

        create.handle(session, path, request, content_format, response)
        return
    # A PUT with a query is a Write-Attributes, the one of both that an object takes too.
    queries = request.all(_URI_QUERY) if code == _PUT else ()
    if code not in (_PUT, _POST) or (depth < 2 and not queries):
        raise Error(_METHOD_NOT_ALLOWED)
    method = None if code == _PUT else _method(session.table, path)
    right = _EXECUTE if method else _READ if queries else _WRITE
    if depth > 1 and not session.allowed(oid, path[1], right):
        raise Error(_UNAUTHORIZED)
    if method:
        if content_format:
            raise Error(_BAD_REQUEST, "arguments are text")
        arguments = ""
        if payload:
            from lwm2m.arguments import text

            arguments = text(payload)
        method(arguments)
    elif queries:
        if payload:
            raise Error(_BAD_REQUEST, "either attributes or a payload")
        _write_attributes(session, path, queries)
    else:
        from lwm2m.write import write

        session.client.writer = session
        write(session.table, path, payload, content_format or _TEXT, code == _PUT)
    response.code = _CHANGED


def _option(request, number, longest=2):
    # The number in an option; None where it is not there, or longer than it can be (RFC 7252
    # section 5.4.3).
    value = request.first(number)
    return None if value is None or len(value) > longest else uint(value)


def _read(session, target, request, response):
    # Read, Observe or its cancellation, composite ones too.
    observe = _option(request, _OBSERVE, 3)
    if observe == 1:  # first: there may be no valid value now
        session.cancel_observation(request.token)
    response.code = _CONTENT
    response.payload = target.payload()
    response.options = target.options
    if observe == 0:
        name = None
        if target.number() is None:  # else it fits into one block for ever
            from coap.block import key

            name = key(request)
        sequence = session.observe(bytes(request.token), target, name)
        response.options = ((_OBSERVE, uint_bytes(sequence)),) + target.options
    elif observe is None and not target.composite:
        response.again = target.payload


def _write_attributes(session, path, queries):
    from lwm2m import attributes

    row = find(session.table, path)
    # Thresholds belong to a number: a single one, or an instance of a multiple resource.
    numeric = row and row[2] and row[2][0] in "iftu" and len(path) == 2 + len(row[2][:2])
    attributes.write(session.attributes, path, queries, numeric)
    if session.observations:
        session.observations.retune()
    session.keep()


def _method(table, path):
    # What a POST executes; None where it is a Write in partial update mode.
    if len(path) != 3:
        return None
    instance = table.entry(path[0], path[1])
    row = instance and instance.row(path[2])
    if not row:
        raise Error(_NOT_FOUND)
    if row[1] == "E":
        return getattr(instance, row[3])
    if len(row[2]) == 1:
        raise Error(_METHOD_NOT_ALLOWED)
    return None
