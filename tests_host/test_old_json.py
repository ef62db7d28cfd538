"""The JSON of LwM2M 1.0 (TS 1.0.2 section 6.4.4)."""

from helpers import raises
from peer import Peer, Random, Sample, content_format

from coap.message import Error
from lwm2m.formats import module, old_json

OLD_JSON = 11543
CHANGED, CONTENT, BAD_REQUEST, SERVICE_UNAVAILABLE = 0x44, 0x45, 0x80, 0xA3
BASE = (20000, 0)

# base, records, payload
PAYLOADS = (
    (
        (3303, 0),
        (((3303, 0, 5700), "f", 21.5), ((3303, 0, 5701), "s", "Cel")),
        b'{"bn":"/3303/0/","e":[{"n":"5700","v":21.5},{"n":"5701","sv":"Cel"}]}',
    ),
    (
        (3303, 0, 5700),
        (((3303, 0, 5700), "f", 21.5),),
        b'{"bn":"/3303/0/5700","e":[{"n":"","v":21.5}]}',
    ),
    (
        (3303,),
        (((3303, 0, 5700), "f", 0.25), ((3303, 1, 5700), "f", 0.5)),
        b'{"bn":"/3303/","e":[{"n":"0/5700","v":0.25},{"n":"1/5700","v":0.5}]}',
    ),
    (
        (3, 0, 7),
        (((3, 0, 7, 0), "i[]", 3800), ((3, 0, 7, 1), "i[]", 5000)),
        b'{"bn":"/3/0/7/","e":[{"n":"0","v":3800},{"n":"1","v":5000}]}',
    ),
    ((3303, 0), (), b'{"e":[]}'),
    (
        BASE,
        (
            ((20000, 0, 1), "i", -9223372036854775808),
            ((20000, 0, 3), "b", False),
            ((20000, 0, 4), "t", 1367491215),
            ((20000, 0, 5), "o", b"\xff\xef\x01\x02"),
            ((20000, 0, 6), "l", (66, 1)),
            ((20000, 0, 7), "u", 18446744073709551615),
            ((20000, 0, 14, 5), "s[]", 'a"b'),
            ((20000, 0, 16), "c", "</1>"),
        ),
        b'{"bn":"/20000/0/","e":[{"n":"1","v":-9223372036854775808},{"n":"3","bv":false},'
        b'{"n":"4","v":1367491215},{"n":"5","sv":"/+8BAg=="},{"n":"6","ov":"66:1"},'
        b'{"n":"7","v":18446744073709551615},{"n":"14/5","sv":"a\\"b"},{"n":"16","sv":"</1>"}]}',
    ),
)


def refused(base, payload):
    for data in (payload, memoryview(payload)):
        error = raises(Error, list, old_json.decode(base, data))
        assert error.code == BAD_REQUEST, payload


def value_of(kind, field):
    ((_, raw),) = old_json.decode(BASE, b'{"bn":"/20000/0/","e":[{"n":"1",%s}]}' % field)
    return old_json.value(kind, raw)


def test_payloads():
    for base, records, data in PAYLOADS:
        assert old_json.encode(base, records) == data, (base, old_json.encode(base, records))
        for payload in (data, memoryview(data)):
            found = list(old_json.decode(base, payload))
            assert [path for path, _ in found] == [record[0] for record in records]
            for at, (path, kind, value) in enumerate(records):
                back = old_json.value(kind, found[at][1])
                assert back == value and type(back) is type(value), (path, back)


def test_no_infinities():
    for value in (float("inf"), float("nan")):
        error = raises(Error, old_json.encode, BASE, ((BASE + (2,), "f", value),))
        assert error.code == SERVICE_UNAVAILABLE


def test_names():
    for base, payload, path in (
        ((3, 0), b'{"bn":"/3/0/","e":[{"n":"1","v":5}]}', (3, 0, 1)),
        ((3, 0), b'{"bn":"/3/0","e":[{"n":"1","v":5}]}', (3, 0, 1)),
        ((3, 0), b'{"bn":"/","e":[{"n":"3/0/1","v":5}]}', (3, 0, 1)),
        ((3, 0), b'{"e":[{"n":"/3/0/1","v":5}]}', (3, 0, 1)),
        ((3, 0), b'{"e":[{"n":"1","v":5}]}', (3, 0, 1)),  # relative to the request
        ((3, 0, 1), b'{"bn":"/3/0/1","e":[{"n":"","v":5}]}', (3, 0, 1)),
        ((3, 0, 1), b'{"bn":"/3/0/1","e":[{"v":5}]}', (3, 0, 1)),
        ((3, 0, 1), b'{"e":[{"v":5}]}', (3, 0, 1)),
        ((3, 0, 7), b'{"bn":"/3/0/7/","e":[{"n":"2","v":5}]}', (3, 0, 7, 2)),
        ((3, 0), b'{"bt":25462634,"x":{},"e":[{"n":"1","v":5,"t":-5,"x":[1]}]}', (3, 0, 1)),
    ):
        ((found, raw),) = old_json.decode(base, payload)
        assert found == path and old_json.value("i", raw) == 5, payload
    for base, payload in (
        ((3, 0), b'{"bn":"/3/1/","e":[{"n":"1","v":5}]}'),
        ((3, 0), b'{"e":[{"n":"/3/1/1","v":5}]}'),
        ((3, 0), b'{"e":[{"v":5}]}'),
        ((3, 0, 1), b'{"bn":"/3/0/2","e":[{"n":"","v":5}]}'),
        ((3, 0), b'{"bn":3,"e":[{"n":"1","v":5}]}'),
        ((3, 0), b'{"bn":null,"e":[{"n":"1","v":5}]}'),
        ((3, 0), b'{"e":[{"n":1,"v":5}]}'),
        ((3, 0), b'{"e":[{"n":"01","v":5}]}'),
    ):
        refused(base, payload)


