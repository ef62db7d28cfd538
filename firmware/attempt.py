"""A bootstrap that runs: its session, its connection, and what they save.

Loaded for it and dropped while it runs: the class stays, the module's name does not.
"""

import asyncio

from micropython import const

from firmware import once
from firmware.connection import Connection

# What one request takes and the next may not
_STEPS = const(
    "lwm2m.drafts lwm2m.draft_write lwm2m.read lwm2m.formats.text lwm2m.formats.senml_encoder"
    " lwm2m.formats.opaque lwm2m.objects.security "
)
_LONG_MS = const(3600000)
_TURN_MS = const(50)
_STOPPED = const("stopped")  # as in lwm2m/registration.py
_PSK = const(0)  # security modes, see lwm2m/objects/security.py
_CERTIFICATE = const(2)
_NO_SEC = const(3)
_LONGEST_KEY = const(32)  # of a PSK in mbedTLS, in bytes


def begin(app, account, drafts):
    """Begins: the connection, plain or with DTLS."""
    attempt = Attempt(app, account, drafts)
    connection = _kind(attempt)(app, attempt.make_session, account)
    app.connections.append(connection)
    connection.task = asyncio.create_task(connection.run())


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

    def make_session(self, send):
        from lwm2m.bootstrap import Bootstrap

        app = self.app
        self.session = session = Bootstrap(app.client, self.drafts, send, self.save, self.ended)
        del self.drafts
        session.registration = self
        session.reachable = lambda: False
        session.spare = lambda: app.spare(_STEPS)
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
        self.state = _STOPPED

    def failed(self, reason):
        """The server cannot be reached, or not in a secure session."""
        self.app.log("bootstrap failed: %s" % reason)
        self.ended(False)

    def save(self, instances):
        """Has them count from now on; ValueError for an account that this device cannot use.

        The old ones are at hand still. One step after the other, each with modules of its own.
        """
        link = self.app.connections[0].link
        mode = link.mode if link.secure else None
        dated = False
        for each in instances:
            if not each.oid:
                host = once("config", "server_uri", each.uri)[0]
                if each.mode == _PSK == mode:
                    # As in the session there is: to try takes 3 KB in one piece.
                    if len(each.key) > _LONGEST_KEY:
                        raise ValueError("a PSK has at most 32 bytes")
                elif each.mode != _NO_SEC:
                    dated = dated or each.mode == _CERTIFICATE
                    try:
                        once("credentials", "context", each, host)
                    except OSError as error:
                        raise ValueError(error.args[-1])
        once("accounts", "save", instances)
        if dated:  # as at a start (config.py): certificates have dates
            once("accounts", "set_clock", once("account_list", "counting", "")[1])

    def ended(self, good):
        """Back to the servers: with the new accounts, or with the old ones."""
        if self.state != _STOPPED:
            self.app.bootstrap(None, "close", _TURN_MS)  # first: it may find no memory
            self.state = _STOPPED


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
            await asyncio.sleep_ms(_LONG_MS)

    return Once
