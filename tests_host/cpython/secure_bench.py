"""Clients over DTLS-PSK for tests of the desk server, and what joins them to it."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from server_bench import FakeClient

from tools.keysearch.notes import used
from tools.virtual.interpreter import command_line

_RELAY = Path(__file__).with_name("dtls_relay.py")


def new_key():
    """A key for a test, noted for the search after the run."""
    key = os.urandom(16)
    used(key)
    return key


async def until(condition, timeout_s=10):
    for _ in range(int(timeout_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(condition)


class Relay:
    """A process under MicroPython that speaks DTLS for clients on CPython."""

    def __init__(self, process):
        self._process = process
        self._lines = asyncio.Queue()

    async def _read(self):
        while True:
            line = await self._process.stdout.readline()
            if not line:
                return
            self._lines.put_nowait(line.decode().split())

    def _say(self, *words):
        self._process.stdin.write((" ".join(words) + "\n").encode())

    async def heard(self, word, timeout_s=10):
        """What follows a word in the relay's next line that begins with it."""
        while True:
            words = await asyncio.wait_for(self._lines.get(), timeout_s)
            if words[0] == word:
                return words[1:]

    async def client(self, identity, key):
        """A FakeClient whose datagrams go to the server under DTLS."""
        self._say("new", identity.decode(), key.hex())
        (port,) = await self.heard("port")
        return FakeClient(int(port))

    async def again(self, client):
        """A new session from the same address."""
        self._say("again", str(client.socket.getpeername()[1]))
        await self.heard("again")


@asynccontextmanager
async def relay(port):
    """A Relay to a port of the server."""
    process = await asyncio.create_subprocess_exec(
        *command_line("4m", str(_RELAY), str(port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=sys.stderr,
    )
    found = Relay(process)
    task = asyncio.ensure_future(found._read())
    try:
        yield found
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 2)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
        await task
