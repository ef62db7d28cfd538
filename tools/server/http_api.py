"""HTTP JSON API with the paths, parameters and answers of Leshan's demo server 2.0.0-M17.

GET    /api/clients                                 all registrations
GET    /api/clients/EP                              one
GET    /api/clients/EP/3303/0/5700?timeout=&format= read
GET    /api/clients/EP/3303/0/discover              discover
PUT    /api/clients/EP/10346/0/5536?replace=        write (JSON node or text/plain)
PUT    /api/clients/EP/3303/0/5700/attributes?pmin= write attributes
POST   /api/clients/EP/3/0/4                        execute, body = arguments
POST   /api/clients/EP/3303                         create (JSON instance)
POST   /api/clients/EP/3303/0/5700/observe          observe
DELETE /api/clients/EP/3303/0/5700/observe?active   cancel: with a request, else with a Reset
DELETE /api/clients/EP/3303/0                       delete
GET    /api/event?ep=                               event stream

A client's refusal is an answer like any other (HTTP 200 with "failure": true); 400 is a request
that makes no sense or an unknown client, 504 a client that does not answer, 500 the rest.
"""

import json

from aiohttp import web

from . import codecs
from .errors import InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout
from .nodes import Resource, node_from_json
from .operations import DEFAULT_TIMEOUT_S
from .paths import format_path, parse_path

MAX_BODY = 4 << 20  # bytes: a firmware package in hex must fit
MAX_TIMEOUT_S = 3600


class _Refused(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def _timeout_s(request):
    try:
        return min(MAX_TIMEOUT_S, max(0, int(request.query["timeout"])))
    except (KeyError, ValueError):
        return DEFAULT_TIMEOUT_S


def _codec(request):
    return codecs.by_name(request.query.get("format"))


async def _node(request, path):
    kind = request.content_type
    if kind == "text/plain":
        return Resource(path[-1] if path else 0, "STRING", await request.text())
    if kind != "application/json":
        raise InvalidRequest("content type %s not supported" % kind)
    try:
        data = json.loads(await request.text())
    except (ValueError, RecursionError) as fault:
        raise InvalidRequest("unable to parse json: %s" % fault)
    return node_from_json(data)


class HttpApi:
    """The routes; server has registry, operations and events."""

    def __init__(self, server):
        self._registry = server.registry
        self._operations = server.operations
        self.app = web.Application(client_max_size=MAX_BODY)
        self.app.router.add_get("/api/clients", self._clients)
        self.app.router.add_get("/api/event", server.events.serve)
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
                return await handler(request, *self._target(request))
            except _Refused as fault:
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
            raise _Refused(400, "Invalid path")
        registration = self._registry.by_endpoint(parts[0])
        if registration is None:
            raise _Refused(400, "no registered client with id '%s'" % parts[0])
        return registration, parts[1:]

    async def _clients(self, request):
        return web.json_response([registration.to_json() for registration in self._registry])

    async def _get(self, request, registration, parts):
        if not parts:
            return web.json_response(registration.to_json())
        if len(parts) > 1 and parts[-1] == "discover":
            path = parse_path("/".join(parts[:-1]))
            work = self._operations.discover(registration, path, _timeout_s(request))
        else:
            path = parse_path("/".join(parts))
            work = self._operations.read(registration, path, _codec(request), _timeout_s(request))
        return web.json_response((await work).to_json())

    async def _put(self, request, registration, parts):
        if len(parts) < 2:
            raise _Refused(400, "Invalid path")
        timeout_s = _timeout_s(request)
        if parts[-1] == "attributes":
            path = parse_path("/".join(parts[:-1]))
            query = [
                item
                for item in request.rel_url.query_string.split("&")
                if item and not item.startswith("timeout=")
            ]
            work = self._operations.write_attributes(registration, path, query, timeout_s)
        else:
            path = parse_path("/".join(parts))
            node = await _node(request, path)
            replace = request.query.get("replace", "true").lower() == "true"
            work = self._operations.write(
                registration, path, node, _codec(request), replace, timeout_s
            )
        return web.json_response((await work).to_json())

    async def _post(self, request, registration, parts):
        timeout_s = _timeout_s(request)
        if len(parts) > 1 and parts[-1] == "observe":
            path = parse_path("/".join(parts[:-1]))
            work = self._operations.observe(registration, path, _codec(request), timeout_s)
        elif len(parts) == 3:
            path = parse_path("/".join(parts))
            work = self._operations.execute(registration, path, await request.text(), timeout_s)
        elif 1 <= len(parts) <= 2:
            path = parse_path("/".join(parts))
            node = await _node(request, path)
            work = self._operations.create(registration, path, node, _codec(request), timeout_s)
        else:
            raise _Refused(400, "Invalid path")
        return web.json_response((await work).to_json())

    async def _delete(self, request, registration, parts):
        timeout_s = _timeout_s(request)
        if len(parts) > 1 and parts[-1] == "observe":
            path = parse_path("/".join(parts[:-1]))
            if "active" not in request.query:
                self._operations.forget(registration, path)
                return web.Response()
            response = await self._operations.cancel(registration, path, timeout_s)
            if response is None:
                raise _Refused(
                    404,
                    "no observation for path %s for  client '%s'"
                    % (format_path(path), registration.endpoint),
                )
        else:
            path = parse_path("/".join(parts))
            response = await self._operations.delete(registration, path, timeout_s)
        return web.json_response(response.to_json())
