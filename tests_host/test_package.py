"""Packages: a good one passes, and damaged ones end each in the result of its kind of damage."""

import json

from damaged_packages import (
    FAILED,
    FILES,
    INTEGRITY,
    KEYS,
    ROOM,
    RUNNING,
    SIZES,
    UNSUPPORTED,
    damage,
    flipped,
)
from helpers import raises
from scratch import Scratch, read, write
from signed import BOARD, INFO, SYSTEM, hmac_sha256, package, rfc_4231

from firmware import update_key
from firmware.contents import contents
from firmware.description import described
from firmware.package import Refused
from firmware.requirements import this_system, unmet
from firmware.signature import signed


def head(file, key):
    """What the head tells once it has been found good; None while it is not there."""
    start = signed(file, key, file.seek(0, 2))
    return described(file, start) if start else None


def install(folder, data, key, room=ROOM, version=RUNNING, allow_downgrade=False):
    """What an update does with bytes that have come; the path it would choose, and the head."""
    path = folder + "/slot1.pkg"
    write(path, data)
    with open(path, "rb") as file:
        info = head(file, key)
        if info is not None:
            found = unmet(info, BOARD, version, allow_downgrade, room, SYSTEM)
            if found:
                raise Refused(*found)
        good = list(contents(file, len(data)))
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
        with open(path, "rb") as file:
            assert signed(file, KEYS.right, len(data)) == start
        assert info["size"] == len(data)
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
                found = head(file, KEYS.right)
            assert (found is not None) == (end == start), end


def test_what_lies_behind_is_not_looked_at_where_no_size_is_told():
    # A slot's file is overwritten in place: the rest of a longer one stays.
    data = package(KEYS.right, FILES)
    with Scratch() as folder:
        path = folder + "/slot1.pkg"
        write(path, data + b"of an earlier one")
        with open(path, "rb") as file:
            assert head(file, KEYS.right)["size"] == len(data)
            assert list(contents(file))[-1] == len(data)


def test_contents_are_read_in_pieces_of_512_bytes():
    data = package(KEYS.right, FILES)
    with Scratch() as folder:
        path = folder + "/slot1.pkg"
        write(path, data)
        with open(path, "rb") as file:
            start = signed(file, KEYS.right, len(data))
            good = list(contents(file, len(data)))
    before = start
    for each in good:
        assert 0 < each - before <= 512
        before = each
    assert len(good) == 1 + 1 + 1 + 0 + 3 + 1


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
    files = [(b"coap/a.mpy", b"content"), (b"coap/b.mpy", b"other")]
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
                error = raises(Refused, head, file, None)
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
    release, mpy, march = this_system()
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
