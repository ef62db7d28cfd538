"""The application: puts board, objects and client together and runs the one asyncio loop."""

import asyncio
import gc
import os
import sys
import time
from asyncio import core
from errno import EAGAIN, ECONNREFUSED

import machine
from micropython import const

from firmware import console
from firmware.drivers.servo import Servo
from firmware.link import UDP
from firmware.objects.control import Control
from firmware.objects.device import BoardDevice
from firmware.objects.digital import DigitalInput, DigitalOutput
from firmware.objects.servomotor import Servomotor
from firmware.objects.temperature import Temperature
from firmware.thermometer import Thermometer
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.device import PERIPHERAL_MALFUNCTION
from lwm2m.objects.server import Server
from lwm2m.registration import REGISTERED, STOPPED

_DATAGRAM = const(1280)  # longest datagram taken, in bytes
_BURST = const(64)  # datagrams taken in a row
_BUTTON_MS = const(50)
_ANSWER_MS = const(1000)  # what an answer is given to leave before a restart
_NETWORK_MS = const(15000)
_RETRY_MS = const(5000)  # between attempts to get a link
_FAILURES = const(5)  # local failures in a row that end in a restart
_HEALTHY_MS = const(10000)  # the watchdog is armed after so long


class App:
    """All of the running firmware; what the console and the REPL look at.

    `settings` and `account_list` are those of `config.load()`.
    """

    def __init__(self, settings, account_list):
        self.settings = settings
        self.accounts = account_list
        self.failures = 0
        self._feed = None
        self._sleeping = None  # the task that sleeps until poll() is due
        self._tasks = []
        name = settings["board"]
        self.board = board = getattr(__import__("firmware.boards." + name).boards, name)
        self.interface = None
        self.led = board.led()
        self.thermometer = Thermometer(board.i2c_buses())
        self.device = BoardDevice(board.MODEL, self.restart, self.factory_reset)
        self.temperature = Temperature(self.thermometer)
        self.button = DigitalInput(board.button())
        self.output = DigitalOutput(self.led, self._blink)
        servo = Servo(board.servo_pin(), board.SERVO_TIMER)
        self.servomotor = Servomotor(servo, "servo2")
        self.table = Table()
        self.table.add(
            self.device,
            self.temperature,
            self.servomotor,
            self.servomotor.positioner,
            self.button,
            self.output,
            Control(self.deregister),
        )
        self.client = Client(settings["endpoint"], self.table, time, os.urandom, print, self._wake)
        self.connections = []
        for iid, account in enumerate(account_list):
            server = Server(account["short_server_id"], iid, account["lifetime_s"])
            self.table.add(server)
            self.connections.append(
                Connection(self.client, server, account["uri"], account["address"])
            )

    # What the console, the REPL and the objects call

    def status(self):
        """Lines that tell who and where we are."""
        lines = ["endpoint: " + self.settings["endpoint"]]
        for connection in self.connections:
            registration = connection.session.registration
            lines.append("server: %s, %s" % (connection.uri, registration.state))
        return lines

    def restart(self):
        """Restarts the board once the answer to the request under way has left."""
        self._later(machine.reset)

    def factory_reset(self):
        """Erases what was provisioned and restarts, once the answer has left."""
        self._later(self._erase)

    def deregister(self):
        """De-registers from all servers, once the answer has left."""
        self._later(self._stop)

    def _erase(self):
        _once("accounts", "factory_reset")
        machine.reset()

    def _stop(self):
        for connection in self.connections:
            connection.session.registration.stop()

    # Tasks

    def _start(self, coroutine):
        self._tasks.append(asyncio.create_task(coroutine))

    def _later(self, action):
        async def act():
            await asyncio.sleep_ms(_ANSWER_MS)
            action()

        self._start(act())

    def _blink(self, steps_ms):
        async def blink():
            light = True
            for step_ms in steps_ms:
                self.output.state = light
                light = not light
                await asyncio.sleep_ms(step_ms)
            self.output.state = False

        self._start(blink())

    async def main(self):
        """Never returns; a KeyboardInterrupt ends it."""
        self._sample()
        self._start(self._measure())
        self._start(self._watch_button())
        self._start(console.keys(self))
        for connection in self.connections:
            self._start(self._connect(connection))
        gc.collect()
        await self._poll()

    async def _poll(self):
        started = time.ticks_ms()
        watchdog_s = self.settings["watchdog_s"]
        longest_ms = watchdog_s * 1000 // 3 if watchdog_s else 3600000
        while True:
            wait_ms = min(self.client.poll(), longest_ms)
            if self._feed:
                self._feed()
            elif watchdog_s and time.ticks_diff(time.ticks_ms(), started) >= _HEALTHY_MS:
                # It cannot be stopped again, so the loop has to prove itself first.
                self._feed = machine.WDT(timeout=watchdog_s * 1000).feed
            self._sleeping = core.cur_task
            try:
                await asyncio.sleep_ms(wait_ms)
            except asyncio.CancelledError:
                pass  # _wake(): something may be due earlier
            self._sleeping = None

    def _wake(self):
        task = self._sleeping
        if task is not None:
            self._sleeping = None
            task.cancel()

    async def _measure(self):
        while True:
            await asyncio.sleep_ms(self.settings["measure_s"] * 1000)
            self._sample()
            self.button.count()

    def _sample(self):
        try:
            self.temperature.sample()
            self.device.resolve(PERIPHERAL_MALFUNCTION)
        except OSError as error:
            if PERIPHERAL_MALFUNCTION not in self.device.error_codes.values():
                print("temperature:", error)
            self.device.report(PERIPHERAL_MALFUNCTION)

    async def _watch_button(self):
        while True:
            self.button.sample()
            await asyncio.sleep_ms(_BUTTON_MS)

    async def _connect(self, connection):
        # One server's link, for ever: network, name, socket; then datagrams until it breaks.
        while True:
            try:
                await self._network()
                connection.open()
            except OSError as error:
                await self._failed(connection, error)
                continue
            connection.session.registration.start()
            try:
                await self._receive(connection)
            except OSError as error:
                print("%s: link lost: %s" % (connection.uri, error))
                if connection.session.registration.state == REGISTERED:
                    self.failures = 0
            connection.close()

    async def _network(self):
        if self.interface is None:
            self.interface = self.board.network_interface()
        waited_ms = 0
        while not self.interface.isconnected():
            if waited_ms >= _NETWORK_MS:
                raise OSError(110, "no network: check cable and DHCP")
            await asyncio.sleep_ms(100)
            waited_ms += 100

    async def _failed(self, connection, error):
        # No link, no address, no set-up: a local failure, which a restart may cure.
        self.failures += 1
        print(
            "%s: %s (local failure %d of %d)" % (connection.uri, error, self.failures, _FAILURES)
        )
        if self.failures >= _FAILURES:
            await asyncio.sleep_ms(1000)
            machine.reset()
        await asyncio.sleep_ms(_RETRY_MS)

    def _receive(self, connection):
        # The one place that waits for a socket: asyncio has no public way to do that for
        # datagrams. The socket is drained after each wake, but a flood must not keep the other
        # tasks from running.
        wait = core._io_queue.queue_read
        socket = connection.link.socket
        recv = connection.link.recv
        receive = connection.session.receive
        while True:
            yield wait(socket)
            for _ in range(_BURST):
                try:
                    data = recv(_DATAGRAM)
                except OSError as error:
                    if error.errno == EAGAIN:
                        break
                    if error.errno == ECONNREFUSED:  # a lost datagram, nothing more
                        continue
                    raise
                receive(data)

    def shutdown(self, timeout_ms=1000):
        """De-registers from all servers, for at most `timeout_ms`; the loop does not run."""
        self._sleeping = None  # the interrupted task cannot be woken
        self._stop()
        end = time.ticks_add(time.ticks_ms(), timeout_ms)
        open_ones = [each for each in self.connections if each.link]
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            if all([each.session.registration.state == STOPPED for each in open_ones]):
                break
            self.client.poll()
            for connection in open_ones:
                connection.drain()
            time.sleep_ms(5)
        else:
            print("the server did not answer the de-registration")
        for connection in open_ones:
            connection.close()


