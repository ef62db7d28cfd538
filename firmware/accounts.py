"""Which servers the device belongs to, and the credentials: given by the factory, or since.

A record (storage.py) holds instances of the objects 0, 1 and 2 as a Bootstrap-Server writes them.
The factory's is written by host tools and survives a factory reset; what is provisioned later
counts before it. No function here shows a credential: `load()` leaves them out, and `objects()`
and `credentials()` are for the link and the bootstrap alone.
"""

import json
import os
from binascii import hexlify, unhexlify

from micropython import const

from firmware.storage import Record
from lwm2m.objects.security import NO_SEC, Security
from lwm2m.objects.server import Server

_FACTORY = const("factory")
_PROVISIONED = const("accounts")
_KEPT = const("session")  # and a number


def load(directory=""):
    """The accounts that count, without their credentials; empty when there are none.

    A list of dictionaries. "uri", "mode" (of security), "security_iid"; of a server also
    "short_server_id", "lifetime_s" and "server", its instance of object 1; of a Bootstrap-Server
    "bootstrap": True, "hold_off_s" and "account_timeout_s".
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
    found = objects(directory)
    servers = [each for each in found if each.oid == 1]
    list_ = []
    for security in found:
        if security.oid == 0:
            if security.bootstrap:
                list_.append(_bootstrap_account(security))
            for server in servers:
                if not security.bootstrap and server.short_server_id == security.short_server_id:
                    list_.append(account(security.uri, server, security.mode, security.iid))
    return list_


def account(uri, server, mode=NO_SEC, security_iid=None):
    """One account of a server."""
    return {
        "uri": uri,
        "mode": mode,
        "security_iid": security_iid,
        "short_server_id": server.short_server_id,
        "lifetime_s": server.lifetime_s,
        "server": server,
    }


def _bootstrap_account(security):
    return {
        "uri": security.uri,
        "mode": security.mode,
        "security_iid": security.iid,
        "bootstrap": True,
        "hold_off_s": security.hold_off_s,
        "account_timeout_s": security.account_timeout_s,
    }


def credentials(security_iid, directory=""):
    """The instance of object 0 with this id, None where there is none: to be dropped soon."""
    for each in objects(directory):
        if each.oid == 0 and each.iid == security_iid:
            return each
    return None


def exists(directory=""):
    """True when a record of accounts is there."""
    return bool(load(directory))


def objects(directory=""):
    """The instances of the objects 0, 1 and 2 that count, with their credentials."""
    for name in (_PROVISIONED, _FACTORY):
        data = _record(name, directory).read()
        if data:
            return _loaded(data)
    return []


def save(instances, directory=""):
    """Keeps instances of the objects 0, 1 and 2 as what counts from now on; OSError."""
    _record(_PROVISIONED, directory).write(_dumped(instances))


def provision(directory="", uri="", short_server_id=1, lifetime_s=3600, **credentials):
    """Adds an account of the factory, in the place of one with the same Short Server ID.

    `credentials` are attributes of Security; with `bootstrap` it is the Bootstrap-Server's
    account, of which there is one. The caller has checked the values (`config.server_uri`).
    """
    record = _record(_FACTORY, directory)
    data = record.read()
    known = _loaded(data) if data else []
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
    record.write(_dumped(known))


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


def _dumped(instances):
    # [[oid, iid, {rid: value}]], what is opaque in hexadecimal.
    list_ = []
    for each in instances:
        values = {}
        for row in each.resources:
            if row[2] and row[3] in each.__dict__:
                value = getattr(each, row[3])
                values[row[0]] = str(hexlify(value), "ascii") if row[2] == "o" else value
        list_.append((each.oid, each.iid, values))
    return json.dumps(list_).encode()


def _loaded(data):
    instances = []
    for oid, iid, values in json.loads(data):
        if oid == 0:
            new = Security(iid)
        elif oid == 1:
            new = Server(None, iid)
        else:
            from lwm2m.access import AccessControl

            new = AccessControl(iid, 0, 0, 0, {})
        for rid, kept in values.items():
            row = new.row(int(rid))
            if row[2] == "o":
                value = unhexlify(kept)
            elif row[2] == "i[]":
                value = {int(riid): each for riid, each in kept.items()}
            else:
                value = kept
            setattr(new, row[3], value)
        instances.append(new)
    return instances


def _record(name, directory):
    return Record(name, _state(directory))


def _state(directory):
    return directory + "/state" if directory else "state"
