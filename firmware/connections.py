"""The connections of the running firmware: how they are made, by its accounts, and end.

Loaded for the moment: at the start, while the network is waited for, at the end of a bootstrap
and of the firmware.
"""

import asyncio
import os
import time
from errno import ETIMEDOUT

import machine
from micropython import const

from firmware import once
from firmware.connection import Connection
from lwm2m.registration import STOPPED

_NETWORK_MS = const(15000)
_TURN_MS = const(100)
_END_MS = const(1000)  # for the answers to the de-registrations
_FEED_MS = const(50)

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


def end(app):
    """De-registers from all servers, for at most a second; the loop does not run."""
    limit = time.ticks_add(time.ticks_ms(), _END_MS)
    open_ones = [each for each in app.connections if each.link]
    try:
        app.stop()
        while not all([each.session.registration.state == STOPPED for each in open_ones]):
            if time.ticks_diff(limit, time.ticks_ms()) <= 0:
                print("the server did not answer the de-registration")
                break
            app.client.poll()
            if app.interface.run:
                app.interface.poll()
            for connection in open_ones:
                connection.drain()
            time.sleep_ms(5)
    except MemoryError:
        print("not de-registered: no memory")
    for connection in open_ones:
        connection.close()
    # Without keep.py, for which there may be no memory. Should one of two records outlive a
    # power cut now, the server refuses its registration.
    try:
        for name in os.listdir("state"):
            if name.startswith("session"):
                os.remove("state/" + name)
    except (OSError, MemoryError):
        pass  # nothing was ever written
    if app.feed:  # the watchdog cannot be stopped, and the REPL feeds none
        machine.Timer(-1, period=_FEED_MS, callback=lambda timer: app.feed())
