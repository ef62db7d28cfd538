"""Settings, object 26241 (an id for private use): what a server may change without a restart.

The resources are keys of config.json. What a server has written is kept in a record (storage.py)
and counts before the file until a factory reset, or Restore, forgets it. Loaded when the object
is asked for, and at the start where there is such a record.
"""

import json

from micropython import const

from coap.message import Error
from firmware import once
from firmware.storage import Record
from lwm2m.object import Object

_NAME = const("settings")
_BAD_REQUEST = const(0x80)  # 4.00
_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00


class Settings(Object):
    """What counts now, and what becomes of a Write; the values are those of the `App`."""

    oid = 26241
    resources = (
        [0, "RW", "i", "measure_s"],  # Measuring Period
        [1, "RW", "i", "send_s"],  # Send Period, 0 for none
        [2, "RW", "i", "log"],  # Log Level
        [3, "RW", "s", "ntp"],  # Time Server, host or host:port, or empty
        [4, "RW", "b", "confirmable"],  # Confirmable Notifications
        [5, "RW", "f", "servo_min"],  # Servo Minimum, 0 to 1 as in 10346
        [6, "RW", "f", "servo_max"],  # Servo Maximum
        [7, "RW", "f", "servo_rest"],  # Servo Rest Position
        [8, "R", "s", "changed_keys"],  # Changed Settings: the keys, between spaces
        [9, "E", "", "restore"],  # Restore: what config.json says
    )
    _asked = None  # by the Write under way: what is to be kept, and the keys that it is about

    def __init__(self, app):
        self.app = app
        self._load()

    def _load(self):
        settings = self.app.settings
        for name in ("measure_s", "send_s", "log", "confirmable"):
            setattr(self, name, settings[name])
        self.ntp = _text(settings["ntp"])
        self.servo_min, self.servo_max, self.servo_rest = self.app.servomotor.servo.limits

    @property
    def changed_keys(self):
        return " ".join(sorted(_kept()))

    def check(self, values):
        kept = _kept()
        try:
            once("config", "read", "", kept)
        except ValueError:
            kept = {}  # passed over at the start, too: config.json has changed
        keys = []
        for rid, _, value in values:
            key = self.row(rid)[3]
            keys.append(key)
            # 0.1 in four bytes is 0.10000000149.
            kept[key] = round(value, 6) if type(value) is float else value
        _checked(kept)
        self._asked = kept, keys

    def clear(self, row):
        kept, keys = self._asked
        kept.pop(row[3], None)
        keys.append(row[3])

    def changed(self, rid):
        # After a Write once for each resource, when all are stored.
        if self._asked:
            kept, keys = self._asked
            self._asked = None
            self._keep(kept, keys)
        Object.changed(self, rid)

    def restore(self, arguments):
        self._asked = None  # of a Write of many objects that another one has refused
        rows = [row for row in self.resources if row[1] == "RW"]
        self._keep({}, [row[3] for row in rows])
        for row in rows:
            self.changed(row[0])

    def _keep(self, kept, keys):
        try:
            found = _checked(kept)
            if kept != _kept():
                _store(kept)
            self._apply(found, keys)
        finally:
            self._load()
        self.app.notice("settings: " + ", ".join(["%s %s" % (k, getattr(self, k)) for k in keys]))

    def _apply(self, found, keys):
        app = self.app
        settings = app.settings
        for key in keys:
            if key == "log" and (settings[key] > 1 or found[key] > 1):
                once("trace", "begin", found[key])
            if key in settings:
                settings[key] = found[key]
        if "ntp" in keys:
            app.clock = (app.client.now_ms(), 0, "not set") if found["ntp"] else None
        if "send_s" in keys:
            once("parts", "report", app)
        if "confirmable" in keys:
            for session in app.client.sessions:
                session.confirmable = found["confirmable"]
        limits = found["servo_min"], found["servo_max"], found["servo_rest"]
        if limits != app.servomotor.servo.limits:
            _limit(app.servomotor, limits)


def make(app, oid):
    """The instance, see late.py."""
    return Settings(app)


def changes(directory="state"):
    """What servers have changed, by the record in `directory`: a dictionary with keys of
    config.json; ValueError where it cannot be read.
    """
    data = Record(_NAME, directory).read()
    try:
        kept = json.loads(data)
        keys = [row[3] for row in Settings.resources if row[1] == "RW"]
        # A later firmware may know more.
        return {key: value for key, value in kept.items() if key in keys}
    except (ValueError, TypeError, AttributeError, RuntimeError):
        raise ValueError("the record is damaged")


def _kept():
    try:
        return changes()
    except ValueError:
        return {}


def _store(kept):
    try:
        if kept:
            Record(_NAME).write(json.dumps(kept).encode())
        else:
            Record(_NAME).erase()
    except OSError as error:
        raise Error(_INTERNAL_SERVER_ERROR, "not kept: %s" % error)


def _checked(kept):
    # All settings as they would be; Error where config.py would refuse them at the next start.
    try:
        found = once("config", "read", "", kept)
    except ValueError as error:
        raise Error(_BAD_REQUEST, str(error))
    if kept.get("log", 0) > 1:
        try:
            __import__("firmware.trace")
        except ImportError:  # tools/install.py has left it out
            raise Error(_BAD_REQUEST, "no trace in this installation: log is 0 or 1")
    return found


def _limit(servomotor, limits):
    # An arm at rest goes to the new rest position, one beyond the limits to the nearest.
    servo = servomotor.servo
    low, high, rest = servo.limits
    position = servo.position
    wanted = limits[2] if position == rest else min(max(position, limits[0]), limits[1])
    servo.limits = limits
    table = servomotor.table
    table.drop()  # Positioner has taken them when it was made
    for rid, changed in ((5519, low != limits[0]), (5520, high != limits[1])):
        if changed:
            table.changed(3337, servomotor.iid, rid)
    if wanted != position:
        servomotor.position = wanted


def _text(ntp):
    # As it is written in config.json.
    if not ntp:
        return ""
    host, port = ntp
    if ":" in host:
        host = "[%s]" % host
    return host if port == 123 else "%s:%d" % (host, port)
