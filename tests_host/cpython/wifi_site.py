"""For tests over Wi-Fi: a desk server and virtual boards with their simulated access points."""

import asyncio
import json
import shutil
from pathlib import Path

from board_process import BoardProcess

from tools import install
from tools.server import DeskServer, InvalidResponse, RequestRejected, RequestTimeout
from tools.server.nodes import Resource
from tools.server.paths import parse_path

BOARD = "b_l475e_iot01a"
TEMPERATURE = "/3303/0/5700"
HEAP = "144k"
_POLL_S = 0.05


def template(folder):
    """The firmware as it is installed, for board() to copy."""
    install.stage(folder, mpy=True, march=install.host_march(), board=BOARD)
    return folder


def board(folder, template, endpoint, uri, *options, lifetime_s=3600):
    """A BoardProcess that registers at the server; its flash stays in the folder."""
    flash = Path(folder) / "flash"
    if not flash.exists():
        shutil.copytree(template, flash)
    config = {"board": BOARD, "endpoint": endpoint, "server": uri, "lifetime_s": lifetime_s}
    (flash / "config.json").write_text(json.dumps(config))
    return BoardProcess(folder, None, "--heap", HEAP, *options)


class Server:
    """A desk server on a free port; use it with "async with"."""

    def __init__(self):
        self._desk = DeskServer(coap_port=0, http_port=0)
        self.told = []  # (kind, endpoint) of everything about registrations

    async def __aenter__(self):
        await self._desk.start()
        self._desk.listen(lambda kind, endpoint, data: self.told.append((kind, endpoint)))
        self.uri = self._desk.coap_uri
        return self

    async def __aexit__(self, *error):
        await self._desk.stop()

    def registration(self, endpoint):
        return self._desk.registry.by_endpoint(endpoint)

    def count(self, kind, endpoint):
        return self.told.count((kind, endpoint))

    async def read(self, endpoint, path=TEMPERATURE, timeout_s=15):
        """The value of a resource; None without an answer in that time."""
        registration = self.registration(endpoint)
        if registration is None:
            return None
        work = self._desk.operations.read(registration, parse_path(path))
        try:
            response = await asyncio.wait_for(work, timeout_s)
        except (asyncio.TimeoutError, InvalidResponse, RequestRejected, RequestTimeout):
            return None
        return response.node.value if isinstance(response.node, Resource) else None

    async def registered(self, one, endpoint, timeout_s=20):
        """Waits for it."""
        await until(one, lambda: self.registration(endpoint), timeout_s)


async def until(one, condition, timeout_s=20):
    """Waits until `condition()` is true; the assertion shows what the board said."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        said = one.console()[-30:]
        assert one.process.poll() is None, (said, one.stderr)
        assert asyncio.get_running_loop().time() < end, (said, one.stderr)
        await asyncio.sleep(_POLL_S)


async def status(one, text, timeout_s=10):
    """Waits until `text` is in what the key i shows; returns all of that."""
    end = asyncio.get_running_loop().time() + timeout_s
    while True:
        before = len(one.console())
        one.say({"key": "i"})
        await asyncio.sleep(0.5)
        shown = "\n".join(one.console()[before:])
        if text in shown:
            return shown
        assert asyncio.get_running_loop().time() < end, (shown, one.stderr)
