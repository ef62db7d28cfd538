"""HTTP JSON API with the paths, parameters and answers of Leshan's demo server 2.0.0-M17.

GET    /api/clients                                 all registrations
GET    /api/clients/EP                              one
GET    /api/clients/EP/3303/0/5700?timeout=&format=&block= read
GET    /api/clients/EP/3303/0/discover              discover
PUT    /api/clients/EP/10346/0/5536?replace=        write (JSON node or text/plain)
PUT    /api/clients/EP/3303/0/5700/attributes?pmin= write attributes
POST   /api/clients/EP/3/0/4                        execute, body = arguments
POST   /api/clients/EP/3303                         create (JSON instance)
POST   /api/clients/EP/3303/0/5700/observe          observe
DELETE /api/clients/EP/3303/0/5700/observe?active   cancel: with a request, else with a Reset
DELETE /api/clients/EP/3303/0                       delete
...    /api/clients/EP/composite                    see http_composite.py
...    /api/security, /api/bootstrap                see http_security.py
...    /api/files                                   see http_files.py
GET    /api/event?ep=                               event stream

A client's refusal is an answer like any other (HTTP 200 with "failure": true); 400 is a request
that makes no sense or an unknown client, 504 a client that does not answer, 500 the rest. What a
sleeping client is asked is answered with "delayed": true, the rest follows as an event.
"""

from aiohttp import web

from . import codecs
from .errors import InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout
from .http_composite import HttpComposite
from .http_files import HttpFiles
from .http_request import Refused, block_size_of, json_of, timeout_s_of
from .http_security import HttpSecurity
from .nodes import Resource, node_from_json
from .paths import format_path, parse_path

MAX_BODY = 4 << 20  # bytes: a firmware package in hex must fit


def _codec(request):
    return codecs.by_name(request.query.get("format"))


async def _node(request, path):
    kind = request.content_type
    if kind == "text/plain":
        return Resource(path[-1] if path else 0, "STRING", await request.text())
    if kind != "application/json":
        raise InvalidRequest("content type %s not supported" % kind)
    return node_from_json(await json_of(request))


class HttpApi:
    """The routes; server is a DeskServer."""

    def __init__(self, server):
        self._server = server
        self._registry = server.registry
        self._operations = server.operations
        self._composite = HttpComposite(server.composite)
        self.app = web.Application(client_max_size=MAX_BODY)
        self.app.router.add_get("/api/clients", self._clients)
        self.app.router.add_get("/api/event", server.events.serve)
        HttpSecurity(server, self.app.router)
        HttpFiles(server, self.app.router)
        for method, handler in (
            ("GET", self._get),
            ("PUT", self._put),
            ("POST", self._post),
            ("DELETE", self._delete),
        ):
            self.app.router.add_route(method, "/api/clients/{tail:.*}", self._guarded(handler))

    def _guarded(self, handler):
        async def guarded(request):
            try:
                registration, parts = self._target(request)
                if parts[:1] == ["composite"]:
                    path = None
                    work = await self._composite.work(request, registration, parts[1:])
                else:
                    path, work = await handler(request, registration, parts)
                return await self._answer(registration, path, work)
            except Refused as fault:
                return web.Response(status=fault.status, text=str(fault))
            except InvalidRequest as fault:
                return web.Response(status=400, text="Invalid request: %s" % fault)
            except RequestTimeout as fault:
                return web.Response(status=504, text=str(fault))
            except RequestRejected as fault:
                return web.Response(status=500, text="Request rejected: %s" % fault)
            except InvalidResponse as fault:
                return web.Response(status=500, text="Invalid Response: %s" % fault)

        return guarded

    def _target(self, request):
        """(registration, list of the path's parts behind the endpoint name)."""
        parts = [part for part in request.match_info["tail"].split("/") if part]
        if not parts:
            raise Refused(400, "Invalid path")
        registration = self._registry.by_endpoint(parts[0])
        if registration is None:
            raise Refused(400, "no registered client with id '%s'" % parts[0])
        return registration, parts[1:]

    async def _answer(self, registration, path, work):
        """HTTP response to work, a coroutine, or to what is known already."""
        if hasattr(work, "__await__"):
            work = await self._server.delayed.answer(registration, path, work)
        if work is None:
            return web.Response()
        return web.json_response(work if isinstance(work, dict) else work.to_json())

    async def _clients(self, request):
        return web.json_response(
            [self._server.registration_json(registration) for registration in self._registry]
        )

    async def _get(self, request, registration, parts):
        if not parts:
            return None, self._server.registration_json(registration)
        timeout_s = timeout_s_of(request)
        if len(parts) > 1 and parts[-1] == "discover":
            path = parse_path("/".join(parts[:-1]))
            return path, self._operations.discover(registration, path, timeout_s)
        path = parse_path("/".join(parts))
        options = (_codec(request), timeout_s, block_size_of(request))
        return path, self._operations.read(registration, path, *options)

    async def _put(self, request, registration, parts):
        if len(parts) < 2:
            raise Refused(400, "Invalid path")
        timeout_s = timeout_s_of(request)
        if parts[-1] == "attributes":
            path = parse_path("/".join(parts[:-1]))
            query = [
                item
                for item in request.rel_url.query_string.split("&")
                if item and not item.startswith("timeout=")
            ]
            return path, self._operations.write_attributes(registration, path, query, timeout_s)
        path = parse_path("/".join(parts))
        node = await _node(request, path)
        replace = request.query.get("replace", "true").lower() == "true"
        codec = _codec(request)
        return path, self._operations.write(registration, path, node, codec, replace, timeout_s)

    async def _post(self, request, registration, parts):
        timeout_s = timeout_s_of(request)
        codec = _codec(request)
        if len(parts) > 1 and parts[-1] == "observe":
            path = parse_path("/".join(parts[:-1]))
            options = (codec, timeout_s, block_size_of(request))
            return path, self._operations.observe(registration, path, *options)
        path = parse_path("/".join(parts))
        if len(path) == 3:
            arguments = await request.text()
            return path, self._operations.execute(registration, path, arguments, timeout_s)
        if 1 <= len(path) <= 2:
            node = await _node(request, path)
            return path, self._operations.create(registration, path, node, codec, timeout_s)
        raise Refused(400, "Invalid path")

    async def _delete(self, request, registration, parts):
        timeout_s = timeout_s_of(request)
        if len(parts) > 1 and parts[-1] == "observe":
            path = parse_path("/".join(parts[:-1]))
            if "active" not in request.query:
                self._operations.forget(registration, path)
                return path, None
            if path not in self._operations.observed(registration):
                raise Refused(
                    404,
                    "no observation for path %s for  client '%s'"
                    % (format_path(path), registration.endpoint),
                )
            return path, self._operations.cancel(registration, path, timeout_s)
        path = parse_path("/".join(parts))
        return path, self._operations.delete(registration, path, timeout_s)
