"""One account's connection: its session with the server, and the link while there is one."""

import asyncio
import select
from asyncio import core
from errno import EAGAIN, ECONNREFUSED, ENODEV

from micropython import const

from lwm2m.registration import REGISTERED

_DATAGRAM = const(1153)  # longer than any datagram taken, in bytes (RFC 7252 section 4.6)
_BLOCK = const(577)  # of a datagram with a block of 512 bytes
_SHORT = const(65)  # more than the answer to a de-registration
_BURST = const(64)  # datagrams taken in a row
_PAUSE_MS = const(1000)  # between the loss of a link and the next
_RETRY_MS = const(5000)  # between attempts to get a link
_IP_FAILURE = const(7)  # among the error codes of /3/0/11
_FAILURES = const(5)  # local failures in a row that end in a restart


class Connection:
    """A link that comes back when it is lost, for ever; secure.py has the one with DTLS.

    `make_session(send)` is called once and returns the session. The registration lives on over a
    lost link or a restart (`keep.py`) as long as the same local port can be had: the server
    knows the device by its address.
    """

    lacking = None  # what there is no link for want of
    trace = None  # called with True and each datagram taken, False and each sent; see trace.py
    unsaved = False  # resumed from a record that has to be written anew before anything is sent
    fault = None  # why the last attempt to get one failed

    def __init__(self, app, make_session, account):
        self.app = app
        self.account = account
        self.uri = account["uri"]
        self.local_port = 0  # where the server knows us; 0 before the first link
        self.link = None
        self.task = None
        self.failures = 0  # local ones in a row; a registration clears them
        self.session = session = make_session(self.send)
        session.online = False

    async def run(self):
        """Network, name, socket; then datagrams until the link breaks; and again."""
        while True:
            try:
                await self.app.network()
                await self.open()
            except (OSError, MemoryError) as error:
                self.close()
                if getattr(error, "errno", 0) == ENODEV:  # nor will it have one after a restart
                    self.lacking = error.args[-1]
                    print("%s: %s" % (self.uri, self.lacking))
                    return
                await self._failed(error)
                continue
            try:
                await self.receive()
            except (OSError, MemoryError) as error:
                self.app.log("%s: link lost: %s" % (self.uri, error))
            self.close()
            await asyncio.sleep_ms(_PAUSE_MS)

    async def open(self):
        if self.lacking:
            raise OSError(ENODEV, self.lacking)
        host, port = self.account["address"]
        self.link = link = self.app.interface.udp(host, port, self.local_port)
        while not link.local_port:  # a Wi-Fi module opens it meanwhile
            if link.error:
                raise link.error
            await asyncio.sleep_ms(link.wait_ms)
        self.started()

    def started(self):
        """The link is up: the session may begin."""
        session = self.session
        session.online = True
        app = self.app
        app.report(_IP_FAILURE, False)
        app.table.changed(4, 0, 4)  # the address may be another one
        if self.unsaved:  # not earlier: a flash wears out, and a restart may bring no network
            self.unsaved = False
            self.app._kept("save")
        registration = session.registration
        port = self.link.local_port
        if registration.state != REGISTERED:
            if not self.app.stopped:
                registration.start()
        elif port == self.local_port:
            self.app.notice(
                "%s: registered at %s as before" % (self.uri, registration.location_text())
            )
            registration.due_ms = self.app.client.now_ms()  # an Update: here we are again
            session.endpoint.resume()  # or what was under way, which it would wait for
            self.app.wake()
        else:
            print("%s: local port %d is taken, registering anew" % (self.uri, self.local_port))
            registration.start()
        self.local_port = port
        self.fault = None

    def close(self):
        if self.link:
            self.session.online = False
            if self.session.registration.state == REGISTERED:
                self.failures = 0
            self.link.close()
            self.link = None

    def send(self, data):
        if self.link is None:
            raise OSError(ECONNREFUSED, "no link")
        if self.trace:
            self.trace(False, data)
        self.link.send(data)

    def drain(self):
        """Takes what has arrived."""
        try:
            for _ in range(_BURST):
                self.session.receive(self.link.recv(_SHORT))
        except OSError:
            pass  # nothing more

    async def _failed(self, error):
        # No link, no address, no set-up: a local failure, which a restart may cure.
        self.failures += 1
        count = self.failures
        self.fault = "%s (local failure %d of %d)" % (error, count, _FAILURES)
        print("%s: %s" % (self.uri, self.fault))
        states = [each.session.reachable() for each in self.app.connections]
        if count >= _FAILURES and True not in states:
            self.app.event("restarting: %s: %s" % (self.uri, error))
            await asyncio.sleep_ms(_PAUSE_MS)
            self.app.reset()
        await asyncio.sleep_ms(_RETRY_MS)

    async def receive(self):
        link = self.link
        socket = link.socket
        recv = link.recv
        receive = self.session.receive
        if socket and not link.secure:
            poller = select.poll()
            poller.register(socket, select.POLLIN)
            ipoll = poller.ipoll
        else:
            ipoll = link.ipoll
        while True:
            size = _DATAGRAM
            for _ in range(_BURST):
                try:
                    data = recv(size)
                except OSError as error:
                    if error.errno == EAGAIN:
                        break
                    if error.errno == ECONNREFUSED:  # a lost datagram, nothing more
                        continue
                    raise
                except MemoryError:
                    # The heap has no longer piece; nearly all are short. With one byte the
                    # datagram is lost: else it would be tried again for ever.
                    size = _BLOCK if size > _BLOCK else size // 4 or 1
                    continue
                if len(data) < size:  # else it may be cut off: lost
                    if self.trace:
                        self.trace(True, data)
                    receive(data)
                else:
                    self.session.endpoint.malformed += 1
                for _ in ipoll(0):
                    break
                else:
                    break
            if socket:
                await readable(socket)
            else:
                while True:
                    await asyncio.sleep_ms(link.wait_ms)
                    if ipoll(0):
                        break


def readable(stream):
    """Waits for a stream; to be awaited."""
    # The one place that waits with asyncio's own queue: there is no public way to do that for
    # datagrams, and asyncio.StreamReader costs 2 kB.
    yield core._io_queue.queue_read(stream)
