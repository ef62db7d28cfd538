"""Dispatch: which operation of LwM2M a CoAP request is (TS 1.1.1 Transport section 6.4)."""

from micropython import const

from coap.endpoint import SILENCE
from coap.message import Error, Options, uint, uint_bytes
from lwm2m import formats
from lwm2m.path import parse
from lwm2m.read import Target, find
from lwm2m.registration import REGISTERED

_OBSERVE = const(6)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)
_ACCEPT = const(17)
_CHANGED = const(0x44)  # 2.04
_CONTENT = const(0x45)  # 2.05
_BAD_REQUEST = const(0x80)  # 4.00
_UNAUTHORIZED = const(0x81)  # 4.01
_NOT_FOUND = const(0x84)  # 4.04
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05

_GET = const(1)
_POST = const(2)
_PUT = const(3)

_LINK = Options(((_CONTENT_FORMAT, uint_bytes(formats.LINK)),))


class Route:
    """What the options of a request mean here."""

    def __init__(self, options):
        self.path = parse(options.all(_URI_PATH))
        accept = options.first(_ACCEPT)
        self.accept = None if accept is None else uint(accept)
        content_format = options.first(_CONTENT_FORMAT)
        self.content_format = None if content_format is None else uint(content_format)
        observe = options.first(_OBSERVE)
        self.observe = None if observe is None else uint(observe)
        self.queries = options.all(_URI_QUERY)


class Operations:
    """The handler of one server's requests.

    `observations` and `attributes` are those of this server. Before it has accepted the
    registration its requests are ignored.
    """

    def __init__(self, table, observations, attributes, registration):
        self._table = table
        self._observations = observations
        self._attributes = attributes
        self._registration = registration

    def handle(self, request, response):
        """Executes a request and fills the response; raises Error."""
        if self._registration.state != REGISTERED:
            response.code = SILENCE
            return
        route = Route(request.options)
        code = request.code
        if code == _GET:
            self._get(route, request, response)
            return
        path = route.path
        if path and path[0] == 0:
            raise Error(_UNAUTHORIZED)
        if code == _PUT and len(path) > 1:
            self._put(route, request)
        elif code == _POST and len(path) > 1:
            self._post(route, request)
        else:
            raise Error(_METHOD_NOT_ALLOWED)
        response.code = _CHANGED

    def _get(self, route, request, response):
        path = route.path
        if not path:
            raise Error(_NOT_FOUND)
        if path[0] == 0:
            raise Error(_UNAUTHORIZED)
        response.code = _CONTENT
        if route.accept == formats.LINK:
            from lwm2m.formats import link

            response.payload = link.discover(self._table, path, self._attributes)
            response.options = _LINK
            return
        target = Target(self._table, path, route.accept)
        response.payload = target.payload()
        if route.observe == 0:
            observe = self._observations.add(bytes(request.token), target)
            response.options = Options(
                [(_OBSERVE, uint_bytes(observe))] + list(target.options.items)
            )
            return
        response.options = target.options
        if route.observe is None:
            response.again = target.payload
        elif route.observe == 1:
            self._observations.remove(request.token)

    def _put(self, route, request):
        if route.queries or route.content_format is None:
            if request.payload:
                raise Error(_BAD_REQUEST, "a payload without Content-Format")
            self._write_attributes(route)
        else:
            self._write(route, request, route.content_format, True)

    def _write_attributes(self, route):
        from lwm2m import attributes

        row = find(self._table, route.path)
        # Thresholds belong to a number: a single one, or an instance of a multiple resource.
        numeric = row and row[2][0] in "iftu" and len(route.path) == 2 + len(row[2][:2])
        attributes.write(self._attributes, route.path, route.queries, numeric)
        self._observations.retune()

    def _post(self, route, request):
        path = route.path
        if len(path) == 3:
            instance = self._table.find(path[0], path[1])
            row = instance and instance.row(path[2])
            if not row:
                raise Error(_NOT_FOUND)
            if row[1] == "E":
                if route.content_format not in (None, formats.TEXT):
                    raise Error(_BAD_REQUEST, "arguments are text")
                getattr(instance, row[3])(_text(request.payload))
                return
            if len(row[2]) == 1:
                raise Error(_METHOD_NOT_ALLOWED)
        self._write(route, request, route.content_format or formats.TEXT, False)

    def _write(self, route, request, content_format, replace):
        from lwm2m.write import write

        write(self._table, route.path, request.payload, content_format, replace)


def _text(payload):
    try:
        return str(payload, "utf8")
    except ValueError:
        raise Error(_BAD_REQUEST)
