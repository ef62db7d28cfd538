"""What the running firmware is made of: board, objects, client and connections.

Loaded at the start only. This is the place to add an object to the board.
"""

import asyncio
import os
import sys
import time
from binascii import hexlify

import machine

from firmware.connection import Connection
from firmware.drivers.servo import Servo
from firmware.objects.example import Control, DigitalInput, DigitalOutput
from firmware.objects.servomotor import Servomotor
from firmware.objects.temperature import Temperature
from firmware.thermometer import Thermometer
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.device import Device

VERSION = "0.1.0"  # of the firmware (/3/0/3)
_NO_DTLS = (
    "this installation has no DTLS: provision coap:// or install everything (docs/provisioning.md)"
)


def build(app, account_list):
    """Gives the `App` its parts, by its settings and the accounts of `config.load()`."""
    settings = app.settings
    app.board = board = sys.modules["firmware.boards." + settings["board"]]
    app.led = board.led()
    app.thermometer = Thermometer(board.i2c_buses(), board.SENSORS)
    app.device = device = Device(app.restart, app.factory_reset)
    device.manufacturer = "IoTKitV3"
    device.model_number = board.MODEL
    device.serial_number = str(hexlify(machine.unique_id()), "ascii")
    device.firmware_version = VERSION
    app.temperature = Temperature(app.thermometer)
    app.button = DigitalInput(board.button())
    app.output = DigitalOutput(app.led, app.blink)
    servo = Servo(board.servo_pin(), board.SERVO_TIMER)
    app.servomotor = Servomotor(servo, "servo2")
    app.table = table = Table()
    table.add(
        device,
        app.temperature,
        app.servomotor,
        app.servomotor.positioner,
        app.button,
        app.output,
        Control(app.deregister),
    )
    for name in settings["objects"]:
        sys.modules["firmware.objects." + name].add(table, app)
    app.client = client = Client(settings["endpoint"], table, time, os.urandom, app.log, app.wake)
    client.queue_mode = settings["queue_mode"]
    if settings["queries"]:
        client.queries = tuple(settings["queries"])
    app.tasks = (report,) if settings["send_s"] else ()
    kept = ("confirmable", "endpoint", "keep", "measure_s", "send_s", "watchdog_s")
    app.settings = {key: settings[key] for key in kept}  # all that is looked at from now on
    connect(app, account_list)


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


async def report(app):
    """Tells the temperature to all servers, unasked."""
    while True:
        await asyncio.sleep_ms(app.settings["send_s"] * 1000)
        try:
            app.client.send([(3303, 0)])
        except MemoryError as error:
            app.log("MemoryError: not sent: %s" % error)
