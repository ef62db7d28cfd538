"""What Wi-Fi takes now and then: joining the network, opening a socket, telling of it.

Loaded for the moment; generators as in wifi.py.
"""

import os
from errno import ECONNABORTED, ECONNRESET, EHOSTUNREACH, EINVAL, ENODEV

from micropython import const

from firmware import access_point

_JOIN_MS = const(65000)
_NAME_MS = const(10000)
_FIRST_PORT = const(49152)  # of those for private use (RFC 6335 section 6)
_ATTEMPTS = const(6)  # to open a socket, the last three with another port
_ASKED = const(5)
_READ = const(1200)  # as the driver's DATAGRAM
_OPEN = const(0)
_STATIC = const(6)  # to 9: address, mask, gateway, DNS


def join(wifi):
    """From a reset to an address; OSError says what is wrong, and `helpless` who can help."""
    wifi.helpless = False
    driver = wifi.driver
    driver.extra = 0
    driver.restart()
    wifi.socket = None
    yield from _part(wifi.answer(), "its module does not start")
    found = yield from _part(wifi.sure("I?"), "its module does not answer")
    driver.extra = 2 if found[-2:] == b"\r\n" else 0
    wifi.module = _text(found, 1)
    network = access_point.load(wifi.folder)
    if network is None:
        wifi.helpless = True
        raise OSError(ENODEV, "none provisioned: make provision with SSID= and PASSWORD_FILE=")
    ssid, passphrase, security = network
    del network
    yield from wifi.sure("C1=" + ssid)
    if security != _OPEN:
        try:
            yield from wifi.sure("C2=" + passphrase)
        finally:
            driver.wipe()
    del passphrase
    yield from wifi.sure("C3=%d" % security)
    yield from wifi.sure("C4=%d" % (0 if wifi.static else 1))
    for number, value in enumerate(wifi.static or ()):
        yield from wifi.sure("C%d=%s" % (_STATIC + number, value))
    try:
        found = yield from wifi.sure("C0", _JOIN_MS)
    except OSError as error:
        if error.errno != EINVAL:
            raise
        wifi.helpless = True
        raise OSError(
            EHOSTUNREACH,
            '"%s" does not let us in: is it in reach, is its password right (make provision)?'
            % ssid,
        )
    # [JOIN   ] name,address,0,0: the name may hold commas
    wifi.address = _text(found, -3)
    wifi.trouble = None
    wifi.up = True
    print('Wi-Fi: joined "%s", address %s' % (ssid, wifi.address))


def connect(wifi, number, link):
    """Opens a socket of the module; OSError (EHOSTUNREACH) where there is no way to the host."""
    if not link.address:  # else it was open before
        link.address = link.host
        if not _is_address(link.host):
            link.address = yield from _resolve(wifi, link.host)
    port = link.local_port or link.wanted
    for attempt in range(_ATTEMPTS):
        if not port or attempt == _ATTEMPTS // 2:  # perhaps it is taken
            high, low = os.urandom(2)
            port = _FIRST_PORT + ((high << 8 | low) & 0x3FFF)
        try:
            yield from wifi.select(number)
            yield from wifi.sure("P6=0")
            yield from wifi.sure("P1=1")
            yield from wifi.sure("P3=" + link.address)
            # The port of the peer at the time of P6=1 becomes our own.
            yield from wifi.sure("P4=%d" % port)
            yield from wifi.do("P6=1")
            yield from wifi.sure("P4=%d" % link.port)
            yield from wifi.sure("R1=%d" % _READ)
            yield from wifi.sure("R2=1")
        except OSError as error:
            if error.errno in (ECONNABORTED, ECONNRESET):
                raise
        else:
            link.local_port = port
            return
    raise OSError(EHOSTUNREACH, "the Wi-Fi module opens no socket to %s" % link.address)


def _resolve(wifi, host):
    # Asked until the module says the same twice: firmware C3.5.2.5 may give the answer to the
    # question before.
    address = before = None
    try:
        for _ in range(_ASKED):
            before = address
            address = (yield from wifi.sure("D0=" + host, _NAME_MS)).decode().strip()
            if address == before and _is_address(address):
                return address
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno != EINVAL:
            raise
    raise OSError(EHOSTUNREACH, "no address for %s; check the name and DNS" % host)


def _is_address(text):
    parts = text.split(".")
    return len(parts) == 4 and all([each.isdigit() and len(each) < 4 for each in parts])


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
