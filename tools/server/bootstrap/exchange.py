"""The requests of one bootstrap, in their order (LwM2M Core 1.1.1, 6.1.7)."""

import re

from aiocoap import DELETE, GET, POST, PUT, Message

from .. import codecs
from ..errors import CodecError, InvalidResponse, RequestRejected, RequestTimeout
from ..linkformat import links_to_json, parse_links
from ..nodes import node_to_json
from ..paths import format_path
from ..response import code_of
from ..site import identity_of

TIMEOUT_S = 60  # of one request: a client that writes flash, and messages that get lost
_SECURITY_INSTANCE = re.compile(r"/0/(\d+)")
_MAX_TEXT = 200


class Failed(Exception):
    """The client refused or was not heard; the text says at which request."""


class Exchange:
    """One bootstrap of one client.

    `record` is what came of it, in JSON: requests with their codes, links of a Discover, values of
    a Read.
    """

    def __init__(self, transport, models, plan, remote, preferred):
        self._transport = transport
        self._models = models
        self._plan = plan
        self._remote = remote
        self._codec = plan.codec or preferred
        self.secure = identity_of(remote) is not None
        self.record = {"requests": [], "links": {}, "content": {}}

    async def run(self):
        """Does it all, up to an accepted Bootstrap-Finish; Failed."""
        plan = self._plan
        for path in plan.discover:
            answer = await self._ask(GET, path, "2.05", accept=codecs.LINK_FORMAT)
            self.record["links"][format_path(path)] = links_to_json(self._links(path, answer))
        for path in plan.read:
            await self._read(path)
        for path in plan.delete:
            await self._ask(DELETE, path, "2.02")
        for path, node in plan.writes(await self._taken()):
            payload = self._codec.encode(node, path, self._models)
            fields = {"content_format": self._codec.CODE, "payload": payload}
            await self._ask(PUT, path, "2.04", **fields)
        await self._ask(POST, ("bs",), "2.04")

    async def _answer(self, code, path, **options):
        message = Message(code=code, uri_path=tuple(map(str, path)), **options)
        message.remote = self._remote
        what = "%s %s" % (code.name, format_path(path))
        try:
            answer = await self._transport.request(message, TIMEOUT_S)
        except RequestTimeout:
            raise Failed("%s: no answer" % what) from None
        except (RequestRejected, InvalidResponse) as fault:
            raise Failed("%s: %s" % (what, fault)) from None
        self.record["requests"].append({"request": what, "code": code_of(answer)})
        return what, answer

    async def _ask(self, code, path, expected, **options):
        what, answer = await self._answer(code, path, **options)
        if code_of(answer) != expected:
            text = ""
            if code_of(answer)[0] in "45":
                text = " " + answer.payload.decode(errors="replace")[:_MAX_TEXT]
            raise Failed("%s: %s%s" % (what, code_of(answer), text))
        return answer

    def _links(self, path, answer):
        try:
            # the first is no link: it says the enabler's version, like lwm2m=1.1 (6.1.7.3)
            payload = re.sub(rb'^(</>;)?lwm2m="?[\d.]+"?,?', b"", answer.payload)
            return parse_links(payload) if payload else []
        except CodecError as fault:
            raise Failed("GET %s: %s" % (format_path(path), fault)) from None

    async def _read(self, path):
        answer = await self._ask(GET, path, "2.05", accept=self._codec.CODE)
        if path[:1] == (0,):
            return  # whatever a client gives away of its credentials is not shown
        codec = codecs.by_code(answer.opt.content_format)
        try:
            node = (codec or self._codec).decode(answer.payload, path, self._models)
        except CodecError as fault:
            raise Failed("GET %s: %s" % (format_path(path), fault)) from None
        self.record["content"][format_path(path)] = node_to_json(node)

    async def _taken(self):
        """Instances of object 0 that are left: the Bootstrap-Server's own account."""
        if not self._plan.needs_ids:
            return ()
        _, answer = await self._answer(GET, (0,), accept=codecs.LINK_FORMAT)
        if code_of(answer) != "2.05":
            return (0,)  # a client of LwM2M 1.0 has no Bootstrap-Discover
        found = [_SECURITY_INSTANCE.fullmatch(target) for target, _ in self._links((0,), answer)]
        return [int(match.group(1)) for match in found if match]
