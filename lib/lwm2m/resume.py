"""A registration kept over a restart: what the server knows of it, in plain JSON values."""

from binascii import crc32, hexlify, unhexlify

from micropython import const

_LONGEST = const(255)  # bytes of a location


def dump(registration, links):
    """The registration as it is; `links(table, version)` makes the payload of a Register."""
    lifetime_s, binding, generation = registration.known
    session = registration.session
    current = generation == session.table.generation
    return {
        "location": [str(hexlify(part), "ascii") for part in registration.location],
        "lifetime_s": lifetime_s,
        "binding": binding,
        "version": session.version,
        # What the server has not heard of yet is told after the restart.
        "links": crc32(links(session.table, session.version)) if current else None,
    }


def load(registration, kept, links):
    """Fills in what `dump()` told; ValueError, and nothing changed, where it is nonsense."""
    session = registration.session
    try:
        location = [unhexlify(part) for part in kept["location"]]
        known = kept["lifetime_s"], kept["binding"]
        version = kept["version"]
        crc = kept["links"]
    except (KeyError, TypeError):
        raise ValueError("a registration is missing something")
    if (
        version not in ("1.0", "1.1")
        or sum([len(part) + 1 for part in location]) > _LONGEST
        or registration.state != "stopped"
    ):
        raise ValueError("no registration to go on with")
    same = crc == crc32(links(session.table, version))
    registration.known = known + (session.table.generation if same else None,)
    registration.location = location
    registration.due_ms = registration.client.now_ms()
    session.version = version