class Connection:
    """One account: its session, and its link while there is one."""

    def __init__(self, client, server, uri, address):
        self.uri = uri
        self.address = address
        self.link = None
        self.session = client.add_server(server, self._send)

    def open(self):
        self.link = UDP(self.address[0], self.address[1])

    def close(self):
        if self.link:
            self.link.close()
            self.link = None

    def drain(self):
        """Takes what has arrived."""
        try:
            while True:
                self.session.receive(self.link.recv(_DATAGRAM))
        except OSError:
            pass  # nothing more

    def _send(self, data):
        if self.link is None:
            raise OSError(ECONNREFUSED, "no link")
        self.link.send(data)


def _once(name, function, *arguments):
    # Calls a function of a module that only the start needs, and gives its memory back.
    module = getattr(__import__("firmware." + name), name)
    try:
        return getattr(module, function)(*arguments)
    finally:
        del sys.modules["firmware." + name]
        delattr(sys.modules["firmware"], name)


def run():
    """Starts the firmware; returns 0 after a Ctrl-C, 2 where the configuration is wrong."""
    try:
        app = App(*_once("config", "load"))
    except ValueError as error:
        print(error)
        return 2
    try:
        asyncio.run(app.main())
    except KeyboardInterrupt:
        app.shutdown()
    finally:
        asyncio.new_event_loop()  # tasks of this run are not those of the next
    return 0
