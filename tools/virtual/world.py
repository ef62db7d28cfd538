"""The world round the board: lines of JSON change it, the mock hardware starts with it."""

import json

MAX_LINE = 4096  # bytes; longer lines are dropped


def is_temperature(value):
    """Whether it is a number of degrees Celsius that can exist; not so NaN."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -273.15 <= value <= 1000


def _is_flag(value):
    return isinstance(value, bool)


def _is_key(value):
    # json also makes lone surrogates, which no encoding has.
    return isinstance(value, str) and 0 < len(value.encode(errors="ignore")) <= 64


def _is_radio(value):
    # Some of what is true of the Wi-Fi module and its access point.
    return isinstance(value, dict) and all(
        key in _RADIO_KEYS and _RADIO_KEYS[key](each) for key, each in value.items()
    )


def _is_number(value, low, high, kinds=int):
    return isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high


_RADIO_KEYS = {
    "ap": _is_flag,  # the access point is up
    "dns": _is_flag,  # its name server answers
    "accepts": _is_flag,  # it takes the passphrase that it was given at the start
    "silent": _is_flag,  # only the link state tells that the access point is gone
    "rssi": lambda value: _is_number(value, -120, 0),
    "fail": lambda value: _is_number(value, 0, 1, (int, float)),  # share of transactions
    "seed": lambda value: _is_number(value, 0, 0x7FFFFFFF),  # which ones fail
}
# key of a line: (test of its value, what is expected)
_KEYS = {
    "temperature": (is_temperature, "-273.15 to 1000 degrees Celsius"),
    "button": (_is_flag, "true or false"),
    "cable": (_is_flag, "true or false"),
    "dhcp": (_is_flag, "true or false"),
    "dns": (_is_flag, "true or false"),
    "i2c": (lambda value: value in ("plugged", "unplugged"), '"plugged" or "unplugged"'),
    "radio": (
        _is_radio,
        'some of {"ap": true, "dns": true, "accepts": true, "silent": false, "rssi": -53,'
        ' "fail": 0.1, "seed": 3}',
    ),
    "key": (_is_key, "1 to 64 bytes of text"),
    "reset": (lambda value: value in ("power", "button"), '"power" or "button"'),
}
_ACTIONS = ("key", "reset")


def parse_line(line):
    """One line of the world as a dict; ValueError says what is wrong with it."""
    if len(line) > MAX_LINE:
        raise ValueError(f"line of more than {MAX_LINE} bytes dropped")
    try:
        change = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON: " + repr(line[:60].decode(errors="replace"))) from None
    if not isinstance(change, dict):
        raise ValueError("not a JSON object: " + repr(line[:60].decode(errors="replace")))
    for key, value in change.items():
        if key not in _KEYS:
            raise ValueError(f"unknown key {key[:60]!r}, expected one of {', '.join(_KEYS)}")
        test, expected = _KEYS[key]
        if not test(value):
            raise ValueError(f"{key}: {json.dumps(value)[:60]}: expected {expected}")
    return change


class World:
    """What is true round the board; lives on while the interpreter is started anew.

    `radio` are the "ssid" and "passphrase" of the access point of a board with Wi-Fi.
    """

    def __init__(self, board, temperature, unique_id, micropython, radio=None):
        self._state = {
            "board": board,
            "temperature": temperature,
            "i2c": "plugged",
            "cable": True,
            "dhcp": True,
            "dns": True,
            "micropython": micropython,
            "button": False,
            "unique_id": unique_id,
        }
        self._radio = dict(radio or {})

    def change(self, change):
        """Takes over a parsed line; returns (what the mock hardware must hear, actions)."""
        heard = {key: value for key, value in change.items() if key not in _ACTIONS}
        self._state.update(heard)
        self._radio.update(heard.get("radio", {}))
        self._state.pop("radio", None)
        return heard, {key: value for key, value in change.items() if key in _ACTIONS}

    def at_start(self, cause):
        """The state of the simulated hardware at a start."""
        return dict(self._state, reset_cause=cause)

    @property
    def radio(self):
        """The same for the Wi-Fi module, with a passphrase that the interpreter must not get."""
        return dict(self._radio)


class Lines:
    """Cuts a stream into lines; of a line over the limit only its length is kept in mind."""

    def __init__(self, limit=MAX_LINE):
        self._limit = limit
        self._rest = b""

    def feed(self, data):
        """Yields the complete lines without their end; one too long comes cut at limit + 1."""
        parts = data.split(b"\n")
        for part in parts[:-1]:
            line = (self._rest + part)[: self._limit + 1]
            self._rest = b""
            yield line
        self._rest = (self._rest + parts[-1])[: self._limit + 1]

    def rest(self):
        """What came after the last line end, and forgets it."""
        rest, self._rest = self._rest, b""
        return rest
