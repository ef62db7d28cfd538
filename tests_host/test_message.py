"""The CoAP codec against RFC 7252: vectors byte by byte, every length form, every format error."""

from helpers import raises

from coap.message import FormatError, Message, dotted, uint, uint_bytes
from coap.numbers import ACK, CON, CONTENT, GET, NON, RST


def encode(message):
    buffer = bytearray(70000)
    return bytes(buffer[: message.encode(buffer)])


def decode(data):
    message = Message()
    assert message.decode(data)
    return message


def fields(message):
    return (
        message.mtype,
        message.code,
        message.mid,
        bytes(message.token),
        [(number, bytes(value)) for number, value in message.options],
        bytes(message.payload),
    )


# RFC 7252 appendix A, with the bytes as printed there
VECTORS = (
    # figure 16: CON GET /temperature, mid 0x7d34
    (
        b"\x40\x01\x7d\x34\xbbtemperature",
        (CON, GET, 0x7D34, b"", [(11, b"temperature")], b""),
    ),
    # figure 16: its piggy-backed 2.05 "22.3 C"
    (b"\x60\x45\x7d\x34\xff22.3 C", (ACK, CONTENT, 0x7D34, b"", [], b"22.3 C")),
    # figure 17: the same with token 0x20
    (
        b"\x41\x01\x7d\x35\x20\xbbtemperature",
        (CON, GET, 0x7D35, b"\x20", [(11, b"temperature")], b""),
    ),
    # figure 21: a NON response with a token
    (b"\x51\x45\xd7\xdb\x20\xff22.3 C", (NON, CONTENT, 0xD7DB, b"\x20", [], b"22.3 C")),
    # an empty RST
    (b"\x70\x00\x7d\x34", (RST, 0, 0x7D34, b"", [], b"")),
    # Observe 0 is an empty option; Uri-Path repeats with delta 0
    (
        b"\x44\x01\x00\x01tokn\x60\x543303\x010\x045700",
        (
            CON,
            GET,
            1,
            b"tokn",
            [(6, b""), (11, b"3303"), (11, b"0"), (11, b"5700")],
            b"",
        ),
    ),
)


def test_vectors_of_the_rfc():
    for data, expected in VECTORS:
        assert fields(decode(data)) == expected
        mtype, code, mid, token, options, payload = expected
        assert encode(Message(mtype, code, mid, token, options, payload)) == data


def test_every_length_form_of_an_option():
    for number in (1, 12, 13, 14, 268, 269, 270, 65535):
        for length in (0, 1, 12, 13, 14, 268, 269, 270, 1034, 65000):
            options = [(number, b"v" * length)]
            data = encode(Message(CON, GET, 7, b"t", options, b"p"))
            assert fields(decode(data)) == (CON, GET, 7, b"t", options, b"p")


def test_length_forms_byte_by_byte():
    for length, head in (
        (12, b"\x1c"),
        (13, b"\x1d\x00"),
        (268, b"\x1d\xff"),
        (269, b"\x1e\x00\x00"),
        (300, b"\x1e\x00\x1f"),
    ):
        data = encode(Message(CON, GET, 0, b"", [(1, b"v" * length)], b""))
        assert data[4 : 4 + len(head)] == head
    # a delta of 269 and a length of 13 together
    data = encode(Message(CON, GET, 0, b"", [(269, b"v" * 13)], b""))
    assert data[4:8] == b"\xed\x00\x00\x00"


def test_longer_form_than_needed_is_no_error_of_ours():
    # Only the shortest form can express each number, so every form decodes to one meaning.
    assert fields(decode(b"\x40\x01\x00\x00\xd1\x00x"))[4] == [(13, b"x")]


FORMAT_ERRORS = (
    b"",
    b"\x40",
    b"\x40\x01\x00",
    b"\x49\x01\x00\x01123456789",  # token length 9
    b"\x4f\x01\x00\x01123456789012345",  # token length 15
    b"\x44\x01\x00\x01tok",  # token cut off
    b"\x40\x00\x00\x01\xff",  # an Empty message with something behind its header
    b"\x41\x00\x00\x01t",  # an Empty message with a token
    b"\x40\x01\x00\x01\xff",  # a marker without a payload
    b"\x40\x01\x00\x01\xb5abc",  # value cut off
    b"\x40\x01\x00\x01\xf1\x00x",  # delta nibble 15 that is no marker
    b"\x40\x01\x00\x01\x1f\x00x",  # length nibble 15
    b"\x40\x01\x00\x01\xd1",  # extended delta cut off
    b"\x40\x01\x00\x01\xe1\x00",
    b"\x40\x01\x00\x01\x1d",  # extended length cut off
    b"\x40\x01\x00\x01\x1e\x00",
    b"\x40\x01\x00\x01\xe0\xff\xff",  # option number past 65535
)


def test_format_errors():
    for data in FORMAT_ERRORS:
        raises(FormatError, decode, data)


def test_other_versions_are_told_apart():
    for data in (b"\x00\x01\x00\x01", b"\x80\x01\x00\x01", b"\xc0\x01\x00\x01"):
        assert Message().decode(data) == 0


def test_every_truncation_decodes_or_is_a_format_error():
    data = encode(
        Message(CON, GET, 1, b"tokn", [(6, b""), (11, b"a" * 13), (300, b"b" * 300)], b"pay")
    )
    for size in range(len(data)):
        try:
            decode(data[:size])
        except FormatError:
            pass


def test_encode_leaves_the_message_alone():
    message = Message(CON, GET, 1, b"t", [(11, b"rd"), (12, b"\x28")], b"x")
    before = fields(message)
    assert encode(message) == encode(message)
    assert fields(message) == before


def test_encode_refuses_what_does_not_fit():
    message = Message(CON, GET, 1, b"t", [(11, b"x" * 40)], b"")
    raises(ValueError, message.encode, bytearray(30))
    message = Message(CON, GET, 1, b"t", [], b"x" * 40)
    raises(ValueError, message.encode, bytearray(30))
    assert len(bytearray(30)) == 30
    raises(ValueError, encode, Message(CON, GET, 1, b"", [(12, b""), (11, b"")], b""))


def test_a_buffer_of_exactly_the_right_size_is_kept():
    message = Message(CON, GET, 1, b"t", [], b"x" * 24)
    buffer = bytearray(30)
    assert message.encode(buffer) == 30
    assert len(buffer) == 30


def test_uint_options():
    for number, data in ((0, b""), (1, b"\x01"), (255, b"\xff"), (256, b"\x01\x00")):
        assert uint_bytes(number) == data
        assert uint(data) == number
    assert uint_bytes(11542) == b"\x2d\x16"
    assert uint(b"\x00\x00\x07") == 7  # leading zeros are to be accepted (section 3.2)


def test_codes_as_the_rfc_writes_them():
    assert dotted(0x45) == "2.05"
    assert dotted(0x84) == "4.04"
    assert dotted(0xA3) == "5.03"


def test_options_by_number():
    message = decode(VECTORS[5][0])
    assert bytes(message.first(6)) == b""
    assert message.first(17) is None
    assert [bytes(v) for v in message.all(11)] == [b"3303", b"0", b"5700"]
