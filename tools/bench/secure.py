"""DTLS-PSK before the bench's plain socket: what comes over a session goes to a port and back."""

import asyncio
import contextlib
import os
import socket
import threading

from tools.bench.processes import virtual_board
from tools.errors import UserError
from tools.keysearch.notes import used
from tools.server.dtls import Gateway
from tools.virtual.flash import firmware

IDENTITY = b"bench"
_START_S = 15
_DATAGRAM = 2048


class Front:
    """Context manager; `port` is where DTLS clients go, what they say goes to `behind`."""

    def __init__(self, key, behind=None):
        self._key = key
        self._behind = behind
        self._peer = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dtls", daemon=True)

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        if self._behind:
            self._socket.connect(("127.0.0.1", self._behind))
        self._thread.start()
        try:
            self._do(self._start())
        except OSError as error:
            self.__exit__()
            raise UserError(f"the DTLS gateway did not start: {error}") from None
        return self

    def __exit__(self, *error):
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()
        self._socket.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    async def _start(self):
        self._gateway = Gateway(self._arrived)
        self._gateway.set_key(IDENTITY, self._key)
        await self._gateway.start("127.0.0.1", 0)
        self.port = self._gateway.port
        self._loop.add_reader(self._socket, self._answered)

    async def _stop(self):
        self._loop.remove_reader(self._socket)
        await self._gateway.stop()

    def _arrived(self, peer, data):
        self._peer = peer
        if data[:2] == b"\x40\0":  # a ping, with which the handshake ends: it gets its Reset
            peer.send(b"\x70" + data[1:4])
        elif self._behind:
            with contextlib.suppress(OSError):
                self._socket.send(data)

    def _answered(self):
        with contextlib.suppress(OSError):
            data = self._socket.recv(_DATAGRAM)
            if self._peer:
                self._peer.send(data)


@contextlib.contextmanager
def board(workshop, port, heap=None):
    """The firmware on the virtual board; it registers at the port, over DTLS."""
    accounts, _ = firmware()
    from lwm2m.objects.security import PSK

    key = used(os.urandom(16))
    with Front(key, port) as front:
        flash = workshop.flash()
        accounts.provision(
            str(flash),
            uri=f"coaps://127.0.0.1:{front.port}",
            mode=PSK,
            identity=IDENTITY,
            key=key,
        )
        with virtual_board("the firmware", heap or workshop.heap, flash) as process:
            yield process
