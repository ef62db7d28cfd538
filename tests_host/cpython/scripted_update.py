"""A scripted LwM2M client with object 5 for tests of what updates a board."""

import asyncio

from aiocoap import (
    CHANGED,
    CONTENT,
    CONTINUE,
    GET,
    NOT_FOUND,
    POST,
    PUT,
    REQUEST_ENTITY_TOO_LARGE,
    SERVICE_UNAVAILABLE,
)
from server_bench import FakeClient

LINKS = b"</1/0>,</3/0>,</5>;ver=1.1,</5/0>"
QUERY = ("ep=board", "lt=60", "lwm2m=1.1", "b=U")
IDLE, DOWNLOADING, DOWNLOADED, UPDATING = range(4)


class ScriptedBoard(FakeClient):
    """Does with an update what the test says.

    `after_download` and `after_update` are the results it comes to, 0 and 1 where all goes well;
    `limit` the bytes that its slot takes; `busy` how many pushes it answers 5.03, with a new
    registration after each; `away_s` how long its restart takes; `lost` blocks it does not
    answer to; `block_s` the time that it takes for each block that it fetches.
    """

    def __init__(self, port, name=b"app", version="0.1.0", new_version="1.2.3"):
        super().__init__(port)
        self.version, self.new_version, self.name = version, new_version, name
        self.state = self.result = 0
        self.after_download, self.after_update = 0, 1
        self.limit = 1 << 20
        self.busy = 0
        self.away_s = 0.0
        self.block_s = 0.0
        self.lost = set()  # numbers of blocks of a push
        self.body = bytearray()
        self.uri = ""
        self.written = {}
        self.executed = []
        self.deferrals = 0
        self._tasks = set()

    async def serve(self):
        """Answers until it is cancelled."""
        while True:
            request = await self.receive(60)
            if not request.code.is_request():
                continue
            path = "/".join(request.opt.uri_path)
            work = {GET: self._read, PUT: self._write, POST: self._execute}[request.code]
            code, options = work(path, request)
            if code is not None:
                self.answer(request, code, **options)

    def later(self, work):
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _read(self, path, request):
        values = {
            "3/0/3": self.version,
            "5/0/1": self.uri,
            "5/0/3": self.state,
            "5/0/5": self.result,
            "5/0/6": self.name.decode(),
            "5/0/7": self.new_version,
        }
        if path not in values:
            return NOT_FOUND, {}
        return CONTENT, {"payload": str(values[path]).encode(), "content_format": 0}

    def _write(self, path, request):
        if path == "5/0/0":
            return self._push(request)
        if path == "5/0/1":
            self.uri = request.payload.decode()
            self.state, self.result = DOWNLOADING, 0
            self.later(self._fetch())
        self.written[path] = request.payload
        return CHANGED, {}

    def _push(self, request):
        block = request.opt.block1
        number = block.block_number
        if self.busy:
            self.busy -= 1
            self.later(self._restart())
            return SERVICE_UNAVAILABLE, {}
        if number in self.lost:
            self.lost.discard(number)
            return None, {}
        if not number:
            self.body.clear()
            self.state, self.result = DOWNLOADING, 0
        if (request.opt.size1 or 0) > self.limit:
            self.state, self.result = IDLE, 2
            return REQUEST_ENTITY_TOO_LARGE, {}
        assert block.start == len(self.body)
        self.body += request.payload
        if block.more:
            return CONTINUE, {"block1": block}
        self._arrived()
        return CHANGED, {"block1": block}

    def _arrived(self):
        self.result = self.after_download
        self.state = IDLE if self.result else DOWNLOADED

    async def _restart(self):
        await asyncio.sleep(self.away_s)
        options = {"uri_query": QUERY, "content_format": 40, "payload": LINKS}
        self.send(POST, token=b"r", uri_path=("rd",), **options)

    async def _fetch(self):
        host, _, path = self.uri.partition("://")[2].partition("/")
        client = FakeClient(int(host.rpartition(":")[2]))
        self.body.clear()
        self.etags, self.sizes = set(), set()
        more = True
        try:
            while more:
                await asyncio.sleep(self.block_s)
                options = {"block2": (len(self.body) // 512, False, 5)}
                request = client.send(GET, uri_path=path.split("/"), **options)
                answer = await client.receive()
                assert answer.mid == request.mid
                if answer.code is not CONTENT:
                    self.state, self.result = IDLE, 7
                    return
                self.body += answer.payload
                self.etags.add(answer.opt.etag)
                self.sizes |= {
                    int.from_bytes(option.encode(), "big")
                    for option in answer.opt.option_list()
                    if option.number == 28
                }
                more = answer.opt.block2.more
            self._arrived()
        finally:
            client.socket.close()

    def _execute(self, path, request):
        self.executed.append(path)
        if path == "5/0/10":
            self.state, self.result = IDLE, 10
        elif self.deferrals:
            self.result = 11
            self.later(self._not_yet())
        else:
            self.state = UPDATING
            self.later(self._update())
        return CHANGED, {}

    async def _not_yet(self):
        await asyncio.sleep(0.7)
        self.deferrals = 0
        self.state = UPDATING
        await self._update()

    async def _update(self):
        await asyncio.sleep(self.away_s)
        self.state, self.result = IDLE, self.after_update
        if self.result == 1:
            self.version = self.new_version


def register(client, *queries):
    """The Register of a board with object 5."""
    return client.register((*QUERY, *queries), LINKS)
