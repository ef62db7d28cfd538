"""The Wi-Fi network that the board joins: a record of its own, for the passphrase is a credential.

Loaded for the moment. A factory reset leaves it as it is: the factory gave it.
"""

from micropython import const

from firmware.storage import Record

WPA2 = const(3)  # of the numbers of the module's command C3; its others that are taken:
_OPEN = const(0)
_KINDS = (_OPEN, 2, WPA2, 4, 5)  # WPA, WPA2-AES, WPA/WPA2 mixed, WPA2-TKIP; WEP (1) is none


def load(directory=""):
    """(ssid, passphrase, kind of security), or None where none was provisioned."""
    data = _record(directory).read()
    if not data or len(data) < 2:
        return None
    end = 2 + data[1]
    try:
        found = str(data[2:end], "utf-8"), str(data[end:], "utf-8"), data[0]
        _check(*found)
    except ValueError:
        return None
    return found


def provision(directory, ssid, passphrase="", security=WPA2):
    """Writes the record; ValueError says what is wrong, without the passphrase."""
    _check(ssid, passphrase, security)
    name = ssid.encode()
    _record(directory).write(bytes((security, len(name))) + name + passphrase.encode())


def _check(ssid, passphrase, security):
    if not 1 <= len(ssid.encode()) <= 32 or not _printable(ssid):
        raise ValueError("the name of a network (SSID) has 1 to 32 bytes, without line ends")
    if security not in _KINDS:
        raise ValueError("the security of a network is 0 (open), 2, 3 (WPA2), 4 or 5")
    if security == _OPEN:
        if passphrase:
            raise ValueError("an open network has no passphrase")
    # IEEE 802.11-2016 annex J.4.1
    elif not 8 <= len(passphrase) <= 63 or not _printable(passphrase, "~"):
        raise ValueError("a passphrase has 8 to 63 printable ASCII characters")


def _printable(text, last="\U0010ffff"):
    for letter in text:
        if not " " <= letter <= last or letter == "\x7f":
            return False
    return True


def _record(directory):
    return Record("wifi", directory + "/state" if directory else "state")
