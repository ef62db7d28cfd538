"""Opening and closing a socket of the Wi-Fi module; loaded for the moment.

Generators as in wifi.py.
"""

import os
from errno import EHOSTUNREACH, EINVAL

from micropython import const

from firmware.wifi import FATAL

_NAME_MS = const(20000)
_ASKED = const(5)
_FIRST_PORT = const(49152)  # of those for private use (RFC 6335 section 6)
_ATTEMPTS = const(6)  # to open a socket, the last three with another port
_READ = const(1200)  # as the driver's DATAGRAM


def close(wifi, number):
    """Frees a socket of the module."""
    yield from _stop(wifi, number)
    wifi.links[number] = None


def connect(wifi, number):
    """Opens a socket of the module for its link, or says in `error` why there is no way."""
    link = wifi.links[number]
    for other, each in enumerate(wifi.links):
        if each and each.closed:  # it may have the port that is wanted
            yield from close(wifi, other)
    try:
        yield from _connect(wifi, number, link)
        link.open = True
    except OSError as error:
        if error.errno in FATAL:
            raise
        link.error = error


def _stop(wifi, number):
    yield from wifi.select(number)
    try:
        yield from wifi.do("P6=0")
    except OSError as error:
        if error.errno != EINVAL:  # it may say so where nothing was started
            raise


def _connect(wifi, number, link):
    if not link.address:  # else it was open before
        link.address = link.host
        if not _is_address(link.host):
            link.address = yield from _resolve(wifi, link.host)
    port = link.local_port or link.wanted
    for attempt in range(_ATTEMPTS):
        if not port or attempt == _ATTEMPTS // 2:  # perhaps it is taken
            if link.local_port:  # the peer knows us by it: whoever uses the link begins anew
                break
            high, low = os.urandom(2)
            port = _FIRST_PORT + ((high << 8 | low) & 0x3FFF)
        try:
            yield from _stop(wifi, number)
            yield from wifi.do("P1=1")
            yield from wifi.do("P3=" + link.address)
            # The port of the peer at the time of P6=1 becomes our own.
            yield from wifi.do("P4=%d" % port)
            yield from wifi.do("P6=1", tries=1)
            yield from wifi.do("P4=%d" % link.port)
            yield from wifi.do("R1=%d" % _READ)
            yield from wifi.do("R2=1")
        except OSError as error:
            if error.errno in FATAL:
                raise
        else:
            link.local_port = port
            return
    raise OSError(EHOSTUNREACH, "the Wi-Fi module opens no socket to %s" % link.address)


def _resolve(wifi, host):
    # Asked until the module says the same again: firmware C3.5.2.5 may give the answer to the
    # question before. A name with many addresses may have another one each time.
    found = []
    try:
        for _ in range(_ASKED):
            address = (yield from wifi.do("D0=" + host, _NAME_MS)).decode().strip()
            if address in found:
                return address
            if _is_address(address):
                found.append(address)
        if len(found) > 1:
            return found[-1]
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno != EINVAL:
            raise
    raise OSError(EHOSTUNREACH, "no address for %s; check the name and DNS" % host)


def _is_address(text):
    parts = text.split(".")
    return len(parts) == 4 and all([each.isdigit() and len(each) < 4 for each in parts])
