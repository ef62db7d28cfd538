"""/dp: what clients send on their own, the Send operation (LwM2M Core 1.1.1, 6.4.5)."""

from aiocoap import BAD_REQUEST, CHANGED, METHOD_NOT_ALLOWED, NOT_FOUND, POST, Message

from .codecs import composite_by_code
from .errors import CodecError
from .paths import format_path
from .site import Refusal


class Sends:
    """Answers requests to /dp; codes and texts are Leshan's.

    on_send(registration, [(time, {path: node})]) is called for what is accepted, the newest
    first; on_error(registration, text) for what is not.
    """

    def __init__(self, registry, models, on_send, on_error):
        self._registry = registry
        self._models = models
        self._on_send = on_send
        self._on_error = on_error

    def answer(self, request, payload, path):
        """Message for a request to /dp; raises Refusal."""
        if path:
            raise Refusal(NOT_FOUND)
        if request.code is not POST:
            raise Refusal(METHOD_NOT_ALLOWED)
        registration = self._registry.by_remote(request.remote)
        if registration is None:
            raise Refusal(BAD_REQUEST, "no registration found")
        try:
            timed = self._accepted(request, payload, registration)
        except Refusal as fault:
            self._on_error(registration, str(fault))
            raise
        self._on_send(registration, timed)
        return Message(code=CHANGED)

    def _accepted(self, request, payload, registration):
        codec = composite_by_code(request.opt.content_format)
        if codec is None:
            raise Refusal(BAD_REQUEST, "Unsupported content format")
        try:
            timed = codec.decode_nodes(payload, None, self._models)
        except CodecError as fault:
            raise Refusal(BAD_REQUEST, "Invalid Payload: %s" % fault)
        if not timed:
            raise Refusal(BAD_REQUEST, "Invalid Payload: nothing in it")
        known = registration.instances()
        for _, nodes in timed:
            for path in nodes:
                if path[1] not in known.get(path[0], ()):
                    raise Refusal(
                        NOT_FOUND, "object instance %s not registered" % format_path(path[:2])
                    )
        return timed
