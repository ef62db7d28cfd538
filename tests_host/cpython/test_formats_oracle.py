"""CBOR and SenML of the client against cbor2, CPython's JSON and the desk server's codecs."""

import io
import json
import struct

import cbor2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coap.message import Error
from lwm2m.formats import cbor, old_json, senml_cbor, senml_json
from tools.server.codecs import cbor as server_cbor
from tools.server.codecs import old_json as server_old_json
from tools.server.codecs import senml_cbor as server_senml_cbor
from tools.server.codecs import senml_json as server_senml_json
from tools.server.errors import CodecError
from tools.server.models import Models
from tools.server.nodes import MultiResource, ObjectInstance, ObjectNode, Resource

usual = settings(max_examples=600, deadline=None, derandomize=True, database=None)
BAD_REQUEST, SERVICE_UNAVAILABLE = 0x80, 0xA3
PATH = (9000, 0, 1)

KINDS = {
    "s": "STRING",
    "i": "INTEGER",
    "u": "UNSIGNED_INTEGER",
    "f": "FLOAT",
    "b": "BOOLEAN",
    "o": "OPAQUE",
    "t": "TIME",
    "l": "OBJLNK",
    "c": "CORELINK",
}
numbers = st.integers(0, 65534)
values = st.one_of(
    st.tuples(st.sampled_from("sc"), st.text(max_size=300)),
    st.tuples(st.just("i"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("u"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("t"), st.integers(-(2**31), 2**40)),
    st.tuples(st.just("f"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("b"), st.booleans()),
    st.tuples(st.just("o"), st.binary(max_size=300)),
    st.tuples(st.just("l"), st.tuples(st.integers(0, 65535), st.integers(0, 65535))),
)


def models_of(*kinds):
    rows = {str(rid): ["x", "RW", KINDS[kind], True] for rid, kind in enumerate(kinds)}
    return Models({"9000": {"multiple": True, "resources": rows}})


def refusal(function, *arguments):
    """The code of the Error that is raised, None where none is."""
    try:
        list(function(*arguments))
    except Error as error:
        return error.code
    return None


# One value


@usual
@given(values)
@example(("f", 65504.0))
@example(("f", 1.401298464324817e-45))
@example(("f", 3.4028234663852886e38))
@example(("f", 3.402823466385289e38))
@example(("i", -(2**63)))
def test_cbor2_reads_what_the_client_writes(typed):
    kind, value = typed
    data = cbor.encode(PATH, ((PATH, kind, value),))
    if kind == "t":
        assert data[0] == 0xC1
        data = data[1:]
    found = cbor2.loads(data)
    if kind == "l":
        assert found == "%d:%d" % value
    else:
        assert found == value and type(found) is type(value)
    if kind == "f":
        short = struct.unpack(">f", struct.pack(">f", value))[0] if abs(value) < 3.4e38 else None
        assert len(data) == (5 if short == value else 9)
    elif kind in "iut":
        assert data == cbor2.dumps(value)  # the shortest form


@usual
@given(values, st.booleans())
def test_the_client_reads_what_cbor2_writes(typed, canonical):
    kind, value = typed
    data = cbor2.dumps("%d:%d" % value if kind == "l" else value, canonical=canonical)
    ((path, raw),) = cbor.decode(PATH, memoryview(data))
    back = cbor.value(kind, raw)
    assert path == PATH and back == value and type(back) is type(value)
    for end in range(min(len(data), 20)):
        assert refusal(cbor.decode, PATH, data[:end]) == BAD_REQUEST


def test_every_half_precision_float():
    for bits in range(0x10000):
        data = b"\xf9" + bits.to_bytes(2, "big")
        ((_, raw),) = cbor.decode(PATH, data)
        assert repr(raw) == repr(cbor2.loads(data)), hex(bits)


@usual
@given(st.binary(max_size=40))
def test_any_bytes_as_one_value(data):
    code = refusal(cbor.decode, PATH, data)
    assert code in (None, BAD_REQUEST)
    if code is not None:
        return
    ((_, raw),) = cbor.decode(PATH, data)
    for kind in KINDS:
        try:
            value = cbor.value(kind, raw)
        except Error as error:
            assert error.code == BAD_REQUEST
            continue
        stream = io.BytesIO(data[1:] if data[0] == 0xC1 else data)
        found = cbor2.load(stream)
        assert not stream.read()
        if kind == "l":
            oid, iid = found.split(":")
            assert value == (int(oid), int(iid))
        else:
            found = float(found) if kind == "f" else found
            assert value == found or (value != value and found != found)


# Packs

labels = st.sampled_from(("bn", "n", "v", "vs", "vb", "vd", "vlo", "bt", "t", "u", "x", "x_"))
names = st.sampled_from(
    ("", "/", "/9000/0/", "/9000/0", "1", "0/1", "/9000/0/1", "9000/0/1", "2/3", "/9000/1/1", "x")
)
scalars = st.one_of(
    names,
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.floats(),
    st.sampled_from(("3:0", "AQ")),
)
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
records = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"bn": names, "n": names, "v": st.integers(), "vs": st.text(max_size=3)}
    ),
    st.dictionaries(labels, scalars, max_size=5),
    st.dictionaries(labels, nested, max_size=3),
)
packs = st.one_of(st.lists(records, max_size=4), st.lists(nested, max_size=3), nested)
bases = st.sampled_from(((), (9000,), (9000, 0), (9000, 0, 1), (9000, 0, 2, 3)))
NUMBERS = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "t": 6, "vd": 8}


