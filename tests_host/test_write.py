"""Write (TS 1.1.1 Core section 6.3.3): replace, partial update, all or nothing."""

from peer import Peer, Sample

from coap.message import Error
from lwm2m.formats import text, tlv

CHANGED, BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED = 0x44, 0x80, 0x84, 0x85
UNSUPPORTED_CONTENT_FORMAT, INTERNAL_SERVER_ERROR = 0x8F, 0xA0
TEXT, LINK, OPAQUE, TLV = 0, 40, 42, 11542
BASE = (20000, 0)

# rid, name, value: all that can be written to the sample
VALUES = (
    (1, "integer", -9223372036854775808),
    (2, "number", -0.125),
    (3, "flag", True),
    (4, "time", 4102444800),
    (5, "blob", b"\x00\xff"),
    (6, "objlink", (3, 0)),
    (7, "unsigned", 18446744073709551615),
    (8, "text", "text"),
    (9, "list", {0: 1, 700: -2}),
    (11, "secret", "known"),
    (14, "names", {5: "five"}),
    (16, "corelink", "</1>"),
    (300, "angle", 0.75),
)


def rig(*objects):
    sample = Sample()
    peer = Peer(sample, *objects)
    peer.register()
    peer.heard = []
    forward = peer.table.on_changed

    def changed(oid, iid, rid):
        peer.heard.append(rid)
        forward(oid, iid, rid)

    peer.table.on_changed = changed
    return peer, sample


def packed(sample, *values):
    """A TLV payload with (rid, value) for the instance."""
    records = []
    for rid, value in values:
        kind = sample.row(rid)[2]
        if isinstance(value, dict):
            records += [(BASE + (rid, riid), kind, value[riid]) for riid in sorted(value)]
        else:
            records.append((BASE + (rid,), kind, value))
    return tlv.encode(BASE, records)


def refused(peer, sample, code, method, path, payload, content_format=TLV):
    """The request is refused with this code and nothing has happened."""
    before = sample.values()
    peer.heard = []
    response = (peer.put if method == "PUT" else peer.post)(path, payload, content_format)
    assert response.code == code, (hex(response.code), method, path, payload)
    assert sample.values() == before, (method, path, payload)
    assert peer.heard == []
    assert not peer.session.endpoint.faults


def test_int_205_text():
    for rid, name, value in VALUES:
        if isinstance(value, dict):
            continue
        peer, sample = rig()
        kind = sample.row(rid)[2]
        response = peer.put("/20000/0/%d" % rid, text.encode_value(kind, value).encode(), TEXT)
        assert response.code == CHANGED and response.payload == b"", rid
        assert getattr(sample, name) == value and peer.heard == [rid]
        assert isinstance(getattr(sample, name), type(value))


def test_int_215_tlv():
    for rid, name, value in VALUES:
        peer, sample = rig()
        response = peer.put("/20000/0/%d" % rid, packed(sample, (rid, value)), TLV)
        assert response.code == CHANGED, rid
        assert getattr(sample, name) == value and peer.heard == [rid]
        assert isinstance(getattr(sample, name), type(value))


def test_opaque():
    peer, sample = rig()
    assert peer.put("/20000/0/5", b"\x00\x01", OPAQUE).code == CHANGED
    assert sample.blob == b"\x00\x01" and isinstance(sample.blob, bytes)
    assert peer.put("/20000/0/5", b"", OPAQUE).code == CHANGED and sample.blob == b""
    assert peer.put("/20000/0/5", b"AP8Q", TEXT).code == CHANGED and sample.blob == b"\x00\xff\x10"
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/8", b"text", OPAQUE)


def test_without_content_format_it_is_text():
    peer, sample = rig()
    assert peer.put("/20000/0/1", b"12", None).code == CHANGED and sample.integer == 12
    assert peer.put("/20000/0/8", b"", None).code == CHANGED and sample.text == ""
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/1", b"", None)
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0", b"", None)
    refused(peer, sample, BAD_REQUEST, "POST", "/20000/0", b"", None)


