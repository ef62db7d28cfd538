"""TLV, byte by byte, with the examples of the specification (TS 1.1.1 Core section 7.4.3)."""

from helpers import raises
from peer import Random

from coap.message import Error
from lwm2m.formats import tlv

# The examples of the specification. Every one is (path of the request, entries); an entry is
# (bytes, records): (path, type, value) of what the bytes hold. Entries follow one another.

MANUFACTURER = (
    # C8: resource, 8-bit id, 8-bit length; id 0; 20 bytes
    b"\xc8\x00\x14Open Mobile Alliance",
    [((3, 0, 0), "s", "Open Mobile Alliance")],
)
DEVICE = (
    MANUFACTURER,
    (b"\xc8\x01\x16Lightweight M2M Client", [((3, 0, 1), "s", "Lightweight M2M Client")]),
    (b"\xc8\x02\x09345000123", [((3, 0, 2), "s", "345000123")]),
    (b"\xc3\x031.0", [((3, 0, 3), "s", "1.0")]),  # C3: the length 3 in the type byte
    (
        b"\x86\x06"  # 86: multiple resource of 6 bytes, Available Power Sources
        b"\x41\x00\x01"  # 41: resource instance of 1 byte; instance 0: internal battery
        b"\x41\x01\x05",  # instance 1: USB
        [((3, 0, 6, 0), "i[]", 1), ((3, 0, 6, 1), "i[]", 5)],
    ),
    (
        b"\x88\x07\x08"  # 88: multiple resource, 8-bit length; Power Source Voltage
        b"\x42\x00\x0e\xd8"  # 3800 mV
        b"\x42\x01\x13\x88",  # 5000 mV
        [((3, 0, 7, 0), "i[]", 3800), ((3, 0, 7, 1), "i[]", 5000)],
    ),
    (
        b"\x87\x08"  # Power Source Current
        b"\x41\x00\x7d"  # 125 mA
        b"\x42\x01\x03\x84",  # 900 mA
        [((3, 0, 8, 0), "i[]", 125), ((3, 0, 8, 1), "i[]", 900)],
    ),
    (b"\xc1\x09\x64", [((3, 0, 9), "i", 100)]),  # Battery Level
    (b"\xc1\x0a\x0f", [((3, 0, 10), "i", 15)]),  # Memory Free
    (b"\x83\x0b\x41\x00\x00", [((3, 0, 11, 0), "i[]", 0)]),  # Error Code: one instance
    (b"\xc4\x0d\x51\x82\x42\x8f", [((3, 0, 13), "t", 1367491215)]),  # Current Time
    (b"\xc6\x0e+02:00", [((3, 0, 14), "s", "+02:00")]),  # UTC Offset
    (b"\xc1\x10U", [((3, 0, 16), "s", "U")]),  # Supported Binding and Modes
)


def joined(entries):
    data = b""
    records = []
    for entry, found in entries:
        data += entry
        records += found
    return data, records


def instance(header, entries):
    data, records = joined(entries)
    return header + data, records


