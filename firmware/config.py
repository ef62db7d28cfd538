"""The settings in config.json, checked before anything starts.

A server may change some of them (settings.py): those count before the file.
"""

import json
import os
import sys

from micropython import const

_RANGES = {
    "lifetime_s": (1, 0x7FFFFFFF),
    "measure_s": (1, 86400),
    "send_s": (0, 86400),
    "watchdog_s": (0, 32),
    "log": (0, 3),
}
_DEFAULTS = {
    "lifetime_s": 3600,
    "measure_s": 5,
    "send_s": 0,
    "watchdog_s": 0,
    "log": 1,
    "keep": True,
    "queue_mode": False,
    "confirmable": False,
    "downgrade": False,
    "objects": (),
    "queries": (),
    "servo_min": 0,
    "servo_max": 1,
    "servo_rest": 0.5,
}
_SERVO = ("servo_min", "servo_max", "servo_rest")
_CERTIFICATE = const(2)  # security modes, see lwm2m/objects/security.py
_NO_SEC = const(3)
# MicroPython's own calls keep the loop for up to 10 s: 7 for a name without a name server, 10 for
# Ethernet of v1.28 without a cable. The rest is what the loop may take between two feedings.
_WATCHDOG_S = const(16)
_LONGEST = const(2048)  # bytes of the file
_SHOWN = const(80)  # characters of a value in an error


class ConfigError(ValueError):
    """One line that names the file, the key, its value and what was expected."""

    def __init__(self, key, value, expected, path="config.json"):
        # A list or object may hold anything, and a name before "@" a password: not shown.
        scalar = value is None or isinstance(value, (int, float, str))
        shown = "%r" % (value,) if scalar else "a " + type(value).__name__
        if "@" in shown:
            shown = "'..." + shown[shown.rfind("@") :]
        if len(shown) > _SHOWN:
            shown = shown[:_SHOWN] + "..."
        super().__init__("%s: %s is %s, expected %s" % (path, key, shown, expected))


def load(directory=""):
    """(settings with the defaults filled in, accounts). Raises ConfigError.

    The accounts are those provisioned, else the one of the key "server"; each has its host
    and port added as "address".
    """
    from firmware import account_list as accounts

    path = directory + "/config.json" if directory else "config.json"
    found = read(directory)
    account_list = accounts.load(directory)  # first: a factory reset forgets what was changed
    try:
        names = os.listdir(accounts.state(directory))
    except OSError:
        names = ()  # nothing was ever written
    if [name for name in names if name[:9] == "settings."]:
        try:
            from firmware.settings import changes

            changed = changes(accounts.state(directory))
            found = read(directory, changed)
            print("settings changed by a server: " + ", ".join(sorted(changed)))
        except ValueError as error:
            print("settings changed by a server: passed over: %s" % error)
        except ImportError:
            pass  # tools/install.py has left it out, and so no server changes any
    if _CERTIFICATE in [each["mode"] for each in account_list]:
        try:
            from firmware.accounts import set_clock

            set_clock(account_list[0]["since"])
        except ImportError:
            pass  # no DTLS in this installation: the connection tells
    if not account_list:
        if "server" not in found:
            raise ConfigError("server", None, "coap://host:port, or a provisioned account", path)
        from lwm2m.objects.server import Server

        account_list = [accounts.account(found["server"], Server(1, 0, found["lifetime_s"]))]
    return found, addressed(account_list, path)


def read(directory="", changed=None):
    """The settings of config.json with the defaults filled in, and `changed` before them; raises
    ConfigError.
    """
    path = directory + "/config.json" if directory else "config.json"
    try:
        if os.stat(path)[6] > _LONGEST:  # more than the heap may hold
            raise ConfigError("the file", "long", "at most %d bytes" % _LONGEST, path)
        with open(path) as file:
            settings = json.load(file)
    except ConfigError:
        raise
    except OSError:
        raise ConfigError("the file", "missing", "a copy of config.example.json", path)
    except (ValueError, RuntimeError):  # the second: nested too deep
        raise ConfigError("the content", "no JSON", "an object like config.example.json", path)
    if not isinstance(settings, dict):
        kind = type(settings).__name__
        raise ConfigError("the content", kind, "an object like config.example.json", path)
    keys = ("board", "endpoint", "server", "network", "hostname", "ntp")
    keys += tuple(sorted(_DEFAULTS))
    for key in settings:
        if key not in keys:
            raise ConfigError("the key", key, "one of " + ", ".join(keys), path)
    found = dict(_DEFAULTS)
    found.update(settings)
    if changed:
        found.update(changed)
        path = "settings"
    _check(found, path)
    if found.get("ntp") is None:
        found["ntp"] = _time_server()
    return found


def _time_server():
    # That of MicroPython's own ntptime, where that is there.
    try:
        import ntptime
    except ImportError:
        return ""
    sys.modules.pop("ntptime")  # its memory
    return ntptime.host, 123


