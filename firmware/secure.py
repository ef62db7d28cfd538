"""A connection with DTLS: the handshake first, and a new one when the session has died.

Loaded where an account asks for it.
"""

import asyncio
from errno import EINVAL

from micropython import const

from firmware import once
from firmware.connection import REGISTERED, Connection
from firmware.dtls import DTLS

_WAIT_MS = const(5000)
_LOST = const(3)  # sessions in a row without an answer that are a failed attempt


class SecureConnection(Connection):
    """As Connection, but nothing is sent or taken in clear.

    A handshake that fails is a failed attempt to register: the retry parameters of /1/x/16 to 20
    tell what follows. After a session has died the device registers anew in the next.
    """

    again = False  # the server is not asked for the registration of before
    lost = 0  # sessions in a row in which it answered nothing

    async def run(self, reason=None):
        """As for all connections; with a `reason` it begins at the end of a session."""
        if reason:
            await self.retry(reason)
        await Connection.run(self)

    async def open(self):
        account = self.account
        host, port = account["address"]
        link = self.app.interface.udp(host, port, self.local_port)
        try:
            security = once("account_list", "credentials", account["security_iid"])
            self.link = DTLS(link, security, host)
        except (OSError, MemoryError):
            link.close()
            raise

    async def receive(self):
        link = self.link
        endpoint = self.session.endpoint
        try:
            mid = endpoint.next_mid()
            await link.handshake(bytes((0x40, 0, mid >> 8, mid & 255)))  # a ping
            endpoint.on_silence = self.on_silence
            self.app.notice("%s: secured by %s" % (self.uri, link.cipher()))
            if self.again:
                self.session.registration.start()
            self.started()
            await Connection.receive(self)
        except (OSError, MemoryError) as error:
            if link.established and self.session.registration.state == REGISTERED:
                raise
            # A MemoryError may come without words.
            reason = "%s: %s" % (self.uri, error.args[-1] if error.args else "no memory")
            self.close()
            self.local_port = 0  # the server may hold that one for the session of before
            await self.retry(reason)

    async def _failed(self, error):
        # What is wrong with the account, or lacking in MicroPython, no restart will cure.
        if getattr(error, "errno", 0) == EINVAL:
            await self.retry("%s: %s" % (self.uri, error.args[-1]))
        else:
            await Connection._failed(self, error)

    def close(self):
        link = self.link
        if link and link.established:
            self.again = True
            self.session.endpoint.on_silence = None
        Connection.close(self)

    async def retry(self, reason):
        # There is no session to register in; returns when the next may begin.
        registration = self.session.registration
        try:
            registration.failed(reason)
        except MemoryError as error:  # the next session comes at once, and may tell it again
            self.app.log("MemoryError: %s" % error)
        while registration.due_ms > self.app.client.now_ms():
            await asyncio.sleep_ms(_WAIT_MS)

    def on_silence(self):
        # The peer does not answer: it may know nothing of the session any more. Where something
        # else of it has come meanwhile, datagrams were lost, no more. A new session comes at
        # once where this one has served, and twice besides: after that it is a peer that does
        # not want us.
        link = self.link
        if not link or link.awake():
            return
        reason = "%s: no answer in the session" % self.uri
        self.lost = 0 if self.session.registration.state == REGISTERED else self.lost + 1
        wanted = self.lost < _LOST
        if wanted:
            self.app.log("link lost: " + reason)
        # The new task first: without memory for it the old one goes on.
        task = asyncio.create_task(self.run(None if wanted else reason))
        self.task.cancel()
        self.close()
        self.task = task
