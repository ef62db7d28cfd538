"""The application: puts board, objects and client together and runs the one asyncio loop."""

import asyncio
import gc
import os
import select
import sys
import time
from asyncio import core
from binascii import hexlify
from errno import EAGAIN, ECONNREFUSED, ENODEV

import machine
from micropython import const

from firmware import modules  # noqa: F401 - loads the modules in a good order

# isort: split
from firmware import VERSION, console
from firmware.drivers.servo import Servo
from firmware.link import UDP
from firmware.objects.example import Control, DigitalInput, DigitalOutput
from firmware.objects.servomotor import Servomotor
from firmware.objects.temperature import Temperature
from firmware.thermometer import Thermometer
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.device import Device
from lwm2m.objects.server import Server
from lwm2m.registration import REGISTERED, STOPPED

_PERIPHERAL_MALFUNCTION = const(8)  # among the error codes of /3/0/11
_DATAGRAM = const(1153)  # longer than any datagram taken, in bytes (RFC 7252 section 4.6)
_SHORT = const(257)
_BURST = const(64)  # datagrams taken in a row
_BUTTON_MS = const(50)
_ANSWER_MS = const(1000)  # what an answer is given to leave before a restart
_NETWORK_MS = const(15000)
_RETRY_MS = const(5000)  # between attempts to get a link
_FAILURES = const(5)  # local failures in a row that end in a restart
_HEALTHY_MS = const(10000)  # the watchdog is armed after so long
_START_ONLY = ("modules", "config", "accounts", "storage")


class App:
    """All of the running firmware; what the console and the REPL look at.

    `settings` and `account_list` are those of `config.load()`; `running` is the one that runs.
    """

    running = None

    def __init__(self, settings, account_list):
        self.settings = settings
        self.accounts = account_list
        self._fault = None
        self.feed = None
        self._sleeping = None  # the task that sleeps until poll() is due
        self._blinking = None
        name = settings["board"]
        self.board = board = getattr(__import__("firmware.boards." + name).boards, name)
        self.interface = None
        self.led = board.led()
        self.thermometer = Thermometer(board.i2c_buses(), board.SENSORS)
        self.device = device = Device(self.restart, self.factory_reset)
        device.manufacturer = "IoTKitV3"
        device.model_number = board.MODEL
        device.serial_number = str(hexlify(machine.unique_id()), "ascii")
        device.firmware_version = VERSION
        self.temperature = Temperature(self.thermometer)
        self.button = DigitalInput(board.button())
        self.output = DigitalOutput(self.led, self.blink)
        servo = Servo(board.servo_pin(), board.SERVO_TIMER)
        self.servomotor = Servomotor(servo, "servo2")
        self.table = Table()
        self.table.add(
            device,
            self.temperature,
            self.servomotor,
            self.servomotor.positioner,
            self.button,
            self.output,
            Control(self.deregister),
        )
        self.client = Client(settings["endpoint"], self.table, time, os.urandom, print, self.wake)
        gc.collect()
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

    def restart(self, arguments=None):
        """Restarts the board once the answer to the request under way has left."""
        self._later(machine.reset)

    def factory_reset(self, arguments=None):
        """Erases what was provisioned and restarts, once the answer has left."""
        self._later(self.erase)

    def deregister(self):
        """De-registers from all servers, once the answer has left."""
        self._later(self.stop)

    def erase(self):
        # accounts.load() does it at the next start.
        try:
            os.mkdir("state")
        except OSError:
            pass  # it is there
        open("state/erase", "w").close()
        machine.reset()

    def stop(self):
        for connection in self.connections:
            connection.session.registration.stop()

    # Tasks

    def _later(self, action):
        async def act():
            await asyncio.sleep_ms(_ANSWER_MS)
            action()

        asyncio.create_task(act())

    def blink(self, steps_ms):
        async def blink():
            light = True
            for step_ms in steps_ms:
                self.output.state = light
                light = not light
                await asyncio.sleep_ms(step_ms)
            self.output.state = False

        if self._blinking:
            self._blinking.cancel()
        self._blinking = asyncio.create_task(blink())

    async def main(self):
        """Never returns; a KeyboardInterrupt ends it."""
        asyncio.get_event_loop().set_exception_handler(self._crashed)
        self.sample()
        asyncio.create_task(self._measure())
        asyncio.create_task(self._watch_button())
        asyncio.create_task(console.keys(self, _readable))
        for connection in self.connections:
            connection.task = asyncio.create_task(self.connect(connection))
        gc.collect()
        await self.poll()

    def _crashed(self, loop, context):
        # A task that ended by a fault of ours: the loop ends too, rather than limp on.
        self._fault = context["exception"]
        self.wake()

    async def poll(self):
        started = time.ticks_ms()
        watchdog_s = self.settings["watchdog_s"]
        longest_ms = watchdog_s * 1000 // 3 if watchdog_s else 3600000
        while not self._fault:
            wait_ms = min(self.client.poll(), longest_ms)
            if self.feed:
                self.feed()
            elif watchdog_s and time.ticks_diff(time.ticks_ms(), started) >= _HEALTHY_MS:
                # It cannot be stopped again, so the loop has to prove itself first.
                self.feed = machine.WDT(timeout=watchdog_s * 1000).feed
            self._sleeping = core.cur_task
            try:
                await asyncio.sleep_ms(wait_ms)
            except asyncio.CancelledError:
                pass  # wake(): something may be due earlier
            self._sleeping = None
        raise self._fault

    def wake(self):
        task = self._sleeping
        if task is not None:
            self._sleeping = None
            task.cancel()

    async def _measure(self):
        while True:
            await asyncio.sleep_ms(self.settings["measure_s"] * 1000)
            self.sample()
            self.button.count()
            self._check_link()

    def sample(self):
        gc.collect()
        self.device.memory_free = gc.mem_free() // 1024
        try:
            self.temperature.sample()
            self.device.resolve(_PERIPHERAL_MALFUNCTION)
        except (OSError, MemoryError) as error:
            if _PERIPHERAL_MALFUNCTION not in self.device.error_codes.values():
                print("temperature:", error)
            self.device.report(_PERIPHERAL_MALFUNCTION)

    async def _watch_button(self):
        while True:
            self.button.sample()
            await asyncio.sleep_ms(_BUTTON_MS)

    async def connect(self, connection):
        # One server's link, for ever: network, name, socket; then datagrams until it breaks.
        while True:
            try:
                await self.network()
                connection.open()
            except OSError as error:
                if error.errno == ENODEV:  # this board will have no network after a restart either
                    print("%s: %s" % (connection.uri, error.args[-1]))
                    return
                await self._failed(connection, error)
                continue
            connection.session.registration.start()
            try:
                await self.receive(connection)
            except OSError as error:
                print("%s: link lost: %s" % (connection.uri, error))
            if connection.session.registration.state == REGISTERED:
                connection.failures = 0
            connection.close()
            await asyncio.sleep_ms(_ANSWER_MS)

    def _check_link(self):
        # A socket does not feel that the cable was pulled: begin again, with the network.
        if self.interface is None or self.interface.isconnected():
            return
        for connection in self.connections:
            if connection.link:
                print("%s: link lost: no network" % connection.uri)
                if connection.session.registration.state == REGISTERED:
                    connection.failures = 0
                connection.task.cancel()
                connection.close()
                connection.task = asyncio.create_task(self.connect(connection))

    async def network(self):
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
        connection.failures += 1
        count = connection.failures
        print("%s: %s (local failure %d of %d)" % (connection.uri, error, count, _FAILURES))
        states = [each.session.registration.state for each in self.connections]
        if count >= _FAILURES and REGISTERED not in states:
            await asyncio.sleep_ms(_ANSWER_MS)
            machine.reset()
        await asyncio.sleep_ms(_RETRY_MS)

    async def receive(self, connection):
        socket = connection.link.socket
        recv = connection.link.recv
        receive = connection.session.receive
        poller = select.poll()
        poller.register(socket, select.POLLIN)
        ipoll = poller.ipoll
        while True:
            await _readable(socket)
            size = _DATAGRAM
            for _ in range(_BURST):
                try:
                    data = recv(size)
                except OSError as error:
                    if error.errno == EAGAIN:
                        break
                    if error.errno == ECONNREFUSED:  # a lost datagram, nothing more
                        continue
                    raise
                except MemoryError:
                    # The heap has no longer piece; nearly all are short. With one byte the
                    # datagram is lost: else it would be tried again for ever.
                    size = size // 4 or 1
                    continue
                if len(data) < size:  # else it may be cut off: lost
                    receive(data)
                for _ in ipoll(0):
                    break
                else:
                    break

    def shutdown(self, timeout_ms=1000):
        """De-registers from all servers, for at most `timeout_ms`; the loop does not run."""
        self._sleeping = None  # the interrupted task cannot be woken
        self.stop()
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
        if self.feed:  # the watchdog cannot be stopped, and the REPL feeds none
            machine.Timer(-1, period=_BUTTON_MS, callback=lambda timer: self.feed())


