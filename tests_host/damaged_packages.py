"""A good package and damaged ones, by kind of damage, for tests of both interpreters."""

import os
import struct
from hashlib import sha256

from signed import INFO, head, hmac_sha256, package

NO_SPACE = 2  # results of /5/0/5
INTEGRITY = 5
UNSUPPORTED = 6
FAILED = 8

ROOM = 16384  # more than the longest head
RUNNING = "0.9.0"


def bytes_of(seed, size):
    """Always the same bytes for a seed."""
    data = b""
    while len(data) < size:
        data += sha256(b"%s %d" % (seed.encode(), len(data))).digest()
    return data[:size]


# A piece that is read at once has 512 bytes.
SIZES = (
    (b"coap/message.mpy", 300),
    (b"firmware/app.mpy", 512),
    (b"firmware/boards/nucleo_f429zi.mpy", 1),
    (b"firmware/main_page.txt", 0),
    (b"lwm2m/client.mpy", 1025),
    (b"lwm2m/object.mpy", 300),
)
FILES = [(name, bytes_of(str(name), size)) for name, size in SIZES]


class Keys:
    """Made for each run."""

    def __init__(self):
        self.right, self.wrong = os.urandom(32), os.urandom(32)


KEYS = Keys()


def flipped(data, at, bit):
    damaged = bytearray(data)
    damaged[at] ^= 1 << bit
    return bytes(damaged)


def some(count, low, high, seed):
    """As many different numbers of a range, the same for each seed."""
    found = []
    number = 0
    while len(found) < min(count, high - low):
        at = low + struct.unpack("<I", bytes_of("%s %d" % (seed, number), 4))[0] % (high - low)
        number += 1
        if at not in found:
            found.append(at)
    return found