def test_int_227_replace_sets_back_what_is_left_out():
    peer, sample = rig()
    for _, name, value in VALUES:
        setattr(sample, name, value)
    response = peer.put("/20000/0", packed(sample, (1, 5), (9, {3: 4})), TLV)
    assert response.code == CHANGED
    assert sample.integer == 5 and sample.list == {3: 4}
    for name in ("number", "flag", "time", "blob", "objlink", "unsigned", "text", "names"):
        assert getattr(sample, name) == getattr(Sample, name), name
    assert sample.corelink == "</3>" and sample.name == "sample"
    assert sample.secret == "known"  # who cannot read it cannot tell that it has to stay
    assert sample.angle == 0.75  # guarded by its property
    assert sorted(peer.heard) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 16, 300]


def test_replace_with_nothing():
    peer, sample = rig()
    sample.integer = 9
    sample.list = {1: 1}
    assert peer.put("/20000/0", b"", TLV).code == CHANGED
    assert sample.integer == 1 and sample.list == {}
    assert peer.get("/20000/0/9").code == NOT_FOUND


def test_int_226_partial_update_leaves_the_rest():
    peer, sample = rig()
    for _, name, value in VALUES:
        setattr(sample, name, value)
    response = peer.post("/20000/0", packed(sample, (2, 1.5), (9, {3: 4, 700: 5})), TLV)
    assert response.code == CHANGED and sorted(peer.heard) == [2, 9]
    assert sample.number == 1.5
    assert sample.list == {0: 1, 3: 4, 700: 5}  # merged
    for rid, name, value in VALUES:
        if rid not in (2, 9):
            assert getattr(sample, name) == value, name
    assert peer.post("/20000/0", b"", TLV).code == CHANGED


def test_a_multiple_resource_replaced_and_updated():
    peer, sample = rig()
    sample.list = {0: 1, 1: 2}
    assert peer.put("/20000/0/9", packed(sample, (9, {5: 50})), TLV).code == CHANGED
    assert sample.list == {5: 50}
    assert peer.post("/20000/0/9", packed(sample, (9, {5: 51, 6: 60})), TLV).code == CHANGED
    assert sample.list == {5: 51, 6: 60}
    assert peer.post("/20000/0/9", b"\x41\x07\x46", TLV).code == CHANGED  # instances alone
    assert sample.list == {5: 51, 6: 60, 7: 70}
    assert peer.put("/20000/0/9", b"\x41\x07\x46\x41\x08\x50", TLV).code == CHANGED
    assert sample.list == {7: 70, 8: 80}
    assert peer.post("/20000/0/9", b"\x80\x09", TLV).code == CHANGED  # nothing to add
    assert sample.list == {7: 70, 8: 80}
    assert peer.put("/20000/0/9", b"\x80\x09", TLV).code == CHANGED
    assert sample.list == {}
    assert Sample.list == {}  # the default is nobody's to change


def test_int_228_a_resource_instance():
    peer, sample = rig()
    sample.list = {2: 20, 3: 30}
    kept = sample.list
    assert peer.put("/20000/0/9/2", b"21", TEXT).code == CHANGED
    assert sample.list == {2: 21, 3: 30} and peer.heard == [9]
    assert peer.put("/20000/0/9/3", b"\x41\x03\x1f", TLV).code == CHANGED
    assert sample.list == {2: 21, 3: 31}
    assert kept == {2: 20, 3: 30}  # a new dictionary: who holds the old one sees no change
    refused(peer, sample, NOT_FOUND, "PUT", "/20000/0/9/4", b"1", TEXT)
    refused(peer, sample, NOT_FOUND, "POST", "/20000/0/9/4", b"1", TEXT)  # only above it
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/9/2", b"1.5", TEXT)
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/9/2", b"\x41\x03\x1f")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/9/2", b"")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/1/0", b"1", TEXT)


