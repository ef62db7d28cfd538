"""The datagrams of the bench, byte by byte (RFC 7252 section 3)."""

import random

CONTENT = 0x45  # 2.05
GET = 0x01
_POST = 0x02
_DELETE = 0x04
_CREATED = 0x41  # 2.01
_DELETED = 0x42  # 2.02
_CHANGED = 0x44  # 2.04

# Uri-Path 3303, 0, 5700 and Accept: text/plain.
READ_OPTIONS = b"\xb43303\x010\x045700\x60"
_LOCATION = b"\x82rd\x01b"  # Location-Path rd, b


def reads(count, seed=1, options=READ_OPTIONS):
    """Confirmable reads, each with a message id and a token of four bytes of its own.

    Message ids repeat after 65536.
    """
    source = random.Random(seed)
    return [
        b"\x44\x01" + (mid & 0xFFFF).to_bytes(2, "big") + source.randbytes(4) + options
        for mid in range(count)
    ]


def is_register(data):
    """Whether it is a Register; the query ep= tells it from an Update."""
    return _is_request(data) and data[1] == _POST and b"ep=" in data


def _is_request(data):
    return len(data) >= 4 and data[0] & 0xF0 == 0x40 and 0 < data[1] < 0x20


def answer(data):
    """What an LwM2M server answers to Register, Update and De-register; None to all else."""
    if not _is_request(data) or data[1] not in (_POST, _DELETE):
        return None
    head = 4 + (data[0] & 15)
    code, options = _DELETED, b""
    if data[1] == _POST:
        code, options = (_CREATED, _LOCATION) if is_register(data) else (_CHANGED, b"")
    return bytes([data[0] | 0x20, code]) + data[2:head] + options


def dotted(code):
    """5.03 for 0xA3."""
    return "%d.%02d" % (code >> 5, code & 31)
