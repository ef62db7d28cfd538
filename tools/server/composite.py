"""What a server asks of a client at several paths at once: Read-, Write- and Observe-Composite.

(LwM2M Core 1.1.1, 6.3.8 to 6.3.10 and 6.4.) All go to the root of the client, by FETCH and
iPATCH (RFC 8132). Errors are those of operations.py.
"""

from aiocoap import FETCH
from aiocoap.numbers.codes import iPATCH

from .asking import DEFAULT_TIMEOUT_S
from .codecs import composite_by_name
from .errors import InvalidRequest
from .nodes import Resource, ResourceInstance
from .observations import Observation
from .paths import format_path

DEFAULT_FORMAT = composite_by_name("SENML_CBOR")
MAX_PATHS = 100


def _check_paths(paths):
    if not 0 < len(paths) <= MAX_PATHS:
        raise InvalidRequest("1 to %d paths are needed" % MAX_PATHS)
    for number, path in enumerate(paths):
        for other in paths[:number]:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                raise InvalidRequest(
                    "Invalid path list :  %s and %s are overlapped paths"
                    % (format_path(other), format_path(path))
                )


class Composite:
    """Sends requests of several paths to registered clients."""

    def __init__(self, asker, observations):
        self._asker = asker
        self._observations = observations

    def _fetch(self, registration, paths, path_format, node_format, block_size, **options):
        return self._asker.message(
            registration,
            FETCH,
            (),
            block_size,
            payload=path_format.codec.encode_paths(paths),
            content_format=path_format.code,
            accept=node_format and node_format.code,
            **options,
        )

    async def read(
        self,
        registration,
        paths,
        path_format=DEFAULT_FORMAT,
        node_format=None,
        timeout_s=DEFAULT_TIMEOUT_S,
        block_size=None,
    ):
        """Read-Composite of a tuple of paths; Response.nodes has None for what is not there."""
        _check_paths(paths)
        message = self._fetch(registration, paths, path_format, node_format, block_size)
        answer = await self._asker.ask(registration, message, timeout_s)
        return self._asker.composite_response(answer, paths, "2.05")

    async def write(
        self, registration, nodes, node_format=DEFAULT_FORMAT, timeout_s=DEFAULT_TIMEOUT_S
    ):
        """Write-Composite of {path: node}: resources with one value and resource instances."""
        if not nodes:
            raise InvalidRequest("Write-Composite needs at least one path")
        for path, node in nodes.items():
            length = {Resource: 3, ResourceInstance: 4}.get(type(node))
            if length is None:
                raise InvalidRequest("%s cannot be part of a composite" % type(node).__name__)
            if len(path) != length or path[-1] != node.id:
                raise InvalidRequest(
                    "Invalid Path %s : it is not that of %s %d"
                    % (format_path(path), type(node).__name__, node.id)
                )
        message = self._asker.message(
            registration,
            iPATCH,
            (),
            payload=node_format.codec.encode_nodes(nodes, self._asker.models),
            content_format=node_format.code,
        )
        answer = await self._asker.ask(registration, message, timeout_s)
        return self._asker.response(answer, "2.04")

    async def observe(
        self,
        registration,
        paths,
        path_format=DEFAULT_FORMAT,
        node_format=None,
        timeout_s=DEFAULT_TIMEOUT_S,
        block_size=None,
    ):
        """Observe-Composite; an observation of the same paths in the same order is replaced."""
        _check_paths(paths)

        def request(observe):
            formats = path_format, node_format
            return self._fetch(registration, paths, *formats, block_size, observe=observe)

        def decode(message):
            return self._asker.composite_response(message, paths, "2.05", "2.04")

        observation = Observation(paths, True, request, decode)
        return await self._observations.start(registration, observation, timeout_s)

    def observed(self, registration):
        """Tuples of paths under observation."""
        known = self._observations.of(registration)
        return [observation.paths for observation in known if observation.composite]

    def forget(self, registration, paths):
        """Ends an observation without a word: its next notification is answered with a Reset."""
        return self._observations.forget(registration, True, paths)

    async def cancel(self, registration, paths, timeout_s=DEFAULT_TIMEOUT_S):
        """Cancels an observation with Observe=1 and its token; None if there is none."""
        return await self._observations.cancel(registration, True, paths, timeout_s)
