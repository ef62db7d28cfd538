"""NAME=value, as they are given to `make provision`."""

import re

from tools.errors import UserError
from tools.given import values

HELP = """\
make provision FLASH=DIR | PORT=DEVICE  and one of

  SERVER=URI         an LwM2M server: coap://HOST[:PORT], coaps://HOST[:PORT]
  BOOTSTRAP=URI      the LwM2M Bootstrap-Server
  CREDENTIALS=FILE   mbed_cloud_dev_credentials.c of your account (a Bootstrap-Server)

or, alone or with one of these, for a board with Wi-Fi

  SSID=NAME          the network that it joins; one without PASSWORD_FILE is open
  PASSWORD_FILE=FILE its passphrase
  WIFI_SECURITY=N    3 WPA2 (default), 2 WPA, 4 both, 5 WPA2 with TKIP

or, alone or with any of these

  UPDATE_KEY_FILE=FILE  the key under which packages are signed: 64 hexadecimal digits;
                     build/update.key is made when it is not there (docs/package.md)

credentials for coaps://, none of them on the command line

  IDENTITY=TEXT      PSK identity, with KEY_FILE
  KEY_FILE=FILE      PSK, a file with hexadecimal text, or base64 text behind "base64:"
  CERT=FILE          certificate of the device, PEM or DER, with CERT_KEY
  CERT_KEY=FILE      its private key, PEM or DER, not encrypted
  SERVER_CERT=FILE   the certificate that the server must show, or
  CA=FILE            the one that issued it: then name and dates are checked, too

more

  ENDPOINT=NAME      endpoint client name, into config.json
  SHORT_ID=N         Short Server ID of SERVER, 1 to 65534, default 1
  LIFETIME=S         of the registration at SERVER, default 3600
  HOLD_OFF=S         BOOTSTRAP: wait so long for the server to begin, default 0
  ACCOUNT_TIMEOUT=S  BOOTSTRAP: forget this account so long after a bootstrap, default 0: never
  DOMAIN=TEXT        account at the operator, sent as d=TEXT, into config.json"""

NAMES = (
    "FLASH PORT SERVER BOOTSTRAP CREDENTIALS IDENTITY KEY_FILE CERT CERT_KEY SERVER_CERT CA"
    " ENDPOINT SHORT_ID LIFETIME HOLD_OFF ACCOUNT_TIMEOUT DOMAIN SSID PASSWORD_FILE WIFI_SECURITY"
    " UPDATE_KEY_FILE"
).split()
_SECRET = {
    "KEY": "KEY_FILE=FILE",
    "PSK": "KEY_FILE=FILE",
    "PSK_KEY": "KEY_FILE=FILE",
    "SECRET": "KEY_FILE=FILE",
    "SECRET_KEY": "KEY_FILE=FILE",
    "PRIVATE_KEY": "KEY_FILE=FILE",
    "PASSWORD": "KEY_FILE=FILE or PASSWORD_FILE=FILE",
    "PASSPHRASE": "PASSWORD_FILE=FILE",
    "WIFI_PASSWORD": "PASSWORD_FILE=FILE",
    "UPDATE_KEY": "UPDATE_KEY_FILE=FILE",
}
ACCOUNTS = ("SERVER", "BOOTSTRAP", "CREDENTIALS")
# What goes with what.
_NEEDS = {
    "IDENTITY": ("KEY_FILE",),
    "KEY_FILE": ("IDENTITY",),
    "CERT": ("CERT_KEY",),
    "CERT_KEY": ("CERT",),
    "SERVER_CERT": ("CERT",),
    "CA": ("CERT",),
    "SHORT_ID": ("SERVER",),
    "LIFETIME": ("SERVER",),
    "HOLD_OFF": ("BOOTSTRAP",),
    "ACCOUNT_TIMEOUT": ("BOOTSTRAP",),
    "DOMAIN": ("BOOTSTRAP", "SERVER"),
    "ENDPOINT": ("SERVER", "BOOTSTRAP"),
    "PASSWORD_FILE": ("SSID",),
    "WIFI_SECURITY": ("PASSWORD_FILE",),
}
_EXCLUDE = (
    ("FLASH", "PORT"),
    ACCOUNTS,
    ("SERVER_CERT", "CA"),
    ("IDENTITY", "CERT"),
    *(
        ("CREDENTIALS", name)
        for name in ("IDENTITY", "CERT", "SERVER_CERT", "CA", "ENDPOINT", "DOMAIN")
    ),
)
_NUMBERS = {
    "SHORT_ID": (1, 65534),
    "LIFETIME": (1, 0x7FFFFFFF),
    "HOLD_OFF": (0, 0x7FFFFFFF),
    "ACCOUNT_TIMEOUT": (0, 0x7FFFFFFF),
    "WIFI_SECURITY": (2, 5),
}


def parse(arguments):
    """A dictionary of what was given, numbers as int; UserError without any value in it."""
    given = values(arguments, NAMES, "provision", _SECRET)
    for name in _NUMBERS:
        if name in given:
            given[name] = _number(name, given[name])
    _check(given)
    return given


def _number(name, text):
    low, high = _NUMBERS[name]
    if not re.fullmatch("[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise UserError(f"{name}=: expected a whole number from {low} to {high}")
    return int(text)


def _check(given):
    if not ("FLASH" in given or "PORT" in given):
        raise UserError("FLASH=DIR or PORT=DEVICE is needed: where to write")
    if not any(name in given for name in (*ACCOUNTS, "SSID", "UPDATE_KEY_FILE")):
        raise UserError(
            "SERVER=URI, BOOTSTRAP=URI, CREDENTIALS=FILE, SSID=NAME or UPDATE_KEY_FILE=FILE is "
            "needed: what to write"
        )
    for names in _EXCLUDE:
        both = [name for name in names if name in given]
        if len(both) > 1:
            raise UserError(f"{both[0]}= and {both[1]}= exclude each other: one at a time")
    for name, others in _NEEDS.items():
        if name in given and not any(other in given for other in others):
            raise UserError(f"{name}= needs {' or '.join(other + '=' for other in others)}")
    if "CERT" in given and not ("SERVER_CERT" in given or "CA" in given):
        raise UserError("CERT= needs SERVER_CERT= or CA=: how the server proves who it is")
