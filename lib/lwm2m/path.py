"""Paths of the resource tree: tuples (oid, iid, rid, riid), as long as they are deep."""

from micropython import const

from coap.message import Error

_NOT_FOUND = const(0x84)  # 4.04
_MAX_ID = const(65534)  # 65535 is reserved (TS 1.1.1 Core section 7.1)


def parse(segments):
    """The path of Uri-Path segments (bytes); Error 4.04 where they are none of ours."""
    if len(segments) > 4:
        raise Error(_NOT_FOUND)
    path = []
    for segment in segments:
        number = 0
        for digit in segment:
            if not 48 <= digit <= 57 or number > _MAX_ID:
                raise Error(_NOT_FOUND)
            number = number * 10 + digit - 48
        # "03" is not the id 3: paths are compared in bytes (RFC 7252 section 6.4).
        if number > _MAX_ID or not segment or (segment[0] == 48 and len(segment) > 1):
            raise Error(_NOT_FOUND)
        path.append(number)
    return tuple(path)
