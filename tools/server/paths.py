"""LwM2M paths: tuples of up to four ids (object, instance, resource, resource instance)."""

from .errors import InvalidRequest

MAX_ID = 65534  # 65535 is reserved (LwM2M Core 1.1.1, 7.1)


def parse_path(text):
    """Tuple of ids of a path like "/3303/0/5700"; InvalidRequest if it is none."""
    parts = text.strip("/").split("/") if text.strip("/") else []
    if len(parts) > 4:
        raise InvalidRequest("Invalid path %s : at most 4 levels" % text)
    ids = []
    for part in parts:
        if not (part.isascii() and part.isdigit()) or int(part) > MAX_ID:
            raise InvalidRequest(
                "Invalid path %s : %s is not a number of 0..%d" % (text, part[:20], MAX_ID)
            )
        ids.append(int(part))
    return tuple(ids)


def format_path(path):
    """Text of a path, with a leading slash."""
    return "/" + "/".join(map(str, path))
