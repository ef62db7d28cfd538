"""What the parts of the HTTP API read out of a request alike."""

import json

from .asking import DEFAULT_TIMEOUT_S
from .errors import InvalidRequest
from .transport import BLOCK_SIZES

MAX_TIMEOUT_S = 3600


class Refused(Exception):
    """A request that is answered with an HTTP status of its own."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def timeout_s_of(request):
    """Seconds to wait for the client's answer."""
    try:
        return min(MAX_TIMEOUT_S, max(0, int(request.query["timeout"])))
    except (KeyError, ValueError):
        return DEFAULT_TIMEOUT_S


def block_size_of(request):
    """Bytes of the blocks that the answer is asked to come in, None where nothing is said."""
    text = request.query.get("block")
    if text is None:
        return None
    if not text.isdigit() or int(text) not in BLOCK_SIZES:
        raise InvalidRequest("block=%.20s: expected one of %s" % (text, BLOCK_SIZES))
    return int(text)


async def json_of(request):
    """The body as JSON; InvalidRequest if it is none."""
    try:
        return json.loads(await request.text())
    except (ValueError, RecursionError) as fault:
        raise InvalidRequest("unable to parse json: %s" % fault)
