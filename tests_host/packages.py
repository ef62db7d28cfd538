"""Packages made of nothing much, for tests of both interpreters."""

import json
import os
import struct
from hashlib import sha256

from firmware import requirements


def hmac(key, data):
    """HMAC-SHA256 of a key of 32 bytes (RFC 2104)."""
    inner = sha256(bytes([each ^ 0x36 for each in key]) + b"\x36" * 32)
    inner.update(data)
    outer = sha256(bytes([each ^ 0x5C for each in key]) + b"\x5c" * 32)
    outer.update(inner.digest())
    return outer.digest()


def contents(size, seed=1):
    """Bytes that are not all the same, and the same in every run."""
    data = bytearray(size)
    for at in range(size):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        data[at] = seed >> 16 & 255
    return bytes(data)


def make(key, version="1.0.0", board="nucleo_f429zi", size=5000, files=5, seed=1, **more):
    """A package with so many files of `size` bytes together."""
    release, mpy, march = requirements.this_system()
    info = {
        "name": "firmware",
        "version": version,
        "board": board,
        "micropython": "%d.%d" % release,
        "mpy": mpy,
        "march": march,
    }
    info.update(more)
    text = json.dumps(info).encode()
    entries = b""
    bodies = b""
    for number in range(files):
        body = contents(size // files + (size % files if not number else 0), seed + number)
        name = b"firmware/part%02d.mpy" % number
        entries += sha256(body).digest() + struct.pack("<IB", len(body), len(name)) + name
        bodies += body
    head = struct.pack("<8sHHI", b"lwm2mpk1", len(text), files, len(bodies)) + text + entries
    return head + hmac(key, head) + bodies


def new_key():
    return os.urandom(32)
