"""The application: the one asyncio loop, its tasks, and how it starts and ends."""

import asyncio
import gc
import os
import time
from asyncio import core

import machine
from micropython import const

from firmware.modules import sources  # loads the modules in a good order

# isort: split
from firmware import console, drop, once
from firmware.connection import readable
from lwm2m.registration import STOPPED

_OUT_OF_MEMORY = const(5)  # error codes of /3/0/11
_IP_FAILURE = const(7)
_PERIPHERAL_MALFUNCTION = const(8)
_BUTTON_MS = const(50)
_LAST_TURN_MS = const(5)
_LAST_TURNS = const(200)  # that the answers to the de-registrations are waited for
_SOON_MS = const(100)  # until an answer has left
_ANSWER_MS = const(1000)  # what an answer is given to leave before a restart
_CLOCK_MS = const(60000)
_HEALTHY_MS = const(10000)  # the watchdog is armed after so long
_GAP = const(40)  # of these between looks at the network and for what is to be saved
_LONGEST_GAP = const(72000)  # a multiple
# Dropped when memory is short: what is loaded again when it is needed.
_SPARE = const(
    "coap.duplicates lwm2m.write lwm2m.create lwm2m.composite lwm2m.arguments lwm2m.attributes"
    " lwm2m.formats.link lwm2m.formats.tlv lwm2m.formats.senml lwm2m.formats.senml_cbor"
    " lwm2m.formats.senml_json lwm2m.formats.cbor lwm2m.formats.old_json lwm2m.send coap.cutting "
)
_TEXT = const(b"\xc0\xff")  # the options of an answer in text: that format is always there
_EVENTS = const(400)  # characters of event log that wait for the flash
_EVENT = const(160)  # of one line
_SCARCE = const(20480)  # bytes
_SHORT = const(12288)  # bytes: less than this are not enough to load the next one


