"""How Wi-Fi begins and ends; loaded for the moment, with generators as in wifi.py."""

from errno import EHOSTUNREACH, EINVAL, ENODEV, ENOTCONN

from micropython import const

from firmware import access_point

_HELPLESS = (ENODEV, EHOSTUNREACH, ENOTCONN)  # no network, not let in, access point gone
_JOIN_MS = const(65000)
_OPEN = const(0)
_STATIC = const(6)  # to 9: address, mask, gateway, DNS


def join(wifi):
    """From a reset to an address; OSError says what is wrong."""
    driver = wifi.driver
    driver.extra = 0
    driver.restart()
    wifi.socket = None
    yield from _part(wifi.do(None), "its module does not start")
    found = yield from _part(wifi.do("I?"), "its module does not answer")
    driver.extra = 2 if found[-2:] == b"\r\n" else 0
    wifi.module = _text(found, 1)
    network = access_point.load(wifi.folder)
    if network is None:
        raise OSError(ENODEV, "none provisioned: make provision with SSID= and PASSWORD_FILE=")
    ssid, passphrase, security = network
    del network
    yield from wifi.do("C1=" + ssid)
    if security != _OPEN:
        try:
            yield from wifi.do("C2=" + passphrase)
        finally:
            buffer = driver.buffer  # it holds the passphrase
            for i in range(len(buffer)):
                buffer[i] = 0
    del passphrase
    yield from wifi.do("C3=%d" % security)
    yield from wifi.do("C4=%d" % (0 if wifi.static else 1))
    for number, value in enumerate(wifi.static or ()):
        yield from wifi.do("C%d=%s" % (_STATIC + number, value))
    try:
        found = yield from wifi.do("C0", _JOIN_MS, tries=1)
    except OSError as error:
        if error.errno != EINVAL:
            raise
        raise OSError(
            EHOSTUNREACH,
            '"%s" does not let us in: is it in reach, is its password right (make provision)?'
            % ssid,
        )
    # [JOIN   ] name,address,0,0: the name may hold commas
    wifi.address = _text(found, -3)
    wifi.trouble = None
    wifi.helpless = False
    wifi.up = True
    print('Wi-Fi: joined "%s", address %s' % (ssid, wifi.address))


def lost(wifi, error):
    """The network is gone. Links end with it: who uses them begins again when it is back."""
    trouble = str(error.args[-1])
    if trouble != wifi.trouble:
        print("Wi-Fi: " + trouble)
    wifi.trouble = trouble
    # Until the next attempt has succeeded or failed, for it may take a minute.
    wifi.helpless = error.errno in _HELPLESS
    wifi.up = False
    wifi.signal_dbm = wifi.socket = None
    for number, link in enumerate(wifi.links):
        if link:
            link.error = OSError(ENOTCONN, "no Wi-Fi: " + trouble)
            wifi.links[number] = None


def _part(steps, trouble):
    # `steps`, with a better name for what went wrong.
    try:
        return (yield from steps)
    except OSError as error:
        raise OSError(error.errno, "%s: %s" % (trouble, error.args[-1]))


def _text(found, number):
    try:
        return str(found, "utf-8").strip().split(",")[number]
    except (ValueError, IndexError):
        return "?"
