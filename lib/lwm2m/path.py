"""Paths of the resource tree: tuples (oid, iid, rid, riid), as long as they are deep."""

from coap.message import NOT_FOUND, Error

_MAX_ID = 65534  # 65535 is reserved (TS 1.1.1 Core section 7.1)


def parse(segments):
    """The path of Uri-Path segments (bytes or str); Error 4.04 where they are none of ours."""
    if len(segments) > 4:
        raise Error(NOT_FOUND)
    path = []
    for segment in segments:
        number = 0
        for digit in bytes(segment):
            if not 48 <= digit <= 57:
                raise Error(NOT_FOUND)
            number = number * 10 + digit - 48
            if number > _MAX_ID:
                raise Error(NOT_FOUND)
        if not len(segment) or (len(segment) > 1 and segment[0] == 48):
            raise Error(NOT_FOUND)  # "03" is not the id 3: paths are compared in bytes
        path.append(number)
    return tuple(path)


def text(path):
    """The path as it is written: /3303/0/5700."""
    return "/" + "/".join([str(number) for number in path])


def covers(path, other):
    """True when `other` is `path` or below it."""
    return other[: len(path)] == path
