"""Puts the server together: registry, CoAP side, HTTP side."""

import asyncio
import logging

from aiohttp import web

from .asking import Asker
from .bootstrap import BootstrapServer
from .coaplog import CoapLog
from .composite import Composite
from .credentials import Credentials
from .delayed import Delayed
from .directory import Directory
from .errors import RequestTimeout
from .events import EventStream
from .files import FOLDER, Files
from .http_api import HttpApi
from .models import Models
from .observations import Observations
from .operations import Operations
from .paths import format_path
from .ports import Ports, PortTaken, port_fault
from .presence import AWAKE_S, Presence
from .registry import Registry
from .response import content_to_json, timed_to_json
from .sends import Sends
from .site import Site

_log = logging.getLogger("desk-server")

_OPTIONS = ("--coap-port", "--coaps-port")

__all__ = ["DeskServer", "PortTaken"]


class DeskServer:
    """LwM2M server with an HTTP API; use it with "async with".

    Args:
        coap_port, http_port: 0 takes a free port, the attributes of the same name then tell it;
            coap_port None: no CoAP over plain UDP.
        host: local address of the CoAP sockets; a real board needs one it can reach.
        http_host: local address of the HTTP API, loopback unless said otherwise.
        versions: LwM2M versions a client may register with; others get 4.12.
        block_size: bytes of a block, 16..1024, that answers are asked to come in and writes go
            in; None for as the client likes, and writes in one message up to 1024 bytes.
        location: segments between "rd" and the id in the Location-Path of a registration.
        awake_s: how long a client in queue mode is awake after it was heard.
        coaps_port: CoAP over DTLS with the pre-shared keys of `credentials`, None for none.
        bootstrap_port, bootstraps_port: CoAP and CoAP over DTLS of a Bootstrap-Server beside it,
            `bootstrap`, with the plans and keys of `bootstrap.plans`; None for none.
    Errors: PortTaken, OSError.
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
        coaps_port=None,
        bootstrap_port=None,
        bootstraps_port=None,
    ):
        self.coap_port = coap_port
        self.coaps_port = coaps_port
        self.bootstrap_port = bootstrap_port
        self.bootstraps_port = bootstraps_port
        self.http_port = http_port
        self.host = host
        self.http_host = http_host
        self.events = EventStream()
        models = models or Models()
        self.registry = Registry(self._registration_event, versions)
        self.presence = Presence(self._presence_event, awake_s)
        sends = Sends(self.registry, models, self._sent, self._send_refused)
        self.credentials = Credentials()
        self.bootstrap = BootstrapServer(models, self.events, self._emit)
        directory = Directory(self.registry, self.credentials, location)
        self.files = Files(block_size)
        parts = {"rd": directory.answer, "dp": sends.answer, FOLDER: self.files.answer}
        site = Site(parts)
        trace = CoapLog(self._endpoint_at, self.events).trace
        self._ports = Ports(site, trace, self.credentials, block_size)
        self.transport = self._ports.transport
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
    def coaps_uri(self):
        """URI for a client that is to come over DTLS."""
        return "coaps://%s:%d" % (self.host, self.coaps_port)

    @property
    def bootstrap_uri(self):
        """URI of the Bootstrap-Server."""
        return "coap://%s:%d" % (self.host, self.bootstrap_port)

    @property
    def bootstraps_uri(self):
        """URI of the Bootstrap-Server for a client that is to come over DTLS."""
        return "coaps://%s:%d" % (self.host, self.bootstraps_port)

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

    def _endpoint_at(self, remote):
        registration = self.registry.by_remote(remote)
        return registration and registration.endpoint

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
        """Opens the ports."""
        try:
            ports = self._ports
            await ports.start(self.host, self.coap_port, self.coaps_port, _OPTIONS)
            self.coap_port, self.coaps_port = ports.coap_port, ports.coaps_port
            if self.bootstrap_port is not None or self.bootstraps_port is not None:
                ports = self.bootstrap.ports
                await self.bootstrap.start(self.host, self.bootstrap_port, self.bootstraps_port)
                self.bootstrap_port, self.bootstraps_port = ports.coap_port, ports.coaps_port
            await self._start_http()
        except BaseException:
            await self.stop()
            raise

    async def _start_http(self):
        self._runner = web.AppRunner(
            HttpApi(self).app, access_log=None, handle_signals=False, shutdown_timeout=1
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.http_host, self.http_port).start()
        except OSError as fault:
            raise port_fault(fault, self.http_port, "--http-port") from None
        self.http_port = self._runner.addresses[0][1]

    async def stop(self):
        """Closes the ports and forgets every registration."""
        self.events.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
        await self.delayed.close()
        await self.observations.close()
        self.presence.close()
        self.registry.close()
        await self.bootstrap.stop()
        await self._ports.stop()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *exc):
        await self.stop()
