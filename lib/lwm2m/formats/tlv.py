"""The TLV format of OMA LwM2M (TS 1.1.1 Core section 7.4.3)."""

import struct

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00

SINGLE = False

# Bits 7-6 of the type byte
_INSTANCE = const(0x00)
_RESOURCE_INSTANCE = const(0x40)
_MULTIPLE = const(0x80)
_RESOURCE = const(0xC0)


def encode(base, records, age_s=None):
    """Object instances, resources and resource instances, nested as far as `base` is short."""
    out = bytearray()
    inner = bytearray()  # resource instances of the multiple resource that is being built
    body = out if len(base) > 1 else bytearray()  # resources of one object instance
    iid = rid = None
    for path, kind, value in records:
        multiple = len(path) == 4
        if rid is not None and (not multiple or path[1:3] != (iid, rid)):
            _entry(body, _MULTIPLE, rid, inner)
            inner = bytearray()
            rid = None
        if path[1] != iid:
            if body is not out:
                if iid is not None:
                    _entry(out, _INSTANCE, iid, body)
                body = bytearray()
            iid = path[1]
        data = encode_value(kind, value)
        if not multiple:
            _entry(body, _RESOURCE, path[2], data)
        elif len(base) == 4:
            _entry(body, _RESOURCE_INSTANCE, path[3], data)
        else:
            rid = path[2]
            _entry(inner, _RESOURCE_INSTANCE, path[3], data)
    if rid is not None:
        _entry(body, _MULTIPLE, rid, inner)
    if body is not out and iid is not None:
        _entry(out, _INSTANCE, iid, body)
    return bytes(out)


def _entry(out, kind, number, data):
    length = len(data)
    if number > 255:
        kind |= 0x20
    if length < 8:
        kind |= length
    elif length < 256:
        kind |= 0x08
    elif length < 65536:
        kind |= 0x10
    else:
        kind |= 0x18
    out.append(kind)
    if number > 255:
        out.append(number >> 8)
    out.append(number & 255)
    if length >= 65536:
        out.append(length >> 16)
    if length >= 256:
        out.append(length >> 8 & 255)
    if length >= 8:
        out.append(length & 255)
    out.extend(data)


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
        for code, limit in ((">b", 1 << 7), (">h", 1 << 15), (">i", 1 << 31)):
            if -limit <= value < limit:
                return struct.pack(code, value)
        return struct.pack(">Q" if value >= 1 << 63 else ">q", value)
    if kind == "l":
        return struct.pack(">HH", value[0], value[1])
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
        start = at
        kind = data[at]
        size = kind >> 3 & 3  # bytes of the length field
        at += 1 + (2 if kind & 0x20 else 1) + size
        if at > end:
            raise Error(_BAD_REQUEST, "TLV cut off")
        number = data[start + 1]
        field = start + 2
        if kind & 0x20:
            number = number << 8 | data[start + 2]
            field += 1
        length = kind & 7
        if size:
            length = 0
            while field < at:
                length = length << 8 | data[field]
                field += 1
        stop = at + length
        if stop > end:
            raise Error(_BAD_REQUEST, "TLV cut off")
        kind &= 0xC0
        if kind == _INSTANCE:
            inner = _step(base, number, 1, level > 0)
            for found in _decode(inner, data, at, stop, 1):
                yield found
        elif kind == _RESOURCE_INSTANCE:
            yield _step(base, number, 3, False), data[at:stop]
        else:
            inner = _step(base, number, 2, level > 1)
            if kind == _RESOURCE:
                yield inner, data[at:stop]
            elif not length:
                yield inner, None
            else:
                for found in _decode(inner, data, at, stop, 2):
                    yield found
        at = stop


def _step(base, number, depth, wrong):
    # One id deeper; what the path of the request names already may be repeated inside.
    if not wrong and len(base) == depth:
        return base + (number,)
    if wrong or len(base) != depth + 1 or number != base[depth]:
        raise Error(_BAD_REQUEST, "TLV nested wrongly")
    return base


def value(kind, raw):
    """The value in these bytes; Error 4.00 where their number does not suit the type."""
    kind = kind[0]
    if raw is None:
        raise Error(_BAD_REQUEST)
    size = len(raw)
    try:
        if kind == "f":
            return struct.unpack({4: ">f", 8: ">d"}[size], raw)[0]
        if kind == "b":
            if size != 1 or raw[0] > 1:
                raise KeyError
            return raw[0] == 1
        if kind in "it":
            return struct.unpack({1: ">b", 2: ">h", 4: ">i", 8: ">q"}[size], raw)[0]
        if kind == "u":
            return struct.unpack({1: ">B", 2: ">H", 4: ">I", 8: ">Q"}[size], raw)[0]
        if kind == "l":
            if size != 4:
                raise KeyError
            return struct.unpack(">HH", raw)
        return bytes(raw) if kind == "o" else str(raw, "utf8")
    except (KeyError, ValueError):
        raise Error(_BAD_REQUEST)
