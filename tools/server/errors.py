"""What can go wrong between a caller of the server and a client."""


class InvalidRequest(Exception):
    """The caller asked for something that makes no valid LwM2M request; nothing was sent."""


class CodecError(InvalidRequest):
    """A value cannot be encoded in, or a payload not be decoded from, a content format."""


class InvalidResponse(Exception):
    """The client answered with something that is no valid answer to the request."""


class RequestRejected(Exception):
    """The client answered the request with a CoAP Reset."""


class RequestTimeout(Exception):
    """No answer in time."""
