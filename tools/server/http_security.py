"""HTTP API of credentials and bootstraps; the first has the paths and bodies of Leshan's.

GET    /api/security/clients      endpoints and their identities, no keys
PUT    /api/security/clients      {"endpoint": EP, "tls": {"mode": "psk", "details":
                                  {"identity": "...", "key": "hexadecimal"}}}
DELETE /api/security/clients/EP
GET    /api/bootstrap             all plans, without keys, and what came of the last bootstrap
GET    /api/bootstrap/EP          one
PUT    /api/bootstrap/EP          a plan (docs/desk-server.md)
DELETE /api/bootstrap/EP
"""

from aiohttp import web

from .credentials import checked_psk
from .errors import InvalidRequest
from .http_request import json_of
from .registry import MAX_ENDPOINT_CHARS

_SECURITY = "/api/security/clients"


def _guarded(handler):
    async def guarded(request):
        try:
            return await handler(request)
        except InvalidRequest as fault:
            return web.Response(status=400, text="Invalid request: %s" % fault)

    return guarded


def _endpoint(name):
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ENDPOINT_CHARS:
        raise InvalidRequest("endpoint: expected 1..%d characters" % MAX_ENDPOINT_CHARS)
    return name


async def _json(request):
    try:
        return await json_of(request)
    except InvalidRequest:
        # not what json says: it could show a part of the text
        raise InvalidRequest("the body is no JSON") from None


class HttpSecurity:
    """Adds its routes to an application; server is a DeskServer."""

    def __init__(self, server, router):
        self._credentials = server.credentials
        self._bootstrap = server.bootstrap
        self._plans = server.bootstrap.plans
        for method, path, handler in (
            ("GET", _SECURITY, self._identities),
            ("PUT", _SECURITY, self._set_identity),
            ("DELETE", _SECURITY + "/{endpoint}", self._remove_identity),
            ("GET", "/api/bootstrap", self._all_plans),
            ("GET", "/api/bootstrap/{endpoint}", self._plan),
            ("PUT", "/api/bootstrap/{endpoint}", self._set_plan),
            ("DELETE", "/api/bootstrap/{endpoint}", self._remove_plan),
        ):
            router.add_route(method, path, _guarded(handler))
        router.add_route("PUT", _SECURITY + "/", _guarded(self._set_identity))

    async def _identities(self, request):
        return web.json_response(
            [
                {
                    "endpoint": endpoint,
                    "tls": {
                        "mode": "psk",
                        "details": {"identity": identity.decode(errors="replace")},
                    },
                }
                for endpoint, identity in self._credentials.identities().items()
            ]
        )

    async def _set_identity(self, request):
        data = await _json(request)
        tls = data.get("tls") if isinstance(data, dict) else None
        details = tls.get("details") if isinstance(tls, dict) else None
        if not isinstance(details, dict) or tls.get("mode") != "psk":
            raise InvalidRequest("expected endpoint, and tls with mode psk and its details")
        psk = checked_psk(details.get("identity"), details.get("key"))
        self._credentials.set(_endpoint(data.get("endpoint")), *psk)
        return web.Response()

    async def _remove_identity(self, request):
        found = self._credentials.remove(request.match_info["endpoint"])
        return web.Response(status=204 if found else 404)

    def _shown(self, endpoint, plan):
        return {"endpoint": endpoint, "plan": plan, "last": self._bootstrap.record(endpoint)}

    async def _all_plans(self, request):
        plans = self._plans.to_json().items()
        return web.json_response([self._shown(endpoint, plan) for endpoint, plan in plans])

    async def _plan(self, request):
        endpoint = request.match_info["endpoint"]
        plan = self._plans.get(endpoint)
        if plan is None:
            return web.Response(status=404, text="no plan for '%s'" % endpoint)
        return web.json_response(self._shown(endpoint, plan.to_json()))

    async def _set_plan(self, request):
        self._plans.set(_endpoint(request.match_info["endpoint"]), await _json(request))
        return web.Response()

    async def _remove_plan(self, request):
        found = self._plans.remove(request.match_info["endpoint"])
        return web.Response(status=204 if found else 404)
