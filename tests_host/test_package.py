"""Packages: a good one passes, and damaged ones end each in the result of its kind of damage."""

import json
import struct
from hashlib import sha256

from helpers import raises
from scratch import Scratch, read, write
from signed import BOARD, INFO, SYSTEM, head, hmac_sha256, package, rfc_4231

from firmware import package as checks
from firmware import update_key
from firmware.package import Refused

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


# A piece that is read at once has 1024 bytes.
SIZES = (
    (b"coap/message.mpy", 300),
    (b"firmware/app.mpy", 1024),
    (b"firmware/boards/nucleo_f429zi.mpy", 1),
    (b"firmware/main_page.txt", 0),
    (b"lwm2m/client.mpy", 2049),
    (b"lwm2m/object.mpy", 300),
)
FILES = [(name, bytes_of(str(name), size)) for name, size in SIZES]


class Keys:
    """Made for each run."""

    def __init__(self):
        import os

        self.right, self.wrong = os.urandom(32), os.urandom(32)


KEYS = Keys()


def install(folder, data, key, room=ROOM, version=RUNNING, allow_downgrade=False):
    """What an update does with bytes that have come; the path it would choose, and the head."""
    path = folder + "/slot1.pkg"
    write(path, data)
    with open(path, "rb") as file:
        info = checks.head(file, key)
        if info is not None:
            checks.expected(info, BOARD, version, allow_downgrade, room, SYSTEM)
        good = list(checks.contents(file, len(data)))
        if info is None:
            raise AssertionError("contents() found good what head() did not")
        assert good[-1] == info["size"] == len(data)
    return path, info


def refused(folder, data, key=None, **how):
    return raises(Refused, lambda: install(folder, data, key or KEYS.right, **how))


def test_hmac_of_the_standard():
    key, data, mac = rfc_4231()
    assert hmac_sha256(key, data) == mac


def test_a_good_package_passes():
    data = package(KEYS.right, FILES)
    with Scratch() as folder:
        path, info = install(folder, data, KEYS.right)
        assert read(path) == data
        start = len(data) - sum([size for _, size in SIZES])
        for key, value in INFO.items():
            assert info[key] == value
        assert (info["files"], info["start"], info["size"]) == (len(FILES), start, len(data))
        # As large as the slot, the version that runs, and an older one where that is allowed.
        install(folder, data, KEYS.right, room=len(data))
        install(folder, data, KEYS.right, version="1.2.3")
        install(folder, data, KEYS.right, version="2.0.0", allow_downgrade=True)
        # Native code of this very machine, the MicroPython that runs.
        data = package(KEYS.right, FILES, march="armv7emsp", micropython="1.29")
        install(folder, data, KEYS.right)


def test_the_head_is_there_when_its_last_byte_is():
    data = package(KEYS.right, FILES)
    with Scratch() as folder:
        path = folder + "/slot1.pkg"
        with open(path, "wb") as file:
            file.write(b"")
        start = len(data) - sum([size for _, size in SIZES])
        for end in range(start + 1):
            write(path, data[:end])
            with open(path, "rb") as file:
                found = checks.head(file, KEYS.right)
            assert (found is not None) == (end == start), end


def test_what_lies_behind_is_not_looked_at_where_no_size_is_told():
    # A slot's file is overwritten in place: the rest of a longer one stays.
    data = package(KEYS.right, FILES)
    with Scratch() as folder:
        path = folder + "/slot1.pkg"
        write(path, data + b"of an earlier one")
        with open(path, "rb") as file:
            assert checks.head(file, KEYS.right)["size"] == len(data)
            assert list(checks.contents(file))[-1] == len(data)


def test_contents_are_read_in_pieces_of_1_kb():
    data = package(KEYS.right, FILES)
    with Scratch() as folder:
        path = folder + "/slot1.pkg"
        write(path, data)
        with open(path, "rb") as file:
            start = checks.head(file, KEYS.right)["start"]
            good = list(checks.contents(file, len(data)))
    before = start
    for each in good:
        assert 0 < each - before <= 1024
        before = each
    assert len(good) == 1 + 1 + 1 + 0 + 3 + 1


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
        left = ROOM - len(package(KEYS.right, FILES + [(b"z", b"")]))
        data = package(KEYS.right, FILES + [(b"z", bytes(left + more))])
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


def test_damaged_packages():
    total = kinds = 0
    with Scratch() as folder:
        for kind, result, line, packages in damage():
            count = 0
            for name, data in packages:
                try:
                    install(folder, data, KEYS.right)
                    raise AssertionError("%s: %s passes" % (kind, name))
                except Refused as found:
                    error = found
                where = "%s: %s: %s" % (kind, name, error)
                assert error.result == result, where
                assert str(error).startswith("package: ") and line in str(error), where
                count += 1
            assert count >= 3, kind
            total += count
            kinds += 1
            # The undamaged one passes all the time.
            install(folder, package(KEYS.right, FILES), KEYS.right)
    print("%d damaged packages of %d kinds: none passes" % (total, kinds))
    assert total >= 200, total


def test_every_bit_of_a_small_package():
    files = [(b"a.mpy", b"content"), (b"b.mpy", b"other")]
    data = package(KEYS.right, files)
    with Scratch() as folder:
        install(folder, data, KEYS.right)
        for at in range(len(data)):
            for bit in range(8):
                error = refused(folder, flipped(data, at, bit))
                assert error.result == (UNSUPPORTED if at < 8 else INTEGRITY), (at, bit)


def test_no_key_takes_no_package():
    with Scratch() as folder:
        data = package(KEYS.right, FILES)
        for each in (data, package(b"", FILES), package(bytes(32), FILES)):
            write(folder + "/slot1.pkg", each)
            with open(folder + "/slot1.pkg", "rb") as file:
                error = raises(Refused, checks.head, file, None)
            assert error.result == INTEGRITY and "no update key" in str(error)


def test_nothing_is_looked_at_before_the_signature():
    # What a stranger has signed ends as such, whatever else is wrong with it.
    with Scratch() as folder:
        for how in ({"board": "other"}, {"info": b"[]"}, {"version": "0.0.1"}, {"size": 1 << 30}):
            error = refused(folder, package(KEYS.wrong, FILES, **how))
            assert error.result == INTEGRITY and "signature" in str(error), how
        error = refused(folder, package(KEYS.wrong, [(b"../boot.py", b"x")]))
        assert error.result == INTEGRITY and "signature" in str(error)


def test_versions_are_compared_by_their_numbers():
    with Scratch() as folder:
        for new, running in (("0.10.0", "0.9.9"), ("1.0.0", "0.99.99"), ("0.1.10", "0.1.9")):
            install(folder, package(KEYS.right, FILES, version=new), KEYS.right, version=running)
            data = package(KEYS.right, FILES, version=running)
            assert refused(folder, data, version=new).result == FAILED


def test_the_system_that_runs():
    release, mpy, march = checks.this_system()
    assert len(release) == 2 and release[0] >= 1
    assert isinstance(mpy, int) and isinstance(march, str)


def test_update_key():
    with Scratch() as folder:
        assert update_key.load(folder) is None
        update_key.store(folder, KEYS.wrong)
        update_key.store(folder, KEYS.right)
        assert update_key.load(folder) == KEYS.right
        for size in (0, 31, 33):
            raises(ValueError, update_key.store, folder, bytes(size))
        assert update_key.load(folder) == KEYS.right


def test_text_is_json():
    # As tools/package writes it: sorted, without blanks.
    with Scratch() as folder:
        text = json.dumps(INFO).encode()
        install(folder, package(KEYS.right, FILES, info=text), KEYS.right)
