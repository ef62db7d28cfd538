"""What a server asks of a client: read, write, execute, discover, observe ... (LwM2M 1.1.1, 6.3).

Every operation takes a registration and a path (tuple of ids) and gives a Response; the client's
refusal is a Response too. Errors: InvalidRequest where nothing sensible could be sent,
InvalidResponse, RequestRejected and RequestTimeout of the exchange.
"""

import asyncio
import logging
import time

from aiocoap import DELETE, GET, POST, PUT, Message

from . import codecs
from .errors import CodecError, InvalidRequest, InvalidResponse
from .linkformat import parse_links
from .nodes import (
    MultiResource,
    ObjectInstance,
    ObjectNode,
    Resource,
    ResourceInstance,
)
from .paths import format_path
from .response import Response, code_of

_log = logging.getLogger("desk-server")

DEFAULT_TIMEOUT_S = 5
MAX_OBSERVATIONS = 100  # of one registration
_REORDER_S = 128  # RFC 7641, 3.4


class _Observation:
    """An observed path: what is needed to hear of it and to end it."""

    def __init__(self, path, codec):
        self.path = path
        self.codec = codec
        self.token = b""
        self.end = None
        self._sequence = None
        self._heard_at = 0

    def is_fresh(self, sequence):
        """True if a notification of this Observe number is newer than the last (RFC 7641, 3.4)."""
        now = time.monotonic()
        last = self._sequence
        fresh = (
            last is None
            or 0 < (sequence - last) % (1 << 24) < 1 << 23
            or now > self._heard_at + _REORDER_S
        )
        if fresh:
            self._sequence = sequence
            self._heard_at = now
        return fresh


