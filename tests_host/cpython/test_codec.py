"""The codec and the endpoint against generated messages, aiocoap's codec and broken datagrams.

aiocoap takes token lengths 9 to 15 and a payload marker with nothing behind it, so it is asked
about well-formed messages only.
"""

import aiocoap
from aiocoap.numbers import OptionNumber
from aiocoap.optiontypes import OpaqueOption, StringOption
from helpers import FakeClock
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coap.endpoint import Endpoint
from coap.message import FormatError, Message

CON = EMPTY = 0  # the first message type, the first code
SIZE = 20000
EDGES = (0, 1, 12, 13, 14, 268, 269, 270, 1034)

thorough = settings(max_examples=10000, deadline=None, derandomize=True, database=None)
usual = settings(max_examples=2000, deadline=None, derandomize=True, database=None)

numbers = st.one_of(
    st.integers(0, 65535),
    st.integers(0, 60),
    st.sampled_from((0, 12, 13, 14, 268, 269, 270, 281, 282, 65534, 65535)),
)


@st.composite
def values(draw):
    """Option values: mostly short, now and then at an edge of the length forms."""
    value = draw(st.binary(max_size=20))
    if draw(st.integers(0, 9)) == 0:
        value = (value or b"v") * draw(st.sampled_from(EDGES[1:]))
        value = value[: draw(st.sampled_from(EDGES))]
    return value


@st.composite
def messages(draw):
    """The fields of a well-formed message; an Empty one is its header and nothing else."""
    mtype = draw(st.integers(0, 3))
    code = draw(st.one_of(st.integers(0, 255), st.sampled_from((0, 1, 2, 0x45, 0x84, 0xA3))))
    mid = draw(st.integers(0, 65535))
    if code == EMPTY:
        return mtype, code, mid, b"", [], b""
    token = draw(st.binary(max_size=8))
    options = draw(st.lists(st.tuples(numbers, values()), max_size=8))
    options.sort(key=lambda option: option[0])  # stable: repeated ones keep their order
    payload = draw(st.one_of(st.just(b""), st.binary(max_size=64)))
    return mtype, code, mid, token, options, payload


def encode(message):
    buffer = bytearray(SIZE)
    size = message.encode(buffer)
    assert len(buffer) == SIZE
    assert not any(buffer[size:])
    return bytes(buffer[:size])


def decode(data):
    """The message, or None where another version is ignored. Raises FormatError."""
    message = Message()
    return message if message.decode(data) else None


def fields(message):
    return (
        message.mtype,
        message.code,
        message.mid,
        message.token,
        message.options,
        message.payload,
    )


def legal(options):
    """The options with values of their format: text is ASCII, a uint has no leading zero.

    aiocoap turns the values of the options it knows into text and numbers and back.
    """
    out = []
    for number, value in options:
        kind = OptionNumber(number).format
        if kind is StringOption:
            out.append((number, value.hex()[: len(value)].encode()))
        elif kind is OpaqueOption:
            out.append((number, value))
        else:
            out.append((number, value.lstrip(b"\0")))
    return out


@thorough
@given(messages())
def test_round_trip_and_agreement_with_aiocoap(expected):
    assert fields(decode(encode(Message(*expected)))) == expected
    mtype, code, mid, token, options, payload = expected
    options = legal(options)
    data = encode(Message(mtype, code, mid, token, options, payload))
    # aiocoap reads what this codec writes
    peer = aiocoap.Message.decode(data)
    assert (int(peer.mtype), int(peer.code), peer.mid, peer.token) == (mtype, code, mid, token)
    assert peer.payload == payload
    assert [(int(option.number), option.encode()) for option in peer.opt.option_list()] == options
    # this codec reads what aiocoap writes, from the same fields and not from its copy
    peer = aiocoap.Message(
        _mtype=aiocoap.Type(mtype),
        code=aiocoap.Code(code),
        _mid=mid,
        _token=token,
        payload=payload,
    )
    for number, value in options:
        peer.opt.add_option(OpaqueOption(OptionNumber(number), value))
    assert peer.encode() == data  # each number has one form: the same bytes
    assert fields(decode(peer.encode())) == (mtype, code, mid, token, options, payload)


# Broken datagrams: a message or a FormatError, never anything else


def serve(data, busy, strange):
    """Gives the datagram to an endpoint and returns what it answered."""
    wire = []

    def handler(request, response):
        if strange:
            raise ValueError("a handler that fails on everything")
        response.code = 0x45
        response.options = [(12, b"\x28")]
        response.payload = request.payload

    endpoint = Endpoint(
        lambda out: wire.append(bytes(out)),
        handler,
        FakeClock(),
        lambda count: bytes(range(1, count + 1)),
        size=128,
    )
    if busy:
        endpoint.request(1, [(11, b"rd")], b"", lambda message: None)
        wire.clear()
    assert endpoint.receive(data) is None
    assert len(endpoint.buffer) == 128
    assert 0 <= endpoint.poll() <= 86400000
    return endpoint, wire


def check(data, busy, strange):
    endpoint, wire = serve(data, busy, strange)
    assert len(wire) <= 1
    for answer in wire:
        assert len(answer) <= 128
        assert decode(answer) is not None
    version = data[0] >> 6 if len(data) >= 4 else 1
    try:
        message = decode(data)
    except FormatError:
        assert endpoint.malformed == 1
        if len(data) >= 4 and data[0] >> 4 & 3 == CON:
            assert wire == [b"\x70\x00" + data[2:4]]
        else:
            assert wire == []
        return
    assert endpoint.malformed == 0
    if version != 1:
        assert message is None and wire == []
        return
    # What is no error means the same when written again, in the shortest form.
    assert fields(decode(encode(message))) == fields(message)
    if message.mtype == CON:
        assert len(wire) == 1 and wire[0][2:4] == data[2:4]
    elif message.mtype > 1:
        assert wire == []
    if not strange and not busy and len(message.payload) <= 100:
        assert endpoint.faults == 0


@thorough
@given(st.binary(max_size=64), st.booleans(), st.booleans())
@example(b"", False, False)
@example(b"\x40\x01\x00", False, False)
@example(b"\x40\x01\x00\x00" + b"\x00" * 3000, False, False)
@example(b"\x40\x02\x00\x00" + b"\xff" * 3000, False, False)
def test_random_bytes(data, busy, strange):
    check(data, busy, strange)


@usual
@given(st.binary(min_size=3, max_size=40), st.integers(0, 3), st.integers(0, 255))
def test_random_bytes_behind_a_plausible_header(data, mtype, code):
    check(bytes((0x40 | mtype << 4 | data[0] % 10, code)) + data[1:], False, False)


@usual
@given(messages(), st.booleans())
def test_every_truncation(expected, busy):
    data = encode(Message(*expected))
    sizes = range(len(data)) if len(data) < 100 else [*range(60), *range(60, len(data), 97)]
    for size in sizes:
        check(data[:size], busy, False)


@usual
@given(messages(), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=4))
def test_mutations(expected, changes):
    data = bytearray(encode(Message(*expected)))
    for at, flipped in changes:
        data[at % len(data)] ^= flipped
    check(bytes(data), False, False)


@usual
@given(
    messages(), st.integers(0, 1 << 16), st.binary(max_size=6), st.integers(0, 6), st.booleans()
)
def test_insertions_and_deletions(expected, at, inserted, deleted, busy):
    data = encode(Message(*expected))
    at %= len(data) + 1
    check(data[:at] + inserted + data[at + deleted :], busy, False)
