"""Records that survive: alternation, sequence numbers, damage at every byte, cuts."""

import os
import struct

from helpers import raises
from scratch import Scratch, read, write

from firmware import storage

Record = storage.Record

HEADER = 14  # bytes in front of the data


def files(folder):
    return sorted(os.listdir(folder))


def test_nothing_written_is_none():
    with Scratch() as folder:
        assert Record("state", folder).read() is None
        assert Record("state", folder + "/missing").read() is None
        assert files(folder) == []


def test_what_was_written_last_is_read():
    with Scratch() as folder:
        record = Record("state", folder + "/new")
        for data in (b"", b"one", b"two", b"\0" * 1000, b"four", bytes(range(256)), b""):
            record.write(data)
            assert record.read() == data
            # Nothing is remembered in the object.
            assert Record("state", folder + "/new").read() == data
        assert files(folder + "/new") == ["state.0", "state.1"]


def test_names_are_apart():
    with Scratch() as folder:
        a, b = Record("a", folder), Record("b", folder)
        a.write(b"of a")
        assert b.read() is None
        b.write(b"of b")
        assert (a.read(), b.read()) == (b"of a", b"of b")


def test_the_two_files_take_turns():
    with Scratch() as folder:
        record = Record("state", folder)
        record.write(b"first")
        (first,) = files(folder)
        before = read(folder + "/" + first)
        record.write(b"second")
        (other,) = [name for name in files(folder) if name != first]
        assert read(folder + "/" + first) == before
        after = read(folder + "/" + other)
        record.write(b"third")
        assert read(folder + "/" + other) == after
        assert read(folder + "/" + first) != before
        assert record.read() == b"third"


def test_damage_at_every_bit_of_the_newer_gives_the_older():
    with Scratch() as folder:
        record = Record("state", folder)
        record.write(b"old")
        record.write(b"new state")
        path = folder + "/state.1"
        whole = read(path)
        assert len(whole) == HEADER + 9 and record.read() == b"new state"
        for at in range(len(whole)):
            for bit in range(8):
                damaged = bytearray(whole)
                damaged[at] ^= 1 << bit
                write(path, bytes(damaged))
                assert record.read() == b"old", (at, bit)


def test_every_length_but_the_right_one_gives_the_older():
    with Scratch() as folder:
        record = Record("state", folder)
        record.write(b"old")
        record.write(b"new state")
        path = folder + "/state.1"
        whole = read(path)
        for size in range(len(whole)):
            write(path, whole[:size])
            assert record.read() == b"old", size
        for more in (b"\0", b"\xff" * 100, whole):
            write(path, whole + more)
            assert record.read() == b"old", more
        write(path, whole)
        assert record.read() == b"new state"


def test_a_damaged_length_takes_no_memory():
    with Scratch() as folder:
        record = Record("state", folder)
        record.write(b"old")
        record.write(b"new")
        path = folder + "/state.1"
        damaged = bytearray(read(path))
        damaged[8:10] = b"\xff\xff"
        write(path, bytes(damaged))
        sizes = []

        class Watched:
            def __init__(self, file):
                self._file = file

            def __enter__(self):
                return self

            def __exit__(self, *error):
                self._file.close()

            def read(self, size):
                sizes.append(size)
                return self._file.read(size)

            def seek(self, *where):
                return self._file.seek(*where)

        storage.open = lambda path, mode: Watched(open(path, mode))
        try:
            assert record.read() == b"old"
        finally:
            del storage.open
        assert sizes and max(sizes) <= HEADER, sizes


def test_a_cut_while_writing_leaves_old_or_new():
    # A file system may keep any beginning of the file that was being written.
    for writes in range(1, 4):
        with Scratch() as folder:
            record = Record("state", folder)
            for number in range(writes):
                record.write(b"state %d" % number)
            before = {name: read(folder + "/" + name) for name in files(folder)}
            record.write(b"the new one")
            (path,) = [
                folder + "/" + name
                for name in files(folder)
                if before.get(name) != read(folder + "/" + name)
            ]
            whole = read(path)
            for size in range(len(whole) + 1):
                write(path, whole[:size])
                expected = b"the new one" if size == len(whole) else b"state %d" % (writes - 1)
                assert record.read() == expected, (writes, size)
                # And from there it goes on.
                again = Record("state", folder)
                again.write(b"after the cut")
                assert again.read() == b"after the cut"
                for name, data in before.items():
                    write(folder + "/" + name, data)


def test_both_damaged_is_none_and_can_be_written():
    with Scratch() as folder:
        record = Record("state", folder)
        for data in (b"one", b"two"):
            record.write(data)
        for name in files(folder):
            write(folder + "/" + name, b"rubbish of some length that is no record")
        assert record.read() is None
        record.write(b"three")
        assert record.read() == b"three"


def test_a_foreign_file_is_no_record():
    with Scratch() as folder:
        record = Record("state", folder)
        record.write(b"mine")
        whole = read(folder + "/state.0")
        write(folder + "/state.0", b"rec2" + whole[4:])
        assert record.read() is None
        os.remove(folder + "/state.0")
        os.mkdir(folder + "/state.0")  # a folder in its place
        assert record.read() is None
        raises(OSError, record.write, b"x")


def test_sequence_numbers_wrap():
    with Scratch() as folder:
        record = Record("state", folder)
        # A record as it was written after 2**32 - 3 others.
        data = b"long ago"
        sequence = 0xFFFFFFFD
        crc = storage._crc(sequence, data)
        write(folder + "/state.0", struct.pack("<4sIHI", b"rec1", sequence, len(data), crc) + data)
        assert record.read() == data
        for number in range(8):
            record.write(b"%d" % number)
            assert record.read() == b"%d" % number
            numbers = [
                struct.unpack("<I", read(folder + "/" + name)[4:8])[0] for name in files(folder)
            ]
            assert (numbers[0] - numbers[1]) & 0xFFFFFFFF in (1, 0xFFFFFFFF), numbers


def test_erase():
    with Scratch() as folder:
        record = Record("state", folder)
        record.erase()
        for writes in (1, 2, 3):
            for number in range(writes):
                record.write(b"%d" % number)
            record.erase()
            assert record.read() is None
            assert files(folder) == []
        record.write(b"again")
        assert record.read() == b"again"


def test_erase_takes_the_older_first():
    # Cut off in between it leaves the newest state, never an older one.
    class Cut(Exception):
        pass

    class CutOff:
        def __init__(self, allowed):
            self._allowed = allowed

        def remove(self, path):
            if not self._allowed:
                raise Cut
            self._allowed -= 1
            os.remove(path)

    for writes in (2, 3):
        for allowed in range(2):
            with Scratch() as folder:
                record = Record("state", folder)
                for number in range(writes):
                    record.write(b"%d" % number)
                storage.os = CutOff(allowed)
                try:
                    raises(Cut, record.erase)
                finally:
                    storage.os = os
                assert record.read() == b"%d" % (writes - 1)


def test_too_much_is_refused_and_the_old_stays():
    with Scratch() as folder:
        record = Record("state", folder)
        record.write(b"1" * 65535)
        assert len(record.read()) == 65535
        record.write(b"small")
        before = [read(folder + "/" + name) for name in files(folder)]
        raises(ValueError, record.write, b"x" * 65536)
        assert [read(folder + "/" + name) for name in files(folder)] == before
        assert record.read() == b"small"


def test_bytes_like_data():
    with Scratch() as folder:
        record = Record("state", folder)
        for data in (bytearray(b"array"), memoryview(b"a view")[2:]):
            record.write(data)
            assert record.read() == bytes(data)
