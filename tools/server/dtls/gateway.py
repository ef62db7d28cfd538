"""The gateway's process as the server sees it: keys and datagrams in, sessions out."""

import asyncio
import contextlib
import errno
import logging
import socket
import subprocess
from pathlib import Path

from tools.errors import UserError
from tools.virtual.interpreter import command_line

from .peers import SecurePeer
from .process import frames

_log = logging.getLogger("desk-server")

_MAIN = Path(__file__).parent / "process" / "main.py"
_HEAP = "16m"
_START_S = 10.0
_END_S = 2.0
_PAUSE_S = 0.5  # before a gateway that ended by itself is started anew

MAX_SESSIONS = 1000
MAX_HANDSHAKES = 256  # under way at a time; then the one that was silent for longest is dropped
IDLE_S = 7 * 86400  # without a word from the client: longer than a lifetime mostly is
HANDSHAKE_S = 60


class GatewayFault(OSError):
    """The gateway cannot start; the text says why."""


class Gateway:
    """DTLS with pre-shared keys on one port.

    Args: receive(peer, datagram) is called for what comes in, with the SecurePeer it is from.
    Keys are held here and in the process that needs them, and are shown nowhere.
    """

    def __init__(self, receive, idle_s=IDLE_S, handshake_s=HANDSHAKE_S):
        self.host = None
        self.port = None
        self._receive = receive
        self._limits = MAX_SESSIONS, MAX_HANDSHAKES, idle_s, handshake_s
        self._keys = {}
        self._peers = {}  # number of a session -> SecurePeer
        self._numbers = {}  # SecurePeer -> number
        self._process = None
        self._writer = None
        self._task = None
        self._bound = None

    def set_key(self, identity, key):
        """The key (bytes) of an identity (bytes) from now on; None: it has none any more."""
        if key is None:
            self._keys.pop(identity, None)
            self._tell(frames.FORGET, identity)
        else:
            self._keys[identity] = key
            self._tell(frames.KEY, identity, key)

    def send(self, peer, data):
        """Sends a datagram to a peer over the session it has now."""
        number = self._numbers.get(peer)
        if number is not None:
            self._tell(frames.SEND, number, data)

    def _tell(self, kind, *fields):
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frames.frame(kind, *fields))

    async def start(self, host, port):
        """Opens the port, 0 takes a free one. Errors: GatewayFault, with the errno of the bind."""
        self.host = host
        self.port = port
        reader = await self._spawn()
        self._bound = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._serve(reader))
        try:
            await asyncio.wait_for(asyncio.shield(self._bound), _START_S)
        except asyncio.TimeoutError:
            await self.stop()
            raise GatewayFault(errno.ETIMEDOUT, "the DTLS gateway does not start") from None
        except GatewayFault:
            await self.stop()
            raise

    async def _spawn(self):
        try:
            command = command_line(_HEAP, str(_MAIN), self.host, str(self.port))
        except UserError as fault:
            raise GatewayFault(errno.ENOENT, str(fault)) from None
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    *map(str, self._limits),
                    stdin=theirs,
                    # MicroPython says on either what went wrong
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    # A Ctrl-C in the terminal is for the server, which then ends in order.
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        reader, self._writer = await asyncio.open_connection(sock=ours)
        for identity, key in self._keys.items():
            self._tell(frames.KEY, identity, key)
        return reader

    async def _serve(self, reader):
        while True:
            await asyncio.gather(self._read(reader), self._read_errors())
            self._forget_all()
            self._writer.close()
            status = await self._ended()
            if not self._bound.done():
                text = "the DTLS gateway ended with status %s" % status
                self._bound.set_exception(GatewayFault(errno.EIO, text))
            if self._bound.exception() is not None:
                return
            _log.error("the DTLS gateway ended with status %s: it is started anew", status)
            reader = await self._spawned_again()

    async def _spawned_again(self):
        while True:
            await asyncio.sleep(_PAUSE_S)
            try:
                return await self._spawn()
            except OSError as fault:
                _log.error("the DTLS gateway does not start: %s", fault)

    async def _read(self, reader):
        cutter = frames.Frames()
        while True:
            try:
                data = await reader.read(65536)
            except OSError:
                return
            if not data:
                return
            for kind, body in cutter.feed(data):
                self._take(kind, body)

    async def _read_errors(self):
        while True:
            line = await self._process.stdout.readline()
            if not line:
                return
            _log.error("DTLS gateway: %s", line.decode(errors="replace").rstrip())

    def _take(self, kind, body):
        if kind == frames.DATA:
            number, data = frames.fields(body, "nb")
            peer = self._peers.get(number)
            if peer is not None:
                self._receive(peer, data)
        elif kind == frames.OPENED:
            number, host, port, identity = frames.fields(body, "nbnb")
            peer = SecurePeer(self, host.decode(), port, identity)
            self._peers[number] = peer
            self._numbers[peer] = number
            _log.info("DTLS session with %s as %s", peer.hostinfo, ascii(identity))
        elif kind == frames.CLOSED:
            number, text = frames.fields(body, "nb")
            peer = self._peers.pop(number, None)
            if peer is not None:
                if self._numbers.get(peer) == number:
                    del self._numbers[peer]
                _log.info("end of the DTLS session with %s: %s", peer.hostinfo, text.decode())
        elif kind == frames.REFUSED:
            _log.warning("DTLS handshake with %s", body.decode(errors="replace"))
        elif kind == frames.BOUND:
            (self.port,) = frames.fields(body, "n")
            _log.info("DTLS gateway on port %d", self.port)
            if not self._bound.done():
                self._bound.set_result(None)
        elif kind == frames.FAULT:
            number, text = frames.fields(body, "nb")
            if not self._bound.done():
                self._bound.set_exception(GatewayFault(number, text.decode()))

    def _forget_all(self):
        self._peers.clear()
        self._numbers.clear()

    async def _ended(self):
        """Exit status of the process, which is killed if it does not end."""
        try:
            await asyncio.wait_for(self._process.wait(), _END_S)
        except asyncio.TimeoutError:
            self._process.kill()
        return await self._process.wait()

    async def stop(self):
        """Ends the process and with it all sessions."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None
            await self._ended()
        self._forget_all()