class App:
    """All of the running firmware; what the console and the REPL look at.

    `settings` and `account_list` are those of `config.load()`; `running` is the one that runs.
    """

    running = None
    reporting = None  # the task that Sends, see parts.py
    # Bootstraps in a row, when the next may be (client.now_ms), and the sessions that wait for it;
    # None: not installed.
    bootstraps = (0, 0, ())
    purging = 0  # the time of the record whose Bootstrap-Server account goes when it is over
    error = None  # the last of the console
    events = "\0"  # lines that are not on flash yet, or None: none are collected; see events.py
    event_due = _CLOCK_MS  # when they may be written (client.now_ms)
    failures = 0  # of the sensor
    statistics = None  # of the traffic, see objects/statistics.py
    interface = None
    clock = None  # see ntp.py
    feed = None  # of the watchdog, once it is armed
    update = None  # what object 5 tells, and the package that comes, see update.py
    transfer = None
    busy = False  # True puts off an update that may be deferred
    trial = False  # whether this copy of the application has not been confirmed yet
    _fault = None
    _sleeping = None  # the task that sleeps until poll() is due
    blinking = pattern = None  # see objects/output.py

    def __init__(self, settings, account_list):
        self.settings = settings
        # Here, for one attribute more may take memory that is not there in the end.
        self.stopped = False  # de-registered on request: a link that comes back changes nothing
        self.over = False  # it does not run any more
        self.errors = 0  # one bit for each error code of /3/0/11
        once("parts", "build", self)
        once("connections", "connect", self, account_list)
        self.begin()

    # What the console, the REPL and the objects call

    def reset(self):
        """Restarts the board; what should survive is saved first."""
        self.save() and self.save()  # once more where that found no memory
        self.logged("end")
        machine.reset()

    def save(self):
        """Saves what has changed for a restart, and tells whether anything had."""
        for session in self.client.sessions:
            if session.unsaved and self.settings["keep"]:
                self._kept("save")
                return True
        return False

    def restart(self, arguments=None):
        """Restarts the board once the answer to the request under way has left."""
        self.event("restarting: asked for")
        self._later(self.reset)

    def factory_reset(self, arguments=None):
        """Erases what was provisioned and restarts, once the answer has left."""
        self._later(lambda: once("account_list", "restart"))

    def deregister(self):
        """De-registers from all servers, once the answer has left."""
        self._later(self.stop)

    def bootstrap(self, session=None, action="begin", wait_ms=_ANSWER_MS):
        """Has the Bootstrap-Server asked for accounts, once the answer has left.

        `session` is the one whose registration failed, if any; see bootstrapping.py.
        """
        self._later(lambda: once("bootstrapping", action, self, session), wait_ms)

    @property
    def memory_free(self):
        """In kB (/3/0/10)."""
        gc.collect()
        return gc.mem_free() // 1024

    def late(self, oid):
        """Makes the instance of a `Late` object, for which the others leave."""
        self.table.drop()
        gc.collect()
        if gc.mem_free() < _SHORT:
            self.spare()
        # The update is short of memory itself: without the list of all of them.
        name = "update" if oid == 5 else once("late", "module", oid)
        return once(name, "make", self, oid)

    def act(self, name, *arguments):
        """Does what object 5 wants done; what returns True is followed by a restart."""
        if name in ("install", "pull", "switch"):  # without that object, for the sake of memory
            if name == "pull":
                writer = self.client.writer
                self.update["from"] = writer.server.short_server_id if writer else 0
                once("states", "change", self, 1, 0, (), False)
            self._later(
                lambda: self.table.drop() or once(name, name, self, *arguments) and self.reset(),
                _ANSWER_MS if name == "switch" else _SOON_MS,
            )
        else:
            once("update", name, self, *arguments)

    def receive(self, size):
        """A package comes; returns where it goes."""
        self.table.drop()
        try:
            incoming = once("arrival", "push", self, size)
        except MemoryError as error:
            self.log("MemoryError: %s" % error)
            incoming = once("arrival", "push", self, size)
        # Of a push there is no record: it does not survive a restart.
        once("states", "change", self, 1, 0, (), False)
        return incoming

    def begin(self):
        """Resumes what was kept and starts the connections; without any there is a bootstrap."""
        self._kept("load")
        for connection in self.connections:
            connection.task = asyncio.create_task(connection.run())
        if not self.connections:
            self.bootstrap()

    def stop(self):
        self.stopped = True
        for connection in self.connections:
            connection.session.registration.stop()

    # Tasks

    def _later(self, action, wait_ms=_ANSWER_MS):
        async def act():
            while True:
                await asyncio.sleep_ms(wait_ms)
                try:
                    return action()
                except MemoryError as error:  # once more when there may be some
                    self.log("MemoryError: %s" % error)
                except ImportError:  # tools/install.py has left it out
                    return once("status", "no_bootstrap", self)

        asyncio.create_task(act())

    async def main(self):
        """Never returns; a KeyboardInterrupt ends it."""
        asyncio.get_event_loop().set_exception_handler(self._crashed)
        self.sample()
        asyncio.create_task(self._tick())
        asyncio.create_task(console.keys(self, readable))
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

    def sample(self):
        self.table.drop()
        gc.collect()
        free = gc.mem_free()
        # Where little is free, and in a bootstrap, it stays in one piece; else to collect so often
        # would be slow.
        if free < _SCARCE or [1 for each in self.connections if "bootstrap" in each.account]:
            gc.threshold(free >> 3)
        else:
            gc.threshold(-1)
        if free < _SHORT:
            self.spare()
        else:
            self.report(_OUT_OF_MEMORY, False)
        known = self.errors >> _PERIPHERAL_MALFUNCTION & 1
        try:
            self.temperature.sample()
            if known:
                self.event("temperature: measured again")
                self.report(_PERIPHERAL_MALFUNCTION, False)
        except (OSError, MemoryError) as error:
            self.failures += 1
            if not known:
                self.log("temperature: %s" % error)
            self.report(_PERIPHERAL_MALFUNCTION)
        now_ms = self.client.now_ms()
        if self.events and now_ms >= self.event_due:
            self.event_due = now_ms + _CLOCK_MS
            self.logged("save")

    def report(self, code, lasts=True):
        """An error has come up, or is gone where not `lasts` (codes: TS 1.1.1 Core appendix E.4,
        resource 11).
        """
        bit = 1 << code
        errors = self.errors | bit if lasts else self.errors & ~bit
        if errors != self.errors:
            self.errors = errors
            self.table.changed(3, 0, 11)

    async def _tick(self):
        # The button, what is measured, and every 2 s the network and what is to be saved. The
        # more often it saves the less often it does: a flash wears out. What could not be saved
        # is tried again like that, too.
        gap = wait = _GAP
        measured = time.ticks_ms()
        while True:
            self.button.sample()
            await asyncio.sleep_ms(_BUTTON_MS)
            # Looked at each time, for a server may change it.
            period_ms = self.settings["measure_s"] * 1000
            late_ms = time.ticks_diff(time.ticks_ms(), measured) - period_ms
            if late_ms >= 0:
                measured = time.ticks_add(time.ticks_ms(), -(late_ms % period_ms))
                self.sample()
                self.button.count()
            wait -= 1
            if not wait % _GAP:
                self._check_link()
            if not wait:
                gap = min(gap * 2, _LONGEST_GAP) if self.save() else _GAP
                wait = gap

    def _kept(self, function):
        try:
            once("keep", function, self.connections, self.settings)
        except ImportError:  # tools/install.py has left it out
            self.settings["keep"] = False
        except (OSError, MemoryError) as error:
            if sources and isinstance(error, MemoryError):
                print("nothing is kept over a restart: no memory beside sources, use .mpy files")
                self.settings["keep"] = False
            else:
                self.log("%s: not saved for a restart: %s" % (type(error).__name__, error))

    def log(self, text):
        """Prints a line that tells of something bad, and puts it into the event log; one that
        tells of a MemoryError also has memory given back.
        """
        print(text)
        if text.startswith("MemoryError"):
            self.spare()
            try:
                self.report(_OUT_OF_MEMORY)
            except MemoryError:
                pass  # read it is, if not told
        self.event(text)

    def notice(self, text):
        """Prints a line that tells of nothing bad, unless the settings want errors only."""
        if self.settings["log"]:
            print(text)

    def event(self, text):
        """Puts a line into the event log, but for one that only repeats the last."""
        events = self.events
        if events is None:
            return
        try:
            text = " %s\n" % text[:_EVENT].replace("\n", "; ")
            last = events[events.rfind("\n", 0, -1) + 1 :]
            if last[last.find(" ") :] != text:
                events += "+%d" % (self.client.now_ms() // 1000) + text
                self.events = events[-_EVENTS:]
                self.table.changed(20, 0, 4014)
        except MemoryError:
            pass

    def logged(self, function):
        """Calls a function of events.py."""
        try:
            once("events", function, self)
        except ImportError:  # tools/install.py has left it out
            self.events = None
        except MemoryError:
            pass  # some other time

    def spare(self, more=""):
        """Gives back the memory of modules that can be loaded again; `more` as in drop()."""
        if not sources:  # to compile them again would take more than it gives
            for session in self.client.sessions:
                session.endpoint.forget(_TEXT)
            self.table.drop()
            drop(_SPARE)
            drop(more)

    def _check_link(self):
        # A socket does not feel that the cable was pulled: begin again, with the network.
        interface = self.interface
        if interface is None:
            return
        interface.check()
        if interface.isconnected():
            clock = self.clock
            if clock and self.client.now_ms() >= clock[0]:
                self.clock = (clock[0] + _CLOCK_MS,) + clock[1:]
                try:
                    asyncio.create_task(once("ntp", "run", self))
                except MemoryError:
                    pass  # the next time
                except ImportError:  # tools/install.py has left it out
                    self.clock = None
            return
        for connection in self.connections:
            if connection.link:
                self.log("%s: link lost: no network" % connection.uri)
                self.report(_IP_FAILURE)
                connection.task.cancel()
                connection.close()
                connection.task = asyncio.create_task(connection.run())

    def network(self):
        """Waits for the network, see connections.py; to be awaited."""
        return once("connections", "network", self)

    def shutdown(self):
        """De-registers from all servers, for at most a second; the loop does not run."""
        self._sleeping = None  # the interrupted task cannot be woken
        asyncio.new_event_loop()  # the memory of the tasks
        open_ones = [each for each in self.connections if each.link]
        try:
            self.spare()
            self.stop()
            for _ in range(_LAST_TURNS):
                if all([each.session.registration.state == STOPPED for each in open_ones]):
                    break
                self.client.poll()
                if self.interface.run:
                    self.interface.poll()
                for connection in open_ones:
                    connection.drain()
                time.sleep_ms(_LAST_TURN_MS)
            else:
                print("the server did not answer the de-registration")
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
        if self.feed:  # the watchdog cannot be stopped, and the REPL feeds none
            machine.Timer(-1, period=_BUTTON_MS, callback=lambda timer: self.feed())


def run(feed=None):
    """Starts the firmware; returns 0 after a Ctrl-C, 2 where the configuration is wrong.

    `feed`, of the watchdog of trial.py, tells that this copy of it is on trial.
    """
    try:
        loaded = once("config", "load")
    except ValueError as error:
        print(error)
        return 2
    App.running = None  # the memory of an earlier run
    App.running = app = App(*loaded)
    del loaded
    if feed:
        once("confirmation", "begin", app, feed)
    try:
        asyncio.run(app.main())
    except KeyboardInterrupt:
        app.shutdown()
    except MemoryError as error:  # somewhere without a way on: a heap that is whole again has one
        app.log("MemoryError: %s: restarting" % error)
        app.reset()
    finally:
        app.logged("end")
        app.over = True
        asyncio.new_event_loop()  # tasks of this run are not those of the next
    return 0
