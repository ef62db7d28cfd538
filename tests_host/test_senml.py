"""SenML in JSON and in CBOR (RFC 8428, TS 1.1.1 Core section 7.4): the same packs in both."""

import json

from helpers import raises
from peer import Peer, Random, Sample, content_format

from coap.message import Error
from lwm2m import formats
from lwm2m.formats import senml_cbor, senml_encoder, senml_json

JSON, CBOR = 110, 112
CHANGED, CONTENT, BAD_REQUEST, NOT_FOUND = 0x44, 0x45, 0x80, 0x84
METHOD_NOT_ALLOWED, SERVICE_UNAVAILABLE = 0x85, 0xA3

# base, records, JSON, CBOR
PACKS = (
    (
        (3303, 0, 5700),
        (((3303, 0, 5700), "f", 21.5),),
        b'[{"bn":"/3303/0/5700","v":21.5}]',
        b"\x81"  # an array of one record
        b"\xa2"  # a map of two fields
        b"\x21\x6c/3303/0/5700"  # -2: base name
        b"\x02\xfa\x41\xac\x00\x00",  # 2: value
    ),
    (
        (3303, 0),
        (
            ((3303, 0, 5601), "f", -40.0),
            ((3303, 0, 5700), "f", 21.5),
            ((3303, 0, 5701), "s", "Cel"),
        ),
        b'[{"bn":"/3303/0/","n":"5601","v":-40.0},{"n":"5700","v":21.5},{"n":"5701","vs":"Cel"}]',
        b"\x83"
        b"\xa3\x21\x68/3303/0/\x00\x645601\x02\xfa\xc2\x20\x00\x00"
        b"\xa2\x00\x645700\x02\xfa\x41\xac\x00\x00"
        b"\xa2\x00\x645701\x03\x63Cel",  # 3: string value
    ),
    (
        (3303,),
        (((3303, 0, 5700), "f", 0.25), ((3303, 1, 5700), "f", 0.5)),
        b'[{"bn":"/3303/","n":"0/5700","v":0.25},{"n":"1/5700","v":0.5}]',
        b"\x82"
        b"\xa3\x21\x66/3303/\x00\x660/5700\x02\xfa\x3e\x80\x00\x00"
        b"\xa2\x00\x661/5700\x02\xfa\x3f\x00\x00\x00",
    ),
    (
        (3, 0, 7),
        (((3, 0, 7, 0), "i[]", 3800), ((3, 0, 7, 1), "i[]", 5000)),
        b'[{"bn":"/3/0/7/","n":"0","v":3800},{"n":"1","v":5000}]',
        b"\x82\xa3\x21\x67/3/0/7/\x00\x610\x02\x19\x0e\xd8\xa2\x00\x611\x02\x19\x13\x88",
    ),
    (
        (3, 0, 7, 1),
        (((3, 0, 7, 1), "i[]", 5000),),
        b'[{"bn":"/3/0/7/1","v":5000}]',
        b"\x81\xa2\x21\x68/3/0/7/1\x02\x19\x13\x88",
    ),
    (
        (),  # a composite operation
        (((1, 0, 1), "i", 86400), ((3, 0, 16), "s", "U")),
        b'[{"bn":"/","n":"1/0/1","v":86400},{"n":"3/0/16","vs":"U"}]',
        b"\x82\xa3\x21\x61/\x00\x651/0/1\x02\x1a\x00\x01\x51\x80\xa2\x00\x663/0/16\x03\x61U",
    ),
    ((3303, 0), (), b"[]", b"\x80"),
    (
        (20000, 0),
        (
            ((20000, 0, 1), "i", -1),
            ((20000, 0, 3), "b", True),
            ((20000, 0, 4), "t", 1367491215),
            ((20000, 0, 5), "o", b"\xff\xef\x01\x02"),
            ((20000, 0, 6), "l", (66, 1)),
            ((20000, 0, 7), "u", 18446744073709551615),
            ((20000, 0, 16), "c", '</1>;x="1"'),
        ),
        b'[{"bn":"/20000/0/","n":"1","v":-1},{"n":"3","vb":true},{"n":"4","v":1367491215},'
        b'{"n":"5","vd":"_-8BAg"},{"n":"6","vlo":"66:1"},{"n":"7","v":18446744073709551615},'
        b'{"n":"16","vs":"</1>;x=\\"1\\""}]',
        b"\x87"
        b"\xa3\x21\x69/20000/0/\x00\x611\x02\x20"
        b"\xa2\x00\x613\x04\xf5"  # 4: boolean value
        b"\xa2\x00\x614\x02\x1a\x51\x82\x42\x8f"
        b"\xa2\x00\x615\x08\x44\xff\xef\x01\x02"  # 8: data value
        b"\xa2\x00\x616\x63vlo\x6466:1"
        b"\xa2\x00\x617\x02\x1b\xff\xff\xff\xff\xff\xff\xff\xff"
        b'\xa2\x00\x6216\x03\x6a</1>;x="1"',
    ),
)