class Connection:
    """One account: its session, and its link while there is one."""

    def __init__(self, client, server, uri, address):
        self.uri = uri
        self.address = address
        self.link = None
        self.task = None
        self.failures = 0  # local ones in a row; a registration clears them
        self.session = client.add_server(server, self.send)

    def open(self):
        self.link = UDP(self.address[0], self.address[1])

    def close(self):
        if self.link:
            self.link.close()
            self.link = None

    def drain(self):
        """Takes what has arrived."""
        try:
            for _ in range(_BURST):
                self.session.receive(self.link.recv(_SHORT))
        except OSError:
            pass  # nothing more

    def send(self, data):
        if self.link is None:
            raise OSError(ECONNREFUSED, "no link")
        self.link.send(data)


def _readable(stream):
    # The one place that waits for a stream with asyncio's own queue: there is no public way to
    # do that for datagrams, and asyncio.StreamReader costs 2 kB.
    yield core._io_queue.queue_read(stream)


def _once(name, function, *arguments):
    # Calls a function of a module that only the start needs, and gives the memory back.
    gc.collect()
    module = getattr(__import__("firmware." + name), name)
    try:
        return getattr(module, function)(*arguments)
    finally:
        for name in _START_ONLY:
            if sys.modules.pop("firmware." + name, None):
                delattr(sys.modules["firmware"], name)
        gc.collect()


def run():
    """Starts the firmware; returns 0 after a Ctrl-C, 2 where the configuration is wrong."""
    try:
        loaded = _once("config", "load")
    except ValueError as error:
        print(error)
        return 2
    App.running = None  # the memory of an earlier run
    App.running = app = App(*loaded)
    try:
        asyncio.run(app.main())
    except KeyboardInterrupt:
        app.shutdown()
    finally:
        asyncio.new_event_loop()  # tasks of this run are not those of the next
    return 0
