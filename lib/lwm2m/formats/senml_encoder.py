"""SenML going out: the records of every SenML format, and SenML-CBOR (RFC 8428 section 6).

All that a board needs which is only read from: what comes in has modules of its own.
"""

import struct


def fields(base, records):
    """Yields (base name, name, type, value) of every record; a name "" is to be left out.

    The base name stands in the first record and is for all, which makes the names short.
    """
    base_name = "/"
    for number in base:
        base_name += "%d/" % number
    for path, kind, value in records:
        name = "/".join(map(str, path[len(base) :]))
        yield base_name if name else base_name[:-1], name, kind[0], value
        base_name = ""


def encode(base, records, age_s=None):
    """An array of maps; only the first names the base and, with `age_s`, the time."""
    out = bytearray()
    for base_name, name, kind, value in fields(base, records):
        out.append(0xA1 + (base_name != "") + (name != "") + (age_s is not None))
        if base_name:
            out.append(0x21)
            out.extend(encode_value("s", base_name))
        if age_s is not None:
            out.append(0x22)
            out.extend(encode_value("i", -age_s))
            age_s = None
        if name:
            out.append(0)
            out.extend(encode_value("s", name))
        if kind == "l":
            out.extend(b"\x63vlo")
        else:
            out.append(4 if kind == "b" else 8 if kind == "o" else 3 if kind in "sc" else 2)
        out.extend(encode_value(kind, value))
    return head(0x80, len(records)) + out


def encode_value(kind, value):
    """The value in CBOR: integers in the fewest bytes; floats in 4 where nothing is lost."""
    if kind == "f":
        if abs(value) < 3.4e38:
            data = struct.pack(">f", value)
            if struct.unpack(">f", data)[0] == value:
                return b"\xfa" + data
        return b"\xfb" + struct.pack(">d", value)
    if kind == "b":
        return b"\xf5" if value else b"\xf4"
    if kind in "itu":
        return head(0x20, ~value) if value < 0 else head(0, value)
    if kind == "o":
        return head(0x40, len(value)) + value
    if kind == "l":
        value = "%d:%d" % value
    data = value.encode()
    return head(0x60, len(data)) + data


def head(kind, number):
    """The first bytes of an item; `kind` is its major type in place."""
    if number < 24:
        return bytes((kind | number,))
    kind |= 24
    size = 1
    while number >> 8 * size:
        size *= 2
        kind += 1
    if size > 8:
        raise ValueError("past 64 bits")
    return bytes((kind,)) + number.to_bytes(size, "big")
