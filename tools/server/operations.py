"""What a server asks of a client at one path: read, write, execute, discover, observe ...

(LwM2M Core 1.1.1, 6.3.) Every operation takes a registration and a path (tuple of ids) and gives
a Response; the client's refusal is a Response too. Errors: InvalidRequest where nothing sensible
could be sent, InvalidResponse, RequestRejected and RequestTimeout of the exchange.
"""

from aiocoap import DELETE, GET, POST, PUT

from . import codecs
from .asking import DEFAULT_TIMEOUT_S
from .errors import CodecError, InvalidRequest, InvalidResponse
from .linkformat import parse_links
from .nodes import (
    MultiResource,
    ObjectInstance,
    ObjectNode,
    Resource,
    ResourceInstance,
)
from .observations import Observation
from .paths import format_path


class Operations:
    """Sends the requests of a server to registered clients."""

    def __init__(self, asker, observations):
        self._asker = asker
        self._observations = observations

    async def _ask(self, registration, message, timeout_s, *expected):
        answer = await self._asker.ask(registration, message, timeout_s)
        return self._asker.response(answer, *expected)

    async def read(
        self, registration, path, codec=None, timeout_s=DEFAULT_TIMEOUT_S, block_size=None
    ):
        """Read; codec states the wanted format (Accept), None leaves it to the client.

        block_size asks for the answer in blocks of so many bytes, as everywhere in this class.
        """
        if not path:
            raise InvalidRequest("Read request cannot target root path")
        accept = codec and codec.CODE
        message = self._asker.message(registration, GET, path, block_size, accept=accept)
        answer = await self._asker.ask(registration, message, timeout_s)
        return self._asker.read_response(answer, path, "2.05")

    async def discover(self, registration, path, timeout_s=DEFAULT_TIMEOUT_S):
        """Discover: the links below a path."""
        if not path or len(path) > 3:
            raise InvalidRequest("Discover request needs an object, instance or resource")
        message = self._asker.message(registration, GET, path, accept=codecs.LINK_FORMAT)
        answer = await self._asker.ask(registration, message, timeout_s)
        response = self._asker.response(answer, "2.05")
        if response.success:
            if answer.opt.content_format != codecs.LINK_FORMAT:
                raise InvalidResponse("unexpected content format %s" % answer.opt.content_format)
            try:
                response.links = parse_links(answer.payload)
            except CodecError as fault:
                raise InvalidResponse("Unable to decode response: %s" % fault)
        return response

    def _default_codec(self, registration, node):
        """TLV, unless the client's registration lists other formats without it.

        An instance whose id the client is to choose can be said in TLV only.
        """
        known = registration.content_formats
        nameless = isinstance(node, ObjectNode) and None in [child.id for child in node.instances]
        if known and not nameless and codecs.tlv.CODE not in known:
            for codec in codecs.CODECS:
                if codec.CODE in known:
                    return codec
        return codecs.tlv

    def _encode(self, registration, node, path, codec):
        codec = codec or self._default_codec(registration, node)
        node = codecs.convert.to_model(node, path, self._asker.models)
        return codec.CODE, codec.encode(node, path, self._asker.models)

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
        message = self._asker.message(
            registration,
            PUT if replace else POST,
            path,
            content_format=number,
            payload=payload,
        )
        return await self._ask(registration, message, timeout_s, "2.04")

    async def write_attributes(self, registration, path, query, timeout_s=DEFAULT_TIMEOUT_S):
        """Write-Attributes: query is a list of texts like "pmin=5", or "pmin" to remove it."""
        if not path or not query:
            raise InvalidRequest("Write-Attributes needs a path and at least one attribute")
        message = self._asker.message(registration, PUT, path, uri_query=tuple(query))
        return await self._ask(registration, message, timeout_s, "2.04")

    async def execute(self, registration, path, arguments="", timeout_s=DEFAULT_TIMEOUT_S):
        """Execute a resource; arguments is the text of 6.3.7's ABNF, sent as it is."""
        if len(path) != 3:
            raise InvalidRequest("Execute request needs a resource")
        message = self._asker.message(registration, POST, path)
        if arguments:
            message.payload = arguments.encode()
            message.opt.content_format = codecs.text.CODE
        return await self._ask(registration, message, timeout_s, "2.04")

    async def create(self, registration, path, node, codec=None, timeout_s=DEFAULT_TIMEOUT_S):
        """Create an instance of an object; without an id the client chooses one."""
        if len(path) != 1 or not isinstance(node, ObjectInstance):
            raise InvalidRequest("Create request needs an object and an instance as payload")
        number, payload = self._encode(registration, ObjectNode(path[0], [node]), path, codec)
        message = self._asker.message(
            registration, POST, path, content_format=number, payload=payload
        )
        answer = await self._asker.ask(registration, message, timeout_s)
        response = self._asker.response(answer, "2.01")
        if response.success and answer.opt.location_path:
            response.location = "/".join(answer.opt.location_path)
        return response

    async def delete(self, registration, path, timeout_s=DEFAULT_TIMEOUT_S):
        """Delete an object instance (or a resource instance, LwM2M 1.2)."""
        if len(path) not in (2, 4):
            raise InvalidRequest("Delete request needs an object instance")
        message = self._asker.message(registration, DELETE, path)
        return await self._ask(registration, message, timeout_s, "2.02")

    async def observe(
        self, registration, path, codec=None, timeout_s=DEFAULT_TIMEOUT_S, block_size=None
    ):
        """Observe a path; the Response holds its present value.

        An observation of the same path is replaced.
        """
        if not path:
            raise InvalidRequest("Observe request cannot target root path")
        accept = codec and codec.CODE

        def request(observe):
            options = {"accept": accept, "observe": observe}
            return self._asker.message(registration, GET, path, block_size, **options)

        def decode(message):
            return self._asker.read_response(message, path, "2.05", "2.04")

        observation = Observation((path,), False, request, decode)
        return await self._observations.start(registration, observation, timeout_s)

    def observed(self, registration):
        """Paths under observation by a request of their own."""
        known = self._observations.of(registration)
        return [observation.paths[0] for observation in known if not observation.composite]

    def forget(self, registration, path):
        """Ends an observation without a word: its next notification is answered with a Reset."""
        return self._observations.forget(registration, False, (path,))

    async def cancel(self, registration, path, timeout_s=DEFAULT_TIMEOUT_S):
        """Cancels an observation with Observe=1 and its token; None if there is none."""
        return await self._observations.cancel(registration, False, (path,), timeout_s)
