"""For tests over DTLS-PSK: a desk server that can be restarted, and a board provisioned for it."""

import asyncio
import json
import os
import shutil
from pathlib import Path

from board_process import BoardProcess
from secrets_used import used

from firmware import accounts
from lwm2m.objects.security import PSK
from tools.server import DeskServer, InvalidResponse, RequestRejected, RequestTimeout
from tools.server.nodes import Resource
from tools.server.paths import parse_path

TEMPERATURE = "/3303/0/5700"


class Server:
    """One desk server for one endpoint, on a port that stays over a restart()."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.identity = endpoint.encode()
        self.key = used(os.urandom(16))
        self._desk = None
        self.port = 0
        self.restarts = 0

    async def start(self):
        self._desk = DeskServer(coap_port=None, http_port=0, coaps_port=self.port)
        self._desk.credentials.set(self.endpoint, self.identity, self.key)
        await self._desk.start()
        self.port = self._desk.coaps_port

    async def stop(self):
        if self._desk:
            desk, self._desk = self._desk, None
            await desk.stop()

    async def restart(self, down_s=1.0):
        """It is gone without a word, for so long; sessions and registrations are forgotten."""
        await self.stop()
        await asyncio.sleep(down_s)
        await self.start()
        self.restarts += 1

    @property
    def registration(self):
        """Of its endpoint, None when it is not registered or the server down."""
        return self._desk and self._desk.registry.by_endpoint(self.endpoint)

    async def read(self, path=TEMPERATURE, timeout_s=15):
        """The value of a resource; None without an answer in that time."""
        registration = self.registration
        if registration is None:
            return None
        work = self._desk.operations.read(registration, parse_path(path))
        try:
            response = await asyncio.wait_for(work, timeout_s)
        except (asyncio.TimeoutError, InvalidResponse, RequestRejected, RequestTimeout):
            return None
        return response.node.value if isinstance(response.node, Resource) else None


def board(folder, template, server, port, lifetime_s):
    """A BoardProcess with an account for the server, which it reaches at `port`.

    `template` is a folder with the firmware as it is installed.
    """
    flash = Path(folder) / "flash"
    shutil.copytree(template, flash)
    config = {"board": "nucleo_f429zi", "endpoint": server.endpoint}
    (flash / "config.json").write_text(json.dumps(config))
    accounts.provision(
        str(flash),
        uri="coaps://127.0.0.1:%d" % port,
        lifetime_s=lifetime_s,
        mode=PSK,
        identity=server.identity,
        key=server.key,
    )
    return BoardProcess(folder, None)
