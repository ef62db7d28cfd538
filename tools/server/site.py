"""The CoAP side for clients: hands their requests to /rd and /dp, 4.04 elsewhere."""

import logging

from aiocoap import BAD_REQUEST, INTERNAL_SERVER_ERROR, NOT_FOUND, Message
from aiocoap.resource import Resource

from .errors import InvalidRequest
from .spool import BlockSpool

_log = logging.getLogger("desk-server")

_MAX_TEXT = 200  # characters of an answer that says what is wrong


class Refusal(Exception):
    """A request that is answered with an error code and a text."""

    def __init__(self, code, text=""):
        super().__init__(text)
        self.code = code


def address_of(remote):
    """Address and port of a peer as one text, as Leshan writes it."""
    return "%s:%d" % remote.address[:2]


def endpoint_of(query):
    """The endpoint client name in the query of a request, None if there is none."""
    names = [item[3:] for item in query if item.startswith("ep=")]
    return names[-1] if names else None


def identity_of(remote):
    """The identity (bytes) a peer has proved over DTLS, None for plain UDP."""
    return getattr(remote, "identity", None)


def _text(fault):
    return str(fault)[:_MAX_TEXT].encode(errors="replace")


class Site(Resource):
    """Everything a client can ask of the server.

    parts: first segment of the path -> answer(request, payload, further segments), which returns
    a Message or raises Refusal or InvalidRequest (4.00).
    """

    def __init__(self, parts):
        super().__init__()
        self._parts = parts
        self._spool = BlockSpool()

    async def needs_blockwise_assembly(self, request):
        """Not by aiocoap, whose spool has no bound."""
        return False

    async def render(self, request):
        """Answers one request; nothing a client sends ends the server."""
        payload, answer = self._spool.feed(request)
        if answer is None:
            try:
                answer = self._answer(request, payload)
            except Refusal as fault:
                answer = Message(code=fault.code, payload=_text(fault))
            except InvalidRequest as fault:
                answer = Message(code=BAD_REQUEST, payload=_text(fault))
            except Exception:
                _log.exception("no answer to %r", request)
                answer = Message(code=INTERNAL_SERVER_ERROR)
            if request.opt.block1 is not None:
                answer.opt.block1 = request.opt.block1
        if not answer.code.is_successful():
            _log.warning(
                "%s: %s %s",
                address_of(request.remote),
                answer.code,
                answer.payload.decode(errors="replace"),
            )
        return answer

    def _answer(self, request, payload):
        path = request.opt.uri_path
        if not path or path[0] not in self._parts:
            raise Refusal(NOT_FOUND)
        return self._parts[path[0]](request, payload, path[1:])