EXAMPLES = (
    ((3, 0), DEVICE),
    ((3,), [instance(b"\x08\x00\x79", DEVICE)]),  # 08: object instance, 8-bit length 121
    ((3, 0, 0), [MANUFACTURER]),
    ((3, 0, 7), [DEVICE[5]]),
    ((3, 0, 11), [DEVICE[9]]),
    ((3, 0, 8, 1), [(b"\x42\x01\x03\x84", [((3, 0, 8, 1), "i[]", 900)])]),
    (
        (2,),  # Access Control: two instances
        [
            (
                b"\x08\x00\x0e"  # instance 0, 14 bytes
                b"\xc1\x00\x01"  # Object ID 1
                b"\xc1\x01\x00"  # Object Instance ID 0
                b"\x83\x02\x41\x7f\x07"  # ACL: instance 127 is 7
                b"\xc1\x03\x7f",  # Access Control Owner 127
                [
                    ((2, 0, 0), "i", 1),
                    ((2, 0, 1), "i", 0),
                    ((2, 0, 2, 127), "i[]", 7),
                    ((2, 0, 3), "i", 127),
                ],
            ),
            (
                b"\x08\x02\x12"  # instance 2, 18 bytes
                b"\xc1\x00\x03"
                b"\xc1\x01\x00"
                b"\x87\x02\x41\x7f\x07\x61\x01\x36\x01"  # 61: 16-bit id, 0x0136 = 310
                b"\xc1\x03\x7f",
                [
                    ((2, 2, 0), "i", 3),
                    ((2, 2, 1), "i", 0),
                    ((2, 2, 2, 127), "i[]", 7),
                    ((2, 2, 2, 310), "i[]", 1),
                    ((2, 2, 3), "i", 127),
                ],
            ),
        ],
    ),
    (
        (1,),  # LwM2M Server: one instance
        [
            (
                b"\x08\x00\x0f"
                b"\xc1\x00\x01"  # Short Server ID
                b"\xc4\x01\x00\x01\x51\x80"  # Lifetime 86400
                b"\xc1\x06\x01"  # Notification Storing
                b"\xc1\x07U",  # Binding
                [
                    ((1, 0, 0), "i", 1),
                    ((1, 0, 1), "i", 86400),
                    ((1, 0, 6), "b", True),
                    ((1, 0, 7), "s", "U"),
                ],
            )
        ],
    ),
    (
        (65, 0),  # object links
        [
            (
                b"\x88\x00\x0c\x44\x00\x00\x42\x00\x00\x44\x01\x00\x42\x00\x01",
                [((65, 0, 0, 0), "l[]", (66, 0)), ((65, 0, 0, 1), "l[]", (66, 1))],
            ),
            (b"\xc8\x01\x0d8613800755500", [((65, 0, 1), "s", "8613800755500")]),
            (b"\xc4\x02\x12\x34\x56\x78", [((65, 0, 2), "i", 0x12345678)]),
        ],
    ),
    (
        (66,),
        [
            (
                b"\x08\x00\x26\xc8\x00\x0bmyService 1\xc8\x01\x0fInternet.15.234"
                b"\xc4\x02\x00\x43\x00\x00",
                [
                    ((66, 0, 0), "s", "myService 1"),
                    ((66, 0, 1), "s", "Internet.15.234"),
                    ((66, 0, 2), "l", (67, 0)),
                ],
            ),
            (
                b"\x08\x01\x26\xc8\x00\x0bmyService 2\xc8\x01\x0fInternet.15.235"
                b"\xc4\x02\xff\xff\xff\xff",
                [
                    ((66, 1, 0), "s", "myService 2"),
                    ((66, 1, 1), "s", "Internet.15.235"),
                    ((66, 1, 2), "l", (65535, 65535)),
                ],
            ),
        ],
    ),
)

