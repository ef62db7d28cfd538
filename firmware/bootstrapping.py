"""A bootstrap: the connection with the Bootstrap-Server, and what becomes of the others.

Loaded for the moment; while a bootstrap runs it stays because its connection does. Nothing is
lost by one that fails: the accounts in the store count until `accounts.save()`, and what was
kept of the sessions goes on after it.
"""

import asyncio
import gc

from micropython import const

from firmware.connection import Connection
from lwm2m.objects.security import CERTIFICATE, NO_SEC
from lwm2m.registration import REGISTERED, STOPPED

_FIRST_MS = const(60000)  # between a bootstrap and the next because of a failure; doubled
_LONGEST_MS = const(3600000)
_FREE = const(8)  # in a row that a server may have at once
_DAY_S = const(86400)
_AGAIN_S = const(60)


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
    try:
        from firmware import accounts, config

        for account in config.addressed(accounts.load()):
            if "bootstrap" in account:
                print("bootstrap: asking %s" % account["uri"])
                Attempt(app, account, accounts.objects()).connect()
                return
    except (ValueError, OSError, MemoryError) as error:
        app.log("%s: no bootstrap: %s" % (type(error).__name__, error))
    _end(app)


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
                print("bootstrap: account erased, its time is over")
                app.client.bootstrap = None
                for server in app.table.of(1):
                    server.trigger = None
            return
        except OSError as error:
            print("bootstrap: account not erased: %s" % error)
    wait_s = min(left_s, _DAY_S) or _AGAIN_S
    app.bootstrap((since, max(left_s - wait_s, 0)), "purge", wait_s * 1000)


class Attempt:
    """One bootstrap; to its session and connection it is what a registration is to others."""

    due_ms = 0

    def __init__(self, app, account, drafts):
        self.app = app
        self.account = account
        self.drafts = drafts
        self.state = "bootstrapping"
        # Where there are no other servers it has to come to something.
        self.only = not [each for each in drafts if not each.oid and not each.bootstrap]
        self.asked = False

    def connect(self):
        """Begins: the connection, plain or with DTLS."""
        app = self.app
        connection = _kind(self)(app, self._make_session, self.account)
        app.connections.append(connection)
        connection.task = asyncio.create_task(connection.run())

    def _make_session(self, send):
        from lwm2m.bootstrap import Bootstrap

        app = self.app
        self.session = session = Bootstrap(app.client, self.drafts, send, _save, self.ended)
        session.registration = self
        session.reachable = lambda: False
        session.endpoint.block_size = app.board.BLOCK_SIZE
        app.client.sessions.append(session)
        return session

    def start(self):
        """The link is up."""
        if self.asked:  # once more: who knows what the server has heard
            self.failed("the link was lost")
        else:
            self.asked = True
            # Others are closed meanwhile: they are not kept waiting for the time of /0/x/11.
            hold_off_s = self.account["hold_off_s"] if self.only else 0
            self.session.start(hold_off_s, self.account["queries"])

    def stop(self):
        """The device is going down."""
        self.state = STOPPED

    def failed(self, reason):
        """The server cannot be reached, or not in a secure session."""
        print("bootstrap failed: %s" % reason)
        self.ended(False)

    def ended(self, good):
        """Back to the servers: with the new accounts, or with the old ones."""
        if self.state != STOPPED:
            asyncio.create_task(_ended(self.app))  # first: it may find no memory
            self.state = STOPPED


def _kind(attempt):
    # The class of the connection; one that can fail does not try again and again.
    if attempt.account["secure"]:
        from firmware.secure import SecureConnection as kind
    else:
        kind = Connection
    if attempt.only:
        return kind

    class Once(kind):
        async def _failed(self, error):
            attempt.failed("%s: %s" % (self.uri, error))
            await asyncio.sleep_ms(_LONGEST_MS)

    return Once


def _running(app):
    connections = app.connections
    return bool(connections) and "bootstrap" in connections[0].account


def _save(instances):
    # What this device cannot use is refused here, with the old accounts at hand.
    from firmware import accounts, config, handshake

    dated = False
    for each in instances:
        if not each.oid:
            host = config.server_uri(each.uri)[0]
            if each.mode != NO_SEC:
                dated = dated or each.mode == CERTIFICATE
                try:
                    handshake.context(each, host)
                except OSError as error:
                    raise ValueError(error.args[-1])
    accounts.save(instances)
    if dated:  # as at a start (config.py): certificates have dates
        accounts.set_clock(accounts.counting("")[1])


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
    gc.collect()


async def _ended(app):
    _close(app)
    _end(app)


def _end(app):
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
        from firmware import account_list, config, parts

        parts.connect(app, config.addressed(account_list.load()))
        del account_list, config, parts
        app.begin()
    except (MemoryError, OSError, ValueError):  # the start tells what is wrong with accounts
        print("bootstrap: no memory or no accounts to go on, restarting")
        app.reset()