def test_int_256_not_there_and_not_writable():
    peer, sample = rig()
    for method in ("PUT", "POST"):
        for path in ("/20000/1", "/20001/0", "/65534/0"):
            refused(peer, sample, NOT_FOUND, method, path, b"\xc1\x01\x05")
        # In an instance: an unknown resource, a read-only and an executable one
        for data, code in (
            (b"\xc1\x11\x05", NOT_FOUND),
            (b"\xc1\x00s", METHOD_NOT_ALLOWED),
            (b"\xc0\x0a", METHOD_NOT_ALLOWED),
            (b"\xc4\x0c\x00\x00\x00\x00", METHOD_NOT_ALLOWED),
            (b"\x83\x0f\x41\x00\x00", METHOD_NOT_ALLOWED),
        ):
            refused(peer, sample, code, method, "/20000/0", b"\xc1\x01\x05" + data)
    for content_format in (TEXT, TLV):
        refused(peer, sample, NOT_FOUND, "PUT", "/20000/0/17", b"\xc1\x11\x05", content_format)
        refused(peer, sample, NOT_FOUND, "PUT", "/20000/1/1", b"\xc1\x01\x05", content_format)
        for path in ("/20000/0/0", "/20000/0/10", "/20000/0/12", "/20000/0/15"):
            refused(peer, sample, METHOD_NOT_ALLOWED, "PUT", path, b"1", content_format)
    refused(peer, sample, METHOD_NOT_ALLOWED, "POST", "/20000/0/1", b"1", TEXT)
    refused(peer, sample, METHOD_NOT_ALLOWED, "POST", "/20000/0/15", b"\x41\x00\x00")
    for method in ("PUT", "POST"):
        refused(peer, sample, METHOD_NOT_ALLOWED, method, "/20000", b"\x00\x00")


def test_unknown_formats_are_4_15():
    peer, sample = rig()
    for content_format in (1, LINK, 41, 50, 61, 111, 113, 11544, 65535):
        for method, path in (("PUT", "/20000/0/1"), ("PUT", "/20000/0"), ("POST", "/20000/0")):
            refused(peer, sample, UNSUPPORTED_CONTENT_FORMAT, method, path, b"1", content_format)
    for content_format in (TEXT, OPAQUE):  # one value for a whole instance
        refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0", b"1", content_format)
        refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/9", b"1", content_format)


def test_wrong_types_are_4_00():
    peer, sample = rig()
    for rid, characters in (
        (1, b"1.5"),
        (1, b"one"),
        (1, b"9223372036854775808"),
        (1, b"-9223372036854775809"),
        (2, b"warm"),
        (2, b"nan"),
        (2, b"inf"),
        (2, b"-inf"),
        (2, b"1e999"),
        (3, b"2"),
        (3, b"true"),
        (4, b"9223372036854775808"),
        (5, b"?"),
        (6, b"65536:0"),
        (6, b"0:65536"),
        (6, b"-1:0"),
        (6, b"3"),
        (7, b"-1"),
        (7, b"18446744073709551616"),
        (8, b"\xff"),
        (8, b"12345678901"),  # longer than its limit
        (8, b"refuse"),  # by check()
        (300, b"1.001"),
        (300, b"-0.001"),
        (300, b"nan"),
    ):
        refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/%d" % rid, characters, TEXT)
    for rid, raw in (
        (1, b""),
        (1, b"\x00\x00\x00"),
        (2, b"\x00"),
        (2, b"\x7f\xc0\x00\x00"),  # NaN
        (2, b"\x7f\x80\x00\x00"),  # infinity
        (2, b"\xff\x80\x00\x00"),
        (2, b"\x7f\xf8\x00\x00\x00\x00\x00\x00"),
        (2, b"\xff\xf0\x00\x00\x00\x00\x00\x00"),
        (3, b"\x02"),
        (6, b"\x00\x03\x00"),
        (8, b"\xc3"),
        (300, b"\x3f\x80\x00\x01"),  # just above 1
    ):
        entry = tlv.encode((20000, 0), (((20000, 0, rid), "o", raw),))
        for method, path in (
            ("PUT", "/20000/0/%d" % rid),
            ("PUT", "/20000/0"),
            ("POST", "/20000/0"),
        ):
            refused(peer, sample, BAD_REQUEST, method, path, entry)
    assert peer.put("/20000/0/300", b"1").code == CHANGED and sample.angle == 1
    assert peer.put("/20000/0/300", b"0").code == CHANGED and sample.angle == 0
    assert peer.put("/20000/0/8", b"1234567890").code == CHANGED


