"""The world around the mock board: temperature, button, plugs, and what the board did.

`world` is the one object. Tests set its state and read `world.events`; under the virtual board
state comes and events leave by a stream of JSON lines (file descriptor VIRTUAL_BOARD_FD), which
is looked at whenever hardware is touched and never waited for. VIRTUAL_BOARD_WORLD, a JSON
object, is the state at the start.
"""

import json
import os
import select
import time

BOARDS = ("nucleo_f429zi", "b_l475e_iot01a")
RESET_CAUSES = ("soft", "power", "hard", "wdt", "button")  # in the order of machine's numbers
_LINE = 512  # longer lines are dropped


class World:
    def __init__(self):
        self._stream = None
        self.reset()

    def reset(self, **state):
        """The state at power-on; keywords are the keys of VIRTUAL_BOARD_WORLD."""
        self.board = BOARDS[0]
        self.temperature = 21.5
        self.button = False
        self.cable = True
        self.plugged = True
        self.reset_cause = "power"
        self.unique_id = b"\x2a\x00\x38\x00\x0e\x51\x39\x33\x34\x36\x35\x39"
        self.events = None if self._stream else []
        self.levels = {}  # of input pins, by name, where a test sets one
        self.nak_after = None
        self.wdt = None  # its time-out in ms once armed
        self.wdt_fed_ms = 0
        self.feeds = 0
        self.pins = {}
        self.buses = {}
        self.spi = {}
        self.timers = []
        self.on_button = None
        self.lan_active = False
        self.hostname = "mpy-stm32"
        self.rtc_offset_s = 0
        self._busy = False
        board = state.pop("board", self.board)
        if board not in BOARDS:
            raise ValueError("board: %r: expected one of %s" % (board, ", ".join(BOARDS)))
        self.board = board
        cause = state.pop("reset_cause", self.reset_cause)
        if cause not in RESET_CAUSES:
            raise ValueError("reset_cause: %r: expected one of %s" % (cause, RESET_CAUSES))
        self.reset_cause = cause
        if "unique_id" in state:
            text = state.pop("unique_id")
            self.unique_id = bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))
        self.apply(state)

    # The channel

    def connect(self, fd):
        """Takes state from, and sends events to, a stream that is open already."""
        self._stream = open(fd, "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._stream, select.POLLIN)
        self._line = bytearray(_LINE)
        self._length = 0
        self._byte = bytearray(1)
        self.events = None

    def disconnect(self):
        """Closes the channel; events are dropped from now on."""
        if self._stream:
            self._stream.close()
            self._stream = None

    def event(self, **event):
        """Tells what the board did."""
        if self.events is not None:
            self.events.append(event)
        elif self._stream:
            try:
                self._stream.write(json.dumps(event).encode() + b"\n")
            except OSError:
                self.disconnect()

    def touch(self):
        """Takes in what has happened meanwhile; every use of hardware begins with it."""
        if self._busy:
            return  # hardware is touched by a handler that runs in here
        self._busy = True
        try:
            if self._stream:
                self._drain()
            if self.timers:
                self.run_timers()
        finally:
            self._busy = False

    def _drain(self):
        # Byte by byte: the stream may block, and MicroPython's read(n) waits for all n.
        while self._poll.poll(0):
            try:
                count = self._stream.readinto(self._byte)
            except OSError:
                count = 0
            if not count:
                self.disconnect()
                return
            if self._byte[0] != 10:
                if self._length < _LINE:
                    self._line[self._length] = self._byte[0]
                self._length += 1
                continue
            length = self._length
            self._length = 0
            if length <= _LINE:
                try:
                    self.apply(json.loads(bytes(self._line[:length]).decode()))
                except ValueError:
                    pass  # not JSON, not UTF-8

    # What happens to the board

    def apply(self, state):
        """Changes what `state` names; anything it does not know is ignored."""
        if not isinstance(state, dict):
            return
        temperature = state.get("temperature")
        if isinstance(temperature, (int, float)) and not isinstance(temperature, bool):
            if -1000 < temperature < 1000:
                self.temperature = temperature
        if isinstance(state.get("cable"), bool):
            self.cable = state["cable"]
        if state.get("i2c") == "unplugged":
            self.unplug()
        elif state.get("i2c") == "plugged":
            self.plug()
        if isinstance(state.get("button"), bool) and state["button"] != self.button:
            self.button = state["button"]
            if self.on_button:
                self.on_button()

    def unplug(self):
        """Takes the plug of all sensors out: they lose their supply and do not answer."""
        self.plugged = False
        for devices in self.buses.values():
            for device in devices:
                device.power_on()

    def plug(self):
        self.plugged = True

    def run_timers(self):
        """Calls back what is due of `machine.Timer`, which cannot interrupt here."""
        for timer in tuple(self.timers):
            timer.run()

    def wdt_expired(self):
        """Whether the watchdog would have bitten by now."""
        if self.wdt is None:
            return False
        return time.ticks_diff(time.ticks_ms(), self.wdt_fed_ms) > self.wdt

    # Sensors on the buses

    def devices(self, bus):
        """The sensors on a bus; those that belong to the board are put there at first use."""
        if bus not in self.buses:
            self.buses[bus] = []
            if self.board == "nucleo_f429zi" and bus == 1:
                from sensors import BMP180

                self.attach(bus, BMP180(self))
            elif self.board == "b_l475e_iot01a" and bus == 2:
                from sensors import HTS221

                self.attach(bus, HTS221(self))
        return self.buses[bus]

    def attach(self, bus, device):
        self.devices(bus).append(device)


world = World()
if os.getenv("VIRTUAL_BOARD_WORLD"):
    world.reset(**json.loads(os.getenv("VIRTUAL_BOARD_WORLD")))
if os.getenv("VIRTUAL_BOARD_FD"):
    world.connect(int(os.getenv("VIRTUAL_BOARD_FD")))