# type, value, the bytes of it
VALUES = (
    ("i", 0, b"\x00"),
    ("i", 1, b"\x01"),
    ("i", -1, b"\xff"),
    ("i", 127, b"\x7f"),
    ("i", -128, b"\x80"),
    ("i", 128, b"\x00\x80"),
    ("i", -129, b"\xff\x7f"),
    ("i", 32767, b"\x7f\xff"),
    ("i", -32768, b"\x80\x00"),
    ("i", 32768, b"\x00\x00\x80\x00"),
    ("i", -32769, b"\xff\xff\x7f\xff"),
    ("i", 2147483647, b"\x7f\xff\xff\xff"),
    ("i", -2147483648, b"\x80\x00\x00\x00"),
    ("i", 2147483648, b"\x00\x00\x00\x00\x80\x00\x00\x00"),
    ("i", -2147483649, b"\xff\xff\xff\xff\x7f\xff\xff\xff"),
    ("i", (1 << 63) - 1, b"\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ("i", -1 << 63, b"\x80\x00\x00\x00\x00\x00\x00\x00"),
    ("t", 1367491215, b"\x51\x82\x42\x8f"),
    ("t", 4102444800, b"\x00\x00\x00\x00\xf4\x86\x57\x00"),  # the year 2100
    ("u", 0, b"\x00"),
    ("u", 127, b"\x7f"),
    ("u", 200, b"\x00\xc8"),
    ("u", 40000, b"\x00\x00\x9c\x40"),
    ("u", (1 << 32) - 1, b"\x00\x00\x00\x00\xff\xff\xff\xff"),
    ("u", 1 << 63, b"\x80\x00\x00\x00\x00\x00\x00\x00"),
    ("u", (1 << 64) - 1, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
    ("f", 0.0, b"\x00\x00\x00\x00"),
    ("f", 1.0, b"\x3f\x80\x00\x00"),
    ("f", -2.5, b"\xc0\x20\x00\x00"),
    ("f", 20.5, b"\x41\xa4\x00\x00"),
    ("b", True, b"\x01"),
    ("b", False, b"\x00"),
    ("o", b"", b""),
    ("o", b"\x00\x01\x02", b"\x00\x01\x02"),
    ("s", "", b""),
    ("s", "\u00e9", b"\xc3\xa9"),
    ("c", "</1>", b"</1>"),
    ("l", (66, 1), b"\x00\x42\x00\x01"),
    ("l", (65535, 65535), b"\xff\xff\xff\xff"),
)

# type, bytes, value: longer than needed, but right
LONGER = (
    ("i", b"\x00\x01", 1),
    ("i", b"\xff\xff\xff\xff", -1),
    ("i", b"\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
    ("u", b"\xff", 255),
    ("u", b"\xff\xff", 65535),
    ("u", b"\xff\xff\xff\xff", (1 << 32) - 1),
    ("t", b"\x00\x00\x00\x00\x00\x00\x00\x07", 7),
    ("f", b"\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5),
    ("f", b"\xc0\x39\x40\x00\x00\x00\x00\x00", -25.25),
)


def test_the_examples_of_the_specification():
    for base, entries in EXAMPLES:
        data, records = joined(entries)
        assert tlv.encode(base, records) == data, base
        found = list(tlv.decode(base, data))
        assert [path for path, _ in found] == [record[0] for record in records], base
        for at, (path, kind, value) in enumerate(records):
            assert tlv.value(kind, found[at][1]) == value, path


def test_cut_off_at_every_byte_is_4_00():
    for base, entries in EXAMPLES:
        data, records = joined(entries)
        whole = {0: 0}  # where an entry ends the rest is missing, but nothing is cut
        at = count = 0
        for entry, held in entries:
            at += len(entry)
            count += len(held)
            whole[at] = count
        for end in range(len(data)):
            try:
                found = list(tlv.decode(base, data[:end]))
            except Error as error:
                assert error.code == 0x80
                assert end not in whole, (base, end)
            else:
                assert end in whole and len(found) == whole[end], (base, end)


def test_every_byte_damaged_gives_values_or_4_00():
    for base, entries in EXAMPLES:
        data, records = joined(entries)
        for at in range(len(data)):
            for flip in (1, 0x20, 0x40, 0x80, 0xFF):
                damaged = bytearray(data)
                damaged[at] ^= flip
                try:
                    for path, raw in tlv.decode(base, bytes(damaged)):
                        assert path[: len(base)] == base and 3 <= len(path) <= 4
                        for kind in "sifbotluc":
                            try:
                                tlv.value(kind, raw)
                            except Error as error:
                                assert error.code == 0x80
                except Error as error:
                    assert error.code == 0x80


def test_values():
    for kind, value, data in VALUES:
        assert tlv.encode_value(kind, value) == data, (kind, value)
        back = tlv.value(kind, data)
        assert back == value and isinstance(back, type(value)), (kind, value, back)
        assert tlv.encode_value(kind + "[]", value) == data
        assert tlv.value(kind + "[]", data) == value


def test_longer_forms_of_values():
    for kind, data, value in LONGER:
        assert tlv.value(kind, data) == value, (kind, data)


def test_floats_take_8_bytes_where_4_lose_something():
    for value in (0.1, 1e300, -1e300, 1e-300, 3.5e38):
        if value != value or value - value != 0 or value == 0:
            continue  # a board with floats of 4 bytes knows no such number
        data = tlv.encode_value("f", value)
        assert len(data) in (4, 8)
        assert tlv.value("f", data) == value, value
    assert len(tlv.encode_value("f", 0.25)) == 4
    assert tlv.encode_value("f", 3) == b"\x40\x40\x00\x00"  # an integer in a float's place


def test_wrong_sizes_for_the_type_are_4_00():
    good = {"i": (1, 2, 4, 8), "t": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (4, 8), "b": (1,)}
    good["l"] = (4,)
    for kind in good:
        for size in range(20):
            if size in good[kind]:
                tlv.value(kind, bytes(size))
            else:
                assert raises(Error, tlv.value, kind, bytes(size)).code == 0x80, (kind, size)
        assert raises(Error, tlv.value, kind, None).code == 0x80
    for data in (b"\x02", b"\xff"):
        assert raises(Error, tlv.value, "b", data).code == 0x80
    for kind, data in (("s", b"\xff"), ("s", b"a\xc3"), ("c", b"\x80"), ("s", None), ("o", None)):
        assert raises(Error, tlv.value, kind, data).code == 0x80


def test_ids_and_lengths_in_all_forms():
    # id, length, the header of a resource
    for rid, length, header in (
        (0, 0, b"\xc0\x00"),
        (255, 7, b"\xc7\xff"),
        (256, 7, b"\xe7\x01\x00"),  # E7: 16-bit id
        (65534, 0, b"\xe0\xff\xfe"),
        (1, 8, b"\xc8\x01\x08"),
        (1, 255, b"\xc8\x01\xff"),
        (1, 256, b"\xd0\x01\x01\x00"),  # D0: 16-bit length
        (256, 256, b"\xf0\x01\x00\x01\x00"),
        (1, 65535, b"\xd0\x01\xff\xff"),
        (1, 65536, b"\xd8\x01\x01\x00\x00"),  # D8: 24-bit length
        (5750, 70000, b"\xf8\x16\x76\x01\x11\x70"),
    ):
        value = bytes(length)
        path = (20000, 0, rid)
        data = tlv.encode((20000, 0), ((path, "o", value),))
        assert data[: len(header)] == header, (rid, length)
        assert len(data) == len(header) + length
        ((found, raw),) = tlv.decode((20000, 0), data)
        assert found == path and bytes(raw) == value
    for length in (1, 2, 3, 4, 5, 6, 7):
        data = tlv.encode((1, 0), (((1, 0, 9), "o", b"x" * length),))
        assert data == bytes((0xC0 | length, 9)) + b"x" * length


def test_a_length_may_take_more_bytes_than_needed():
    for data in (b"\xc8\x01\x02ab", b"\xd0\x01\x00\x02ab", b"\xf8\x00\x01\x00\x00\x02ab"):
        assert [(p, bytes(r)) for p, r in tlv.decode((3, 0), data)] == [((3, 0, 1), b"ab")]


def test_the_path_of_the_request_may_be_repeated_inside():
    inside = b"\xc1\x09\x64"
    for base, data, path in (
        ((3,), b"\x03\x00" + inside, (3, 0, 9)),
        ((3, 0), b"\x03\x00" + inside, (3, 0, 9)),
        ((3, 0, 9), inside, (3, 0, 9)),
        ((3, 0, 11), b"\x83\x0b\x41\x02\x08", (3, 0, 11, 2)),
        ((3, 0, 11), b"\x41\x02\x08", (3, 0, 11, 2)),
        ((3, 0, 11, 2), b"\x41\x02\x08", (3, 0, 11, 2)),
    ):
        ((found, _),) = tlv.decode(base, data)
        assert found == path


def test_wrong_nesting_is_4_00():
    for base, data in (
        ((3, 0), b"\x03\x01\xc1\x09\x64"),  # another instance than the one written
        ((3, 0, 9), b"\xc1\x0a\x64"),  # another resource
        ((3, 0, 11, 2), b"\x41\x03\x08"),  # another instance of the resource
        ((3, 0), b"\x41\x00\x08"),  # a resource instance without its resource
        ((3,), b"\xc1\x09\x64"),  # a resource without its object instance
        ((3,), b"\x41\x09\x64"),
        ((3,), b"\x80\x09"),
        ((3, 0, 11), b"\x05\x00\x83\x0b\x41\x00"),
        ((3, 0, 11), b"\x00\x00"),
        ((3, 0, 11, 2), b"\x83\x0b\x41\x02\x08"[:2] + b"\x41\x02\x08"),
        ((3, 0), b"\x02\x00\x00\x00"),  # an instance inside an instance
        ((3,), b"\x02\x00\x00\x00"),
        ((3, 0), b"\x82\x0b\x80\x0b"),  # a multiple resource inside one of its own kind
        ((3, 0, 11), b"\x82\x0b\x80\x0b"),
        ((3, 0), b"\x83\x0b\xc1\x00\x00"),  # a resource inside a multiple resource
        ((3, 0), b"\x83\x0b\xc1\x0b\x00"),
        ((3, 0), b"\x82\x0b\x00\x00"),  # an instance inside a multiple resource
    ):
        found = tlv.decode(base, data)
        assert raises(Error, list, found).code == 0x80, (base, data)


def test_what_reaches_past_its_container_is_4_00():
    more = b"\xc4\x0a\x00\x00\x00\x01"  # there are bytes enough behind
    for base, data in (
        ((3,), b"\x03\x00\xc2\x09\x64" + b"\x03\x01\xc1\x09\x64"),
        ((3,), b"\x01\x00\xc0" + b"\x03\x01\xc1\x09\x64"),
        ((3, 0), b"\x83\x0b\x42\x00\x08" + more),
        ((3, 0), b"\x82\x0b\x41\x00" + more),
        ((3, 0), b"\x81\x0b\x41" + more),
        ((3, 0), b"\x82\x0b\x60\x00" + more),
        ((3, 0), b"\x82\x0b\x48\x00" + more),
        ((3, 0), b"\x83\x0b\x50\x00\x00" + more),
    ):
        assert raises(Error, list, tlv.decode(base, data)).code == 0x80, (base, data)


def test_nested_without_end_is_4_00():
    for kind in (0x10, 0x50, 0x90):
        for base in ((3,), (3, 0), (3, 0, 0), (3, 0, 0, 0)):
            data = b""
            for _ in range(200):
                data = bytes((kind, 0, len(data) >> 8, len(data) & 255)) + data
            try:
                found = list(tlv.decode(base, data))
            except Error as error:
                assert error.code == 0x80
            else:
                assert (
                    kind == 0x50 and len(found) == 1
                )  # bytes of a value, whatever they look like


def test_an_empty_payload_and_empty_instances():
    for base in ((3,), (3, 0), (3, 0, 11), (3, 0, 11, 2)):
        assert list(tlv.decode(base, b"")) == []
        assert tlv.encode(base, ()) == b""
    assert list(tlv.decode((3, 0), b"\x80\x0b")) == [((3, 0, 11), None)]
    assert list(tlv.decode((3,), b"\x00\x05")) == []


def test_any_tree_comes_back_as_it_was():
    kinds = ("i", "f", "b", "o", "s", "l", "u", "t")
    for seed in range(200):
        random = Random(seed)
        records = []
        iid = -1
        for _ in range(1 + random.below(3)):
            iid += 1 + random.below(300)
            rid = -1
            for _ in range(random.below(6)):
                rid += 1 + random.below(300)
                kind = kinds[random.below(len(kinds))]
                if random.below(3):
                    records.append(((9, iid, rid), kind, any_value(random, kind)))
                    continue
                riid = -1
                for _ in range(1 + random.below(4)):
                    riid += 1 + random.below(300)
                    at = (9, iid, rid, riid)
                    records.append((at, kind + "[]", any_value(random, kind)))
        check_tree((9,), records)
        if records:
            first = records[0][0]
            check_tree(first[:2], [record for record in records if record[0][:2] == first[:2]])
            check_tree(first[:3], [record for record in records if record[0][:3] == first[:3]])
            check_tree(first, records[:1])


def check_tree(base, records):
    data = tlv.encode(base, records)
    found = list(tlv.decode(base, data))
    assert [path for path, _ in found] == [record[0] for record in records], base
    for at, (_, kind, value) in enumerate(records):
        assert tlv.value(kind, found[at][1]) == value


def any_value(random, kind):
    if kind == "f":
        return (random.below(2000) - 1000) / 8
    if kind == "b":
        return random.below(2) == 1
    if kind == "o":
        return random.bytes(random.below(300))
    if kind == "s":
        return "x" * random.below(300)
    if kind == "l":
        return random.below(65536), random.below(65536)
    value = 1 << random.below(63)
    return value if kind == "u" else value - (1 << random.below(63))