def test_single_for_multiple_and_the_other_way_round():
    peer, sample = rig()
    for method in ("PUT", "POST"):
        refused(peer, sample, BAD_REQUEST, method, "/20000/0", b"\xc1\x09\x05")
        refused(peer, sample, BAD_REQUEST, method, "/20000/0", b"\x83\x01\x41\x00\x05")
        refused(peer, sample, BAD_REQUEST, method, "/20000/0", b"\x80\x01")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/9", b"\xc1\x09\x05")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/1", b"\x83\x01\x41\x00\x05")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/1", b"\x41\x00\x05")
    for path in ("/20000/0/1", "/20000/0/9"):  # no value at all
        refused(peer, sample, BAD_REQUEST, "PUT", path, b"")


def test_broken_payloads_are_4_00():
    peer, sample = rig()
    whole = packed(sample, (1, 70000), (2, 0.5), (9, {0: 1, 1: 2}), (300, 0.5))
    for end in range(1, len(whole)):
        sample.integer = 1
        sample.list = {}
        sample.turned = 0.25
        before = sample.values()
        response = peer.put("/20000/0", whole[:end], TLV)
        if end in (6, 12, 20):
            assert response.code == CHANGED, end
        else:
            assert response.code == BAD_REQUEST and sample.values() == before, end
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/1", b"\xc1\x02\x05")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0", b"\x03\x01\xc1\x01\x05")
    assert peer.put("/20000/0", b"\x03\x00\xc1\x01\x05", TLV).code == CHANGED
    assert sample.integer == 5


def test_an_id_twice_is_4_00():
    peer, sample = rig()
    for method in ("PUT", "POST"):
        for data in (
            b"\xc1\x01\x05\xc1\x01\x06",
            b"\xc1\x01\x05\xc1\x01\x05",
            b"\x86\x09\x41\x00\x01\x41\x00\x02",
            b"\x83\x09\x41\x00\x01\x83\x09\x41\x00\x02",
            b"\x80\x09\x80\x09",
        ):
            refused(peer, sample, BAD_REQUEST, method, "/20000/0", data)
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/9", b"\x41\x00\x01\x41\x00\x02")
    refused(peer, sample, BAD_REQUEST, "PUT", "/20000/0/1", b"\xc1\x01\x05\xc1\x01\x06")
    # The same resource in two parts is unusual, but clear.
    data = b"\x83\x09\x41\x00\x01\x83\x09\x41\x01\x02"
    assert peer.put("/20000/0", data, TLV).code == CHANGED and sample.list == {0: 1, 1: 2}


def test_all_or_nothing():
    for method in ("PUT", "POST"):
        peer, sample = rig()
        for _, name, value in VALUES:
            setattr(sample, name, value)
        good = packed(sample, (1, 5), (2, 9.0), (9, {1: 1}))
        for bad, code in (
            (b"\xc1\x03\x02", BAD_REQUEST),  # no boolean
            (b"\xc4\x02\x00\x00\x00\x00", BAD_REQUEST),  # 2 again
            (b"\xc1\x00s", METHOD_NOT_ALLOWED),
            (b"\xc1\x11\x00", NOT_FOUND),
            (b"\xc6\x08refuse", BAD_REQUEST),  # check() refuses
            (b"\xe4\x01\x2c\x40\x00\x00\x00", BAD_REQUEST),  # angle 2.0
            (b"\xc5\x10", BAD_REQUEST),  # cut off
        ):
            refused(peer, sample, code, method, "/20000/0", good + bad)


def test_a_setter_that_fails_is_rolled_back():
    for method in ("PUT", "POST"):
        for stuck, code in (
            (Error(0xA3, "stuck"), 0xA3),
            (Error(0x80), 0x80),
            (OSError(5), INTERNAL_SERVER_ERROR),
        ):
            peer, sample = rig()
            for _, name, value in VALUES:
                setattr(sample, name, value)
            sample.turned = 0.25
            sample.stuck = stuck
            before = sample.values()
            payload = packed(sample, (1, 5), (9, {1: 1}), (300, 0.5), (16, "</2>"))
            response = (peer.put if method == "PUT" else peer.post)("/20000/0", payload, TLV)
            assert response.code == code
            assert sample.values() == before and peer.heard == []
            assert peer.session.endpoint.faults == (1 if code == INTERNAL_SERVER_ERROR else 0)
            sample.stuck = None
            assert peer.post("/20000/0", payload, TLV).code == CHANGED
            assert sample.angle == 0.5 and sample.integer == 5


