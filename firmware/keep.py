"""What survives a power cut: the sessions with their registrations, on the flash.

One record (storage.py) for each account, with the local port that the server knows; one of
another account or another endpoint name is passed over. Loaded at the start and for the moment
of a saving.

A flash wears out, and this decides how often it is written. What changes the record is rare:
a new registration, an Observe or its end, Write-Attributes, a Write to object 1 or 2, a restart,
and every 16,384th notification, which at one in 5 s is once a day. Each is one file of some
hundred bytes; where the directory and the data lie in two sectors that erases the first of them
twice. The data sheets of both boards give 10,000 erases of a sector, so 5,000 savings: five a
day for nearly three years, one a day for 13. A change is saved within 2 s, the next 4 s later at
the earliest, then 8, 16 ..., at last once an hour (`App._tick`) while a server goes on and on.
"""

import struct
from binascii import crc32

from micropython import const

from firmware.storage import Record
from lwm2m.registration import REGISTERED, STOPPED

_HEAD = const("<IH")  # whose state it is, local port
_HEAD_SIZE = const(6)


def load(connections, settings):
    """Restores the sessions of connections that are not open yet.

    Their sequence numbers are used up: when the first link is there, that has to be saved.
    """
    if not settings["keep"]:
        erase(connections, settings)  # what is there is of an earlier time
        return
    for number, connection in enumerate(connections):
        record = _record(number)
        data = record.read()
        if data is None:
            continue
        if len(data) >= _HEAD_SIZE:
            connection.local_port = struct.unpack_from(_HEAD, data)[1]
        if data[:_HEAD_SIZE] != _head(connection, settings):
            connection.local_port = 0
            record.erase()
            continue
        from lwm2m import restore

        try:
            restore.load(connection.session, data[_HEAD_SIZE:])
        except ValueError:
            print("%s: what was kept is damaged, registering anew" % connection.uri)
            record.erase()
            continue
        except MemoryError:
            connection.session.registration.start()  # rather than without its observations
            raise
        connection.unsaved = True


def save(connections, settings):
    """Writes what has changed; OSError where the flash refuses, to be tried again later.

    What there is while a registration fails is of no use: the old record stays, or none.
    """
    for number, connection in enumerate(connections):
        session = connection.session
        record = _record(number)
        if session.registration.state == STOPPED:
            record.erase()
        elif session.registration.state == REGISTERED:
            from lwm2m import state

            data = _head(connection, settings) + state.dump(session)
            if record.read() != data:
                record.write(data)
        session.unsaved = False


def erase(connections, settings):
    """Forgets all sessions: they have ended."""
    for number in range(len(connections)):
        _record(number).erase()


def _record(number):
    return Record("session%d" % number)


def _head(connection, settings):
    account = connection.account
    text = "%s %s %d %d %d" % (
        settings["endpoint"],
        account["uri"],
        account["short_server_id"],
        account["lifetime_s"],
        account["since"],
    )
    return struct.pack(_HEAD, crc32(text.encode()), connection.local_port)