def test_payloads_that_are_none_are_4_00():
    for payload in (
        b"",
        b"{}",
        b"[]",
        b"null",
        b"5",
        b'"e"',
        b'{"bn":"/3/0/"}',
        b'{"e":{}}',
        b'{"e":5}',
        b'{"e":null}',
        b'{"e":"text"}',
        b'{"e":[5]}',
        b'{"e":[[]]}',
        b'{"e":["n"]}',
        b'{"e":[{"n":"1"}]}',
        b'{"e":[{"n":"1","v":5,"sv":"5"}]}',
        b'[{"bn":"/3/0/","n":"1","v":5}]',
        b'{"e":[{"n":"1","v":5}]}}',
        b"\xff",
        b'{"e":' * 1000 + b"[]" + b"}" * 1000,
        b'{"e":[' * 1000,
    ):
        refused((3, 0), payload)


def test_values_of_other_types_are_4_00():
    for kind, field, value in (
        ("i", b'"v":5.0', 5),
        ("f", b'"v":5', 5.0),
        ("l", b'"sv":"3:0"', (3, 0)),
        ("o", b'"sv":"_-8"', b"\xff\xef"),  # the alphabet of SenML
    ):
        assert value_of(kind, field) == value
    for kind, field in (
        ("i", b'"sv":"5"'),
        ("i", b'"bv":true'),
        ("i", b'"v":true'),
        ("i", b'"v":1.5'),
        ("i", b'"v":null'),
        ("f", b'"v":"1.5"'),
        ("b", b'"v":1'),
        ("b", b'"bv":1'),
        ("b", b'"bv":"true"'),
        ("s", b'"v":5'),
        ("s", b'"sv":5'),
        ("s", b'"ov":"3:0"'),
        ("o", b'"sv":"@@"'),
        ("o", b'"sv":5'),
        ("o", b'"ov":"AQ=="'),
        ("l", b'"ov":"3"'),
        ("l", b'"ov":5'),
        ("l", b'"v":5'),
    ):
        assert raises(Error, value_of, kind, field).code == BAD_REQUEST, (kind, field)


def test_cut_off_or_damaged_is_4_00():
    for base, _, data in PAYLOADS:
        for end in range(len(data)):
            refused(base, data[:end])
    random = Random(11543)
    for base, _, data in PAYLOADS:
        for _ in range(300):
            damaged = bytearray(data)
            damaged[random.below(len(data))] = random.below(256)
            try:
                for path, raw in old_json.decode(base, bytes(damaged)):
                    assert path[: len(base)] == base and 3 <= len(path) <= 4
                    for kind in "sifbotluc":
                        try:
                            old_json.value(kind, raw)
                        except Error as error:
                            assert error.code == BAD_REQUEST
            except Error as error:
                assert error.code == BAD_REQUEST


def test_lightweightm2m_1_0_int_204_220_json_read_and_write():
    sample = Sample()
    peer = Peer(sample)
    peer.register()
    response = peer.get("/20000/0/2", OLD_JSON)
    assert response.code == CONTENT and content_format(response) == OLD_JSON
    assert response.payload == b'{"bn":"/20000/0/2","e":[{"n":"","v":0.5}]}'
    assert peer.get("/20000/0", OLD_JSON).code == CONTENT
    payload = b'{"bn":"/20000/0/","e":[{"n":"1","v":7},{"n":"5","sv":"AQ=="},{"n":"9/2","v":3}]}'
    assert peer.post("/20000/0", payload, OLD_JSON).code == CHANGED
    assert (sample.integer, sample.blob, sample.list) == (7, b"\x01", {2: 3})
    payload = b'{"bn":"/20000/0/1","e":[{"n":"","v":8}]}'
    assert peer.put("/20000/0/1", payload, OLD_JSON).code == CHANGED
    assert sample.integer == 8
    before = sample.values()
    for payload in (
        b'{"bn":"/20000/0/","e":[{"n":"1","v":9},{"n":"1","v":10}]}',
        b'{"bn":"/20000/0/","e":[{"n":"1","v":9},{"n":"3","bv":5}]}',
        b'{"bn":"/20000/0/","e":[{"n":"1","v":9},{"n":"9"}]}',
    ):
        assert peer.put("/20000/0", payload, OLD_JSON).code == BAD_REQUEST
        assert sample.values() == before


def test_registered():
    assert module(OLD_JSON) is old_json