def test_a_clear_that_fails_is_rolled_back():
    class Guarded(Sample):
        def clear(self, row):
            if row[0] == 16:
                raise Error(0xA3)
            super().clear(row)

    sample = Guarded()
    peer = Peer(sample)
    peer.register()
    for _, name, value in VALUES:
        setattr(sample, name, value)
    before = sample.values()
    assert peer.put("/20000/0", packed(sample, (1, 5)), TLV).code == 0xA3
    assert sample.values() == before


def test_a_check_that_fails_unexpectedly_changes_nothing():
    class Broken(Sample):
        def check(self, values):
            raise KeyError(values[0][0])

    sample = Broken()
    peer = Peer(sample)
    peer.register()
    before = sample.values()
    assert peer.put("/20000/0/1", b"5").code == INTERNAL_SERVER_ERROR
    assert sample.values() == before and peer.session.endpoint.faults == 1


def test_check_sees_everything_typed():
    class Seen(Sample):
        def check(self, values):
            self.seen = values

    sample = Seen()
    peer = Peer(sample)
    peer.register()
    payload = packed(sample, (1, 5), (2, 3.0), (9, {1: 10, 4: 40})) + b"\x80\x0e"
    assert peer.put("/20000/0", payload, TLV).code == CHANGED
    assert sample.seen == [
        (1, None, 5),
        (2, None, 3.0),
        (9, 1, 10),
        (9, 4, 40),
        (14, None, None),
    ]
    assert isinstance(sample.seen[1][2], float)


def test_a_duplicate_writes_once():
    peer, sample = rig()
    first = peer.put("/20000/0/1", b"5", mid=999, token=b"x")
    sample.integer = 6
    again = peer.put("/20000/0/1", b"5", mid=999, token=b"x")
    assert first.code == again.code == CHANGED and sample.integer == 6


def test_what_survives_a_restart_is_to_be_kept():
    peer, _ = rig()
    session = peer.session
    for path, payload, kept in (
        ("/20000/0/1", b"5", False),
        ("/1/0/1", b"0", False),  # refused
        ("/1/0/1", b"500", True),
        ("/1/0/2", b"5", True),
    ):
        session.unsaved = False
        peer.put(path, payload)
        assert session.unsaved == kept, path
    for query, kept in (("pmin=x", False), ("pmin=5", True), ("pmin", True)):
        session.unsaved = False
        peer.attributes("/20000/0/1", query)
        assert session.unsaved == kept, query


def test_the_server_object():
    peer, _ = rig()
    server = peer.server
    for rid, characters in (
        (1, b"0"),
        (1, b"-1"),
        (1, b"2147483648"),
        (2, b"-1"),
        (3, b"-1"),
        (7, b"UQ"),
        (7, b"T"),
        (7, b""),
        (6, b"2"),
    ):
        assert peer.put("/1/0/%d" % rid, characters).code == BAD_REQUEST, (rid, characters)
    assert peer.put("/1/0/0", b"2").code == METHOD_NOT_ALLOWED
    assert peer.put("/1/0/8", b"2").code == METHOD_NOT_ALLOWED
    assert (server.lifetime_s, server.pmin_s, server.pmax_s) == (3600, 0, 0)
    assert peer.put("/1/0/7", b"U").code == CHANGED
    assert peer.put("/1/0/6", b"1").code == CHANGED and server.storing is True
    payload = b"\xc4\x01\x00\x00\x0e\x10\xc1\x02\x05\xc1\x03\x3c\xc2\x07UQ"
    assert peer.post("/1/0", payload, TLV).code == BAD_REQUEST
    assert server.pmin_s == 0
    assert peer.post("/1/0", payload[:-1].replace(b"\xc2\x07U", b"\xc1\x07U"), TLV).code == CHANGED
    assert (server.lifetime_s, server.pmin_s, server.pmax_s) == (3600, 5, 60)


def test_instances_of_a_resource_are_not_without_number():
    peer, sample = rig()
    for start, code, count in ((0, 0x44, 32), (32, 0x44, 64), (64, 0xA3, 64), (0, 0x44, 64)):
        payload = b"".join([b"\x41" + bytes((riid, 1)) for riid in range(start, start + 32)])
        assert peer.post("/20000/0/9", payload, TLV).code == code
        assert len(sample.list) == count