def addressed(account_list, path="config.json"):
    """The accounts, with the host and port of each added as "address", whether it wants DTLS as
    "secure", and what its URI asks to be sent with a Register or Bootstrap-Request as "queries".
    Raises ConfigError.
    """
    for account in account_list:
        uri = account["uri"]
        try:
            account["address"] = server_uri(uri)
        except ValueError as error:
            raise ConfigError("server", uri, str(error), path)
        account["secure"] = uri[:6] == "coaps:" or account["mode"] != _NO_SEC
        query = uri.partition("?")[2]
        account["queries"] = tuple(query.split("&")) if query else ()
    return account_list


def _check(settings, path):
    board = settings.get("board")
    if not _module("firmware.boards.", board):
        raise ConfigError("board", board, "the name of a file in firmware/boards", path)
    objects = settings["objects"]
    expected = "names of files in firmware/objects that have add(), each once"
    if not isinstance(objects, (list, tuple)):
        raise ConfigError("objects", objects, "a list of " + expected, path)
    for name in objects:
        module = _module("firmware.objects.", name)
        if not hasattr(module, "add") or objects.count(name) > 1:
            raise ConfigError("objects", name, expected, path)
    endpoint = settings.get("endpoint")
    if (
        not isinstance(endpoint, str)
        or not 1 <= len(endpoint) <= 64
        or not _plain(endpoint, "-._:")
    ):
        raise ConfigError("endpoint", endpoint, "1 to 64 letters, digits or - . _ :", path)
    if "server" in settings:
        server = settings["server"]
        try:
            server_uri(server)
        except ValueError as error:
            raise ConfigError("server", server, str(error), path)
        if server.startswith("coaps"):  # its credentials have no place here
            expected = "coap://; make provision gives the board an account with DTLS"
            raise ConfigError("server", server, expected, path)
    if "network" in settings or "hostname" in settings or "ntp" in settings:
        from firmware import network_settings

        wrong = network_settings.check(settings, server_uri)
        if wrong:
            raise ConfigError(*wrong, path)
    queries = settings["queries"]
    if not isinstance(queries, (list, tuple)) or not all([_query(each) for each in queries]):
        raise ConfigError("queries", queries, 'a list of texts like "d=ACCOUNT"', path)
    for key, (low, high) in _RANGES.items():
        value = settings[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigError(key, value, "a whole number from %d to %d" % (low, high), path)
    if 0 < settings["watchdog_s"] < _WATCHDOG_S:
        expected = "0 for off, or at least %d: a name server may take half of it" % _WATCHDOG_S
        raise ConfigError("watchdog_s", settings["watchdog_s"], expected, path)
    for key in _SERVO:
        value = settings[key]
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
        if not good:
            raise ConfigError(key, value, "a number from 0 to 1", path)
        settings[key] = float(value)
    low, high, rest = [settings[key] for key in _SERVO]
    if low >= high:
        raise ConfigError("servo_max", high, "more than servo_min, %s" % low, path)
    if not low <= rest <= high:
        expected = "a position from servo_min, %s, to servo_max, %s" % (low, high)
        raise ConfigError("servo_rest", rest, expected, path)
    for key, default in _DEFAULTS.items():
        if isinstance(default, bool) and not isinstance(settings[key], bool):
            raise ConfigError(key, settings[key], "true or false", path)


def _module(package, name):
    # Imported, for the application wants it next; None where there is no such module.
    # A name that is too long for an import would be a RuntimeError.
    if not isinstance(name, str) or not _plain(name, "_") or len(name) > 64:
        return None
    name = package + name
    try:
        __import__(name)
    except ImportError:
        return None
    return sys.modules[name]


def server_uri(uri):
    """(host, port) of a server URI; ValueError says what was expected.

    Behind a question mark there may be queries: coaps://host:5684?aid=X.
    """
    expected = "coap://host or coap://host:port, with DTLS coaps://"
    if not isinstance(uri, str) or len(uri) > 255:
        raise ValueError(expected)
    scheme, _, rest = uri.partition("://")
    standard = {"coap": "5683", "coaps": "5684"}.get(scheme)
    rest, mark, query = rest.partition("?")
    if not standard or (mark and not all([_query(each) for each in query.split("&")])):
        raise ValueError(expected)
    if rest[-1:] == "/":
        rest = rest[:-1]
    if rest[:1] == "[":  # an IPv6 address (RFC 3986 section 3.2.2)
        host, bracket, port = rest[1:].partition("]")
        good = bracket and _plain(host, ":.%") and port[:1] in ("", ":")
        port = port[1:] if port else standard
    else:
        host, colon, port = rest.partition(":")
        good = _plain(host, "-._")
        port = port if colon else standard
    if not good or not _digits(port) or not 1 <= int(port) <= 65535:
        raise ValueError(expected)
    return host, int(port)


def _query(text):
    return isinstance(text, str) and len(text) < 256 and _plain(text, "-._~:=,;+*@")


def _digits(text):
    return text.isdigit() and len(text) <= 5


def _plain(text, others):
    for letter in text:
        if letter > "~" or not (letter.isalpha() or letter.isdigit() or letter in others):
            return False
    return bool(text)
