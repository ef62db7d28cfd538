"""Makes packages, good ones and others, for tests of both interpreters.

It follows docs/package.md on its own: neither tools/package nor firmware/package.py is used.
"""

import json
import struct
from binascii import unhexlify
from hashlib import sha256

SYSTEM = ((1, 29), 6, "armv7emsp")  # that the tests' packages are for
BOARD = "nucleo_f429zi"
INFO = {
    "name": "test",
    "version": "1.2.3",
    "board": BOARD,
    "micropython": "1.28",
    "mpy": 6,
    "march": "",
}


def hmac_sha256(key, data):
    """RFC 2104, for keys of at most 64 bytes."""
    key += bytes(64 - len(key))
    inner = sha256(bytes([each ^ 0x36 for each in key]) + data).digest()
    return sha256(bytes([each ^ 0x5C for each in key]) + inner).digest()


def head(info, files, size=None, count=None, length=None):
    """What is signed, for (name, content) in this order; numbers given are told falsely."""
    text = info if isinstance(info, bytes) else json.dumps(info).encode()
    data = b"".join([content for _, content in files])
    begin = (
        b"lwm2mpk1",
        len(text) if length is None else length,
        len(files) if count is None else count,
        len(data) if size is None else size,
    )
    head = struct.pack("<8sHHI", *begin) + text
    for name, content in files:
        digest = sha256(content).digest()
        head += struct.pack("<32sIB", digest, len(content), len(name)) + name
    return head


def package(key, files, version="1.2.3", **how):
    """The bytes of a package of (name, content), signed with the key.

    How: other values for the head, or `info` in the place of all; and `size`, `count`, `length`
    as for `head()`.
    """
    told = {name: how.pop(name) for name in ("size", "count", "length") if name in how}
    info = how.pop("info", None)
    if info is None:
        info = dict(INFO)
        info["version"] = version
        info.update(how)
    signed = head(info, files, **told)
    return signed + hmac_sha256(key, signed) + b"".join([content for _, content in files])


def rfc_4231():
    """A (key, data, HMAC) of the standard, test case 2."""
    mac = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    return b"Jefe", b"what do ya want for nothing?", unhexlify(mac)
