"""A server wants a package fetched: what its URI says, and who has the credentials for it.

Loaded for the moment; fetch.py is what stays while it comes.
"""

import asyncio
from errno import EINVAL

from micropython import const

from coap.message import Error
from firmware import once

_IDLE = const(0)  # State (/5/0/3)
_DOWNLOADING = const(1)
_NO_SPACE = const(2)  # Update Result (/5/0/5)
_NO_MEMORY = const(3)
_INVALID_URI = const(7)
_UNSUPPORTED_PROTOCOL = const(9)
_URI_HOST = const(3)
_URI_PATH = const(11)
_URI_QUERY = const(15)
_WAITS_MS = const((0, 1000, 5000))
_LONGEST = const(255)  # bytes of a part of the path


def pull(app, uri):
    """A server has written a URI, a moment ago."""
    if app.update.get("state") != _DOWNLOADING:
        return  # and has taken that back
    result = trouble(uri, once("update", "secure"))
    if result:
        once("states", "change", app, _IDLE, 0, {"uri": uri})
        # Without a name, a password or a token, and with nothing that a terminal obeys
        shown = uri.partition("?")[0].rpartition("@")[2]
        once("states", "failed", app, result, "nothing can be fetched from %r" % shown)
        return
    once("states", "stop", app)  # a push that found no memory to begin
    once("states", "forget", app, "etag", "offset", "name", "package_version")
    once("states", "change", app, _DOWNLOADING, 0, {"uri": uri})
    go_on(app)


def go_on(app):
    """Has what `app.update` tells of fetched, from where it broke off; the answer goes first."""
    asyncio.create_task(_go_on(app))


async def _go_on(app):
    for wait_ms in _WAITS_MS:
        await asyncio.sleep_ms(wait_ms)
        if app.transfer is not None or app.update.get("state") != _DOWNLOADING:
            return
        try:
            return _begin(app)
        except MemoryError as error:  # once more when there may be some
            app.log("MemoryError: %s" % error)
        except OSError as error:  # else each start would end here
            return once("states", "failed", app, _NO_SPACE, "not begun: %s" % error)
    once("states", "failed", app, _NO_MEMORY, "no memory")


def _begin(app):
    values = app.update
    number = once("arrival", "slot", app)
    if number is None:
        return
    if number != values.get("slot"):  # it was begun by another copy
        once("states", "forget", app, "etag", "offset")
        values["slot"] = number
    try:
        where = parse(values.get("uri", ""))
        incoming = once("arrival", "begin", app, number, 0, values.get("offset", 0))
    except ValueError:  # a push, which a restart has ended
        once("states", "end", app, 0)
        return
    except Error:
        return  # told already
    if incoming.taken:
        incoming.etag = values.get("etag", "")
        app.notice("update: going on after %d bytes" % incoming.taken)
    once("fetch", "begin", app, incoming, where)


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


def credentials(app):
    """Those of the account of the server that wrote the URI: no other server's are shown to whom
    it names; OSError.
    """
    for connection in app.connections:
        account = connection.account
        if account["secure"] and account.get("short_server_id") == app.update.get("from"):
            return once("account_list", "credentials", account["security_iid"])
    raise OSError(EINVAL, "no credentials for coaps:// in the account of the server that asks")
