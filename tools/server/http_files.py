"""HTTP API of the files that clients fetch over CoAP.

GET    /api/files         all files
PUT    /api/files/NAME    offers the body; the answer says where clients find it
GET    /api/files/NAME    how much of it was sent
DELETE /api/files/NAME    offers it no more
"""

from aiohttp import web

from .errors import InvalidRequest

_FILES = "/api/files"


class HttpFiles:
    """Adds its routes to an application; server is a DeskServer."""

    def __init__(self, server, router):
        self._server = server
        self._files = server.files
        router.add_get(_FILES, self._all)
        router.add_put(_FILES + "/{name}", self._put)
        router.add_get(_FILES + "/{name}", self._get)
        router.add_delete(_FILES + "/{name}", self._remove)

    def _shown(self, file):
        # ports, not URIs: at "0.0.0.0" the server does not know its own address
        server = self._server
        ports = {"coap_port": server.coap_port, "coaps_port": server.coaps_port}
        return {**file.to_json(), "host": server.host, **ports}

    async def _all(self, request):
        return web.json_response([self._shown(file) for file in self._files])

    async def _put(self, request):
        try:
            file = self._files.put(request.match_info["name"], await request.read())
        except InvalidRequest as fault:
            return web.Response(status=400, text="Invalid request: %s" % fault)
        return web.json_response(self._shown(file))

    async def _get(self, request):
        file = self._files.get(request.match_info["name"])
        if file is None:
            return web.Response(status=404, text="no such file")
        return web.json_response(self._shown(file))

    async def _remove(self, request):
        found = self._files.remove(request.match_info["name"])
        return web.Response(status=204 if found else 404)
