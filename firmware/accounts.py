"""Writing accounts; only installed with DTLS and bootstrap. account_list.py reads them."""

import json
import time
from binascii import hexlify

from micropython import const

from firmware.account_list import account as account
from firmware.account_list import counting, instance, read, record
from firmware.account_list import credentials as credentials
from firmware.account_list import load as load
from firmware.account_list import objects as objects

_FACTORY = const("factory")
_PROVISIONED = const("accounts")
_2000_S = const(946684800)  # Unix time of what most boards count from


def exists(directory=""):
    """True when a record of accounts is there."""
    return bool(load(directory))


def save(instances, directory="", since=None):
    """Keeps instances of the objects 0, 1 and 2 as what counts from now on; OSError.

    The record's time rises with each, whatever the clock says: what was kept of a session with
    other accounts is passed over.
    """
    if since is None:
        since = max(now_s(), counting(directory)[1] + 1)
    record(_PROVISIONED, directory).write(_dumped(since, instances))


def purge(since, directory=""):
    """Erases the account of the Bootstrap-Server; OSError. False if the record is another now."""
    if counting(directory)[:2] != (_PROVISIONED, since):
        return False
    left = [each for each in objects(directory) if each.oid or not each.bootstrap]
    save(left, directory, since)
    return True


def provision(directory="", uri="", short_server_id=1, lifetime_s=3600, **credentials):
    """Adds an account of the factory, in the place of one with the same Short Server ID.

    `credentials` are attributes of Security; with `bootstrap` it is the Bootstrap-Server's
    account, of which there is one. The caller has checked the values (`config.server_uri`).
    """
    from lwm2m.objects.security import Security
    from lwm2m.objects.server import Server

    known = [instance(*each) for each in read(_FACTORY, directory)[1]]
    security = Security()
    for name, value in credentials.items():
        setattr(security, name, value)
    security.uri = uri
    if not security.bootstrap:
        security.short_server_id = short_server_id
    # The old account goes, the new one takes its ids.
    iids = [0, 0]
    for each in list(known):
        same = each.short_server_id == security.short_server_id
        if each.oid == 0 and each.bootstrap != security.bootstrap:
            same = False
        if same:
            known.remove(each)
    for oid in (0, 1):
        while [each for each in known if (each.oid, each.iid) == (oid, iids[oid])]:
            iids[oid] += 1
    security.iid = iids[0]
    known.append(security)
    if not security.bootstrap:
        known.append(Server(short_server_id, iids[1], lifetime_s))
    known.sort(key=lambda each: (each.oid, each.iid))
    record(_FACTORY, directory).write(_dumped(now_s(), known))


def now_s():
    """The Unix time; far behind where nobody has set the clock."""
    return int(time.time()) + _epoch_s()


def set_clock(since):
    """Sets a clock that is behind this Unix time: it is at least as late as the accounts are.

    So certificates that had expired by then are told (TS 1.1.1 Transport section 5.2.8.7).
    """
    if now_s() < since:
        from machine import RTC

        day = time.gmtime(since - _epoch_s())
        RTC().datetime((day[0], day[1], day[2], day[6] + 1, day[3], day[4], day[5], 0))


def _epoch_s():
    return _2000_S if time.gmtime(0)[0] == 2000 else 0


def _dumped(since, instances):
    # [Unix time, [[oid, iid, {rid: value}], ...]], what is opaque in hexadecimal.
    list_ = []
    for each in instances:
        values = {}
        for row in each.resources:
            value = each.__dict__.get(row[3]) if row[2] else None
            if value is not None:
                values[row[0]] = str(hexlify(value), "ascii") if row[2] == "o" else value
        list_.append((each.oid, each.iid, values))
    return json.dumps((since, list_)).encode()
