"""A registration kept over a restart, in plain JSON values.

{"at": location in hex, "knows": [lifetime_s, binding, CRC of the links], "version": "1.1"}
"""

from binascii import crc32


def dump(registration, links):
    """The registration as it is; `links(table, version)` makes the payload of a Register."""
    session = registration.session
    lifetime_s, binding, generation = registration.known
    crc = None  # what the server has not heard of yet is told after the restart
    if generation == session.table.generation:
        crc = crc32(links(session.table, session.version))
    return {
        "at": list(map(bytes.hex, registration.location)),
        "knows": [lifetime_s, binding, crc],
        "version": session.version,
    }


def load(registration, kept, links):
    """Fills in what `dump()` told; ValueError, and nothing changed, where it is nonsense."""
    session = registration.session
    try:
        location = list(map(bytes.fromhex, kept["at"]))
        lifetime_s, binding, crc = kept["knows"]
        version = kept["version"]
    except (KeyError, TypeError):
        version = None
    if version not in ("1.0", "1.1"):
        raise ValueError("no registration to go on with")
    session.version = version
    generation = session.table.generation
    if crc != crc32(links(session.table, version)):
        generation = None
    registration.known = lifetime_s, binding, generation
    registration.location = location
    registration.due_ms = registration.client.now_ms()