BASE = (20000, 0)


def cbor_of(thing):
    """CBOR of dictionaries and lists, with the short labels of SenML."""
    if isinstance(thing, list):
        data = senml_encoder.head(0x80, len(thing))
        for each in thing:
            data += cbor_of(each)
        return data
    if isinstance(thing, dict):
        labels = {"bver": -1, "bn": -2, "bt": -3, "bv": -5, "n": 0, "u": 1, "v": 2}
        labels.update({"vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8})
        data = senml_encoder.head(0xA0, len(thing))
        for key in thing:
            data += cbor_of(labels.get(key, key)) + cbor_of(thing[key])
        return data
    if thing is None:
        return b"\xf6"
    for type_, kind in ((bool, "b"), (int, "i"), (float, "f"), (bytes, "o"), (str, "s")):
        if isinstance(thing, type_):
            return senml_encoder.encode_value(kind, thing)
    raise ValueError


def both(pack):
    """(module, payload) of the pack in both formats."""
    return (
        (senml_json, json.dumps(pack).encode()),
        (senml_cbor, cbor_of(pack)),
    )


def numbered(pack):
    """(content format, payload) of the pack in both formats."""
    return (JSON, json.dumps(pack).encode()), (CBOR, cbor_of(pack))


def refused(module, base, payload):
    for data in (payload, memoryview(payload)):
        error = raises(Error, list, module.decode(base, data))
        assert error.code == BAD_REQUEST, (module, base, payload)


def paths(module, base, payload):
    return [path for path, _ in module.decode(base, payload)]


def test_packs_in_both_formats():
    for base, records, as_json, as_cbor in PACKS:
        for module, data in ((senml_json, as_json), (senml_cbor, as_cbor)):
            assert module.encode(base, records) == data, (base, module.encode(base, records))
            for payload in (data, memoryview(data)):
                found = list(module.decode(base, payload))
                assert [path for path, _ in found] == [record[0] for record in records]
                for at, (path, kind, value) in enumerate(records):
                    back = module.value(kind, found[at][1])
                    assert back == value and type(back) is type(value), (path, back)


def test_strings_in_both_formats():
    for text in (
        "",
        "\u00e9",
        "\u6c34 \U0001f600",
        "\u0000\u0001\t\n\r\x1f\x7f",
        '"\\/',
        "\ud7ff\uac00",  # beside the halves of large characters
        "[{]}" * 20,
        '\\"[{' * 20,
    ):
        for module in (senml_json, senml_cbor):
            path = BASE + (8,)
            data = module.encode(BASE, ((path, "s", text),))
            ((found, raw),) = module.decode(BASE, data)
            assert found == path and module.value("s", raw) == text, text


def test_floats_in_both_formats():
    random = Random(8428)
    values = [0.1, -0.1, 1e22, 1e-7, 123456.7, 1e30, 16777217.0]
    values += [random.below(1 << 22) / (1 << random.below(20)) for _ in range(100)]
    for value in values:
        for module in (senml_json, senml_cbor):
            path = BASE + (2,)
            data = module.encode(BASE, ((path, "f", value),))
            ((_, raw),) = module.decode(BASE, data)
            back = module.value("f", raw)
            assert isinstance(back, float) and abs(back - value) <= 1e-15 * abs(value), value


def test_json_has_no_infinities():
    for value in (float("inf"), float("-inf"), float("nan")):
        error = raises(Error, senml_json.encode, BASE, ((BASE + (2,), "f", value),))
        assert error.code == SERVICE_UNAVAILABLE


def test_names_are_joined_with_the_base_name():
    instance, resource, list_ = (3, 0), (3, 0, 1), (3, 0, 7)
    for base, base_name, name, path in (
        (instance, "/3/0/", "1", resource),
        (instance, "/3/0", "/1", resource),
        (instance, "/3/0", "1", resource),  # the slash is missing
        (instance, "/3/0/1", None, resource),
        (instance, "/3/0/1/", None, resource),
        (instance, "/3/0/1", "", resource),
        (instance, "/", "3/0/1", resource),
        (instance, "/3", "/0/1", resource),
        (instance, "/3", "0/1", resource),
        (instance, "/3/", "0/1", resource),
        (instance, "/3/0/1", "6", (3, 0, 16)),  # joined as they are (RFC 8428 section 4.5.1)
        (instance, None, "/3/0/1", resource),
        (instance, "", "/3/0/1", resource),
        (instance, None, "1", resource),  # relative to the request
        (instance, "", "1", resource),
        (instance, "1", None, resource),
        (instance, None, "7/65534", (3, 0, 7, 65534)),
        (instance, "/3/0/7/", "2", (3, 0, 7, 2)),
        (resource, "/3/0/1", None, resource),
        (resource, "/3/0/", "1", resource),
        (resource, None, "/3/0/1", resource),
        (resource, None, None, resource),
        (list_, "/3/0/7", "2", (3, 0, 7, 2)),
        (list_, "/3/0/7/", "2", (3, 0, 7, 2)),
        (list_, None, "2", (3, 0, 7, 2)),
        (list_, None, "/3/0/7/2", (3, 0, 7, 2)),
        ((3, 0, 7, 2), None, None, (3, 0, 7, 2)),
        ((3, 0, 7, 2), "/3/0/7/2", None, (3, 0, 7, 2)),
        ((3,), None, "0/1", resource),
        ((3,), "/3/", "0/7/2", (3, 0, 7, 2)),
        ((), None, "/3/0/1", resource),
        ((), "/", "3/0/1", resource),
        ((), None, "3/0/1", resource),
    ):
        record = {"v": 1}
        if base_name is not None:
            record["bn"] = base_name
        if name is not None:
            record["n"] = name
        for module, data in both([record]):
            assert paths(module, base, data) == [path], (base, record)


def test_paths_that_are_none_or_outside_are_4_00():
    for base, base_name, name in (
        ((3, 0), "/3/0/", None),  # an instance has no value
        ((3, 0), None, None),
        ((3,), None, None),
        ((3, 0), "/3/0/", "1/2/3"),  # too deep
        ((3, 0), "/3/1/", "1"),  # another instance
        ((3, 1), "/3/10/", "1"),
        ((3, 0), "/4/0/", "1"),
        ((3, 0), None, "/3/1/1"),
        ((3, 0), None, "/33/0/1"),
        ((3, 0, 1), "/3/0/", "2"),
        ((3, 0, 1), "/3/0/1", "1/1"),
        ((3, 0, 7), "/3/0/", "6/1"),
        ((3, 0, 7, 1), None, "/3/0/7/2"),
        ((3, 0, 7, 1), None, "1"),
        ((3, 0, 7, 1), None, "/3/0/7"),
        ((3, 0), "/3/0/", "/1"),  # an empty segment
        ((3, 0), "//3/0/", "1"),
        ((3, 0), "/3/0/", "1//"),
        ((3, 0), "/3//0/", "1"),
        ((3, 0), "/3/0/", "/3/0/1"),
        ((3, 0), "/3/0/", "01"),
        ((3, 0), "/3/0/", "+1"),
        ((3, 0), "/3/0/", "-1"),
        ((3, 0), "/3/0/", " 1"),
        ((3, 0), "/3/0/", "1.0"),
        ((3, 0), "/3/0/", "x"),
        ((3, 0), "/3/0/", "\u0661"),
        ((3, 0), "/3/0/", "65535"),
        ((3, 0), "/3/0/", "70000"),
        ((3, 0), "/3/0/", "9" * 30),
        ((3, 0), "urn:dev:ow:10e2073a01080063:", "1"),
        ((3, 0), "/", "3/0"),
        ((3, 0), "/", None),
        ((), None, None),
        ((), "/", None),
        ((), "/3", "0/1"),
        ((3, 0), 3, "1"),
        ((3, 0), 3, 1),
        ((3, 0), "/3/0/", 1),
        ((3, 0), None, 1),
        ((3, 0), True, "1"),
        ((3, 0), [], "1"),
        ((3, 0), {}, {}),
        ((3, 0), [1], [1]),
    ):
        record = {"v": 1}
        if base_name is not None:
            record["bn"] = base_name
        if name is not None:
            record["n"] = name
        for module, data in both([record]):
            refused(module, base, data)
    for at in ("bn", "n"):
        refused(senml_cbor, (3, 0, 1), cbor_of([{at: None, "v": 1}]))
        refused(senml_json, (3, 0, 1), b'[{"%s":null,"v":1}]' % at.encode())
    for names in ({"bn": b"/3/0/", "n": b"1"}, {"n": b"1"}, {"bn": b"/3/0/", "n": "1"}):
        names["v"] = 1
        refused(senml_cbor, (3, 0), cbor_of([names]))


def test_a_base_name_is_for_all_that_follow():
    pack = [
        {"n": "/3/0/14", "vs": "+01"},
        {"bn": "/3/0/", "n": "1", "vs": "a"},
        {"n": "15", "vs": "b"},
        {"bn": "/3/0/7/", "n": "0", "v": 1},
        {"n": "1", "v": 2},
        {"bn": "", "n": "/3/0/16", "vs": "U"},
    ]
    for module, data in both(pack):
        assert paths(module, (3, 0), data) == [
            (3, 0, 14),
            (3, 0, 1),
            (3, 0, 15),
            (3, 0, 7, 0),
            (3, 0, 7, 1),
            (3, 0, 16),
        ]


def test_a_record_may_hold_base_fields_alone():
    pack = [{"bn": "/3/0/", "bt": 1276020076, "bver": 10}, {"n": "1", "v": 5}, {}]
    for module, data in both(pack):
        assert paths(module, (3, 0), data) == [(3, 0, 1)]
    for module, data in both([{"bn": "/3/0/1"}]):
        assert paths(module, (3, 0), data) == []


def test_fields_that_are_ignored_and_fields_that_must_be_understood():
    for more in (
        {"u": "Cel"},
        {"bt": 1320067464},
        {"bt": 1.5, "t": -5},
        {"bt": -3600},
        {"bv": 0},
        {"ut": 60},
        {"s": 5, "bs": 1},
        {"bver": 10},
        {"bver": 5},
        {"x": "y"},
        {"x": [1, [2]], "y": {"z": {}}},
        {"x_y": 1},
        {"": 1},
        {"V": 2, "VS": 3},
    ):
        record = {"n": "1", "v": 7}
        record.update(more)
        for module, data in both([record]):
            ((path, raw),) = module.decode((3, 0), data)
            assert path == (3, 0, 1) and module.value("i", raw) == 7, more
    for more in (
        {"x_": 1},
        {"_": 1},
        {"vs_": None},
        {"bver": 11},
        {"bver": "10"},
        {"bver": [1]},
        {"bt": "yesterday"},
        {"bt": True},
        {"t": None},
        {"t": "yesterday"},
        {"t": []},
        {"bv": "1"},
        {"bv": None},
        {"bv": False},
        {"vs": "7"},  # two values
        {"vb": True},
        {"vd": "AQ"},
        {"vlo": "3:0"},
    ):
        record = {"n": "1", "v": 7}
        record.update(more)
        for module, data in both([record]):
            refused(module, (3, 0), data)
    for name in ([], [""], {}, 0, False):
        for module, data in both([{"n": name}]):
            refused(module, (3, 0), data)
    for field in ("u", "s", "x", "t"):  # a name, but no value
        for module, data in both([{"n": "1", field: 5}]):
            refused(module, (3, 0), data)
    refused(senml_cbor, (3, 0), b"\x81\xa3\x00\x611\x02\x07\x61v\x08")  # the value by both labels
    payload = b"\x81\xa3\x18\x63\x00\x00\x611\x02\x07"  # an unknown number as label
    assert paths(senml_cbor, (3, 0), payload) == [(3, 0, 1)]


def test_base_values_are_added():
    pack = [
        {"n": "1", "v": 7},
        {"bv": 20, "n": "2", "v": -1},
        {"n": "3", "v": 0.5},
        {"n": "4", "vs": "20"},
        {"bv": -0.5, "n": "5", "v": 1},
        {"bv": 0, "n": "6", "v": 9},
    ]
    for module, data in both(pack):
        found = [raw[1] for _, raw in module.decode((3, 0), data)]
        assert found == [7, 19, 20.5, "20", 0.5, 9]
    for value in ("7", None, True, [], {}):  # what is no number stays none
        for module, data in both([{"bv": 1, "n": "1", "v": value}]):
            ((_, raw),) = module.decode((3, 0), data)
            assert raises(Error, module.value, "i", raw).code == BAD_REQUEST
    for module, data in both([{"bv": 1, "n": "1"}]):  # alone it is no value
        refused(module, (3, 0), data)
    huge = b'[{"bv":1%s,"n":"1","v":1.5}]' % (b"0" * 400)
    try:
        ((_, raw),) = senml_json.decode((3, 0), huge)
        assert raises(Error, senml_json.value, "i", raw).code == BAD_REQUEST
    except Error as error:
        assert error.code == BAD_REQUEST


def test_how_long_ago():
    records = (((3303, 0, 5601), "f", -40.0), ((3303, 0, 5700), "f", 21.5))
    for age_s, number in ((0, b"\x00"), (1, b"\x20"), (300, b"\x39\x01\x2b")):
        assert senml_json.encode((3303, 0), records, age_s) == (
            b'[{"bn":"/3303/0/","bt":%d,"n":"5601","v":-40.0},{"n":"5700","v":21.5}]' % -age_s
        )
        data = senml_cbor.encode((3303, 0), records, age_s)
        assert data == (
            b"\x82\xa4\x21\x68/3303/0/\x22" + number + b"\x00\x645601\x02\xfa\xc2\x20\x00\x00"
            b"\xa2\x00\x645700\x02\xfa\x41\xac\x00\x00"
        )
        assert paths(senml_cbor, (3303, 0), data) == [(3303, 0, 5601), (3303, 0, 5700)]
    assert senml_json.encode((3303, 0), (), 5) == b"[]" and senml_cbor.encode((), (), 5) == b"\x80"


# names of the records of a FETCH, paths
LISTS = (
    (({"n": "/3303/0/5700"},), ((3303, 0, 5700),)),
    (({"n": "/"},), ((),)),
    (({"bn": "/"},), ((),)),
    (({"n": "/3"}, {"n": "/3303/0"}, {"n": "/3/0/7/1"}), ((3,), (3303, 0), (3, 0, 7, 1))),
    (({"bn": "/3/0/", "n": "0"}, {"n": "7/1"}), ((3, 0, 0), (3, 0, 7, 1))),
    (({"bn": "/3/0"}, {"n": "/7"}, {"bn": "/1/", "n": "0"}), ((3, 0), (3, 0, 7), (1, 0))),
    (({"bn": "/3", "n": "0/1"},), ((30, 1),)),  # joined as they are
    (({"n": "3/0/"}, {"n": "/1/0/"}), ((3, 0), (1, 0))),
    (({"bn": "/3/", "bt": 5, "u": "x", "bver": 10, "t": 1.5},), ((3,),)),
    ((), ()),
)


def test_lists_of_paths():
    for pack, found in LISTS:
        for module, data in both(list(pack)):
            assert list(module.decode(None, data)) == [(path, None) for path in found], pack
            for end in range(len(data)):
                refused(module, None, data[:end])
    for pack in (
        [{}],
        [{"n": ""}],
        [{"bn": ""}],
        [{"n": "/3"}, {"bn": ""}],
        [{"n": "//"}],
        [{"n": "///"}],
        [{"n": "/3//0"}],
        [{"n": "/3/0//"}],
        [{"n": "/3/0/7/1/0"}],
        [{"n": "/x"}],
        [{"n": "/03"}],
        [{"n": "/65535"}],
        [{"n": "urn:dev:1"}],
        [{"n": 3}],
        [{"n": "/3", "v": 1}],
        [{"n": "/3", "vs": ""}],
        [{"n": "/3", "x_": 1}],
        [{"n": "/3"}, 5],
        [["/3"]],
        {"n": "/3"},
        "/3",
    ):
        for module, data in both(pack):
            refused(module, None, data)


def test_packs_that_are_none_are_4_00():
    for pack in (None, 0, 1.5, True, "", "text", {}, {"n": "1", "v": 1}):
        for module, data in both(pack):
            refused(module, (3, 0), data)
    for record in (None, 0, "n", [], [1], ["v"], [["n", "1"], ["v", 1]]):
        for module, data in both([record]):
            refused(module, (3, 0), data)
        for module, data in both([{"n": "1", "v": 1}, record]):
            refused(module, (3, 0), data)
    refused(senml_cbor, (3, 0), b"\x81\x83\x00\x01\x02")  # a list is no map by its indices
    for payload in (b"", b" ", b"[", b"]", b"nonsense", b"[]]", b"[][]", b"[{}", b"\xff", b"\x00"):
        refused(senml_json, (3, 0), payload)
    for payload in (b"", b"\x81", b"\x80\x80", b"\x80\x00", b"\x9f", b"\xff", b"\xa0", b"\xd9"):
        refused(senml_cbor, (3, 0), payload)


def test_cut_off_at_every_byte_is_4_00():
    for base, _, as_json, as_cbor in PACKS:
        for end in range(len(as_json)):
            refused(senml_json, base, as_json[:end])
        for end in range(len(as_cbor)):
            refused(senml_cbor, base, as_cbor[:end])


def test_every_byte_damaged_gives_values_or_4_00():
    for base, _, as_json, as_cbor in PACKS:
        for module, data in ((senml_json, as_json), (senml_cbor, as_cbor)):
            for at in range(len(data)):
                for flip in (1, 4, 0x20, 0x80, 0xFF):
                    damaged = bytearray(data)
                    damaged[at] ^= flip
                    try:
                        for path, raw in module.decode(base, bytes(damaged)):
                            assert path[: len(base)] == base and 3 <= len(path) <= 4
                            assert raw is not None
                            for kind in "sifbotluc":
                                try:
                                    module.value(kind, raw)
                                except Error as error:
                                    assert error.code == BAD_REQUEST
                    except Error as error:
                        assert error.code == BAD_REQUEST


def suits(kind, label, value):
    if kind in "sc":
        return label == "vs" and isinstance(value, str)
    if kind == "b":
        return label == "vb" and isinstance(value, bool)
    if kind == "l":
        return label in ("vlo", "vs") and value in ("3:0", "65535:65535")
    if label != "v" or isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return kind == "f" or isinstance(value, int) or value in (5.0, -16777216.0)


def test_values_of_other_types_are_4_00():
    values = (0, -1, 5.0, -16777216.0, 5.5, 33554432.0, 18446744073709551615, True, False)
    values += ("", "text", "5", "3", "3:", "3:0", "65535:65535", "</1>", None, [], {}, [1])
    for label in ("v", "vb", "vs", "vd", "vlo"):
        for value in values:
            for module, data in both([{"n": "1", label: value}]):
                ((_, raw),) = module.decode((3, 0), data)
                for kind in "iutfbscl":
                    if suits(kind, label, value):
                        back = module.value(kind, raw)
                        assert kind in "lf" or back == value, (module, kind, label, value)
                        assert kind != "f" or back == float(value)
                        assert type(back) is not float or kind == "f"
                    else:
                        error = raises(Error, module.value, kind, raw)
                        assert error.code == BAD_REQUEST, (module, kind, label, value)


def test_object_links_also_come_as_strings():
    for module, data in both([{"n": "1", "vs": "3:0"}]):
        ((_, raw),) = module.decode((3, 0), data)
        assert module.value("l", raw) == (3, 0)


def test_opaque_in_cbor_is_bytes_and_nothing_else():
    for data, right in ((b"\x42\x00\xff", True), (b"\x62AP", False), (b"\x05", False)):
        ((_, raw),) = senml_cbor.decode((3, 0), b"\x81\xa2\x00\x611\x08" + data)
        if right:
            assert senml_cbor.value("o", raw) == b"\x00\xff"
        else:
            assert raises(Error, senml_cbor.value, "o", raw).code == BAD_REQUEST
    ((_, raw),) = senml_cbor.decode((3, 0), b"\x81\xa2\x00\x611\x03\x42\x00\xff")
    assert raises(Error, senml_cbor.value, "o", raw).code == BAD_REQUEST
    assert raises(Error, senml_cbor.value, "s", raw).code == BAD_REQUEST


def test_opaque_in_json_is_base64_for_urls():
    for characters, value in (
        ("", b""),
        ("AQ", b"\x01"),
        ("AQI", b"\x01\x02"),
        ("AQID", b"\x01\x02\x03"),
        ("_-8", b"\xff\xef"),
        ("AQ==", b"\x01"),  # with padding
        ("/+8", b"\xff\xef"),  # the other alphabet
    ):
        ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","vd":"%s"}]' % characters.encode())
        assert senml_json.value("o", raw) == value, characters
    for value in (b'"A"', b'"AB"', b'"A Q"', b'"AQ=A"', b'"@@"', b'"\xc3\xa9"', b"5", b"null"):
        ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","vd":%s}]' % value)
        assert raises(Error, senml_json.value, "o", raw).code == BAD_REQUEST, value
    ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","vs":"AQ"}]')
    assert raises(Error, senml_json.value, "o", raw).code == BAD_REQUEST


def test_escapes_in_json():
    for characters, text in (
        (b"\\u00e9\\n\\/\\\\", "\u00e9\n/\\"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"a\\uD83D\\uDE00b\\ud800\\udc00", "a\U0001f600b\U00010000"),
        (b"\\udbff\\udfff", "\U0010ffff"),
        (b"\\\\ud83d", "\\ud83d"),
    ):
        ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","vs":"%s"}]' % characters)
        assert senml_json.value("s", raw) == text, characters
    for characters in (b"\\ud83d", b"\\ude00", b"\\ud83dx", b"\\ude00\\ud83d", b"\\ud83d\\ud83d"):
        ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","vs":"%s"}]' % characters)
        assert raises(Error, senml_json.value, "s", raw).code == BAD_REQUEST, characters
        refused(senml_json, (3, 0), b'[{"n":"%s","v":1}]' % characters)


def test_json_with_blanks_and_in_another_order():
    payload = (
        b' [ { "v" : 21.5 , "n" : "5700" , "bn" : "/3303/0/" } ,\r\n\t{"vb":false,"n":"1"}]\n'
    )
    assert paths(senml_json, (3303, 0), payload) == [(3303, 0, 5700), (3303, 0, 1)]


def test_numbers_in_json():
    for number, value in ((b"1e2", 100), (b"1.0", 1), (b"-0", 0), (b"2E+3", 2000), (b"7.00", 7)):
        ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","v":%s}]' % number)
        assert senml_json.value("i", raw) == value and senml_json.value("f", raw) == value
    for number in (b"1e999", b"-1e999", b"1e39", b"0.5", b"NaN", b"Infinity", b"+1", b"0x1"):
        data = b'[{"n":"1","v":%s}]' % number
        try:
            ((_, raw),) = senml_json.decode((3, 0), data)
        except Error as error:
            assert error.code == BAD_REQUEST
        else:
            assert raises(Error, senml_json.value, "i", raw).code == BAD_REQUEST, number
    ((_, raw),) = senml_json.decode((3, 0), b'[{"n":"1","v":1%s}]' % (b"0" * 400))
    try:  # infinite, or too large for a float
        value = senml_json.value("f", raw)
        assert value - value != 0
    except Error as error:
        assert error.code == BAD_REQUEST


def test_indefinite_lengths_of_arrays_and_maps():
    record = b"\x00\x611\x02\x07"
    for payload in (
        b"\x9f\xbf" + record + b"\xff\xff",
        b"\x9f\xa2" + record + b"\xff",
        b"\x81\xbf" + record + b"\xff",
        b"\x81\xbf\x61x\x9f\xbf\xff\xff" + record + b"\xff",
    ):
        ((path, raw),) = senml_cbor.decode((3, 0), payload)
        assert path == (3, 0, 1) and senml_cbor.value("i", raw) == 7
        for end in range(len(payload)):
            refused(senml_cbor, (3, 0), payload[:end])
        refused(senml_cbor, (3, 0), payload + b"\xff")
    assert paths(senml_cbor, (3, 0), b"\x9f\xff") == []
    refused(senml_cbor, (3, 0), b"\x9f\xbf" + record + b"\x01\xff\xff")  # a key without value
    refused(senml_cbor, (3, 0), b"\x81\xa2\x00\x7f\x611\xff\x02\x07")  # a string in pieces


def test_tags_in_cbor():
    for value, right in (
        (b"\xc1\x07", True),
        (b"\xc2\x41\x07", False),
        (b"\xc4\x82\x00\x07", False),
    ):
        ((_, raw),) = senml_cbor.decode((3, 0), b"\x81\xa2\x00\x611\x02" + value)
        if right:
            assert senml_cbor.value("t", raw) == 7
        else:
            assert raises(Error, senml_cbor.value, "t", raw).code == BAD_REQUEST
        payload = b"\x81\xa3\x22" + value + b"\x00\x611\x02\x07"
        if right:
            assert paths(senml_cbor, (3, 0), payload) == [(3, 0, 1)]
        else:
            refused(senml_cbor, (3, 0), payload)


def test_nested_without_end_is_4_00():
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[ \n", b"]")):
        for payload in (opening * 2000, opening * 2000 + b"1" + closing * 2000):
            refused(senml_json, (3, 0), payload)
    for piece in (b"\x81", b"\xa1\x00", b"\x9f", b"\xbf\x00", b"\x81\xa1\x00", b"\xc1"):
        refused(senml_cbor, (3, 0), piece * 2000 + b"\x00")
    # Brackets in strings are no nesting.
    payload = b'[{"n":"1","vs":"%s"}]' % (b'[{\\"' * 50)
    assert paths(senml_json, (3, 0), payload) == [(3, 0, 1)]


def test_many_records():
    pack = [{"bn": "/3/0/7/", "n": "0", "v": 0}] + [
        {"n": str(at), "v": at} for at in range(1, 200)
    ]
    for module, data in both(pack):
        assert len(paths(module, (3, 0), data)) == 200
    for module, data in both([{"bn": "/" * 2000}] + [{"v": 1}] * 500):
        refused(module, (3, 0), data)
    for module, data in both([{}] * 2000):
        assert paths(module, (3, 0), data) == []
    refused(senml_cbor, (3, 0), b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff" + b"\xa0" * 2000)
    record = {"n": "1", "v": 7}
    record.update([("x%d" % at, at) for at in range(22)])
    assert paths(senml_cbor, (3, 0), cbor_of([record])) == [(3, 0, 1)]
    record["x22"] = 22  # more fields than there are labels
    refused(senml_cbor, (3, 0), cbor_of([record]))


def test_any_bytes_give_values_or_4_00():
    random = Random(112)
    letters = b'[]{},:"\\0123456789-+.eE nvbsdltrufa/_'
    for _ in range(1500):
        data = random.bytes(random.below(16))
        text = b"".join([letters[at : at + 1] for at in [b % len(letters) for b in data]])
        for module, payload in ((senml_cbor, b"\x81" + data), (senml_json, b"[{" + text)):
            try:
                list(module.decode((3, 0), payload))
            except Error as error:
                assert error.code == BAD_REQUEST


def rig():
    sample = Sample()
    sample.list = {0: 1, 700: -2}
    peer = Peer(sample)
    peer.register()
    return peer, sample


def test_lightweightm2m_1_1_int_231_232_read_in_both_formats():
    peer, sample = rig()
    for number, module in ((JSON, senml_json), (CBOR, senml_cbor)):
        for path, count in (
            ("/20000", 15),
            ("/20000/0", 15),
            ("/20000/0/12", 1),
            ("/20000/0/9", 2),
            ("/20000/0/9/700", 1),
        ):
            response = peer.get(path, number)
            assert response.code == CONTENT and content_format(response) == number
            base = tuple([int(part) for part in path.split("/")[1:]])
            found = list(module.decode(base, response.payload))
            assert len(found) == count, (path, response.payload)
            for at, raw in found:
                row = sample.row(at[2])
                value = getattr(sample, row[3])
                assert module.value(row[2], raw) == (value[at[3]] if len(at) > 3 else value)
        assert peer.get("/20000/0/13", number).code == NOT_FOUND
        assert peer.get("/20000/0/11", number).code == METHOD_NOT_ALLOWED
        sample.measured = None
        assert peer.get("/20000/0/12", number).code == SERVICE_UNAVAILABLE
        sample.measured = 20.0
        assert content_format(peer.observe("/20000/0/12", accept=number)) == number


def test_lightweightm2m_1_1_int_233_234_write_in_both_formats():
    values = (
        ({"n": "1", "v": -9223372036854775808}, "integer", -9223372036854775808),
        ({"n": "2", "v": -0.125}, "number", -0.125),
        ({"n": "3", "vb": True}, "flag", True),
        ({"n": "4", "v": 4102444800}, "time", 4102444800),
        ({"n": "6", "vlo": "3:0"}, "objlink", (3, 0)),
        ({"n": "7", "v": 18446744073709551615}, "unsigned", 18446744073709551615),
        ({"n": "8", "vs": "\u00fc"}, "text", "\u00fc"),
        ({"n": "11", "vs": "known"}, "secret", "known"),
        ({"n": "14/5", "vs": "five"}, "names", {5: "five"}),
        ({"n": "16", "vs": "</1>"}, "corelink", "</1>"),
        ({"n": "300", "v": 0.75}, "angle", 0.75),
    )
    pack = [{"bn": "/20000/0/"}] + [record for record, _, _ in values]
    for at, (number, data) in enumerate(numbered(pack)):
        peer, sample = rig()
        assert peer.post("/20000/0", data, number).code == CHANGED
        for _, name, value in values:
            assert getattr(sample, name) == value, name
        assert sample.list == {0: 1, 700: -2} and sample.blob == b""  # the rest stays
        sample.blob = b"x"
        only = both([{"bn": "/20000/0/", "n": "1", "v": 5}])[at][1]
        assert peer.put("/20000/0", only, number).code == CHANGED
        assert (sample.integer, sample.blob, sample.list, sample.flag) == (5, b"", {}, False)
        for path, record, name, value in (
            ("/20000/0/1", {"v": 6}, "integer", 6),
            ("/20000/0/1", {"bn": "/20000/0/1", "v": 7}, "integer", 7),
            ("/20000/0/9", {"n": "3", "v": 1}, "list", {3: 1}),
            ("/20000/0/9/3", {"bn": "/20000/0/9/3", "v": 2}, "list", {3: 2}),
        ):
            assert peer.put(path, both([record])[at][1], number).code == CHANGED, path
            assert getattr(sample, name) == value
        one_more = both([{"bn": "/20000/0/9/", "n": "4", "v": 4}])[at][1]
        assert peer.post("/20000/0/9", one_more, number).code == CHANGED
        assert sample.list == {3: 2, 4: 4}


def test_a_write_is_all_or_nothing_in_both_formats():
    peer, sample = rig()
    good = {"bn": "/20000/0/", "n": "1", "v": 5}
    before = sample.values()
    for path, records in (
        ("/20000/0", [good, {"n": "1", "v": 6}]),  # an id twice
        ("/20000/0", [good, {"n": "2", "vs": "x"}]),
        ("/20000/0", [good, {"n": "7", "v": -1}]),
        ("/20000/0", [good, {"n": "1/0", "v": 6}]),  # not a multiple resource
        ("/20000/0", [good, {"n": "9", "v": 6}]),  # a multiple one
        ("/20000/0", [good, {"n": "9"}]),
        ("/20000/0", [good, {"n": "8", "vs": "longer than ten"}]),
        ("/20000/0", [good, {"n": "300", "v": 1.5}]),
        ("/20000/0", [good, {"bn": "/20000/1/", "n": "2", "v": 1}]),
        ("/20000/0", [good, {"x_": 1}]),
        ("/20000/0", [good, 5]),
        ("/20000/0", [{"n": "1", "v": 18446744073709551615}]),
        ("/20000/0/1", [good, {"n": "2", "v": 1}]),
        ("/20000/0/1", []),
        ("/20000/0/1", [{"bn": "/20000/0/1"}]),
        ("/20000/0/9", [{"bn": "/20000/0/9"}]),  # would clear it
        ("/20000/0/9/700", [{"n": "/20000/0/9/0", "v": 1}]),
    ):
        for number, data in numbered(records):
            assert peer.put(path, data, number).code == BAD_REQUEST, (path, records)
            if path != "/20000/0/1":
                assert peer.post(path, data, number).code == BAD_REQUEST, (path, records)
            assert sample.values() == before, (path, records)
    for records, code in (
        ([good, {"n": "0", "vs": "x"}], METHOD_NOT_ALLOWED),
        ([good, {"n": "17", "v": 1}], NOT_FOUND),
    ):
        for number, data in numbered(records):
            assert peer.put("/20000/0", data, number).code == code
            assert sample.values() == before
    for number, data in numbered([good]):
        for end in range(len(data)):
            assert peer.put("/20000/0", data[:end], number).code == BAD_REQUEST
            assert sample.values() == before


def test_registered():
    for number, module in ((JSON, senml_json), (CBOR, senml_cbor)):
        assert formats.module(number) is module
    assert formats.module(320) is senml_json and formats.module(322) is senml_cbor  # SenML-ETCH
    for number in (60, JSON, 320, 11542, 11543, 0, 42):
        assert formats.module(number, True) is formats.module(number)
    for number in (CBOR, 322):
        assert formats.module(number, True) is senml_encoder
    assert senml_cbor.encode((3, 0), [((3, 0, 9), "i", 5)]) == senml_encoder.encode(
        (3, 0), [((3, 0, 9), "i", 5)]
    )
