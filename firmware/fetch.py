"""Fetches a package by CoAP or CoAPS, on a link of its own: pull.py has it begun.

What breaks off goes on where it was, with the ETag telling that it is the same package still, as
often as there is progress; after six attempts in a row without any it has failed.
"""

import asyncio
import os
import time
from errno import EAGAIN, ECONNREFUSED, EINVAL

from micropython import const

from coap.download import Download
from coap.endpoint import Endpoint
from coap.message import Error
from firmware import once

_NO_MEMORY = const(3)  # Update Result (/5/0/5)
_LOST = const(4)
_INVALID_URI = const(7)
_UNSUPPORTED_PROTOCOL = const(9)
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_DATAGRAM = const(1153)  # as in connection.py
_TURN_MS = const(20)
_FIRST_MS = const(5000)  # between attempts, then twice as long each time
_ATTEMPTS = const(6)
_CHANGES = const(3)  # of the package while it is fetched


def begin(app, incoming, where):
    """Begins, or goes on, with a URI as pull.py has parsed it."""
    asyncio.create_task(_run(app, incoming, where))


async def _run(app, incoming, where):
    values = app.update
    attempts = changes = 0
    while app.transfer is incoming:
        before = incoming.taken
        result = _LOST
        try:
            await app.network()
            text = await _attempt(app, incoming, *where)
            if text is None:
                incoming.finish()
                return
        except OSError as error:
            text = str(error.args[-1])
            if error.args[0] == EINVAL:  # no credentials for it
                result = _UNSUPPORTED_PROTOCOL
        except MemoryError as error:
            text = "no memory: %s" % error
            result = _NO_MEMORY
            app.spare()
        if app.transfer is not incoming:
            return
        if text[:10] == "answered 4":
            result = _INVALID_URI
        elif text[:3] == "it ":  # "it has changed", "it is shorter now"
            changes += 1
            if changes < _CHANGES:
                again(incoming)
        attempts = 0 if incoming.taken > before else attempts + 1
        if (
            attempts >= _ATTEMPTS
            or changes >= _CHANGES
            or result == _INVALID_URI
            or result == _UNSUPPORTED_PROTOCOL
        ):
            uri = values["uri"].partition("?")[0]  # behind it there may be a token
            once("states", "failed", app, result, "%s: %s" % (uri, text))
            return
        wait_ms = _FIRST_MS << attempts
        why = "update: %s after %d bytes, going on in %d s"
        app.notice(why % (text, incoming.taken, wait_ms // 1000))
        await asyncio.sleep_ms(wait_ms)


async def _attempt(app, incoming, secure, host, port, options):
    # None when all of it is there, else why not; OSError, MemoryError.
    link = app.interface.udp(host, port, 0)
    try:
        while not link.local_port:  # a Wi-Fi module opens it meanwhile
            if link.error:
                raise link.error
            await asyncio.sleep_ms(link.wait_ms)
        if secure:
            from firmware.dtls import DTLS

            link = DTLS(link, once("pull", "credentials", app), host)
            await link.handshake(b"\x40\0\0\0")  # a ping
        endpoint = Endpoint(link.send, _refuse, time, os.urandom, app.log)
        endpoint.block_size = app.board.BLOCK_SIZE
        ended = []

        def take(offset, data):
            incoming.etag = download.etag.hex()
            incoming.write(data)

        etag = incoming.etag
        download = Download(
            endpoint,
            options,
            take,
            ended.append,
            incoming.taken,
            None if etag is None else bytes.fromhex(etag),
        )
        while not ended and app.transfer is incoming:
            endpoint.poll()
            try:
                data = link.recv(_DATAGRAM)
            except OSError as error:
                if error.args[0] not in (EAGAIN, ECONNREFUSED):
                    raise
                await asyncio.sleep_ms(_TURN_MS)
            else:
                endpoint.receive(data)
        return ended[0] if ended else "it has ended"
    finally:
        link.close()


def again(incoming):
    # It is another package now.
    incoming.info = incoming.etag = None
    incoming.taken = incoming.told = incoming.wanted = 0
    incoming.file.seek(0)


def _refuse(request, response):
    raise Error(_METHOD_NOT_ALLOWED)
