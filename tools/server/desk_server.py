"""Puts the server together: registry, CoAP side, HTTP side."""

import asyncio
import errno
import logging

from aiohttp import web

from .directory import Directory
from .errors import RequestTimeout
from .events import EventStream
from .http_api import HttpApi
from .models import Models
from .operations import Operations
from .registry import Registry
from .transport import Transport

_log = logging.getLogger("desk-server")


class PortTaken(OSError):
    """A port is in use already; the text says which and what to do."""


class DeskServer:
    """LwM2M server with an HTTP API; use it with "async with".

    Args:
        coap_port, http_port: 0 takes a free port, the attributes of the same name then tell it.
        host: local address of the CoAP socket; a real board needs one it can reach.
        http_host: local address of the HTTP API, loopback unless said otherwise.
        versions: LwM2M versions a client may register with; others get 4.12.
    Errors: PortTaken.
    """

    def __init__(
        self,
        coap_port=5683,
        http_port=8080,
        host="127.0.0.1",
        http_host="127.0.0.1",
        versions=("1.0", "1.1"),
        models=None,
    ):
        self.coap_port = coap_port
        self.http_port = http_port
        self.host = host
        self.http_host = http_host
        self.events = EventStream()
        self.registry = Registry(self._registration_event, versions)
        self.transport = Transport(Directory(self.registry))
        self.operations = Operations(self.transport, models or Models(), self._notification)
        self._listeners = []
        self._runner = None

    @property
    def coap_uri(self):
        """URI that a client is given to find this server."""
        return "coap://%s:%d" % (self.host, self.coap_port)

    @property
    def http_uri(self):
        """Root of the HTTP API."""
        return "http://%s:%d/api" % (self.http_host, self.http_port)

    def listen(self, listener):
        """Calls listener(kind, endpoint, data) for every event of the event stream, too."""
        self._listeners.append(listener)

    async def wait_registered(self, endpoint, timeout_s):
        """The registration of an endpoint, at once or when it comes; RequestTimeout if not."""
        arrived = asyncio.Event()

        def listener(kind, name, data):
            if kind == "REGISTRATION" and name == endpoint:
                arrived.set()

        self._listeners.append(listener)
        try:
            if self.registry.by_endpoint(endpoint) is None:
                await asyncio.wait_for(arrived.wait(), timeout_s)
        except asyncio.TimeoutError:
            raise RequestTimeout("%s did not register within %g s" % (endpoint, timeout_s))
        finally:
            self._listeners.remove(listener)
        return self.registry.by_endpoint(endpoint)

    def _emit(self, kind, endpoint, data):
        self.events.send(kind, endpoint, data)
        for listener in list(self._listeners):
            listener(kind, endpoint, data)

    def _registration_event(self, kind, registration, update):
        data = registration.to_json()
        if kind == "DEREGISTRATION":
            self.operations.forget_all(registration)
        if kind == "UPDATED":
            data = {"registration": data, "update": update.to_json()}
        _log.info("%s %s %s", kind, registration.endpoint, registration.location)
        self._emit(kind, registration.endpoint, data)

    def _notification(self, registration_id, path, response):
        registration = self.registry.by_id(registration_id)
        if registration is None:
            return
        resource = "/" + "/".join(map(str, path))
        data = {"ep": registration.endpoint, "kind": "single", "res": resource}
        if response.success:
            data["val"] = response.to_json()["content"]
            self._emit("NOTIFICATION", registration.endpoint, data)
        else:
            data.update(response.to_json())
            _log.warning("observation of %s ended: %s", resource, response.status)
            self._emit("OBSERVATION_ENDED", registration.endpoint, data)

    async def start(self):
        """Opens both ports."""
        try:
            await self.transport.start(self.host, self.coap_port)
            self.coap_port = self.transport.port
            self._runner = web.AppRunner(
                HttpApi(self).app, access_log=None, handle_signals=False, shutdown_timeout=1
            )
            await self._runner.setup()
            site = web.TCPSite(self._runner, self.http_host, self.http_port)
            await site.start()
            self.http_port = self._runner.addresses[0][1]
        except OSError as fault:
            port, option = (
                (self.http_port, "--http-port")
                if self._runner
                else (self.coap_port, "--coap-port")
            )
            await self.stop()
            if fault.errno == errno.EADDRINUSE:
                raise PortTaken(
                    "port %d is in use: stop the program that has it, or choose another port "
                    "with %s (0 takes a free one)" % (port, option)
                )
            raise

    async def stop(self):
        """Closes both ports and forgets every registration."""
        self.events.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
        await self.operations.close()
        self.registry.close()
        await self.transport.stop()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *exc):
        await self.stop()
