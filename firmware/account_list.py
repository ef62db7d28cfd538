"""Which servers the device belongs to, with and without their credentials, and factory reset.

A record (storage.py) holds the Unix time of its writing and instances of the objects 0, 1 and 2
as a Bootstrap-Server writes them. The factory's is written by host tools and survives a factory
reset; what is provisioned later counts before it. accounts.py writes them. `objects()` and
`credentials()` are for the link and the bootstrap alone: no other function shows a credential.
"""

import json
import os

from micropython import const

from firmware.storage import Record

_FACTORY = const("factory")
_PROVISIONED = const("accounts")
_KEPT = const("session")  # and a number
_SETTINGS = const("settings")  # that a server has changed
_WRITTEN = const("written")  # see written.py
_NO_SEC = const(3)
_KINDS = {"s": str, "b": bool, "o": str, "i[]": dict}  # in JSON; others are int


def load(directory=""):
    """The accounts that count, without their credentials; empty when there are none.

    A list of dictionaries. "uri", "mode" (of security), "security_iid", "since" (Unix time of
    the record in s); of a server also "short_server_id", "lifetime_s", "server", its instance of
    object 1, and "access", the first one's list of object 2; of a Bootstrap-Server "bootstrap":
    True, "hold_off_s" and "account_timeout_s", which is 0 before the first bootstrap.
    A factory reset that was ordered is carried out first (`order_reset()`): it
    needs memory that is free at the start, and a power cut on the way only has it begin anew.
    """
    mark = state(directory) + "/erase"
    try:
        os.stat(mark)
    except OSError:
        pass
    else:
        factory_reset(directory)
        os.remove(mark)
    name, since, kept = counting(directory)
    servers = {}
    access = []
    for oid, iid, values in kept:
        if oid == 1:
            server = instance(oid, iid, values)
            servers[server.short_server_id] = server
        elif oid == 2:
            access.append(instance(oid, iid, values))
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


def credentials(security_iid, directory=""):
    """The instance of object 0 with this id, None where there is none: to be dropped soon."""
    for oid, iid, values in counting(directory)[2]:
        if oid == 0 and iid == security_iid:
            return instance(oid, iid, values)
    return None


def objects(directory=""):
    """The instances of the objects 0, 1 and 2 that count, with their credentials."""
    return [instance(*each) for each in counting(directory)[2]]


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


def factory_reset(directory=""):
    """Erases what was provisioned, what `keep.py` keeps and what servers have written or changed
    in the settings; the factory's accounts count again.
    """
    record(_PROVISIONED, directory).erase()
    try:
        names = os.listdir(state(directory))
    except OSError:
        return  # nothing was ever written
    for name in names:
        if name.startswith(_KEPT) or name[:-2] in (_SETTINGS, _WRITTEN):
            record(name[:-2], directory).erase()


def order_reset(directory=""):
    """Has a factory reset carried out when the accounts are read next; OSError."""
    try:
        os.mkdir(state(directory))
    except OSError:
        pass  # it is there
    open(state(directory) + "/erase", "w").close()


def restart():
    """Restarts the board for a factory reset; returns where that could not be ordered."""
    import machine

    try:
        order_reset()
    except OSError as error:
        print("nothing erased: %s; is the file system full?" % error)
    else:
        machine.reset()


def counting(directory):
    """Of the record that counts: its name, its time and its instances as (oid, iid, values)."""
    for name in (_PROVISIONED, _FACTORY):
        since, kept = read(name, directory)
        if kept:
            return name, since, kept
    return None, 0, ()


def read(name, directory):
    """The time of a record and its instances; 0 and none where there is nothing good."""
    data = record(name, directory).read()
    if data:
        try:
            since, kept = json.loads(data)
            for oid, iid, values in kept:
                if oid:
                    instance(oid, iid, values)
                elif [each for each in values.values() if type(each) not in (str, int, bool)]:
                    raise ValueError
            return since + 0, kept
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
            print("%s/%s: damaged, passed over" % (state(directory), name))
    return 0, ()


def instance(oid, iid, values):
    """The instance of the object 0, 1 or 2 with these values; ValueError for nonsense."""
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
        if type(value) is not _KINDS.get(kind, int):
            raise ValueError
        new_value = value
        if kind == "o":
            from binascii import unhexlify

            new_value = unhexlify(value)
        elif kind == "i[]":
            new_value = {int(riid): each for riid, each in value.items()}
        setattr(new, row[3], new_value)
    return new


def record(name, directory):
    """The record with this name."""
    return Record(name, state(directory))


def state(directory):
    """The folder of all records."""
    return directory + "/state" if directory else "state"
