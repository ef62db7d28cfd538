"""What the running firmware is made of: board, objects and client.

Loaded at the start only. This is the place to add an object to the board.
"""

import asyncio
import os
import sys
import time

from firmware import late
from firmware.drivers.sensor import Thermometer
from firmware.drivers.servo import Servo
from firmware.objects.example import DigitalInput
from firmware.objects.servomotor import Servomotor
from firmware.objects.temperature import Temperature
from lwm2m.client import Client
from lwm2m.object import Table


def build(app):
    """Gives the `App` its parts, by the settings of `config.load()`; connections.py gives more."""
    settings = app.settings
    app.board = board = sys.modules["firmware.boards." + settings["board"]]
    app.temperature = Temperature(Thermometer(board.i2c_buses(), board.SENSORS))
    app.button = DigitalInput(board.button())
    app.led = board.led()
    limits = settings["servo_min"], settings["servo_max"], settings["servo_rest"]
    app.servomotor = servomotor = Servomotor(Servo(board.servo_pin(), limits), "servo2")
    app.table = table = Table()
    table.add(app.temperature, servomotor, app.button)
    late.add(app)
    for name in settings["objects"]:
        sys.modules["firmware.objects." + name].add(table, app)
    app.client = client = Client(settings["endpoint"], table, time, os.urandom, app.log, app.wake)
    client.notice = app.notice
    client.queue_mode = settings["queue_mode"]
    if settings["queries"]:
        client.queries = tuple(settings["queries"])
    if settings["ntp"]:
        app.clock = (0, 0, "not set")
    if _is_kept("update.", "slot."):
        try:
            from firmware import install

            asyncio.create_task(install.start(app))
        except ImportError:
            pass  # tools/install.py has left it out
    if settings["log"] > 1:
        try:
            from firmware import trace

            trace.begin(settings["log"])
        except ImportError:  # tools/install.py has left it out
            settings["log"] = 1
            print("this installation has no trace of messages: log is 1")
    # All that is looked at from now on
    kept = (
        "confirmable downgrade endpoint hostname keep log measure_s network ntp send_s watchdog_s"
    )
    app.settings = {key: settings[key] for key in kept.split() if key in settings}
    report(app)


def _is_kept(*names):
    # Whether there is a record whose name begins like that: most boards have none.
    try:
        return [name for name in os.listdir("state") if name[:-1] in names]
    except OSError:
        return False


def report(app):
    """Has the temperature told to all servers each `send_s`, or no more where that is 0."""
    if app.reporting:
        app.reporting.cancel()
    app.reporting = asyncio.create_task(_report(app)) if app.settings["send_s"] else None


async def _report(app):
    while True:
        await asyncio.sleep_ms(app.settings["send_s"] * 1000)
        try:
            app.client.send([(3303, 0)])
        except MemoryError as error:
            app.log("MemoryError: not sent: %s" % error)
