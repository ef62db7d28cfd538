"""What the running firmware is made of: board, objects, client and connections.

Loaded at the start only. This is the place to add an object to the board.
"""

import asyncio
import os
import sys
import time
from binascii import hexlify

import machine

from firmware import VERSION
from firmware.connection import Connection
from firmware.drivers.servo import Servo
from firmware.objects.example import Control, DigitalInput, DigitalOutput
from firmware.objects.servomotor import Servomotor
from firmware.objects.temperature import Temperature
from firmware.thermometer import Thermometer
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.device import Device


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
    app.connections = []
    for account in account_list:
        server = account.pop("server")
        table.add(server)

        def make_session(send, server=server):
            return client.add_server(server, send)

        connection = Connection(app, make_session, account)
        connection.session.confirmable = settings["confirmable"]
        connection.session.endpoint.block_size = board.BLOCK_SIZE
        app.connections.append(connection)
    if len(account_list) > 1:
        from lwm2m import access

        access.defaults(client, account_list[0]["short_server_id"])
    app.tasks = (report,) if settings["send_s"] else ()
    kept = ("endpoint", "keep", "measure_s", "send_s", "watchdog_s")
    app.settings = {key: settings[key] for key in kept}  # all that is looked at from now on


async def report(app):
    """Tells the temperature to all servers, unasked."""
    while True:
        await asyncio.sleep_ms(app.settings["send_s"] * 1000)
        try:
            app.client.send([(3303, 0)])
        except MemoryError as error:
            app.log("MemoryError: not sent: %s" % error)
