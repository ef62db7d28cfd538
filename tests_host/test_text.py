"""text/plain and application/octet-stream: one value (TS 1.1.1 Core sections 7.4.1, 7.4.2)."""

from helpers import raises

from coap.message import Error
from coap.numbers import LINK, OPAQUE, TEXT, TLV
from lwm2m.formats import module, opaque, preferred, text

PATH = (20000, 0, 1)

# type, value, characters
EXACT = (
    ("s", "", b""),
    ("s", "Temp \u00b0C", b"Temp \xc2\xb0C"),
    ("c", "</3/0>;pmin=1", b"</3/0>;pmin=1"),
    ("i", 0, b"0"),
    ("i", -1, b"-1"),
    ("i", 127, b"127"),
    ("i", -129, b"-129"),
    ("i", 2147483648, b"2147483648"),
    ("i", 9223372036854775807, b"9223372036854775807"),
    ("i", -9223372036854775808, b"-9223372036854775808"),
    ("u", 18446744073709551615, b"18446744073709551615"),
    ("t", 1367491215, b"1367491215"),
    ("f", 0.5, b"0.5"),
    ("f", -25.25, b"-25.25"),
    ("b", True, b"1"),
    ("b", False, b"0"),
    ("o", b"", b""),
    ("o", b"\x00\xff\x10", b"AP8Q"),
    ("o", b"\x01", b"AQ=="),
    ("l", (3, 0), b"3:0"),
    ("l", (65535, 65535), b"65535:65535"),
)

# type, characters, value: other spellings that are understood
ALSO = (
    ("i", b"+5", 5),
    ("i", b"007", 7),
    ("f", b"1", 1.0),
    ("f", b"1.", 1.0),
    ("f", b".5", 0.5),
    ("f", b"+1.5", 1.5),
    ("f", b"-.5", -0.5),
    ("f", b"25e-2", 0.25),
    ("f", b"1E2", 100.0),
)

WRONG = (
    ("s", b"\xff"),
    ("s", b"\xc3"),
    ("c", b"\x80"),
    ("i", b""),
    ("i", b"-"),
    ("i", b"1.0"),
    ("i", b"1e3"),
    ("i", b" 1"),
    ("i", b"1 "),
    ("i", b"1\n"),
    ("i", b"1_000"),
    ("i", b"0x10"),
    ("i", b"--1"),
    ("i", b"+-1"),
    ("i", b"\xd9\xa1"),  # a digit, but an Arabic one
    ("i", b"\xff"),
    ("i", b"1" * 21),
    ("t", b"now"),
    ("u", b"1,5"),
    ("f", b""),
    ("f", b"."),
    ("f", b"-"),
    ("f", b"+."),
    ("f", b"e5"),
    ("f", b".e1"),
    ("f", b"1e"),
    ("f", b"1e+"),
    ("f", b"nan"),
    ("f", b"inf"),
    ("f", b"-inf"),
    ("f", b"Infinity"),
    ("f", b"1,5"),
    ("f", b"1_0"),
    ("f", b" 1.0"),
    ("f", b"1.0 "),
    ("f", b"1.2.3"),
    ("f", b"1-2"),
    ("f", b"0x1p3"),
    ("f", b"1j"),
    ("b", b""),
    ("b", b"2"),
    ("b", b"true"),
    ("b", b"01"),
    ("b", b"0 "),
    ("o", b"AQ"),
    ("o", b"A"),
    ("o", b"AQI"),
    ("o", b"@@@@"),
    ("o", b"AQ==AQ=="),
    ("o", b"A\nQ=="),
    ("o", b"AQ==\n"),
    ("o", b"\xff\xff\xff\xff"),
    ("l", b""),
    ("l", b"3"),
    ("l", b"3:"),
    ("l", b":0"),
    ("l", b"3:0:1"),
    ("l", b"3,0"),
    ("l", b"a:b"),
)


def test_values_as_characters_and_back():
    for kind, value, characters in EXACT:
        assert text.encode(PATH, ((PATH, kind, value),)) == characters, (kind, value)
        ((path, raw),) = text.decode(PATH, characters)
        assert path == PATH
        back = text.value(kind, raw)
        assert back == value and isinstance(back, type(value)), (kind, value, back)


def test_other_spellings():
    for kind, characters, value in ALSO:
        back = text.value(kind, characters)
        assert back == value and isinstance(back, type(value)), (kind, characters, back)


def test_wrong_spellings_are_4_00():
    for kind, characters in WRONG:
        try:
            value = text.value(kind, characters)
        except Error as error:
            assert error.code == 0x80, (kind, characters)
        else:
            raise AssertionError((kind, characters, value))


def test_an_instance_of_a_multiple_resource_has_the_type_of_its_elements():
    at = (3, 0, 11, 2)
    assert text.encode(at, ((at, "i[]", 8),)) == b"8"
    assert text.value("i[]", b"8") == 8
    assert text.value("b[]", b"1") is True
    assert opaque.value("o[]", b"\x01") == b"\x01"


def test_a_value_beyond_the_range_of_floats_is_infinite_and_left_to_the_write():
    for characters in (b"1e999", b"-1e999"):
        value = text.value("f", characters)
        assert value - value != 0


def test_opaque_is_the_bytes_themselves():
    for value in (b"", b"\x00\xff", b"text", bytes(range(256))):
        assert opaque.encode(PATH, ((PATH, "o", value),)) == value
        ((path, raw),) = opaque.decode(PATH, value)
        assert path == PATH and opaque.value("o", raw) == value


def test_opaque_is_for_opaque_resources_only():
    for kind in "sifbtluc":
        assert raises(Error, opaque.value, kind, b"1").code == 0x80
        assert raises(Error, opaque.encode, PATH, ((PATH, kind, "1"),)).code == 0x86


def test_formats_by_number():
    assert module(TEXT) is text and module(OPAQUE) is opaque
    for number in (LINK, 1, 41, 50, 61, 111, 113, 11544, 65535, -1):
        assert module(number) is None
    old = "1.0"
    assert preferred("f", True, old) == TEXT and preferred("o", True, old) == OPAQUE
    assert preferred("o[]", True, old) == OPAQUE
    assert preferred("f[]", False, old) == TLV and preferred("", False, old) == TLV
    for kind in ("f", "o", "f[]", ""):
        assert preferred(kind, kind != "", "1.1") == 112
