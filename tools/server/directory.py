"""/rd: where clients register, update and de-register (LwM2M Transport 1.1.1, 6.4.3)."""

from aiocoap import (
    BAD_REQUEST,
    CHANGED,
    CREATED,
    DELETED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    SERVICE_UNAVAILABLE,
    UNSUPPORTED_CONTENT_FORMAT,
    Message,
)
from aiocoap import DELETE as DELETE_METHOD
from aiocoap import POST as POST_METHOD
from aiocoap.numbers.types import CON

from .codecs import LINK_FORMAT
from .linkformat import parse_links
from .registry import RegistryFull, UnsupportedVersion, parse_query
from .site import Refusal, address_of


class Directory:
    """Answers requests to /rd and to the locations of registrations.

    credentials say which endpoint may come from whom; segments: what stands between "rd" and the
    id in the Location-Path, mostly nothing.
    """

    def __init__(self, registry, credentials, segments=()):
        self._registry = registry
        self._credentials = credentials
        self._segments = tuple(segments)

    def answer(self, request, payload, path):
        """Message for a request to a path below /rd; raises Refusal and InvalidRequest."""
        registration_id = self._id_of(path)
        if request.code is POST_METHOD and (not path or registration_id is not None):
            if request.mtype is not CON:
                raise Refusal(BAD_REQUEST, "CON CoAP type expected")
            if request.opt.content_format not in (None, LINK_FORMAT):
                raise Refusal(UNSUPPORTED_CONTENT_FORMAT)
            return self._change(request, payload, registration_id)
        if request.code is DELETE_METHOD and registration_id is not None:
            self._registry.remove(self._known(registration_id, request.remote))
            return Message(code=DELETED)
        if (path and registration_id is None) or request.code is DELETE_METHOD:
            raise Refusal(BAD_REQUEST, "Bad URI")
        raise Refusal(METHOD_NOT_ALLOWED)

    def _id_of(self, path):
        if len(path) == len(self._segments) + 1 and path[:-1] == self._segments:
            return path[-1]
        return None

    def _known(self, registration_id, remote):
        registration = self._registry.by_id(registration_id)
        if registration is None:
            raise Refusal(NOT_FOUND)
        self._credentials.check(registration.endpoint, remote)
        return registration

    def _change(self, request, payload, registration_id):
        remote = request.remote
        query = request.opt.uri_query
        links = parse_links(payload)
        if registration_id is None:
            self._credentials.check(parse_query(query).get("ep"), remote)
            try:
                added = self._registry.register(remote, address_of(remote), query, links)
            except UnsupportedVersion as fault:
                raise Refusal(PRECONDITION_FAILED, str(fault))
            except RegistryFull as fault:
                raise Refusal(SERVICE_UNAVAILABLE, str(fault))
            return Message(code=CREATED, location_path=("rd", *self._segments, added.id))
        registration = self._known(registration_id, remote)
        links = links if payload else None
        self._registry.update(registration, remote, address_of(remote), query, links)
        return Message(code=CHANGED)
