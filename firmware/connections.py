"""The connections of the running firmware, by its accounts.

Loaded at the start, with their network, and at the end of a bootstrap.
"""

import asyncio

from firmware.connection import Connection

_NO_DTLS = (
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


def network(app):
    """Starts the network interface of the board, which is `app.interface` from then on. OSError"""
    interface = app.board.network_interface(app.settings)
    interface.start()
    interface.check()
    app.interface = interface
    if interface.run:
        asyncio.create_task(interface.run(app))
    return interface
