"""Requests at random and mutated ones: none harms the client."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peer import Peer, Sample, decode

from coap.numbers import ACK, CON, CREATED, NON, RST
from lwm2m.registration import REGISTERED

moderate = settings(
    max_examples=1500,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

READ_ONLY = ("name", "sensor", "probes", "absent")

ids = st.one_of(
    st.sampled_from([0, 1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 300, 20000, 65534, 65535]),
    st.integers(0, 70000),
)
segments = st.one_of(ids.map(lambda number: b"%d" % number), st.binary(max_size=8))
rids = st.sampled_from([b"%d" % row[0] for row in Sample.resources])
paths = st.one_of(
    st.tuples(st.just(b"20000"), st.just(b"0"), rids).map(list),
    st.tuples(st.just(b"20000"), st.just(b"0"), rids, st.just(b"0")).map(list),
    st.tuples(st.just(b"20000"), st.just(b"0"), segments).map(list),
    st.tuples(st.just(b"20000"), st.just(b"0"), st.just(b"9"), segments).map(list),
    st.tuples(st.sampled_from([b"1", b"20000"]), st.just(b"0")).map(list),
    st.lists(segments, max_size=6),
    st.just([]),  # the root, for composite operations
)
queries = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([b"pmin", b"pmax", b"gt", b"lt", b"st", b"x", b""]),
            st.sampled_from([b"=", b"=", b"=-", b"=.", b""]),
            st.integers(-5, 100).map(lambda number: b"%d" % number),
        ).map(b"".join),
        st.binary(max_size=12),
    ),
    max_size=3,
)


@st.composite
def tlv_payloads(draw, depth=0):
    """TLV that is right in most places."""
    data = b""
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([0x00, 0x40, 0x80, 0xC0, 0xC0, 0xC0]))
        number = draw(ids) & 0xFFFF
        if kind in (0x00, 0x80) and depth < 3:
            value = draw(tlv_payloads(depth + 1))
        else:
            value = draw(
                st.one_of(
                    st.binary(max_size=9),
                    st.sampled_from([b"\0", b"\1", b"\x3f\0\0\0", b"\x7f\xc0\0\0"]),
                )
            )
        data += bytes((kind | 0x30, number >> 8, number & 255, len(value) >> 8, len(value) & 255))
        data += value
    return data


formats = st.sampled_from(
    [b"", b"\x28", b"\x2a", b"\x2d\x16", b"\x3c", b"\x6e", b"\x70", b"\x01\x40", b"\x01\x42"]
)
packs = st.sampled_from(
    [
        b'[{"n":"/20000/0/1"},{"n":"/1/0"}]',
        b'[{"bn":"/20000/0/","n":"9"},{"n":"9/7"},{"n":"12"}]',
        b'[{"bn":"/20000/0/","n":"1","v":5},{"n":"9/7","v":-1},{"n":"8","vs":"x"}]',
        b'[{"n":"/1/0/2","v":5},{"n":"/20000/0/300","v":0.5}]',
        b"\x82\xa2\x21\x69/20000/0/\x00\x611\xa1\x00\x6212",
        b"\x82\xa3\x21\x69/20000/0/\x00\x611\x02\x18\x64\xa2\x00\x613\x04\xf5",
    ]
)
payloads = st.one_of(
    st.binary(max_size=40),
    tlv_payloads(),
    packs,
    st.sampled_from([b"", b"1", b"0.5", b"-1", b"nan", b"1e999", b"3:0", b"text", b"AQ=="]),
)


def option(number, last, value):
    delta = number - last
    head = delta if delta < 13 else 13
    size = len(value) if len(value) < 13 else 13
    data = bytes((head << 4 | size,))
    if head == 13:
        data += bytes((delta - 13,))
    if size == 13:
        data += bytes((len(value) - 13,))
    return data + value


@st.composite
def requests(draw):
    token = draw(st.binary(max_size=8))
    mtype = draw(st.sampled_from([CON, CON, NON]))
    code = draw(st.sampled_from([1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8]))
    data = bytes((0x40 | mtype << 4 | len(token), code)) + draw(st.binary(min_size=2, max_size=2))
    data += token
    options = []
    if draw(st.integers(0, 5)) == 0:
        options.append((6, draw(st.sampled_from([b"", b"\1", b"\2", b"\0\0\0\0"]))))
    options += [(11, segment) for segment in draw(paths)]
    if draw(st.booleans()):
        options.append((12, draw(formats)))
    if draw(st.integers(0, 2)) == 0:
        options += [(15, query) for query in draw(queries)]
    if draw(st.integers(0, 3)) == 0:
        options.append((17, draw(formats)))
    last = 0
    for number, value in options:
        data += option(number, last, value)
        last = number
    payload = draw(payloads)
    return data + (b"\xff" + payload if payload else b"")


@st.composite
def mutated(draw):
    data = bytearray(draw(requests()))
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.integers(0, len(data) - 1))
        deed = draw(st.integers(0, 2))
        if deed == 0:
            data[where] ^= 1 << draw(st.integers(0, 7))
        elif deed == 1:
            data[where:where] = draw(st.binary(min_size=1, max_size=3))
        elif len(data) > 1:
            del data[where]
    return bytes(data)


def rig():
    sample = Sample()
    sample.list = {0: 1, 7: 70}
    sample.absent = None
    peer = Peer(sample)
    peer.register()
    return peer, sample


def state(peer, sample):
    """All that a request may change."""
    return (
        sample.values(),
        list(sample.executed),
        [getattr(peer.server, row[3]) for row in peer.server.resources if row[1] != "E"],
        peer.server.asked,
        {path: dict(found) for path, found in peer.session.attributes.items()},
    )


def count(peer):
    observations = peer.session.observations
    return len(observations.all) if observations else 0


def check(datagrams):
    peer, sample = rig()
    read_only = [getattr(sample, name) for name in READ_ONLY]
    instances = list(peer.table.instances)
    for data in datagrams:
        before = state(peer, sample)
        observed = count(peer)
        peer.session.receive(data)
        answers, peer.sent[:] = list(peer.sent), []
        assert len(answers) <= 1
        after = state(peer, sample)
        if not answers:
            # Nothing is answered to nonsense, and to a NON with an unknown critical option.
            assert after == before
            continue
        answer = decode(answers[0])
        if answer.code == 0:
            assert answer.mtype == RST and after == before
            continue
        assert answer.mtype == (ACK if data[0] & 0x30 == 0 else NON)
        assert answer.code != CREATED and answer.code >> 5 in (2, 4, 5)
        assert answer.token == data[4 : 4 + (data[0] & 15)]
        if answer.code >> 5 != 2:
            assert after == before, answer.code
            assert count(peer) <= observed
        elif answer.code == 0x45:
            assert after == before
    assert [getattr(sample, name) for name in READ_ONLY] == read_only
    assert peer.table.instances == instances
    assert peer.session.endpoint.faults == 0, peer.logged
    assert peer.registration.state == REGISTERED
    # It still works, and what was observed can still be told.
    assert peer.get("/20000/0/0", token=b"end", mid=0x9999).payload == b"sample"
    for row in sample.resources:
        sample.changed(row[0])
    peer.run(100000, peer.serve)
    assert peer.session.endpoint.faults == 0, peer.logged


@moderate
@given(st.lists(requests(), min_size=1, max_size=4))
def test_requests_at_random(datagrams):
    check(datagrams)


@moderate
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_mutated_requests(datagrams):
    check(datagrams)


@settings(moderate, max_examples=500)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6))
def test_any_bytes(datagrams):
    check(datagrams)


@settings(moderate, max_examples=500)
@given(requests(), st.integers(0, 3))
def test_a_request_before_the_registration_changes_nothing(data, step):
    sample = Sample()
    peer = Peer(sample)
    if step:
        peer.registration.start()
    if step > 1:
        peer.client.poll()
        (register,) = peer.take()
    if step > 2:
        peer.answer(register, 0x80)
    before = state(peer, sample)
    peer.session.receive(data)
    for answer in peer.take():  # 4.02 and 5.05 come from CoAP itself
        assert answer.code in (0, 0x82, 0xA5)
    assert state(peer, sample) == before and peer.session.endpoint.faults == 0
