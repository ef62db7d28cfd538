"""The server's UDP socket and the CoAP exchanges on it, upon aiocoap's message layer.

What comes over DTLS is handed in by the gateway (dtls/) and is served alike.

One unconnected socket serves and asks: a client whose socket is connected to the server takes
datagrams from that port only. aiocoap's own "simplesocketserver" transport does that on Linux and
macOS alike; here it gets an exclusive port, bounds on what a flood of messages can make it keep,
tokens chosen by the caller (RFC 7641, 3.6 wants the old one to cancel an observation) and a Reset
for every notification nobody waits for.
"""

import asyncio
import time
from collections import deque

from aiocoap import BAD_OPTION, FETCH, GET, Context, Message, error
from aiocoap.messagemanager import MessageManager
from aiocoap.numbers.codes import EMPTY, Code
from aiocoap.numbers.types import ACK, CON, NON, RST
from aiocoap.pipe import Pipe
from aiocoap.tokenmanager import TokenManager
from aiocoap.transports.simplesocketserver import (
    MessageInterfaceSimpleServer,
    _DatagramServerSocketSimple,
)
from aiocoap.util import hostportjoin

from .errors import InvalidResponse, RequestRejected, RequestTimeout

MAX_REMEMBERED = 16384  # message ids kept to tell duplicates
MAX_BODY = 1 << 20  # bytes of a block-wise answer
MAX_OPEN = 32  # requests to one client that wait for an answer
BLOCK_SIZES = (16, 32, 64, 128, 256, 512, 1024)  # bytes (RFC 7959, 2.2)
MAX_SINGLE = 1024  # bytes of a request's payload that goes in one message
_BLOCK_EXPONENT = 5  # 512 bytes


def checked_block_size(size):
    """The size, if blocks can have it; ValueError if not."""
    if size not in BLOCK_SIZES:
        raise ValueError("block size %r: expected one of %s" % (size, BLOCK_SIZES))
    return size


def first_block(size):
    """Value of a Block2 option that asks for blocks of a size."""
    return 0, False, checked_block_size(size).bit_length() - 5


class _Tokens(TokenManager):
    """Token manager that uses the token a request already has."""

    _given = b""

    def next_token(self):
        return self._given or super().next_token()

    def request(self, pipe):
        self._given = pipe.request.token or b""
        super().request(pipe)


class _Messages(MessageManager):
    """Message manager with a bounded memory of duplicates.

    trace(message, incoming) hears of every message on the wire.
    """

    def __init__(self, token_manager, trace):
        super().__init__(token_manager)
        self._arrivals = deque()
        self._trace = trace

    def dispatch_message(self, message):
        self._trace(message, True)
        super().dispatch_message(message)

    def _send_via_transport(self, message):
        self._trace(message, False)
        super()._send_via_transport(message)

    def _deduplicate_message(self, message):
        now = time.monotonic()
        while self._arrivals and (
            self._arrivals[0][0] < now or len(self._arrivals) >= MAX_REMEMBERED
        ):
            self._recent_messages.pop(self._arrivals.popleft()[1], None)
        key = (message.remote, message.mid)
        if key not in self._recent_messages:
            self._arrivals.append((now + message.transport_tuning.EXCHANGE_LIFETIME, key))
            self._recent_messages[key] = None
            return False
        answer = self._recent_messages[key]
        if message.mtype is CON and answer is not None:
            self._send_initially(answer)
        return True

    def _process_response(self, response):
        known = super()._process_response(response)
        if not known and response.mtype is NON:
            # aiocoap resets unknown confirmable responses only
            rst = Message(_mtype=RST, _mid=response.mid, code=EMPTY, payload=b"")
            rst.remote = response.remote
            self._send_initially(rst)
        return known

    def abandon(self, message):
        """Sends a confirmable message no more and lets the next one for its peer go."""
        exchange = self._active_exchanges and self._active_exchanges.pop(
            (message.remote, message.mid), None
        )
        if exchange:
            exchange[1].cancel()
            self._continue_backlog(message.remote)
        backlog = self._backlogs.get(message.remote)
        if backlog:
            backlog[:] = [entry for entry in backlog if entry[0] is not message]


class _Socket(_DatagramServerSocketSimple):
    """The server's socket: not shared with other programs, any local address allowed."""

    @classmethod
    async def create(cls, bind, log, loop, message_interface):
        ready = loop.create_future()
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: cls(ready.set_result, message_interface, log), local_addr=bind
        )
        protocol._loop = loop
        protocol.hostinfo_local = hostportjoin(*transport.get_extra_info("sockname")[:2])
        return await ready


class _NoSocket:
    """In the place of the socket where a server has none."""

    async def shutdown(self):
        pass


class _Interface(MessageInterfaceSimpleServer):
    _serversocket = _Socket

    @classmethod
    async def create(cls, bind, messages, log, loop):
        """With a socket at bind, or with none where that is None."""
        if bind is not None:
            return await cls.create_server(bind, messages, log, loop)
        interface = cls(messages, log, loop)
        interface._pool = _NoSocket()
        return interface

    def _received_datagram(self, address, datagram):
        try:
            super()._received_datagram(address, datagram)
        except UnicodeDecodeError:
            # raised by aiocoap for an option that is no UTF-8 (RFC 7252, 5.4.1 and 5.4.3)
            self._log.warning("option that is not UTF-8 from %s", address.hostinfo)
            self._refuse(address, datagram)

    def _refuse(self, address, datagram):
        if datagram[0] >> 4 & 3 != CON:
            return
        answer = Message(_mtype=RST, _mid=int.from_bytes(datagram[2:4], "big"), code=EMPTY)
        if Code(datagram[1]).is_request():
            answer.mtype, answer.code = ACK, BAD_OPTION
            answer.token = datagram[4 : 4 + (datagram[0] & 15)]
        address.send(answer.encode())


