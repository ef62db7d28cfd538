"""Payloads of requests that come in blocks."""

from aiocoap import (
    BAD_REQUEST,
    CONTINUE,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
    Message,
)

MAX_PAYLOAD = 65536  # bytes
MAX_ASSEMBLIES = 64  # block-wise payloads under way


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
            return None, Message(code=REQUEST_ENTITY_INCOMPLETE)
        if block.more and len(request.payload) != block.size:
            return None, Message(code=BAD_REQUEST, payload=b"payload does not match Block1")
        body += request.payload
        if len(body) > MAX_PAYLOAD:
            return None, Message(code=REQUEST_ENTITY_TOO_LARGE, size1=MAX_PAYLOAD)
        if not block.more:
            return bytes(body), None
        if len(self._bodies) >= MAX_ASSEMBLIES:
            del self._bodies[next(iter(self._bodies))]
        self._bodies[key] = body
        return None, Message(code=CONTINUE, block1=block)
