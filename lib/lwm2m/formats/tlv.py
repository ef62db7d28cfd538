"""The TLV format of OMA LwM2M (TS 1.1.1 Core section 7.4.3)."""

import struct

from micropython import const

from coap.message import Error, uint, uint_bytes

_BAD_REQUEST = const(0x80)  # 4.00

# Bits 7-6 of the type byte; those with 0x40 hold a value, the others entries
_INSTANCE = const(0x00)
_RESOURCE_INSTANCE = const(0x40)
_MULTIPLE = const(0x80)
_RESOURCE = const(0xC0)


def encode(base, records, age_s=None):
    """Object instances, resources and resource instances, nested as far as `base` is short."""
    return bytes(_encode(records, (1, 2, 2, 3)[len(base) - 1]))


def _encode(records, depth):
    # One entry for each id at `depth`: 1 object instances, 2 resources, 3 resource instances.
    out = bytearray()
    start = end = 0
    for path, kind, value in records:
        end += 1
        if len(path) == depth + 1:
            entry = _RESOURCE if depth == 2 else _RESOURCE_INSTANCE
            data = encode_value(kind, value)
        elif end < len(records) and records[end][0][depth] == path[depth]:
            continue  # the next one belongs to the same entry
        else:
            entry = _INSTANCE if depth == 1 else _MULTIPLE
            data = _encode(records[start:end], depth + 1)
        start = end
        length = len(data)
        size = b""
        if length < 8:
            entry |= length
        else:
            size = uint_bytes(length)
            entry |= len(size) << 3
        number = path[depth]
        if number > 255:
            entry |= 0x20
        out.append(entry)
        out.extend(uint_bytes(number) or b"\0")
        out.extend(size)
        out.extend(data)
    return out


def encode_value(kind, value):
    """Integers in the fewest of 1, 2, 4, 8 bytes; floats in 4 where nothing is lost by it."""
    kind = kind[0]
    if kind == "f":
        if abs(value) < 3.4e38:
            data = struct.pack(">f", value)
            if struct.unpack(">f", data)[0] == value:
                return data
        return struct.pack(">d", value)
    if kind == "b":
        return b"\1" if value else b"\0"
    if kind in "itu":
        # An unsigned value that fills the sign bit takes the next size (8 bytes are the last).
        size = 1
        while size < 8 and not -1 <= value >> 8 * size - 1 <= 0:
            size *= 2
        return (value & (1 << 8 * size) - 1).to_bytes(size, "big")
    if kind == "l":
        return struct.pack(">HH", *value)
    return value if kind == "o" else value.encode()


def decode(base, payload):
    """Yields (path, bytes) of every value; Error 4.00 where the payload is none of TLV.

    A multiple resource without instances gives (path, None).
    """
    return _decode(base, payload, 0, len(payload), 0)


def _decode(base, data, at, end, level):
    # `level` is 0 at the top, 1 inside an object instance, 2 inside a multiple resource: an
    # entry never holds another of its own kind, so the recursion ends.
    while at < end:
        kind = data[at]
        field = at + (3 if kind & 0x20 else 2)
        start = field + (kind >> 3 & 3)
        length = uint(data[field:start]) if kind & 0x18 else kind & 7
        stop = start + length
        if stop > end:
            raise Error(_BAD_REQUEST, "TLV cut off")
        # One id deeper; what the path of the request names already may be repeated inside.
        number = (uint(data[at + 1 : field]),)
        depth = (1, 3, 2, 2)[kind >> 6]
        if level >= depth or len(base) != depth and base[depth:] != number:
            raise Error(_BAD_REQUEST, "TLV nested wrongly")
        path = base[:depth] + number
        at = stop
        if kind & 0x40:
            yield path, data[start:stop]
        elif length:
            yield from _decode(path, data, start, stop, depth)
        elif depth == 2:
            yield path, None


def value(kind, raw):
    """The value in these bytes; Error 4.00 where their number does not suit the type."""
    kind = kind[0]
    try:
        size = len(raw)
        if kind == "o":
            return bytes(raw)
        if kind in "sc":
            return str(raw, "utf-8")
        if kind in "itu" and size in (1, 2, 4, 8):
            number = uint(raw)
            return number - (1 << 8 * size) if kind != "u" and raw[0] > 127 else number
        if kind == "b" and size == 1 and raw[0] < 2:
            return raw[0] == 1
        if kind == "l" and size == 4:
            return struct.unpack(">HH", raw)
        if kind == "f" and size in (4, 8):
            return struct.unpack(">f" if size == 4 else ">d", raw)[0]
    except (TypeError, ValueError):
        pass
    raise Error(_BAD_REQUEST)
