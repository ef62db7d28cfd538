"""A session as state.py kept it, put back at the start."""

import json
from binascii import crc32

from micropython import const

from lwm2m.object import parse_path
from lwm2m.registration import links

_MASK = const(0xFFFFFF)  # sequence numbers wrap (RFC 7641 section 3.4)


def load(session, data):
    """Restores what `state.dump()` told of; the registration then is due for an Update.

    ValueError, and nothing restored, where the data is no such thing.
    """
    server = session.server
    try:
        kept = json.loads(data)
        values = _values(server, kept["s"])
        attributes = _attributes(kept["a"])
        sequence = kept.get("q", 0) & _MASK
        entries = list(kept.get("o", ()))
        resume(session.registration, kept["r"])
        if "c" in kept:
            from lwm2m import access

            access.restore(session.table, kept["c"])
    except MemoryError:
        raise
    except Exception:
        session.registration.state = "stopped"
        raise ValueError("no session")
    for row in server.resources:
        if row[1] == "RW":  # what was the default is not kept, whatever the account has
            server.clear(row)
    for rid, _, value in values:
        setattr(server, server.row(rid)[3], value)
    session.attributes.update(attributes)
    if sequence:
        from lwm2m.observe import Observations

        session.observations = observations = Observations(session)
        observations.sequence = observations.reserved = sequence
        observations.restore(entries)


def resume(registration, kept):
    """Goes on with the registration that `state.registered()` told of: an Update is due at once.

    An exception, and nothing changed, where that is nonsense.
    """
    session = registration.session
    location = list(map(bytes.fromhex, kept["at"]))
    lifetime_s, binding, crc = kept["knows"]
    version = kept["version"]
    if version not in ("1.0", "1.1"):
        raise ValueError
    session.version = version
    generation = session.table.generation
    if crc != crc32(links(session.table, version)):
        generation = None
    registration.known = lifetime_s, binding, generation
    registration.location = location
    registration.due_ms = registration.client.now_ms()
    registration.state = "registered"
    registration.endpoint.wake()


def _values(server, kept):
    values = []
    for rid, value in kept.items():
        row = server.row(int(rid))
        low, high = server.limits.get(row[0], (value, value))
        kind = {"b": bool, "s": str}.get(row[2], int)
        if row[1] != "RW" or type(value) is not kind or not low <= value <= high:
            raise ValueError
        values.append((row[0], None, value))
    server.check(values)
    return values


def _attributes(kept):
    found = {}
    for path, text in kept.items():
        from lwm2m.attributes import write

        at = parse_path(path.encode().split(b"/"))
        write(found, at, text.encode().split(b";")[1:], True)
    return found
