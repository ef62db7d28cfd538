"""LwM2M paths: tuples of up to four ids (object, instance, resource, resource instance)."""

import re

from .errors import InvalidRequest

MAX_ID = 65534  # 65535 is reserved (LwM2M Core 1.1.1, 7.1)
_ID = re.compile(r"[0-9]{1,5}")


def parse_path(text):
    """Tuple of ids of a path like "/3303/0/5700"; InvalidRequest if it is none."""
    parts = text.strip("/").split("/") if text.strip("/") else []
    if len(parts) > 4:
        raise InvalidRequest("Invalid path %.80s : at most 4 levels" % text)
    ids = []
    for part in parts:
        if not _ID.fullmatch(part) or int(part) > MAX_ID:
            raise InvalidRequest(
                "Invalid path %.80s : %.20s is not a number of 0..%d" % (text, part, MAX_ID)
            )
        ids.append(int(part))
    return tuple(ids)


def format_path(path):
    """Text of a path, with a leading slash."""
    return "/" + "/".join(map(str, path))
