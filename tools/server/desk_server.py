"""Puts the server together: registry, CoAP side, HTTP side."""

import asyncio
import errno
import logging

from aiohttp import web

from .asking import Asker
from .coaplog import CoapLog
from .composite import Composite
from .delayed import Delayed
from .directory import Directory
from .errors import RequestTimeout
from .events import EventStream
from .http_api import HttpApi
from .models import Models
from .observations import Observations
from .operations import Operations
from .paths import format_path
from .presence import AWAKE_S, Presence
from .registry import Registry
from .response import content_to_json, timed_to_json
from .sends import Sends
from .site import Site
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
        block_size: bytes of a block, 16..1024, that answers are asked to come in and writes go
            in; None for as the client likes, and writes in one message up to 1024 bytes.
        location: segments between "rd" and the id in the Location-Path of a registration.
        awake_s: how long a client in queue mode is awake after it was heard.
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
        block_size=None,
        location=(),
        awake_s=AWAKE_S,
    ):
        self.coap_port = coap_port
        self.http_port = http_port
        self.host = host
        self.http_host = http_host
        self.events = EventStream()
        models = models or Models()
        self.registry = Registry(self._registration_event, versions)
        self.presence = Presence(self._presence_event, awake_s)
        sends = Sends(self.registry, models, self._sent, self._send_refused)
        site = Site({"rd": Directory(self.registry, location).answer, "dp": sends.answer})
        self.transport = Transport(site, CoapLog(self.registry, self.events).trace, block_size)
        asker = Asker(self.transport, models, self.presence)
        self.observations = Observations(asker, self._notification)
        self.operations = Operations(asker, self.observations)
        self.composite = Composite(asker, self.observations)
        self.delayed = Delayed(self.presence, self._emit)
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

    def registration_json(self, registration):
        """The JSON shape of a registration, with whether its client sleeps."""
        return registration.to_json(asleep=not self.presence.is_awake(registration))

    def _registration_event(self, kind, registration, update):
        if kind == "DEREGISTRATION":
            self.observations.forget_all(registration)
            self.presence.forget(registration)
        data = self.registration_json(registration)
        if kind != "DEREGISTRATION" and registration.queue_mode:
            data["sleeping"] = False
        if kind == "UPDATED":
            data = {"registration": data, "update": update.to_json()}
        _log.info("%s %s %s", kind, registration.endpoint, registration.id)
        self._emit(kind, registration.endpoint, data)
        if kind != "DEREGISTRATION":
            self.presence.awake(registration)

    def _presence_event(self, kind, registration):
        self._emit(kind, registration.endpoint, {"ep": registration.endpoint})

    def _notification(self, registration_id, observation, response):
        registration = self.registry.by_id(registration_id)
        if registration is None:
            return
        self.presence.awake(registration)
        data = {"ep": registration.endpoint}
        if observation.composite:
            data["kind"] = "composite"
            data["paths"] = [format_path(path) for path in observation.paths]
        else:
            data["kind"] = "single"
            data["res"] = format_path(observation.paths[0])
        if isinstance(response, str):
            self._emit("OBSERVATION_ERROR", registration.endpoint, {**data, "error": response})
        elif response.success:
            data["val"] = response.to_json()["content"]
            if response.timed:
                data["timestamped"] = timed_to_json(response.timed)
            self._emit("NOTIFICATION", registration.endpoint, data)
        else:
            data.update(response.to_json())
            _log.warning("observation of %s ended: %s", observation, response.status)
            self._emit("OBSERVATION_ENDED", registration.endpoint, data)

    def _later(self, kind, endpoint, data):
        """Emits an event when the answer to the client is on its way."""
        asyncio.get_running_loop().call_soon(self._emit, kind, endpoint, data)

    def _sent(self, registration, timed):
        data = {"ep": registration.endpoint, "val": content_to_json(timed[0][1])}
        if timed[0][0] is not None or len(timed) > 1:
            data["timestamped"] = timed_to_json(timed)
        self._later("SEND", registration.endpoint, data)

    def _send_refused(self, registration, text):
        data = {"ep": registration.endpoint, "error": text}
        self._later("SEND_ERROR", registration.endpoint, data)

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
        await self.delayed.close()
        await self.observations.close()
        self.presence.close()
        self.registry.close()
        await self.transport.stop()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *exc):
        await self.stop()