def flips(count, low, high, seed):
    data = package(KEYS.right, FILES)
    for at in some(count, low * 8, high * 8, seed):
        yield "bit %d of byte %d" % (at % 8, at // 8), flipped(data, at // 8, at % 8)


def places():
    # Where the text, the entries, the signature and the contents begin, and the end.
    data = package(KEYS.right, FILES)
    start = len(data) - sum([size for _, size in SIZES])
    text = struct.unpack("<H", data[8:10])[0]
    return 16, 16 + text, start - 32, start, len(data)


def resigned(data):
    """With a signature that fits; the parts lie where they lie in a good package."""
    _, _, mac, start, _ = places()
    return data[:mac] + hmac_sha256(KEYS.right, data[:mac]) + data[start:]


def truncated(low, high, seed):
    data = package(KEYS.right, FILES)
    for end in some(12, low, high, seed):
        yield "%d of %d bytes" % (end, len(data)), data[:end]


def longer():
    data = package(KEYS.right, FILES)
    for more in (1, 31, 512, 2000):
        yield "%d bytes behind" % more, data + bytes(more)
    yield "a half more", data + data[:2000]


def foreign():
    yield "a page", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "an archive", b"PK\3\4" + bytes_of("archive", 600)
    yield "a module", b"M\x06\x00\x1f" + bytes_of("module", 600)
    yield "zeros", bytes(1000)
    yield "erased flash", b"\xff" * 1000
    yield "a later kind", b"lwm2mpk2" + package(KEYS.right, FILES)[8:]
    yield "a byte before", b"\0" + package(KEYS.right, FILES)
    for number in range(5):
        yield "chance %d" % number, bytes_of("chance %d" % number, 100 + 300 * number)


def swapped():
    # The content of one file in the place of another, of the same size or not.
    for a, b in ((0, 5), (0, 1), (1, 4), (2, 5), (2, 4)):
        files = list(FILES)
        files[a], files[b] = files[b], files[a]
        data = package(KEYS.right, FILES)
        start = places()[3]
        moved = b"".join([content for _, content in files])
        yield "contents %d and %d" % (a, b), data[:start] + moved


def swapped_entries():
    for a, b in ((0, 5), (0, 1), (1, 4), (2, 3), (4, 5)):
        files = list(FILES)
        files[a], files[b] = (FILES[a][0], FILES[b][1]), (FILES[b][0], FILES[a][1])
        other = head(INFO, files)
        data = package(KEYS.right, FILES)
        yield "entries %d and %d" % (a, b), other + data[len(other) :]


def other_heads():
    # The signature of another package of the same key.
    for version in ("1.2.4", "9.9.9", "0.0.1"):
        other = package(KEYS.right, FILES, version=version)
        data = package(KEYS.right, FILES)
        mac, start = places()[2:4]
        yield "signature of " + version, data[:mac] + other[mac:start] + data[start:]
        yield "head of " + version, other[:mac] + data[mac:]


def strange_names():
    names = (
        b"../boot.py",
        b"../main.py",
        b"../../boot.py",
        b"..",
        b".",
        b"/boot.py",
        b"/slot2/firmware/app.mpy",
        b"firmware/../boot.py",
        b"firmware/../../state/factory.0",
        b"firmware/./app.mpy",
        b"firmware//app.mpy",
        b"firmware/",
        b"",
        b"BOOT.PY",
        b"firmware\\app.mpy",
        b"c:boot.py",
        b"firmware/app.mpy\0.txt",
        b"firmware/app.mpy\n",
        b"firmware/\xc3\xa4pp.mpy",
        b"firmware/a b.mpy",
        b"trial.mpy",
        b"copies.py",
        b"trial/__init__.mpy",
        b"machine.mpy",
        b"lib/firmware/app.mpy",
    )
    for name in names:
        yield repr(name), package(KEYS.right, [(name, b"content")])
        more = FILES + [(name, b"content")]
        more.sort()
        yield repr(name) + " among others", package(KEYS.right, more)


def disordered():
    yield "backwards", package(KEYS.right, FILES[::-1])
    yield "twice the same", package(KEYS.right, FILES[:1] * 2)
    yield "twice the same name", package(KEYS.right, FILES[:1] + [(FILES[0][0], b"other")])
    yield "the last one first", package(KEYS.right, FILES[-1:] + FILES[:-1])


def false_sizes():
    total = sum([size for _, size in SIZES])
    for size in (0, 1, total - 1, total + 1, total + 512, 0xFFFFFFFF):
        yield "%d bytes told" % size, package(KEYS.right, FILES, size=size)
    data = package(KEYS.right, FILES)
    entries = places()[1]
    for size in (0, 299, 301, 0xFFFFFFFF):
        changed = data[: entries + 32] + struct.pack("<I", size) + data[entries + 36 :]
        yield "a file of %d told" % size, resigned(changed)


def false_counts():
    for count in (0, 5, 7, 201, 0xFFFF):
        yield "%d files told" % count, package(KEYS.right, FILES, count=count)
    for length in (0, 1, 513, 0xFFFF):
        yield "a text of %d told" % length, package(KEYS.right, FILES, length=length)
    many = [(b"a%03d" % number + b"b" * 90, b"") for number in range(100)]
    yield "a head of more than 12 KB", package(KEYS.right, many)
    many = [(b"%03d" % number, b"") for number in range(201)]
    yield "201 files", package(KEYS.right, many)


def strange_heads():
    for text in (b"{}", b"[]", b"12", b"null", b'"text"', b"{]", b"\xff\xfe", b"[" * 400):
        yield repr(text[:8]), package(KEYS.right, FILES, info=text)
    for key in INFO:
        left = dict(INFO)
        del left[key]
        yield "no " + key, package(KEYS.right, FILES, info=left)
        yield key + " is a list", package(KEYS.right, FILES, **{key: [1]})
        yield key + " is null", package(KEYS.right, FILES, **{key: None})
    for version in ("", "1.2", "1.2.x", "v1.2.3", "1..3", "-1.2.3", "1.2.3-rc1", "1.2.999999"):
        yield "version " + version, package(KEYS.right, FILES, version=version)
    yield "MicroPython latest", package(KEYS.right, FILES, micropython="latest")


def other_boards():
    for board in ("b_l475e_iot01a", "frdm_k64f", "", "nucleo_f429zi2", "NUCLEO_F429ZI"):
        yield "board " + board, package(KEYS.right, FILES, board=board)


def other_micropythons():
    for version in ("1.30", "2.0", "1.100"):
        yield "MicroPython " + version, package(KEYS.right, FILES, micropython=version)


def other_formats():
    for mpy in (0, 5, 7):
        yield ".mpy %d" % mpy, package(KEYS.right, FILES, mpy=mpy)


def other_machines():
    for march in ("x64", "armv6m", "xtensawin", "nonsense"):
        yield "native code for " + march, package(KEYS.right, FILES, march=march)


def older():
    for version in ("0.8.9", "0.0.1", "0.8.99999", "0.0.0"):
        yield "version " + version, package(KEYS.right, FILES, version=version)


def too_large():
    for more in (1, 2, 512, 5000):
        left = ROOM - len(package(KEYS.right, FILES + [(b"lwm2m/z", b"")]))
        data = package(KEYS.right, FILES + [(b"lwm2m/z", bytes(left + more))])
        assert len(data) == ROOM + more
        yield "%d bytes more than there is room" % more, data


def wrong_keys():
    for number in range(8):
        key = sha256(KEYS.wrong + b"%d" % number).digest()
        yield "key %d" % number, package(key, FILES)
    yield "a key of zeros", package(bytes(32), FILES)
    yield "no key", package(b"", FILES)
    yield "half of the key", package(KEYS.right[:16], FILES)
    signed = head(INFO, FILES)
    content = b"".join([content for _, content in FILES])
    yield "a hash for a signature", signed + sha256(signed).digest() + content
    yield "a hash with the key", signed + sha256(KEYS.wrong + signed).digest() + content
    yield "zeros for a signature", signed + bytes(32) + content


def damage():
    """(kind of damage, result, part of its line, packages with the name of each)."""
    text, entries, mac, start, end = places()
    signature = "signature is not"
    return (
        ("a bit of the mark", UNSUPPORTED, "this is none", flips(12, 0, 8, "mark")),
        ("a bit of the lengths", INTEGRITY, "", flips(24, 8, text, "lengths")),
        ("a bit of the text", INTEGRITY, signature, flips(24, text, entries, "text")),
        ("a bit of a digest", INTEGRITY, signature, flips(12, entries, entries + 32, "digest")),
        ("a bit of the entries", INTEGRITY, "", flips(24, entries, mac, "entries")),
        ("a bit of the signature", INTEGRITY, signature, flips(24, mac, start, "mac")),
        ("a bit of the contents", INTEGRITY, "is damaged", flips(48, start, end, "contents")),
        ("cut off in the head", INTEGRITY, "too early", truncated(0, start, "head")),
        ("cut off in the contents", INTEGRITY, "have come", truncated(start, end, "end")),
        ("something behind", INTEGRITY, "have come", longer()),
        ("another file", UNSUPPORTED, "this is none", foreign()),
        ("swapped files", INTEGRITY, "is damaged", swapped()),
        ("swapped entries", INTEGRITY, signature, swapped_entries()),
        ("parts of two packages", INTEGRITY, signature, other_heads()),
        ("a name that leads elsewhere", UNSUPPORTED, "name", strange_names()),
        ("names in another order", UNSUPPORTED, "name", disordered()),
        ("sizes that are not true", INTEGRITY, "", false_sizes()),
        ("lengths that are not true", INTEGRITY, "", false_counts()),
        ("a head of another kind", UNSUPPORTED, "its head", strange_heads()),
        ("another board", UNSUPPORTED, "for board", other_boards()),
        ("a later MicroPython", UNSUPPORTED, "needs MicroPython", other_micropythons()),
        ("another format", UNSUPPORTED, ".mpy files of version", other_formats()),
        ("another machine", UNSUPPORTED, "native code", other_machines()),
        ("an older version", FAILED, "is older than 0.9.0", older()),
        ("more than there is room for", NO_SPACE, "room for 16384", too_large()),
        ("another key", INTEGRITY, signature, wrong_keys()),
    )
