"""A bad network between a client and a server: loss, duplicates, reordering, a NAT that forgets.

What becomes of the n-th datagram of a direction in a phase depends on the seed alone.
"""

import asyncio
import random

from tools.keysearch.notes import record


class Fates:
    """What becomes of the datagrams of one direction, one after the other.

    `loss`, `twice` and `late` are per cent: lost altogether, delivered two times, delivered up
    to `late_s` later than those behind it. next() gives the delays of the copies in seconds.
    """

    def __init__(self, seed, direction, loss=30, twice=20, late=30, late_s=0.4):
        self._random = random.Random("%s %s" % (seed, direction))
        self._loss, self._twice, self._late = loss / 100, twice / 100, late / 100
        self._late_s = late_s

    def next(self):
        # As many numbers for each datagram, whatever becomes of it.
        lost, twice, *late = (self._random.random() for _ in range(6))
        if lost < self._loss:
            return []
        delays = [late[2 + n] * self._late_s if late[n] < self._late else 0.0 for n in range(2)]
        return delays if twice < self._twice else delays[:1]


class LossyProxy:
    """One client on one side, one server on the other; `async with` starts and ends it.

    The client is given `port`, the server sees a port of the proxy's own, which rebind() changes.
    `from_client` and `from_server` count what arrived here, `lost`, `twice`, `late` what became
    of it. `on_client(n)` is called after the client's n-th datagram, whatever became of it.
    """

    def __init__(self, seed, server_port, on_client=None, **fates):
        self._server = ("127.0.0.1", server_port)
        self._seed = seed
        self._how = fates
        self.begin("")
        self._on_client = on_client
        self._client = None
        self._front = self._back = None
        self.frozen = False  # True: nothing gets through
        self.from_client = self.from_server = 0
        self.lost = self.twice = self.late = 0
        self.first_bytes = set()  # of the client's datagrams: what kind of records they are

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        self._front = await self._open(_Front)
        self._back = await self._open(_Back)
        self.port = self._front.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *error):
        self._front.close()
        self._back.close()

    async def _open(self, side):
        remote = self._server if side is _Back else None
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: side(self), ("127.0.0.1", 0), remote
        )
        return transport

    def begin(self, phase):
        """From here on the fates are those of the seed and the phase (a text), whatever was."""
        self._fates = {
            way: Fates("%s%s" % (self._seed, phase), way, **self._how) for way in ("up", "down")
        }

    @property
    def address(self):
        """The port that the server sees."""
        return self._back.get_extra_info("sockname")[1]

    async def rebind(self):
        """The NAT forgets: what the client sends now comes from a new port, and nothing that is
        sent to the old one arrives.
        """
        new = await self._open(_Back)
        self._back.close()
        self._back = new

    def came_from_client(self, data, address):
        self._client = address
        self.from_client += 1
        self.first_bytes.add(data[0])
        back = self._back
        self._pass_on("up", data, lambda: back.sendto(data), back)
        if self._on_client:
            self._on_client(self.from_client)

    def came_from_server(self, data):
        self.from_server += 1
        client = self._client
        if client:
            self._pass_on("down", data, lambda: self._front.sendto(data, client), self._back)

    def _pass_on(self, way, data, send, transport):
        record("datagrams", data)
        delays = self._fates[way].next()
        if self.frozen or not delays:
            self.lost += 1
            return
        self.twice += len(delays) > 1

        def deliver():
            if not self.frozen and not transport.is_closing():
                send()

        for delay_s in delays:
            if delay_s:
                self.late += 1
                self._loop.call_later(delay_s, deliver)
            else:
                deliver()


class _Front(asyncio.DatagramProtocol):
    def __init__(self, proxy):
        self._proxy = proxy

    def datagram_received(self, data, address):
        if data:
            self._proxy.came_from_client(data, address)


class _Back(asyncio.DatagramProtocol):
    def __init__(self, proxy):
        self._proxy = proxy

    def datagram_received(self, data, address):
        self._proxy.came_from_server(data)

    def error_received(self, error):
        pass  # refused: the server is down, the datagram is lost
