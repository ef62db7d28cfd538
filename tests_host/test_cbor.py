"""CBOR, one value (RFC 8949), with the examples of its appendix A that are values of resources."""

from helpers import raises
from peer import Peer, Random, Sample

from coap.message import Error
from lwm2m.formats import cbor, module, senml_encoder

CBOR = 60
PATH = (20000, 0, 1)
CHANGED, CONTENT, BAD_REQUEST, NOT_ACCEPTABLE = 0x44, 0x45, 0x80, 0x86

# type, value, bytes
VALUES = (
    ("i", 0, b"\x00"),
    ("i", 1, b"\x01"),
    ("i", 10, b"\x0a"),
    ("i", 23, b"\x17"),
    ("i", 24, b"\x18\x18"),
    ("i", 25, b"\x18\x19"),
    ("i", 100, b"\x18\x64"),
    ("i", 255, b"\x18\xff"),
    ("i", 256, b"\x19\x01\x00"),
    ("i", 1000, b"\x19\x03\xe8"),
    ("i", 65535, b"\x19\xff\xff"),
    ("i", 65536, b"\x1a\x00\x01\x00\x00"),
    ("i", 1000000, b"\x1a\x00\x0f\x42\x40"),
    ("i", 4294967295, b"\x1a\xff\xff\xff\xff"),
    ("i", 4294967296, b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
    ("i", 1000000000000, b"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00"),
    ("i", (1 << 63) - 1, b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ("i", -1, b"\x20"),
    ("i", -10, b"\x29"),
    ("i", -24, b"\x37"),
    ("i", -25, b"\x38\x18"),
    ("i", -100, b"\x38\x63"),
    ("i", -1000, b"\x39\x03\xe7"),
    ("i", -1 << 63, b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ("u", 18446744073709551615, b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
    ("t", 1363896240, b"\xc1\x1a\x51\x4b\x67\xb0"),  # C1: seconds since 1970
    ("t", 4102444800, b"\xc1\x1a\xf4\x86\x57\x00"),
    ("f", 0.0, b"\xfa\x00\x00\x00\x00"),
    ("f", 100000.0, b"\xfa\x47\xc3\x50\x00"),
    ("f", -4.125, b"\xfa\xc0\x84\x00\x00"),
    ("f", 3, b"\xfa\x40\x40\x00\x00"),  # an integer in a float's place
    ("b", False, b"\xf4"),
    ("b", True, b"\xf5"),
    ("o", b"", b"\x40"),
    ("o", b"\x01\x02\x03\x04", b"\x44\x01\x02\x03\x04"),
    ("o", bytes(24), b"\x58\x18" + bytes(24)),
    ("o", bytes(256), b"\x59\x01\x00" + bytes(256)),
    ("s", "", b"\x60"),
    ("s", "IETF", b"\x64IETF"),
    ("s", '"\\', b'\x62"\\'),
    ("s", "\u00fc", b"\x62\xc3\xbc"),
    ("s", "\u6c34", b"\x63\xe6\xb0\xb4"),
    ("c", "</1>", b"\x64</1>"),
    ("l", (66, 1), b"\x6466:1"),
    ("l", (65535, 65535), b"\x6b65535:65535"),
)

# type, bytes, value: what is also understood
ALSO = (
    ("f", b"\xf9\x00\x00", 0.0),  # F9: half precision
    ("f", b"\xf9\x00\x01", 5.960464477539063e-8),
    ("f", b"\xf9\x04\x00", 0.00006103515625),
    ("f", b"\xf9\x3c\x00", 1.0),
    ("f", b"\xf9\x3e\x00", 1.5),
    ("f", b"\xf9\x7b\xff", 65504.0),
    ("f", b"\xf9\xc4\x00", -4.0),
    ("f", b"\xfb\xc0\x10\x80\x00\x00\x00\x00\x00", -4.125),  # FB: double precision
    ("f", b"\x05", 5.0),
    ("f", b"\x24", -5.0),
    ("f", b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00", 4294967296.0),
    ("i", b"\xf9\x45\x00", 5),  # the float 5.0
    ("i", b"\xfa\xcb\x80\x00\x00", -1 << 24),
    ("i", b"\x19\x00\x05", 5),  # longer than needed
    ("i", b"\x1b\x00\x00\x00\x00\x00\x00\x00\x05", 5),
    ("i", b"\x39\x00\x00", -1),
    ("i", b"\xc1\x05", 5),
    ("t", b"\x1a\x51\x4b\x67\xb0", 1363896240),  # a time without its tag
    ("t", b"\xd8\x01\x05", 5),
    ("t", b"\xc1\xfa\x40\xa0\x00\x00", 5),
    ("s", b"\x78\x01a", "a"),
    ("o", b"\x59\x00\x01a", b"a"),
)

# type, bytes: well-formed, but not of this type
OTHER_TYPES = (
    ("i", b"\xf5"),
    ("i", b"\x61\x35"),
    ("i", b"\x41\x05"),
    ("i", b"\xf6"),  # null
    ("i", b"\xf7"),  # undefined
    ("i", b"\xf9\x3e\x00"),  # 1.5
    ("i", b"\xf9\x7c\x00"),  # infinity
    ("i", b"\xf9\x7e\x00"),  # NaN
    ("i", b"\xfa\x4c\x00\x00\x00"),  # 2^25: a float so large may have been rounded
    ("i", b"\x80"),
    ("i", b"\x81\x05"),
    ("i", b"\xa0"),
    ("i", b"\xc2\x41\x05"),  # a bignum
    ("i", b"\xc4\x82\x00\x05"),  # a decimal fraction
    ("i", b"\xf8\x20"),
    ("t", b"\xc0\x74" + b"2013-03-21T20:04:00Z"),
    ("t", b"\xc1\x61\x35"),
    ("t", b"\xc1\xfa\x40\xb0\x00\x00"),  # 5.5
    ("u", b"\x65\x66\x69\x76\x65\x21"),
    ("f", b"\xf4"),
    ("f", b"\x63\x31\x2e\x35"),
    ("f", b"\xf6"),
    ("b", b"\x00"),
    ("b", b"\x01"),
    ("b", b"\xf6"),
    ("b", b"\xe0"),
    ("b", b"\x64true"),
    ("o", b"\x61a"),
    ("o", b"\x80"),
    ("s", b"\x41a"),
    ("s", b"\x00"),
    ("s", b"\xd8\x20\x61a"),  # tagged as a URI
    ("s", b"\xc1\x61a"),  # tagged as a time
    ("s", b"\xf6"),
    ("c", b"\x41a"),
    ("l", b"\x61\x33"),
    ("l", b"\x64\x36\x36,1"),
    ("l", b"\x65\x36\x36:1:"),
    ("l", b"\x43\x36:1"),
    ("l", b"\x05"),
    ("l", b"\x82\x18\x42\x01"),
    ("l", b"\xf6"),
)

MALFORMED = (
    b"",
    b"\x00\x00",  # two items
    b"\xf5\xf5",
    b"\x1c",  # reserved lengths
    b"\x3d",
    b"\x5e\x00",
    b"\xfc",
    b"\x1f",  # indefinite lengths where there are none
    b"\x3f",
    b"\xdf\x00",
    b"\xff",
    b"\x62\xc3",
    b"\x61\xff",  # not UTF-8
    b"\x62\xc3\x28",
    b"\x5f\x41a\xff",  # strings in pieces: RFC 8428 section 6 has none
    b"\x7f\x61a\xff",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00",
    b"\x81",
    b"\xa1\x00",
    b"\x9f",
    b"\x9f\x00",
    b"\xbf\x00\xff",  # a key without its value
    b"\xa1\x80\x00",  # keys of other types
    b"\xa1\xf5\x00",
    b"\xa1\x41a\x00",
    b"\xa1\xf9\x3c\x00\x00",
    b"\xa2\x01\x00\x01\x00",  # a key twice
    b"\xa2\x61a\x00\x61a\x00",
    b"\xc1",
)


def decoded(data):
    ((path, raw),) = cbor.decode(PATH, data)
    assert path == PATH
    return raw


def test_values():
    for kind, value, data in VALUES:
        assert cbor.encode(PATH, ((PATH, kind, value),)) == data, (kind, value)
        assert cbor.encode(PATH, ((PATH, kind + "[]", value),)) == data
        for payload in (data, memoryview(data)):
            back = cbor.value(kind, decoded(payload))
            assert back == value, (kind, value, back)
            assert isinstance(back, float if kind == "f" else type(value)), (kind, back)
            assert cbor.value(kind + "[]", decoded(payload)) == value


def test_other_forms():
    for kind, data, value in ALSO:
        back = cbor.value(kind, decoded(data))
        assert back == value and type(back) is type(value), (kind, data, back)


def test_floats_take_8_bytes_where_4_lose_something():
    for value in (0.1, 1e300, -1e300, 1e-300, 3.5e38):
        if value - value != 0 or value == 0:
            continue  # a board with floats of 4 bytes knows no such number
        data = senml_encoder.encode_value("f", value)
        assert len(data) in (5, 9)
        assert cbor.value("f", decoded(data)) == value, value
    assert len(senml_encoder.encode_value("f", 0.25)) == 5


def test_what_is_no_number_is_left_to_the_write():
    for data in (
        b"\xf9\x7c\x00",
        b"\xfa\x7f\x80\x00\x00",
        b"\xfb\xff\xf0\x00\x00\x00\x00\x00\x00",
    ):
        value = cbor.value("f", decoded(data))
        assert value - value != 0
    value = cbor.value("f", decoded(b"\xf9\x7e\x00"))
    assert value != value


def test_other_types_are_4_00():
    for kind, data in OTHER_TYPES:
        raw = decoded(data)
        assert raw is not None, data  # it would clear a multiple resource
        error = raises(Error, cbor.value, kind, raw)
        assert error.code == BAD_REQUEST, (kind, data)


def test_malformed_is_4_00():
    for data in MALFORMED:
        for payload in (data, memoryview(data)):
            assert raises(Error, list, cbor.decode(PATH, payload)).code == BAD_REQUEST, data


def test_cut_off_at_every_byte_is_4_00():
    for _, _, data in VALUES:
        for end in range(len(data)):
            assert raises(Error, list, cbor.decode(PATH, data[:end])).code == BAD_REQUEST, data


def test_nested_without_end_is_4_00():
    for piece in (b"\x81", b"\xc1", b"\xa1\x00", b"\x9f", b"\xbf\x00", b"\xd9\x27\x10"):
        data = piece * 2000 + b"\x00"
        assert raises(Error, list, cbor.decode(PATH, data)).code == BAD_REQUEST, piece
    assert decoded(b"\x81" * 4 + b"\x00") == ()
    assert raises(Error, list, cbor.decode(PATH, b"\x81" * 5 + b"\x00")).code == BAD_REQUEST


def test_any_bytes_give_a_value_or_4_00():
    random = Random(60)
    for _ in range(3000):
        data = random.bytes(random.below(12))
        try:
            raw = decoded(data)
        except Error as error:
            assert error.code == BAD_REQUEST, data
            continue
        for kind in "sifbotluc":
            try:
                cbor.value(kind, raw)
            except Error as error:
                assert error.code == BAD_REQUEST, data


def test_lightweightm2m_1_1_int_211_cbor_read():
    sample = Sample()
    sample.list = {3: -1000}
    peer = Peer(sample)
    peer.register()
    for path, payload in (
        ("/20000/0/0", b"\x66sample"),
        ("/20000/0/1", b"\x01"),
        ("/20000/0/2", b"\xfa\x3f\x00\x00\x00"),
        ("/20000/0/3", b"\xf4"),
        ("/20000/0/4", b"\xc1\x00"),
        ("/20000/0/5", b"\x40"),
        ("/20000/0/6", b"\x6b65535:65535"),
        ("/20000/0/9/3", b"\x39\x03\xe7"),
    ):
        response = peer.get(path, CBOR)
        assert (response.code, response.payload) == (CONTENT, payload), path
        assert response.first(12) == bytes((CBOR,))
    for path in ("/20000", "/20000/0", "/20000/0/9"):
        assert peer.get(path, CBOR).code == NOT_ACCEPTABLE, path


def test_lightweightm2m_1_1_int_212_cbor_write():
    sample = Sample()
    sample.list = {3: 0}
    peer = Peer(sample)
    peer.register()
    for path, payload, name, value in (
        ("/20000/0/1", b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", "integer", -1 << 63),
        ("/20000/0/2", b"\xf9\x3e\x00", "number", 1.5),
        ("/20000/0/3", b"\xf5", "flag", True),
        ("/20000/0/4", b"\xc1\x1a\x51\x4b\x67\xb0", "time", 1363896240),
        ("/20000/0/5", b"\x42\x00\xff", "blob", b"\x00\xff"),
        ("/20000/0/6", b"\x633:0", "objlink", (3, 0)),
        ("/20000/0/7", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "unsigned", (1 << 64) - 1),
        ("/20000/0/8", b"\x62\xc3\xbc", "text", "\u00fc"),
        ("/20000/0/9/3", b"\x18\x64", "list", {3: 100}),
        ("/20000/0/16", b"\x64</1>", "corelink", "</1>"),
    ):
        assert peer.put(path, payload, CBOR).code == CHANGED, path
        assert getattr(sample, name) == value, path
    before = sample.values()
    for path, payload in (
        ("/20000/0/1", b"\x3b\x80\x00\x00\x00\x00\x00\x00\x00"),  # past 64 bits
        ("/20000/0/1", b"\x1b\x80\x00\x00\x00\x00\x00\x00\x00"),
        ("/20000/0/1", b"\x01\x02"),
        ("/20000/0/7", b"\x20"),
        ("/20000/0/2", b"\xf9\x7e\x00"),
        ("/20000/0/2", b"\xf9\x7c\x00"),
        ("/20000/0/300", b"\x02"),  # out of its limits
        ("/20000/0/9", b"\xf6"),  # null is not "no instances"
        ("/20000/0/9", b"\x80"),
        ("/20000/0/9", b"\x05"),
        ("/20000/0/9/3", b"\xf6"),
        ("/20000/0", b"\x05"),
    ):
        assert peer.put(path, payload, CBOR).code == BAD_REQUEST, (path, payload)
        assert sample.values() == before, (path, payload)


def test_registered():
    assert module(CBOR) is cbor
