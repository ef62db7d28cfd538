"""LwM2M v1.1 Test Object (3442) of the firmware, over the wire."""

from peer import Peer, Random

from coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CREATED,
    DELETED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TEXT,
    TLV,
)
from firmware.objects import test_object
from lwm2m import formats
from lwm2m.read import Target
from lwm2m.write import checked, write

DELETE = 4
ANY_FORMAT = (110, 112, 11542, 11543)
INITIAL = {
    110: "initial value",
    120: 1024,
    125: 9223372036854775808,
    130: 3.14159,
    140: True,
    150: b"\x01\x23\x45\x67\x89\xab\xcd\xef",
    160: 946684800,
    170: (3, 0),
    180: "</3442>",
}
TYPES = {"b": bool, "f": float, "l": tuple, "o": bytes, "s": str, "c": str}  # else int
EMPTY = {
    110: "",
    120: 0,
    125: 0,
    130: 0.0,
    140: False,
    150: b"",
    160: 0,
    170: (65535, 65535),
    180: "",
}


def rig():
    """(peer, the instance) as the firmware would start."""

    class App:
        client = None

    app = App()
    peer = Peer(random=Random(5).bytes)
    test_object.add(peer.table, app)
    app.client = peer.client
    peer.register()
    return peer, peer.table.find(3442, 0)


def read(peer, content_format, iid=0):
    """{rid or (rid, riid): value} of the instance, by way of the format."""
    path = (3442, iid)
    payload = Target(peer.session, path, content_format).payload()
    module = formats.module(content_format)
    found = {}
    for at, raw in module.decode(path, bytes(payload)):
        kind = peer.table.find(3442, iid).row(at[2])[2]
        found[at[2] if len(at) == 3 else at[2:]] = module.value(kind, raw)
    return found


def close(found, expected):
    """Equal, but for what floats of four bytes lose."""
    assert sorted(found, key=str) == sorted(expected, key=str), found
    for key in found:
        if isinstance(expected[key], float):
            assert abs(found[key] - expected[key]) < 1e-6 * max(1, abs(expected[key]))
        else:
            assert found[key] == expected[key], key
    return True


def initial():
    expected = dict(INITIAL)
    for rid in INITIAL:
        expected[rid + 1000, 0] = INITIAL[rid]
    return expected


def test_initial_values_in_every_format():
    peer, _ = rig()
    for content_format in ANY_FORMAT:
        assert close(read(peer, content_format), initial()), content_format


def test_clear_and_reset():
    peer, values = rig()
    assert peer.post("/3442/0/2").code == CHANGED
    assert close(read(peer, TLV), EMPTY)
    assert peer.get("/3442/0/1110").code == NOT_FOUND
    assert peer.post("/3442/0/0").code == CHANGED
    assert close(read(peer, TLV), initial())


def fits(kind, value):
    assert type(value) is TYPES.get(kind, int), (kind, value)
    checked(kind, value)  # raises where it is out of range


def test_randomize():
    peer, values = rig()
    seen = []
    sizes = set()
    for _ in range(30):
        assert peer.post("/3442/0/1").code == CHANGED
        for row in values.resources:
            if row[1] != "RW":
                continue
            value = getattr(values, row[3])
            if len(row[2]) == 1:
                fits(row[2][0], value)
            else:
                sizes.add(len(value))
                assert sorted(value) == list(range(len(value)))
                for riid in value:
                    fits(row[2][0], value[riid])
        found = read(peer, TLV)
        assert found not in seen
        seen.append(found)
        for content_format in ANY_FORMAT:
            assert close(read(peer, content_format), found)
    assert sizes == set(range(10))
    for rid in INITIAL:
        if rid != 140:
            assert len({str(each[rid]) for each in seen}) > 5, rid
    assert peer.post("/3442/0/0").code == CHANGED and close(read(peer, TLV), initial())


def test_arguments_can_be_read_back():
    peer, values = rig()
    assert peer.get("/3442/0/4").code == NOT_FOUND
    assert peer.post("/3442/0/3", b"3='stringValue',4").code == CHANGED
    assert bytes(peer.get("/3442/0/4/3", TEXT).payload) == b"stringValue"
    assert peer.get("/3442/0/4/4", TEXT).code == CONTENT
    assert values.arguments == {3: "stringValue", 4: ""}
    assert peer.post("/3442/0/1").code == CHANGED and len(values.arguments) == 2
    assert peer.post("/3442/0/3", b"3=stringValue").code == BAD_REQUEST
    assert peer.put("/3442/0/4", b"x").code == METHOD_NOT_ALLOWED
    assert len(values.arguments) == 2
    assert peer.post("/3442/0/3").code == CHANGED and values.arguments == {}


def test_values_can_be_written_in_every_format():
    peer, values = rig()
    for content_format in ANY_FORMAT:
        assert peer.post("/3442/0/1").code == CHANGED
        payload = Target(peer.session, (3442, 0), content_format).payload()
        before = read(peer, TLV)
        assert peer.post("/3442/0/0").code == CHANGED
        write(peer.table, (3442, 0), payload, content_format, True)
        after = read(peer, TLV)
        # A multiple resource without instances is left out, and so set back.
        for key in before:
            assert after[key] == before[key]


def test_observers_hear_of_every_change():
    peer, _ = rig()
    peer.observe("/3442/0/120", token=b"o")
    for rid in (1, 2, 0):
        assert peer.post("/3442/0/%d" % rid).code == CHANGED
        assert [each.token for _, each in peer.run(1000, peer.serve)] == [b"o"]


def test_instances_come_and_go():
    peer, _ = rig()
    response = peer.post("/3442", b"\xc1\x78\x07", TLV)  # 120: 7
    assert response.code == CREATED
    found = read(peer, TLV, 1)
    expected = initial()
    expected[120] = 7
    assert close(found, expected) and close(read(peer, TLV), initial())
    assert peer.ask(DELETE, "/3442/1").code == DELETED
    assert peer.ask(DELETE, "/3442/0").code == METHOD_NOT_ALLOWED
