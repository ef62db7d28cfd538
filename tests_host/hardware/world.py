"""The world around the mock board: temperature, button, plugs, and what the board did.

`world` is the one object. Tests set its state and read `world.events`, and so does the virtual
board, in whose process all of this runs (the interpreter has remote/world.py in its place).
VIRTUAL_BOARD_WORLD, a JSON object, is the state at the start.
"""

import json
import os
import time

BOARDS = ("nucleo_f429zi", "b_l475e_iot01a")
RESET_CAUSES = ("soft", "power", "hard", "wdt", "button")  # in the order of machine's numbers


class World:
    def __init__(self):
        self.reset()

    def reset(self, **state):
        """The state at power-on; keywords are the keys of VIRTUAL_BOARD_WORLD."""
        if getattr(self, "_radio", None):
            self._radio.close()
        self._radio = None
        self._radio_state = {}
        self.board = BOARDS[0]
        self.temperature = 21.5
        self.button = False
        self.cable = True
        self.plugged = True
        self.reset_cause = "power"
        self.unique_id = b"\x2a\x00\x38\x00\x0e\x51\x39\x33\x34\x36\x35\x39"
        self.events = []
        self.levels = {}  # of input pins, by name, where a test sets one
        self.nak_after = None
        self.wdt = None  # its time-out in ms once armed
        self.wdt_fed_ms = 0
        self.feeds = 0
        self.pins = {}
        self.buses = {}
        self.spi = {}
        self.timers = ()
        self.on_button = None
        self.unplugged = False  # the cable was, since the PHY was asked
        self.phy_answers = True
        self.dhcp = True
        self.dns = True
        self.micropython = "1.29"
        self.lan = None  # the state of network.LAN
        self.hostname = "mpy-stm32"
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

    # What the board does

    def event(self, **event):
        """Notes what the board did."""
        self.events.append(event)

    def touch(self):
        """Gives timers their turn; every use of hardware begins with it."""
        if self._busy:
            return  # hardware is touched by a handler that runs in here
        self._busy = True
        try:
            self.run_timers()
        finally:
            self._busy = False

    # What happens to the board

    def apply(self, state):
        """Changes what `state` names; anything it does not know is ignored."""
        if not isinstance(state, dict):
            return
        temperature = state.get("temperature")
        if isinstance(temperature, (int, float)) and not isinstance(temperature, bool):
            if -1000 < temperature < 1000:
                self.temperature = temperature
        for name in ("cable", "dhcp", "dns"):
            if isinstance(state.get(name), bool):
                setattr(self, name, state[name])
        if not self.cable:
            self.unplugged = True
        if state.get("micropython") in ("1.28", "1.29"):
            self.micropython = state["micropython"]
        if self.lan:
            self.lan.follow()
        if state.get("i2c") == "unplugged":
            self.unplug()
        elif state.get("i2c") == "plugged":
            self.plug()
        if isinstance(state.get("button"), bool) and state["button"] != self.button:
            self.button = state["button"]
            if self.on_button:
                self.on_button()
        if isinstance(state.get("radio"), dict):
            self._radio_state.update(state["radio"])
            if self._radio:
                self._radio.apply(state["radio"])

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
        for timer in self.timers:
            timer.run()

    def wdt_expired(self):
        """Whether the watchdog would have bitten by now."""
        if self.wdt is None:
            return False
        return time.ticks_diff(time.ticks_ms(), self.wdt_fed_ms) > self.wdt

    # The Wi-Fi module

    @property
    def radio(self):
        """The `Radio` of a B-L475E-IOT01A, made at first use; None on another board."""
        if self._radio is None and self.board == "b_l475e_iot01a":
            from board_radio import Radio

            self._radio = Radio(self._radio_state)
        return self._radio

    def radio_on(self, bus):
        """The `Radio` if it is on this SPI bus and no test has put something else there."""
        return self.radio if bus == 3 and bus not in self.spi else None

    def wire(self, pin):
        """The line of the Wi-Fi module or its bus that this pin is wired to, None for others."""
        if pin in ("PE0", "PE1", "PE8", "PB13", "PD13", "PB5", "PA8") and self.radio:
            return self.radio.wires[pin]
        return None

    @property
    def moves(self):
        """Whether there is something whose pins change by themselves."""
        return self._radio is not None

    def wait_ms(self):
        """Milliseconds until a pin may change its level by itself, None when none can."""
        return self._radio.module.wait_ms() if self._radio else None

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
