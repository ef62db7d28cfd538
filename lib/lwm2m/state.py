"""What a session keeps over a restart, as JSON of some hundred bytes; restore.py puts it back.

{"r": registration, "s": {"1": 60}, "a": {"3303/0/5700": ";pmin=5"}, "o": observations,
"q": 16384, "c": rights}: "s" are the values of object 1 by rid, "q" is a sequence number above
all that were sent, "c" the access control where there are several servers. Rights concern them
all, so the first session alone keeps them. Values that are the default are left out, but for
the lifetime: that is the account's. The registration is {"at": location in hex, "knows":
[lifetime_s, binding, CRC of the links], "version": "1.1"}.
"""

import json
from binascii import crc32

from micropython import const

from lwm2m.registration import links

_LIFETIME = const(1)
_MASK = const(0xFFFFFF)  # sequence numbers wrap (RFC 7641 section 3.4)
# What is kept is rounded up, so that it changes once in 16,384 notifications, and a saving may
# come 4,096 of them late.
_ROUND = const(0x3FFF)
_SPARE = const(4096)


def dump(session):
    """The bytes for `restore.load()` of a registered session; the same when nothing changed."""
    server = session.server
    kept = {"r": registered(session.registration), "s": {}, "a": {}}
    for rid, operations, _, name in server.resources:
        if operations == "RW":
            value = getattr(server, name)
            if rid == _LIFETIME or value != getattr(type(server), name):
                kept["s"][str(rid)] = value
    for path, own in session.attributes.items():
        text = ""
        for each in own.items():
            text += ";%s=%s" % each
        kept["a"]["/".join(map(str, path))] = text
    observations = session.observations
    if observations:
        kept["q"] = (observations.reserved + _SPARE | _ROUND) & _MASK
        kept["o"] = observations.snapshot()
    if len(session.client.sessions) > 1 and session is session.client.sessions[0]:
        from lwm2m import access

        kept["c"] = access.dump(session.table)
    return json.dumps(kept).encode()


def registered(registration):
    """What `restore.resume()` needs, in plain JSON values; None when not registered."""
    if registration.state != "registered":
        return None
    session = registration.session
    lifetime_s, binding, generation = registration.known
    crc = None  # what the server has not heard of yet is told after the restart
    if generation == session.table.generation:
        crc = crc32(links(session.table, session.version))
    return {
        "at": list(map(bytes.hex, registration.location)),
        "knows": (lifetime_s, binding, crc),
        "version": session.version,
    }