class Transport:
    """CoAP over one UDP socket: serves a site and sends requests to known remotes.

    Args: trace(message, incoming) hears of every message; block_size is what answers are asked
    to come in and what writes go in, a power of two in 16..1024, None for as the client likes.
    """

    def __init__(self, site, trace, block_size=None):
        self._site = site
        self._trace = trace
        self._block_size = block_size and checked_block_size(block_size)
        self._context = None
        self._messages = None
        self._interface = None
        self._open = {}
        self.port = None

    async def start(self, host, port):
        """Binds the socket, port 0 to a free one, None not at all; OSError if it is taken."""
        loop = asyncio.get_running_loop()
        context = Context(loop=loop, serversite=self._site, loggername="coap-server")
        tokens = _Tokens(context)
        self._messages = _Messages(tokens, self._trace)
        bind = None if port is None else (host, port)
        interface = await _Interface.create(bind, self._messages, context.log, loop)
        self._messages.message_interface = interface
        tokens.token_interface = self._messages
        context.request_interfaces.append(tokens)
        self._tokens = tokens
        self._context = context
        self._interface = interface
        if bind:
            self.port = interface._pool._transport.get_extra_info("sockname")[1]

    def receive(self, remote, datagram):
        """Takes a datagram that did not come by the socket; remote has a send(bytes)."""
        if self._interface:
            self._interface._received_datagram(remote, datagram)

    async def stop(self):
        """Closes the socket; open requests fail."""
        self._interface = None
        if self._context:
            await self._context.shutdown()
            self._context = None

    def send(self, message, on_event):
        """Starts a request; returns a function that ends it and everything sent for it.

        on_event gets the pipe's events (message, exception, is_last) and returns True to get more.
        """
        if self._block_size and message.code in (GET, FETCH) and message.opt.block2 is None:
            message.opt.block2 = first_block(self._block_size)
        pipe = Pipe(message, self._context.log)
        stop = pipe.on_event(on_event)

        def end():
            stop()
            self._messages.abandon(message)

        self._tokens.request(pipe)
        return end

    async def _exchange(self, message, timeout_s):
        answer = asyncio.get_running_loop().create_future()

        def on_event(event):
            if not answer.done():
                if event.message is not None:
                    answer.set_result(event.message)
                else:
                    answer.set_exception(event.exception)
            return False

        end = self.send(message, on_event)
        try:
            return await self.outcome(answer, timeout_s)
        finally:
            end()

    @staticmethod
    async def outcome(answer, timeout_s):
        """Result of a future of a message, its failures turned into the errors of this package."""
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except (asyncio.TimeoutError, error.ConRetransmitsExceeded):
            raise RequestTimeout("Request timeout")
        except error.MessageError:
            raise RequestRejected("Request rejected by the client with a Reset")
        except error.Error as fault:
            raise InvalidResponse("CoAP: %s" % (str(fault) or type(fault).__name__))

    async def request(self, message, timeout_s):
        """The complete answer to a request, with block-wise transfer both ways (RFC 7959).

        Errors: RequestTimeout after timeout_s seconds, RequestRejected on a Reset,
        InvalidResponse.
        """
        remote = message.remote
        if self._open.get(remote, 0) >= MAX_OPEN:
            raise RequestTimeout("%d requests to this client are waiting already" % MAX_OPEN)
        self._open[remote] = self._open.get(remote, 0) + 1
        deadline = time.monotonic() + timeout_s
        try:
            response = await self._upload(message, deadline)
            return await self.complete(message, response, deadline)
        finally:
            self._open[remote] -= 1
            if not self._open[remote]:
                del self._open[remote]

    async def _upload(self, message, deadline):
        exponent, limit = _BLOCK_EXPONENT, MAX_SINGLE
        if self._block_size and message.code is not FETCH:
            exponent, limit = self._block_size.bit_length() - 5, self._block_size
        if len(message.payload) <= limit:
            return await self._exchange(message, deadline - time.monotonic())
        sent = 0
        while True:
            block = message._extract_block(sent >> (exponent + 4), exponent, 0)
            block.remote = message.remote
            if not sent:
                block.opt.size1 = len(message.payload)
            response = await self._exchange(block, deadline - time.monotonic())
            sent += len(block.payload)
            answered = response.opt.block1
            if not block.opt.block1.more or not response.code.is_successful() or not answered:
                return response
            # a smaller size takes effect behind the bytes sent so far (RFC 7959, figure 8)
            exponent = min(exponent, answered.size_exponent)

    async def complete(self, message, response, deadline):
        """The answer with all its blocks, of which response is the first."""
        block = response.opt.block2
        # what a FETCH asks for is in its payload (RFC 8132, 2)
        asked = message.payload if message.code is FETCH else b""
        asked = asked if len(asked) <= MAX_SINGLE else b""
        body = [response.payload]
        size = len(response.payload)
        while block is not None and block.more:
            if size > MAX_BODY:
                raise InvalidResponse("the answer is longer than %d bytes" % MAX_BODY)
            if size % block.size or not size:
                raise InvalidResponse("a block of the answer has the wrong size")
            following = message.copy(payload=asked, mid=None, token=b"", observe=None, block1=None)
            following.remote = message.remote
            following.opt.block2 = (size // block.size, False, block.size_exponent)
            part = await self._exchange(following, deadline - time.monotonic())
            block = part.opt.block2
            if not part.code.is_successful():
                return part
            if block is None or block.start != size or part.opt.etag != response.opt.etag:
                raise InvalidResponse("the blocks of the answer do not fit together")
            body.append(part.payload)
            size += len(part.payload)
        response.payload = b"".join(body)
        response.opt.block2 = None
        return response
