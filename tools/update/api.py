"""The HTTP API that the desk server and Leshan have alike, for one endpoint."""

import asyncio
import json
import re
from urllib.parse import quote

import aiohttp

from tools.errors import UserError

_ASK_S = 20  # for an answer to a small request; a board that sleeps answers later
_STREAM_S = 2
_MAX_EARLY = 16
_BLOCK1 = re.compile(r"Block1[^(]*\(szx=\d+/(\d+), m=\w+, num=(\d+)\)")


class Refused(Exception):
    """The board's own refusal; `code` is CoAP's, such as "4.04"."""

    def __init__(self, code, text):
        super().__init__(code + (": " + text if text else ""))
        self.code = code


class Gone(Exception):
    """The board does not answer now: not registered, restarting, or without a link."""


class Server:
    """An LwM2M server's API; use it with "async with".

    `on_block(end)` hears how many bytes of a request in blocks the board has taken, where the
    server tells.
    """

    def __init__(self, url, endpoint):
        self.on_block = None
        self._url = url
        self._client = "/api/clients/" + quote(endpoint, safe="")
        self._endpoint = endpoint
        self._http = None
        self._stream = None
        self._late = {}  # request id -> future, of requests to a board that sleeps
        self._early = {}  # request id -> answer that came before anybody waited
        self._followed = asyncio.Event()

    async def __aenter__(self):
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._http = aiohttp.ClientSession(timeout=timeout, read_bufsize=1 << 20)
        self._stream = asyncio.ensure_future(self._follow())
        # a late answer must not come before somebody listens
        try:
            await asyncio.wait_for(self._followed.wait(), _STREAM_S)
        except asyncio.TimeoutError:
            pass
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *error):
        self._stream.cancel()
        await asyncio.gather(self._stream, return_exceptions=True)
        await self._http.close()

    async def _call(self, method, path, **arguments):
        """(status, text) of the answer; UserError where no server is there."""
        try:
            async with self._http.request(method, self._url + path, **arguments) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectorError:
            raise UserError(
                f"no server at {self._url}: start it (`make server`), or give its SERVER=URL"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Gone(f"the server has dropped the request: {error}") from None

    # -- files

    async def offer(self, name, content):
        """What the server says of a file that it offers from now on; None if it cannot."""
        status, text = await self._call("PUT", "/api/files/" + name, data=content)
        if status == 400 and text.startswith("Invalid request"):
            raise UserError(f"the server refuses the file: {text}")
        try:
            found = json.loads(text) if status == 200 else None
        except ValueError:
            return None
        return found if isinstance(found, dict) and "path" in found else None

    async def fetched(self, name):
        """Bytes of an offered file that were sent so far."""
        status, text = await self._call("GET", "/api/files/" + name)
        return json.loads(text)["fetched"] if status == 200 else 0

    async def withdraw(self, name):
        """Offers the file no more."""
        await self._call("DELETE", "/api/files/" + name)

    # -- the board

    async def registration(self):
        """Its registration as the API shows it, None while there is none."""
        status, text = await self._call("GET", self._client)
        if status != 200:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise UserError(f"{self._url} is no LwM2M server with Leshan's HTTP API") from None

    async def read(self, path):
        """The content at a path, as the API's node. Refused, Gone."""
        return (await self._ask("GET", path))["content"]

    async def write(self, path, kind, value, codec="TLV", timeout_s=_ASK_S):
        """Writes one resource. Refused, Gone."""
        rid = int(path.rpartition("/")[2])
        node = {"id": rid, "kind": "singleResource", "type": kind, "value": value}
        await self._ask("PUT", path, timeout_s, {"format": codec}, json=node)

    async def execute(self, path):
        """Executes a resource. Refused, Gone."""
        await self._ask("POST", path)

    async def _ask(self, method, path, timeout_s=_ASK_S, query=None, **arguments):
        status, text = await self._call(
            method,
            self._client + path,
            params={"timeout": str(timeout_s), **(query or {})},
            **arguments,
        )
        if status == 400 and "no registered client" in text:
            raise Gone("not registered")
        if status == 504:
            raise Gone("no answer")
        if status == 400:
            raise UserError(f"the server refuses the request for {path}: {text[:200]}")
        if status != 200:
            raise Gone(f"{path}: {text[:200]}")
        answer = json.loads(text)
        if answer.get("delayed"):
            answer = await self._awaited(answer["requestId"])
        if answer.get("failure"):
            digits = re.search(r"\((\d)(\d\d)\)", answer.get("status", ""))
            code = ".".join(digits.groups()) if digits else answer.get("status", "")
            raise Refused(code, answer.get("errormessage", ""))
        return answer

    async def _awaited(self, number):
        if number in self._early:
            answer = self._early.pop(number)
        else:
            self._late[number] = future = asyncio.get_running_loop().create_future()
            answer = await future
        if answer is None:
            raise Gone("no answer")
        return answer

    # -- events

    async def _follow(self):
        while True:
            try:
                await self._read_events()
            except (aiohttp.ClientError, OSError, ValueError):
                self._followed.set()
            await asyncio.sleep(1)

    async def _read_events(self):
        url = self._url + "/api/event"
        async with self._http.get(url, params={"ep": self._endpoint}) as answer:
            self._followed.set()
            kind = ""
            async for line in answer.content:
                name, _, text = line.decode(errors="replace").strip().partition(": ")
                if name == "event":
                    kind = text
                elif name == "data":
                    self._event(kind, text)

    def _event(self, kind, text):
        if kind == "COAPLOG" and self.on_block:
            data = json.loads(text)
            block = _BLOCK1.search(data.get("options", ""))
            if data.get("incoming") and block and data.get("code", "").startswith("2."):
                self.on_block(int(block[1]) * (int(block[2]) + 1))
        elif kind == "REQUEST_RESPONSE":
            data = json.loads(text)
            number, answer = data.get("requestId"), data.get("response")
            future = self._late.pop(number, None)
            if future is None:
                self._early[number] = answer
                while len(self._early) > _MAX_EARLY:
                    del self._early[next(iter(self._early))]
            elif not future.done():
                future.set_result(answer)
