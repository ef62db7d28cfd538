"""Which servers the device belongs to, and the credentials: given by the factory, or since.

A record (storage.py) holds the Unix time of its writing and instances of the objects 0, 1 and 2
as a Bootstrap-Server writes them. The factory's is written by host tools and survives a factory
reset; what is provisioned later counts before it. No function here shows a credential: `load()`
leaves them out, and `objects()` and `credentials()` are for the link and the bootstrap alone.
"""

import json
import os
import time
from binascii import hexlify, unhexlify

from micropython import const

from firmware.storage import Record

_FACTORY = const("factory")
_PROVISIONED = const("accounts")
_KEPT = const("session")  # and a number
_NO_SEC = const(3)
_2000_S = const(946684800)  # Unix time of what most boards count from
_JSON = {"s": str, "b": bool, "o": str, "i[]": dict}  # kinds of values; the others are int


def load(directory=""):
    """The accounts that count, without their credentials; empty when there are none.

    A list of dictionaries. "uri", "mode" (of security), "security_iid", "since" (Unix time of
    the record in s); of a server also "short_server_id", "lifetime_s", "server", its instance of
    object 1, and "access", the first one's list of object 2; of a Bootstrap-Server "bootstrap":
    True, "hold_off_s" and "account_timeout_s", which is 0 before the first bootstrap.
    A factory reset that was ordered is carried out first (`state/erase`, see `App.erase`): it
    needs memory that is free at the start, and a power cut on the way only has it begin anew.
    """
    mark = _state(directory) + "/erase"
    try:
        os.stat(mark)
    except OSError:
        pass
    else:
        factory_reset(directory)
        os.remove(mark)
    name, since, kept = _counting(directory)
    servers = {}
    access = []
    for oid, iid, values in kept:
        if oid == 1:
            server = _instance(oid, iid, values)
            servers[server.short_server_id] = server
        elif oid == 2:
            access.append(_instance(oid, iid, values))
    list_ = []
    for oid, iid, values in kept:
        if oid:
            continue
        get = values.get
        uri = get("0", "")
        mode = get("2", _NO_SEC)
        if get("1"):
            purged = name == _PROVISIONED
            list_.append(
                {
                    "uri": uri,
                    "mode": mode,
                    "security_iid": iid,
                    "since": since,
                    "bootstrap": True,
                    "hold_off_s": get("11", 0),
                    "account_timeout_s": get("12", 0) if purged else 0,
                }
            )
        elif get("10") in servers:
            list_.append(account(uri, servers[get("10")], mode, iid, since, access))
            access = ()
    return list_


def account(uri, server, mode=_NO_SEC, security_iid=None, since=0, access=()):
    """One account of a server."""
    return {
        "uri": uri,
        "mode": mode,
        "security_iid": security_iid,
        "since": since,
        "short_server_id": server.short_server_id,
        "lifetime_s": server.lifetime_s,
        "server": server,
        "access": access,
    }


def credentials(security_iid, directory=""):
    """The instance of object 0 with this id, None where there is none: to be dropped soon."""
    for oid, iid, values in _counting(directory)[2]:
        if oid == 0 and iid == security_iid:
            return _instance(oid, iid, values)
    return None


def exists(directory=""):
    """True when a record of accounts is there."""
    return bool(load(directory))


def objects(directory=""):
    """The instances of the objects 0, 1 and 2 that count, with their credentials."""
    return [_instance(*each) for each in _counting(directory)[2]]


def save(instances, directory="", since=None):
    """Keeps instances of the objects 0, 1 and 2 as what counts from now on; OSError.

    The record's time rises with each, whatever the clock says: what was kept of a session with
    other accounts is passed over.
    """
    if since is None:
        since = max(now_s(), _counting(directory)[1] + 1)
    _record(_PROVISIONED, directory).write(_dumped(since, instances))


def purge(since, directory=""):
    """Erases the account of the Bootstrap-Server; OSError. False if the record is another now."""
    if _counting(directory)[:2] != (_PROVISIONED, since):
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

    known = [_instance(*each) for each in _read(_FACTORY, directory)[1]]
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
    _record(_FACTORY, directory).write(_dumped(now_s(), known))


def factory_reset(directory=""):
    """Erases what was provisioned and what `keep.py` keeps; the factory's accounts count again."""
    _record(_PROVISIONED, directory).erase()
    try:
        names = os.listdir(_state(directory))
    except OSError:
        return  # nothing was ever written
    for name in names:
        if name.startswith(_KEPT):
            _record(name[:-2], directory).erase()


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


def _counting(directory):
    # Of the record that counts: its name, its time and its instances.
    for name in (_PROVISIONED, _FACTORY):
        since, kept = _read(name, directory)
        if kept:
            return name, since, kept
    return None, 0, ()


def _read(name, directory):
    data = _record(name, directory).read()
    if data:
        try:
            since, kept = json.loads(data)
            for oid, iid, values in kept:
                if oid:
                    _instance(oid, iid, values)
                elif [each for each in values.values() if type(each) not in (str, int, bool)]:
                    raise ValueError
            return since + 0, kept
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
            print("%s/%s: damaged, passed over" % (_state(directory), name))
    return 0, ()


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


def _instance(oid, iid, values):
    if oid == 0:
        from lwm2m.objects.security import Security

        new = Security(iid)
    elif oid == 1:
        from lwm2m.objects.server import Server

        new = Server(None, iid)
    else:
        from lwm2m.access import AccessControl

        new = AccessControl(iid, 0, 0, 0, {})
    for rid, value in values.items():
        row = new.row(int(rid))
        if row is None:
            continue  # of a later firmware
        kind = row[2]
        if type(value) is not _JSON.get(kind, int):
            raise ValueError
        new_value = value
        if kind == "o":
            new_value = unhexlify(value)
        elif kind == "i[]":
            new_value = {int(riid): each for riid, each in value.items()}
        setattr(new, row[3], new_value)
    return new


def _record(name, directory):
    return Record(name, _state(directory))


def _state(directory):
    return directory + "/state" if directory else "state"
