"""HTTP JSON API of the operations on several paths, as Leshan's demo server has it.

GET    /api/clients/EP/composite?paths=/3/0,/1/0/1&pathformat=&nodeformat=          read
PUT    /api/clients/EP/composite?nodeformat=            write, JSON {"/3/0/14": node, ...}
POST   /api/clients/EP/composite/observe?paths=&pathformat=&nodeformat=             observe
DELETE /api/clients/EP/composite/observe?paths=&active  cancel: with a request, else with a Reset
"""

from .codecs import composite_by_name
from .composite import DEFAULT_FORMAT
from .errors import InvalidRequest
from .http_request import Refused, block_size_of, json_of, timeout_s_of
from .nodes import node_from_json
from .paths import format_path, parse_path


def _paths(request):
    text = request.query.get("paths")
    if not text:
        raise InvalidRequest("paths is missing, expected like paths=/3/0,/1/0/1")
    return tuple(parse_path(part) for part in text.split(","))


def _format(request, name, otherwise):
    text = request.query.get(name)
    return composite_by_name(text) if text else otherwise


async def _nodes(request):
    data = await json_of(request)
    if not isinstance(data, dict):
        raise InvalidRequest("an object of paths and nodes is expected")
    return {parse_path(path): node_from_json(node) for path, node in data.items()}


class HttpComposite:
    """Answers what stands behind /composite."""

    def __init__(self, composite):
        self._composite = composite

    async def work(self, request, registration, parts):
        """Coroutine of a Response to a request, None for an empty answer; raises Refused."""
        timeout_s = timeout_s_of(request)
        if request.method == "PUT" and not parts:
            nodes = await _nodes(request)
            node_format = _format(request, "nodeformat", DEFAULT_FORMAT)
            return self._composite.write(registration, nodes, node_format, timeout_s)
        if request.method == "GET" and not parts:
            work = self._composite.read
        elif request.method == "POST" and parts == ["observe"]:
            work = self._composite.observe
        elif request.method == "DELETE" and parts == ["observe"]:
            return self._end(request, registration, _paths(request), timeout_s)
        else:
            raise Refused(400, "Invalid path")
        formats = (
            _format(request, "pathformat", DEFAULT_FORMAT),
            _format(request, "nodeformat", None),
        )
        options = (*formats, timeout_s, block_size_of(request))
        return work(registration, _paths(request), *options)

    def _end(self, request, registration, paths, timeout_s):
        if "active" not in request.query:
            self._composite.forget(registration, paths)
            return None
        if paths not in self._composite.observed(registration):
            raise Refused(
                404,
                "no composite observation for paths [%s] for  client '%s'"
                % (", ".join(map(format_path, paths)), registration.endpoint),
            )
        return self._composite.cancel(registration, paths, timeout_s)
