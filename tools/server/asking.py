"""One request to a registered client: how it is addressed, sent, and its answer understood."""

from aiocoap import Message

from . import codecs
from .errors import CodecError, InvalidResponse, RequestTimeout
from .paths import format_path
from .response import Response, code_of
from .transport import first_block

DEFAULT_TIMEOUT_S = 5


class Asker:
    """What every operation needs: transport, models and who can be reached."""

    def __init__(self, transport, models, presence):
        self.transport = transport
        self.models = models
        self.presence = presence

    def message(self, registration, method, path, block_size=None, **options):
        """A request for a path below the client's root; the answer in blocks of block_size."""
        if block_size:
            options["block2"] = first_block(block_size)
        root = [part for part in registration.root_path.split("/") if part]
        message = Message(code=method, uri_path=(*root, *map(str, path)), **options)
        message.remote = registration.remote
        return message

    async def reached(self, registration, message):
        """The registration when its client is awake; the message then has its address."""
        registration = await self.presence.reachable(registration)
        message.remote = registration.remote
        return registration

    async def heard(self, registration, work):
        """Result of work that waits for an answer; keeps account of who is awake."""
        try:
            answer = await work
        except RequestTimeout:
            self.presence.asleep(registration)
            raise
        self.presence.awake(registration)
        return answer

    async def ask(self, registration, message, timeout_s):
        """The whole answer to a request, which waits until the client is awake.

        timeout_s counts from when it is sent.
        """
        registration = await self.reached(registration, message)
        return await self.heard(registration, self.transport.request(message, timeout_s))

    def response(self, message, *expected):
        """Response of an answer whose code has to be an error or one of those expected."""
        code = code_of(message)
        if code[0] in "45":
            return Response(code, error=message.payload.decode(errors="replace"))
        if code not in expected:
            raise InvalidResponse("unexpected response code %s" % code)
        return Response(code)

    def read_response(self, message, path, *expected):
        """Response with the node of one path."""
        response = self.response(message, *expected)
        if response.success:
            codec = _codec_of(message, codecs.by_code)
            if hasattr(codec, "decode_timed"):
                timed = _decoded(path, codec.decode_timed, message.payload, path, self.models)
                response.node = timed[0][1]
                response.timed = timed if timed[0][0] is not None or len(timed) > 1 else None
            else:
                response.node = _decoded(path, codec.decode, message.payload, path, self.models)
        return response

    def composite_response(self, message, paths, *expected):
        """Response with the nodes of several paths."""
        response = self.response(message, *expected)
        if response.success:
            codec = _codec_of(message, codecs.composite_by_code)
            timed = _decoded((), codec.decode_nodes, message.payload, paths, self.models)
            response.nodes = timed[0][1]
            response.timed = timed if timed[0][0] is not None or len(timed) > 1 else None
        return response


def _codec_of(message, find):
    number = message.opt.content_format
    codec = find(number) if number is not None else None
    if codec is None:
        raise InvalidResponse("unexpected content format %s" % number)
    return codec


def _decoded(path, decode, *arguments):
    try:
        return decode(*arguments)
    except CodecError as fault:
        raise InvalidResponse("Unable to decode response of %s: %s" % (format_path(path), fault))
