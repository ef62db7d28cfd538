"""The connections of the running firmware, by its accounts, and the network they wait for.

Loaded for the moment, at the end of a bootstrap for example.
"""

import asyncio
from errno import ETIMEDOUT

from micropython import const

from firmware import once
from firmware.connection import Connection

_NETWORK_MS = const(15000)
_TURN_MS = const(100)

_NO_DTLS = const(
    "this installation has no DTLS: provision coap:// or install everything (docs/provisioning.md)"
)


def connect(app, account_list):
    """Gives the `App` the connections of these accounts, as `config.addressed()` returns them,
    and the table their instances of the objects 1 and 2; there must be none of either.
    """
    client = app.client
    table = app.table
    app.connections = connections = []
    client.bootstrap = None
    for account in account_list:
        if "bootstrap" in account:
            client.bootstrap = app.bootstrap
            left_s = account["account_timeout_s"]
            if left_s and app.purging != account["since"]:  # else its time runs already
                app.purging = account["since"]
                app.bootstrap((app.purging, left_s), "purge")
            continue
        server = account.pop("server")
        table.add(server, *account.pop("access"))

        def make_session(send, server=server):
            return client.add_server(server, send)

        kind = Connection
        lacking = None
        if account["secure"]:
            try:
                from firmware.secure import SecureConnection as kind
            except ImportError:  # tools/install.py has left it out
                lacking = _NO_DTLS
        connection = kind(app, make_session, account)
        if lacking:
            connection.lacking = lacking
        session = connection.session
        session.confirmable = app.settings["confirmable"]
        session.endpoint.block_size = app.board.BLOCK_SIZE
        if account["queries"]:
            session.queries = account["queries"]
        connections.append(connection)
    if client.bootstrap:
        for server in table.of(1):
            server.trigger = app.bootstrap
    if len(connections) > 1:
        from lwm2m import access

        access.defaults(client, connections[0].account["short_server_id"])


async def network(app):
    """Returns when there is a network; OSError where a restart may help.

    ENODEV where there is nothing to wait for. Starts the network interface of the board first,
    which is `app.interface` from then on.
    """
    interface = app.interface
    if not interface:
        interface = app.board.network_interface(app.settings)
        interface.start()
        interface.check()
        app.interface = interface
        if interface.run:
            asyncio.create_task(interface.run(app))
    told = None
    waited_ms = 0
    while not interface.isconnected():
        if waited_ms >= _NETWORK_MS:
            trouble = "no network: " + once("status", "network", interface)
            if not interface.helpless:
                raise OSError(ETIMEDOUT, trouble)
            if told != trouble:
                told = trouble
                print(trouble)
            waited_ms = 0
        await asyncio.sleep_ms(_TURN_MS)
        waited_ms += _TURN_MS
