"""Fetches a package by CoAP or CoAPS, on a link of its own: update.py. Loaded for the moment.

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
_URI_HOST = const(3)
_URI_PATH = const(11)
_URI_QUERY = const(15)
_METHOD_NOT_ALLOWED = const(0x85)  # 4.05
_DATAGRAM = const(1153)  # as in connection.py
_TURN_MS = const(20)
_FIRST_MS = const(5000)  # between attempts, then twice as long each time
_ATTEMPTS = const(6)
_CHANGES = const(3)  # of the package while it is fetched
_LONGEST = const(255)  # bytes of a part of the path


def trouble(uri, secure):
    """The result of object 5 for a URI of which nothing can be fetched, else 0."""
    scheme = uri.partition("://")[0].lower()
    if scheme == "coap" or (scheme == "coaps" and secure):
        try:
            parse(uri)
            return 0
        except ValueError:
            pass
    elif "://" in uri:
        return _UNSUPPORTED_PROTOCOL
    return _INVALID_URI


def parse(uri):
    """(whether with DTLS, host, port, options of the request); ValueError for what is no URI of
    CoAP (RFC 7252 section 6).
    """
    scheme, _, rest = uri.partition("://")
    secure = scheme.lower() == "coaps"
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    if authority[:1] == "[":
        host, bracket, port = authority[1:].partition("]")
        if not bracket or port[:1] not in ("", ":"):
            raise ValueError
        literal = True
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
        literal = host.replace(".", "").isdigit()
    port = port or ("5684" if secure else "5683")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError
    for letter in uri:
        if not "!" <= letter <= "~" or letter in '"#<>@\\^`{|}':
            raise ValueError
    options = []
    if not literal:
        options.append((_URI_HOST, host.lower().encode()))
    if path:
        options += [(_URI_PATH, _plain(part)) for part in path.split("/")]
    if query:
        options += [(_URI_QUERY, _plain(part)) for part in query.split("&")]
    return secure, host, int(port), options


def _plain(part):
    # Without the percent signs; ValueError
    pieces = part.split("%")
    plain = pieces[0].encode()
    for piece in pieces[1:]:
        plain += bytes((int(piece[:2].encode(), 16),)) + piece[2:].encode()
    if len(plain) > _LONGEST:
        raise ValueError
    return plain


def begin(app):
    """Begins, or goes on, with `app.update["uri"]`."""
    values = app.update
    try:
        where = parse(values["uri"])
        incoming = once("incoming", "begin", app, values["slot"], 0, values.get("offset", 0))
    except (Error, ValueError):
        return  # told already
    if incoming.taken:
        incoming.etag = values.get("etag", "")
        app.notice("update: going on after %d bytes" % incoming.taken)
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
                incoming.again()
        attempts = 0 if incoming.taken > before else attempts + 1
        if (
            attempts >= _ATTEMPTS
            or changes >= _CHANGES
            or result == _INVALID_URI
            or result == _UNSUPPORTED_PROTOCOL
        ):
            once("update", "failed", app, result, "%s: %s" % (values["uri"], text))
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

            link = DTLS(link, _credentials(app), host)
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


def _credentials(app):
    # Of the account of the server that wrote the URI, else of another one.
    found = None
    for connection in app.connections:
        account = connection.account
        if account["secure"]:
            if account["short_server_id"] == app.update.get("from"):
                found = account
            found = found or account
    if found is None:
        raise OSError(EINVAL, "no account with credentials for coaps://")
    return once("account_list", "credentials", found["security_iid"])


def _refuse(request, response):
    raise Error(_METHOD_NOT_ALLOWED)