def numbered(pack):
    """The pack with the labels of SenML-CBOR."""
    if not isinstance(pack, list):
        return pack
    return [
        {NUMBERS.get(label, label): value for label, value in record.items()}
        if isinstance(record, dict)
        else record
        for record in pack
    ]


@usual
@given(bases, packs, st.booleans())
def test_both_formats_decide_alike(base, pack, in_pieces):
    as_cbor = cbor2.dumps(numbered(pack), indefinite_containers=in_pieces)
    as_json = json.dumps(pack).encode()
    found = []
    depths = (2, 3, 4) if len(base) == 1 else (3, 4)  # of a Create without an id: /oid/rid
    for module, data in ((senml_cbor, as_cbor), (senml_json, as_json)):
        code = refusal(module.decode, base, data)
        assert code in (None, BAD_REQUEST)
        found.append(code or [(path, label) for path, (label, _) in module.decode(base, data)])
        for path, (label, value) in [] if code else module.decode(base, data):
            assert path[: len(base)] == base and len(path) in depths
            for kind in KINDS:
                try:
                    module.value(kind, (label, value))
                except Error as error:
                    assert error.code == BAD_REQUEST
    assert found[0] == found[1]


@usual
@given(st.binary(max_size=30), st.sampled_from((b"", b"\x81", b"\x81\xa1\x00\x611", b"\x9f\xbf")))
def test_any_bytes_as_a_pack(data, start):
    assert refusal(senml_cbor.decode, PATH[:2], start + data) in (None, BAD_REQUEST)
    for module in (senml_json, old_json):
        for text in (data, b'[{"n":"1","v":' + data + b"}]", b'{"e":[{' + data + b"}]}"):
            assert refusal(module.decode, PATH[:2], text) in (None, BAD_REQUEST)


@st.composite
def instances(draw):
    """Records of one or more instances in their order, and the same as a node."""
    kinds = []
    found = []
    nodes = []
    rows = draw(
        st.lists(st.tuples(values, st.lists(numbers, max_size=3, unique=True)), max_size=5)
    )
    kinds = [kind for (kind, _), _ in rows]
    for iid in sorted(draw(st.sets(numbers, min_size=1, max_size=2))):
        resources = []
        for rid, ((kind, value), riids) in enumerate(rows):
            if riids:
                some = dict.fromkeys(sorted(riids), value)
                resources.append(MultiResource(rid, KINDS[kind], some))
                found += [((9000, iid, rid, riid), kind + "[]", value) for riid in some]
            else:
                resources.append(Resource(rid, KINDS[kind], value))
                found.append(((9000, iid, rid), kind, value))
        nodes.append(ObjectInstance(iid, resources))
    return kinds, found, nodes


@usual
@given(instances())
def test_client_and_server_understand_each_other(drawn):
    kinds, found, nodes = drawn
    models = models_of(*kinds)
    pairs = (
        (senml_cbor, server_senml_cbor),
        (senml_json, server_senml_json),
        (old_json, server_old_json),
    )
    whole = ObjectNode(9000, [node for node in nodes if node.resources])
    for client, server in pairs:
        asked = [((9000,), found, whole)]
        for node in nodes:
            below = [record for record in found if record[0][1] == node.id]
            asked.append(((9000, node.id), below, node))
            for resource in node.resources:
                own = [record for record in below if record[0][2] == resource.id]
                asked.append(((9000, node.id, resource.id), own, resource))
        for base, some, node in asked:
            data = client.encode(base, some)
            assert server.decode(data, base, models) == node
            back = server.encode(node, base, models)
            assert [
                (path, kind, client.value(kind, raw))
                for (path, raw), (_, kind, _) in zip(client.decode(base, back), some, strict=True)
            ] == some


@usual
@given(values)
@example(("t", 1 << 60))
def test_client_and_server_understand_each_other_in_cbor(typed):
    kind, value = typed
    models = models_of(kind)
    path = (9000, 0, 0)
    node = Resource(0, KINDS[kind], value)
    assert server_cbor.decode(cbor.encode(path, ((path, kind, value),)), path, models) == node
    ((_, raw),) = cbor.decode(path, server_cbor.encode(node, path, models))
    assert cbor.value(kind, raw) == value


@usual
@given(st.binary(max_size=40), bases)
def test_the_server_raises_nothing_but_its_own_error(data, base):
    for server in (server_cbor, server_senml_cbor, server_senml_json, server_old_json):
        for payload in (
            data,
            b"\x81\xa2\x00\x611\x02" + data,
            b'[{"n":"1","v":' + data + b"}]",
            b'{"e":[{"n":"1","sv":' + data + b"}]}",
        ):
            try:
                server.decode(payload, base or PATH, Models())
            except CodecError:
                pass
