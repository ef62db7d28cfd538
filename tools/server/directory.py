"""The CoAP side for clients: /rd, where they register (LwM2M Transport 1.1.1, 6.4.3)."""

import logging

from aiocoap import (
    BAD_REQUEST,
    CHANGED,
    CONTINUE,
    CREATED,
    DELETED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
    SERVICE_UNAVAILABLE,
    UNSUPPORTED_CONTENT_FORMAT,
    Message,
)
from aiocoap import DELETE as DELETE_METHOD
from aiocoap import POST as POST_METHOD
from aiocoap.numbers.types import CON
from aiocoap.resource import Resource

from .codecs import LINK_FORMAT
from .errors import InvalidRequest
from .linkformat import parse_links
from .registry import RegistryFull, UnsupportedVersion

_log = logging.getLogger("desk-server")

MAX_PAYLOAD = 65536  # bytes of a list of links
MAX_ASSEMBLIES = 64  # block-wise payloads under way


def _refusal(code, text=""):
    return Message(code=code, payload=text.encode())


class BlockSpool:
    """Puts block-wise request payloads together (RFC 7959, 2.5), a bounded number at a time."""

    def __init__(self):
        self._bodies = {}

    def feed(self, request):
        """(payload, None) when the payload is complete, else (None, answer)."""
        block = request.opt.block1
        if block is None:
            return request.payload, None
        key = (request.remote, request.code, request.opt.uri_path, request.opt.uri_query)
        body = self._bodies.pop(key, None) if block.block_number else bytearray()
        if body is None or block.start != len(body):
            return None, _refusal(REQUEST_ENTITY_INCOMPLETE)
        if block.more and len(request.payload) != block.size:
            return None, _refusal(BAD_REQUEST, "payload does not match Block1")
        body += request.payload
        if len(body) > MAX_PAYLOAD:
            return None, Message(code=REQUEST_ENTITY_TOO_LARGE, size1=MAX_PAYLOAD)
        if not block.more:
            return bytes(body), None
        if len(self._bodies) >= MAX_ASSEMBLIES:
            del self._bodies[next(iter(self._bodies))]
        self._bodies[key] = body
        return None, Message(code=CONTINUE, block1=block)


class Directory(Resource):
    """What the server answers to requests of clients: /rd and below, 4.04 elsewhere."""

    def __init__(self, registry):
        super().__init__()
        self._registry = registry
        self._spool = BlockSpool()

    async def needs_blockwise_assembly(self, request):
        """Not by aiocoap, whose spool has no bound."""
        return False

    async def render(self, request):
        """Answers one request."""
        payload, answer = self._spool.feed(request)
        if answer is None:
            try:
                answer = self._answer(request, payload)
            except UnsupportedVersion as fault:
                answer = _refusal(PRECONDITION_FAILED, str(fault))
            except RegistryFull as fault:
                answer = _refusal(SERVICE_UNAVAILABLE, str(fault))
            except InvalidRequest as fault:
                answer = _refusal(BAD_REQUEST, str(fault))
            if request.opt.block1 is not None:
                answer.opt.block1 = request.opt.block1
        if not answer.code.is_successful():
            _log.warning(
                "%s: %s %s", request.remote.hostinfo, answer.code, answer.payload.decode()
            )
        return answer

    def _answer(self, request, payload):
        if request.opt.uri_path[:1] != ("rd",):
            return _refusal(NOT_FOUND)
        path = request.opt.uri_path[1:]
        if request.code is POST_METHOD and len(path) < 2:
            if request.mtype is not CON:
                return _refusal(BAD_REQUEST, "CON CoAP type expected")
            if request.opt.content_format not in (None, LINK_FORMAT):
                return _refusal(UNSUPPORTED_CONTENT_FORMAT)
            return self._change(request, payload, path)
        if request.code is DELETE_METHOD and len(path) == 1:
            return self._deregister(path[0])
        if len(path) > 1 or request.code is DELETE_METHOD:
            return _refusal(BAD_REQUEST, "Bad URI")
        return _refusal(METHOD_NOT_ALLOWED)

    def _change(self, request, payload, path):
        remote = request.remote
        query = request.opt.uri_query
        host, port = remote.address[:2]
        address = "%s:%d" % (host, port)
        links = parse_links(payload)
        if not path:
            registration = self._registry.register(remote, address, query, links)
            return Message(code=CREATED, location_path=("rd", registration.id))
        registration = self._registry.by_id(path[0])
        if registration is None:
            return _refusal(NOT_FOUND)
        self._registry.update(registration, remote, address, query, links if payload else None)
        return Message(code=CHANGED)

    def _deregister(self, registration_id):
        registration = self._registry.by_id(registration_id)
        if registration is None:
            return _refusal(NOT_FOUND)
        self._registry.remove(registration)
        return Message(code=DELETED)
