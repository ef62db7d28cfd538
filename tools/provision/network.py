"""The Wi-Fi network that a board joins: the record that firmware/access_point.py reads."""

import json

from tools.errors import UserError
from tools.provision import keys

_OPEN = 0
_FILE = "config.json"
_BOARD = "b_l475e_iot01a"


class Network:
    """What was given with SSID=; `lines` tell of it, without the passphrase."""

    def __init__(self, given, access_point):
        """`access_point`: the firmware's module, whose record it is."""
        self._access_point = access_point
        self._ssid = given["SSID"]
        self._passphrase = ""
        self._security = _OPEN
        if "PASSWORD_FILE" in given:
            self._passphrase = self._read(given["PASSWORD_FILE"])
            self._security = given.get("WIFI_SECURITY", access_point.WPA2)
        kind = "open" if self._security == _OPEN else f"with passphrase, C3={self._security}"
        self.lines = [f'Wi-Fi network "{self._ssid}", {kind}']

    def _read(self, path):
        try:
            # An editor ends the line; a blank may belong to the passphrase.
            return keys.read("PASSWORD_FILE", path).decode("ascii").rstrip("\r\n")
        except UnicodeDecodeError:
            raise UserError("PASSWORD_FILE: expected printable ASCII characters") from None

    def write(self, directory):
        """Writes the record; UserError where the board has no Wi-Fi."""
        try:
            board = json.loads((directory / _FILE).read_text(encoding="utf-8")).get("board")
        except (OSError, ValueError, AttributeError, RecursionError):
            board = None  # the firmware tells what is wrong with it
        if board not in (None, _BOARD):
            raise UserError(f"SSID=: the board of its {_FILE} is {board}, which has no Wi-Fi")
        try:
            self._access_point.provision(
                str(directory), self._ssid, self._passphrase, self._security
            )
        except ValueError as error:
            raise UserError(f"SSID=, PASSWORD_FILE=: {error}") from None
