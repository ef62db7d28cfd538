"""How a bootstrap begins and ends, and what becomes of the other connections.

Loaded for the moment; attempt.py is what runs in between. Nothing is lost by one that fails: the
accounts in the store count until `accounts.save()`, and what was kept of the sessions goes on
after it. A bootstrap is when memory is shortest: what sessions with servers take is given back
for it, and each step loads no more than it needs.
"""

import gc

from micropython import const

from firmware import once
from firmware.connection import REGISTERED

_SESSIONS = const(
    "lwm2m.session lwm2m.registration lwm2m.retry lwm2m.operations lwm2m.read lwm2m.observe"
    " lwm2m.composite lwm2m.send lwm2m.queue_mode lwm2m.access coap.duplicates coap.block"
    " coap.upload lwm2m.formats.senml_encoder lwm2m.formats.text "
)
_FIRST_MS = const(60000)  # between a bootstrap and the next because of a failure; doubled
_LONGEST_MS = const(3600000)
_FREE = const(8)  # in a row that a server may have at once
_OFTEN = const(2048)  # bytes, as at the start (modules.py)
_DAY_S = const(86400)
_AGAIN_S = const(60)
_TURN_MS = const(50)  # what cancelled tasks take to end, and more


def begin(app, session=None):
    """Asks the Bootstrap-Server, and has the connections with all servers closed for it.

    With `session` because its registration has failed: not if it is gone or registered by now.
    Then, and where the device has no other server, the bootstraps come in growing distances, and
    also where a server asks again and again: each of them writes the flash.
    """
    client = app.client
    if _running(app):
        return
    # Without connections this is one more try, after a MemoryError on the way.
    if (
        session
        and app.connections
        and (session not in client.sessions or session.registration.state == REGISTERED)
    ):
        return
    count, due_ms, waiting = app.bootstraps
    left_ms = due_ms - client.now_ms()
    if left_ms > 0 and (session or not app.connections or count > _FREE):
        if session not in waiting:  # one task for each, however often it is asked for
            waiting.append(session)
            app.bootstrap(session, wait_ms=left_ms)
        return
    app.save()
    _close(app)
    gc.threshold(_OFTEN)  # what is free stays in one piece
    try:
        found = once("bootstrapping", "found")
        if found:
            app.notice("bootstrap: asking %s" % found[0]["uri"])
            once("attempt", "begin", app, *found)
            return
    except (ValueError, OSError, MemoryError) as error:
        app.log("%s: no bootstrap: %s" % (type(error).__name__, error))
    end(app)


def found():
    """The Bootstrap-Server's account, and the instances of the objects 0 to 2; None without."""
    from firmware import account_list

    for account in accounts():
        if "bootstrap" in account:
            return account, account_list.objects()
    return None


def accounts():
    """All accounts that count."""
    from firmware import account_list, config

    return config.addressed(account_list.load())


def purge(app, account):
    """Erases the Bootstrap-Server's account when its time is over (/0/x/12).

    `account` is the time of its record, for there may be another one meanwhile, and the seconds
    that are left.
    """
    since, left_s = account
    if since != app.purging:
        return  # there is another account
    if not left_s and not _running(app):
        from firmware import accounts

        try:
            if accounts.purge(since):
                app.notice("bootstrap: account erased, its time is over")
                app.client.bootstrap = None
                for server in app.table.of(1):
                    server.trigger = None
            return
        except OSError as error:
            print("bootstrap: account not erased: %s" % error)
    wait_s = min(left_s, _DAY_S) or _AGAIN_S
    app.bootstrap((since, max(left_s - wait_s, 0)), "purge", wait_s * 1000)


def _running(app):
    connections = app.connections
    return bool(connections) and "bootstrap" in connections[0].account


def _close(app):
    # Forgets all connections, sessions and instances of the objects 1 and 2.
    for connection in app.connections:
        connection.task.cancel()
        connection.close()
    app.connections.clear()
    app.client.sessions.clear()
    table = app.table
    for oid in (1, 2):
        for each in table.of(oid):
            table.remove(each)
    app.spare(_SESSIONS)


def close(app, session=None):
    """A bootstrap is over: its connection is closed, and gone when `end()` has its turn."""
    _close(app)
    app.bootstrap(None, "end", _TURN_MS)


def end(app, session=None):
    """Back to the servers, by the accounts that count now."""
    try:
        now_ms = app.client.now_ms()
        count, due_ms, _ = app.bootstraps
        if now_ms - due_ms > _LONGEST_MS:
            count = 0
        app.bootstraps = (
            count + 1,
            now_ms + min(_FIRST_MS << min(count, 6), _LONGEST_MS),
            [],  # sessions that wait for it, None for a server that has asked
        )
        app.client.sessions.clear()  # of an attempt that was not even begun
        once("connections", "connect", app, once("bootstrapping", "accounts"))
        app.begin()
    except (MemoryError, OSError, ValueError):  # the start tells what is wrong with accounts
        print("bootstrap: no memory or no accounts to go on, restarting")
        app.reset()
