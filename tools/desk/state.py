"""What the desk knows: gathered from events of the server and of the virtual board."""

import time
from collections import deque

SERVO_FREQUENCY_HZ = 50
_LOG_LINES = 200
_MAX_KEPT = 10000  # temperatures and pulses; a desk may run for days
TEMPERATURE = "/3303/0/5700"
SERVO = "/10346/0/5536"


class State:
    """Registration, temperature, servo, led and the last events.

    on_line(text) is called with every line that enters the log.
    """

    def __init__(self, endpoint, on_line=None, clock=time.monotonic):
        self.endpoint = endpoint
        self.status = "waiting for the board"
        self.location = None
        self.lifetime_s = None
        self.temperature_c = None
        self.servo = None
        self.pulse_us = None
        self.led = None
        self.temperatures_c = deque(maxlen=_MAX_KEPT)
        self.pulses_us = deque(maxlen=_MAX_KEPT)
        self.registrations = 0
        self.deregistrations = 0
        self.bootstraps = 0
        self.bootstrap = None  # how the last one went, in a few words
        self.secure = False  # the registration came over DTLS
        self.log_lines = deque(maxlen=_LOG_LINES)
        self.changed = True
        self._on_line = on_line
        self._clock = clock
        self._started = clock()
        self._alive_since = None

    def log(self, text):
        """Adds a line with the seconds since the start."""
        line = "%6.1f s  %s" % (self._clock() - self._started, text)
        self.log_lines.append(line)
        self.changed = True
        if self._on_line:
            self._on_line(line)

    @property
    def age_s(self):
        """Seconds since the registration or its last update, None when not registered."""
        return None if self._alive_since is None else self._clock() - self._alive_since

    def server_event(self, kind, endpoint, data):
        """Takes an event of the server; other endpoints than the desk's own are ignored."""
        if endpoint != self.endpoint:
            return
        if kind == "REGISTRATION":
            self.registrations += 1
            self._registered(data)
            self.log(
                "registered%s at %s for %d s, LwM2M %s, %d objects and instances"
                % (
                    " over DTLS" if self.secure else "",
                    self.location,
                    self.lifetime_s,
                    data["lwM2mVersion"],
                    len(data["objectLinks"]),
                )
            )
        elif kind == "UPDATED":
            self._registered(data["registration"])
            self.log("registration updated")
        elif kind == "DEREGISTRATION":
            self.deregistrations += 1
            self.status = "de-registered"
            self._alive_since = None
            self.log("de-registered")
        elif kind == "BOOTSTRAP_STARTED":
            self._bootstrapping("under way")
        elif kind == "BOOTSTRAP_FINISHED":
            self.bootstraps += 1
            self._bootstrapping("finished over DTLS" if data["secure"] else "finished")
        elif kind == "BOOTSTRAP_FAILED":
            self._bootstrapping("failed: " + data["error"])
        elif kind == "NOTIFICATION" and "res" in data:
            self.reported(data["res"], data["val"])
        elif kind == "OBSERVATION_ENDED":
            what = data["res"] if "res" in data else ", ".join(data["paths"])
            self.log("observation of %s ended: %s" % (what, data["status"]))

    def _bootstrapping(self, text):
        self.bootstrap = text
        self.log("bootstrap " + text)

    def _registered(self, data):
        self.status = "registered"
        self.secure = data.get("secure", False)
        self.location = "/rd/" + data["registrationId"]
        self.lifetime_s = data["lifetime"]
        self._alive_since = self._clock()

    def reported(self, path, node):
        """Takes a value that the client reported for a path, in the JSON shape of a node."""
        if node.get("type") != "FLOAT" or "value" not in node:
            return
        value = float(node["value"])
        if path == TEMPERATURE:
            self.temperature_c = value
            self.temperatures_c.append(value)
            self.log("temperature %.2f C" % value)
        elif path == SERVO:
            self.servo = value
            self.log("servo at %.3f" % value)

    def board_event(self, event):
        """Takes an event of the virtual board's events file."""
        kind = event.get("event")
        if kind == "pwm" and event.get("freq") == SERVO_FREQUENCY_HZ:
            self.pulse_us = event["duty_ns"] // 1000
            self.pulses_us.append(self.pulse_us)
            self.log("servo pulse %d us on %s" % (self.pulse_us, event.get("pin")))
        elif kind == "led":
            self.led = bool(event.get("on"))
            self.log("led %s (%s)" % ("on" if self.led else "off", event.get("pin")))
        elif kind == "console":
            if event.get("text"):
                self.log("board: " + event["text"])
        elif kind == "i2c":
            self.log("I2C fault: %s" % event.get("fault"))
        elif kind == "reset":
            self.log("reset of the board (%s)" % event.get("cause"))
        elif kind == "wdt" and event.get("expired"):
            self.log("the watchdog reset the board")