class Operations:
    """Sends the requests of a server to registered clients.

    on_notification(registration id, path, Response) is called for every notification.
    """

    def __init__(self, transport, models, on_notification):
        self._transport = transport
        self._models = models
        self._on_notification = on_notification
        self._observations = {}  # registration id -> {path: _Observation}
        self._tasks = set()

    def _message(self, registration, method, path, **options):
        root = [part for part in registration.root_path.split("/") if part]
        message = Message(code=method, uri_path=(*root, *map(str, path)), **options)
        message.remote = registration.remote
        return message

    async def _ask(self, registration, message, timeout_s):
        return await self._transport.request(message, timeout_s)

    def _decode(self, message, path):
        number = message.opt.content_format
        codec = codecs.by_code(number) if number is not None else None
        if codec is None:
            raise InvalidResponse("unexpected content format %s" % number)
        try:
            return codec.decode(message.payload, path, self._models)
        except CodecError as fault:
            raise InvalidResponse(
                "Unable to decode response of %s: %s" % (format_path(path), fault)
            )

    def _response(self, message, path, *expected, decode=False):
        """Response of an answer whose code has to be an error or one of those expected."""
        code = code_of(message)
        if code[0] in "45":
            return Response(code, error=message.payload.decode(errors="replace"))
        if code not in expected:
            raise InvalidResponse("unexpected response code %s" % code)
        return Response(code, self._decode(message, path) if decode else None)

    async def read(self, registration, path, codec=None, timeout_s=DEFAULT_TIMEOUT_S):
        """Read; codec states the wanted format (Accept), None leaves it to the client."""
        if not path:
            raise InvalidRequest("Read request cannot target root path")
        message = self._message(registration, GET, path, accept=codec and codec.CODE)
        answer = await self._ask(registration, message, timeout_s)
        return self._response(answer, path, "2.05", decode=True)

    async def discover(self, registration, path, timeout_s=DEFAULT_TIMEOUT_S):
        """Discover: the links below a path."""
        if not path or len(path) > 3:
            raise InvalidRequest("Discover request needs an object, instance or resource")
        message = self._message(registration, GET, path, accept=codecs.LINK_FORMAT)
        answer = await self._ask(registration, message, timeout_s)
        response = self._response(answer, path, "2.05")
        if response.success:
            if answer.opt.content_format != codecs.LINK_FORMAT:
                raise InvalidResponse("unexpected content format %s" % answer.opt.content_format)
            try:
                response.links = parse_links(answer.payload)
            except CodecError as fault:
                raise InvalidResponse("Unable to decode response: %s" % fault)
        return response

    def _default_codec(self, registration, node, path):
        """TLV, unless the client's registration lists other formats without it."""
        known = registration.content_formats
        if known and codecs.tlv.CODE not in known:
            for codec in codecs.CODECS:
                if codec.CODE in known:
                    return codec
        return codecs.tlv

    def _encode(self, registration, node, path, codec):
        codec = codec or self._default_codec(registration, node, path)
        node = codecs.convert.to_model(node, path, self._models)
        return codec.CODE, codec.encode(node, path, self._models)

    async def write(
        self, registration, path, node, codec=None, replace=True, timeout_s=DEFAULT_TIMEOUT_S
    ):
        """Write: replaces (PUT) or updates in part (POST) what is at the path by a node."""
        wanted = {2: ObjectInstance, 3: (Resource, MultiResource), 4: ResourceInstance}
        if len(path) < 2:
            raise InvalidRequest("write request %s cannot target an object" % format_path(path))
        if not isinstance(node, wanted[len(path)]):
            raise InvalidRequest(
                "path '%s' and node type '%s' do not match"
                % (format_path(path), type(node).__name__)
            )
        if not replace and not isinstance(node, (ObjectInstance, MultiResource)):
            raise InvalidRequest("Invalid mode for '%s': update" % format_path(path))
        if len(path) > 2 and node.id != path[-1]:
            raise InvalidRequest("id %s does not match path %s" % (node.id, format_path(path)))
        number, payload = self._encode(registration, node, path, codec)
        message = self._message(
            registration,
            PUT if replace else POST,
            path,
            content_format=number,
            payload=payload,
        )
        answer = await self._ask(registration, message, timeout_s)
        return self._response(answer, path, "2.04")

    async def write_attributes(self, registration, path, query, timeout_s=DEFAULT_TIMEOUT_S):
        """Write-Attributes: query is a list of texts like "pmin=5", or "pmin" to remove it."""
        if not path or not query:
            raise InvalidRequest("Write-Attributes needs a path and at least one attribute")
        message = self._message(registration, PUT, path, uri_query=tuple(query))
        answer = await self._ask(registration, message, timeout_s)
        return self._response(answer, path, "2.04")

    async def execute(self, registration, path, arguments="", timeout_s=DEFAULT_TIMEOUT_S):
        """Execute a resource; arguments is the text of 6.3.7's ABNF, sent as it is."""
        if len(path) != 3:
            raise InvalidRequest("Execute request needs a resource")
        message = self._message(registration, POST, path)
        if arguments:
            message.payload = arguments.encode()
            message.opt.content_format = codecs.text.CODE
        answer = await self._ask(registration, message, timeout_s)
        return self._response(answer, path, "2.04")

    async def create(self, registration, path, node, codec=None, timeout_s=DEFAULT_TIMEOUT_S):
        """Create an instance of an object; without an id the client chooses one."""
        if len(path) != 1 or not isinstance(node, ObjectInstance):
            raise InvalidRequest("Create request needs an object and an instance as payload")
        number, payload = self._encode(registration, ObjectNode(path[0], [node]), path, codec)
        message = self._message(registration, POST, path, content_format=number, payload=payload)
        answer = await self._ask(registration, message, timeout_s)
        response = self._response(answer, path, "2.01")
        if response.success and answer.opt.location_path:
            response.location = "/".join(answer.opt.location_path)
        return response

    async def delete(self, registration, path, timeout_s=DEFAULT_TIMEOUT_S):
        """Delete an object instance (or a resource instance, LwM2M 1.2)."""
        if len(path) not in (2, 4):
            raise InvalidRequest("Delete request needs an object instance")
        message = self._message(registration, DELETE, path)
        answer = await self._ask(registration, message, timeout_s)
        return self._response(answer, path, "2.02")

    async def observe(self, registration, path, codec=None, timeout_s=DEFAULT_TIMEOUT_S):
        """Observe a path; the Response holds its present value.

        An observation of the same path is replaced. Notifications go to on_notification.
        """
        if not path:
            raise InvalidRequest("Observe request cannot target root path")
        known = self._observations.setdefault(registration.id, {})
        if path not in known and len(known) >= MAX_OBSERVATIONS:
            raise InvalidRequest("%d paths are observed already" % MAX_OBSERVATIONS)
        self.forget(registration, path)
        message = self._message(registration, GET, path, accept=codec and codec.CODE, observe=0)
        observation = _Observation(path, codec)
        first = asyncio.get_running_loop().create_future()

        def on_event(event):
            if not first.done():
                if event.message is not None:
                    first.set_result(event.message)
                else:
                    first.set_exception(event.exception)
            elif event.message is not None:
                self._notified(registration.id, observation, message, event.message)
            return not event.is_last

        observation.end = self._transport.send(message, on_event)
        observation.token = message.token
        kept = False
        try:
            deadline = time.monotonic() + timeout_s
            answer = await self._transport.outcome(first, timeout_s)
            kept = answer.opt.observe is not None
            if kept:
                observation.is_fresh(answer.opt.observe)
                self._observations.setdefault(registration.id, {})[path] = observation
            answer = await self._transport.complete(message, answer, deadline)
            return self._response(answer, path, "2.05", decode=True)
        finally:
            if not kept:
                observation.end()

    def _notified(self, registration_id, observation, request, message):
        number = message.opt.observe
        if number is None:
            # an answer without Observe, mostly an error, ends the observation (RFC 7641, 3.2)
            self._drop(registration_id, observation)
        elif not observation.is_fresh(number):
            return
        task = asyncio.ensure_future(self._deliver(registration_id, observation, request, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, registration_id, observation, request, message):
        path = observation.path
        try:
            deadline = time.monotonic() + DEFAULT_TIMEOUT_S
            answer = await self._transport.complete(request, message, deadline)
            response = self._response(answer, path, "2.05", "2.04", decode=True)
        except Exception as fault:
            _log.warning("notification of %s is of no use: %s", format_path(path), fault)
            return
        self._on_notification(registration_id, path, response)

    def _drop(self, registration_id, observation):
        known = self._observations.get(registration_id, {})
        if known.get(observation.path) is observation:
            del known[observation.path]

    def observed(self, registration):
        """Paths under observation."""
        return list(self._observations.get(registration.id, {}))

    def forget(self, registration, path):
        """Ends an observation without a word: its next notification is answered with a Reset."""
        observation = self._observations.get(registration.id, {}).pop(path, None)
        if observation:
            observation.end()
        return observation

    def forget_all(self, registration):
        """Ends every observation of a registration."""
        for observation in self._observations.pop(registration.id, {}).values():
            observation.end()

    async def cancel(self, registration, path, timeout_s=DEFAULT_TIMEOUT_S):
        """Cancels an observation with Observe=1 and its token; None if there is none."""
        observation = self._observations.get(registration.id, {}).get(path)
        if observation is None:
            return None
        observation.end()  # the token can have one owner only
        codec = observation.codec
        message = self._message(registration, GET, path, accept=codec and codec.CODE, observe=1)
        message.token = observation.token
        answer = await self._ask(registration, message, timeout_s)
        response = self._response(answer, path, "2.05", "2.04", decode=True)
        if response.success:
            self._drop(registration.id, observation)
        return response

    async def close(self):
        """Stops what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._observations.clear()
