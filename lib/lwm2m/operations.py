"""Dispatch: which operation of LwM2M a CoAP request is (TS 1.1.1 Transport section 6.4)."""

from micropython import const

from coap.endpoint import SILENCE
from coap.message import (
    ACCEPT,
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CONTENT_FORMAT,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OBSERVE,
    UNAUTHORIZED,
    URI_PATH,
    URI_QUERY,
    Error,
    Options,
    uint,
    uint_bytes,
)
from lwm2m import formats
from lwm2m import path as paths
from lwm2m.read import Target, find
from lwm2m.write import write

_GET = const(1)
_POST = const(2)
_PUT = const(3)

_LINK = Options(((CONTENT_FORMAT, uint_bytes(formats.LINK)),))


class Route:
    """What the options of a request mean here; remembered with the options."""

    def __init__(self, options):
        self.path = paths.parse(options.all(URI_PATH))
        accept = options.first(ACCEPT)
        self.accept = None if accept is None else uint(accept)
        content_format = options.first(CONTENT_FORMAT)
        self.content_format = None if content_format is None else uint(content_format)
        observe = options.first(OBSERVE)
        self.observe = None if observe is None else uint(observe)
        self.queries = options.all(URI_QUERY)
        self.target = None  # of a plain Read, ready for the next one


class Operations:
    """The handler of one server's requests.

    `observations` and `attributes` are those of this server. `allowed` is set while it has
    accepted the registration: before that its requests are ignored.
    """

    def __init__(self, table, observations, attributes):
        self._table = table
        self._observations = observations
        self._attributes = attributes
        self.allowed = False

    def handle(self, request, response):
        """Executes a request and fills the response; raises Error."""
        if not self.allowed:
            response.code = SILENCE
            return
        options = request.options
        route = options.memo
        if route is None:
            route = options.memo = Route(options)
        code = request.code
        if code == _GET:
            target = route.target
            if target is None:
                self._get(route, request, response)
            else:
                response.code = CONTENT
                response.options = target.options
                response.payload = target.payload()
            return
        path = route.path
        if path and path[0] == 0:
            raise Error(UNAUTHORIZED)
        if code == _PUT and len(path) > 1:
            self._put(route, request)
        elif code == _POST and len(path) > 1:
            self._post(route, request)
        else:
            raise Error(METHOD_NOT_ALLOWED)
        response.code = CHANGED

    def _get(self, route, request, response):
        path = route.path
        if not path:
            raise Error(NOT_FOUND)
        if path[0] == 0:
            raise Error(UNAUTHORIZED)
        response.code = CONTENT
        if route.accept == formats.LINK:
            from lwm2m.formats import link

            response.payload = link.discover(self._table, path, self._attributes)
            response.options = _LINK
            return
        target = Target(self._table, path, route.accept)
        response.payload = target.payload()
        if route.observe == 0:
            observe = self._observations.add(bytes(request.token), target)
            response.options = Options([(OBSERVE, uint_bytes(observe))] + list(target.options.items))
            return
        response.options = target.options
        if route.observe is None:
            route.target = target
        elif route.observe == 1:
            self._observations.remove(request.token)

    def _put(self, route, request):
        if route.queries or route.content_format is None:
            if request.payload:
                raise Error(BAD_REQUEST, "a payload without Content-Format")
            self._write_attributes(route)
        else:
            write(self._table, route.path, request.payload, route.content_format, True)

    def _write_attributes(self, route):
        path = route.path
        row = find(self._table, path)
        numeric = row is not None and row[2][0] in "iftu"
        if numeric and len(path) == 3 and len(row[2]) > 1:
            numeric = False  # thresholds belong to the instances of a multiple resource
        self._attributes.write(path, route.queries, numeric)
        self._observations.retune()

    def _post(self, route, request):
        path = route.path
        if len(path) == 3:
            instance = self._table.find(path[0], path[1])
            row = instance and instance.row(path[2])
            if not row:
                raise Error(NOT_FOUND)
            if row[1] == "E":
                if route.content_format not in (None, formats.TEXT):
                    raise Error(BAD_REQUEST, "arguments are text")
                getattr(instance, row[3])(_text(request.payload))
                return
            if len(row[2]) == 1:
                raise Error(METHOD_NOT_ALLOWED)
        write(
            self._table,
            path,
            request.payload,
            formats.TEXT if route.content_format is None else route.content_format,
            False,
        )


def _text(payload):
    try:
        return str(payload, "utf8")
    except ValueError:
        raise Error(BAD_REQUEST)
