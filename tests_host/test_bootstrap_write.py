"""Bootstrap-Write, -Delete, -Read and -Discover (TS 1.1.1 Core section 6.1.7), in all formats."""

import json
import os

from bootstrap_peer import (
    BAD_REQUEST,
    CBOR,
    GET,
    KEY,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    POST,
    PUT,
    SECURITY,
    SENML_CBOR,
    SENML_JSON,
    SERVER,
    SERVICE_UNAVAILABLE,
    SEVERAL,
    TEXT,
    TLV,
    UNSUPPORTED_CONTENT_FORMAT,
    BootstrapPeer,
    factory,
    payload,
    security,
    server,
    state,
)
from peer import ANY, CHANGED, DELETED, Random, Sample

from lwm2m.access import AccessControl
from lwm2m.formats import tlv
from lwm2m.objects.security import PSK

OPAQUE, CONTENT = 42, 0x45
CONTINUE, BLOCK1 = 0x5F, 27


def started(*objects, **more):
    peer = BootstrapPeer(*objects, **more)
    peer.start()
    return peer


def refused(peer, code, path, body, content_format):
    before = peer.state()
    response = peer.put(path, body, content_format)
    assert response.code == code, (hex(response.code), path, body)
    assert peer.state() == before
    assert not peer.session.endpoint.faults


def test_int_0_every_combination_of_formats():
    for first in SEVERAL:
        for second in SEVERAL:
            peer = started()
            assert peer.delete() == DELETED
            assert peer.write("/0/0", SECURITY, first) == CHANGED
            assert peer.write("/1/0", SERVER, second) == CHANGED
            assert peer.finish() == CHANGED
            (saved,) = peer.saved
            for rid in (0, 1, 2, 3, 4, 5, 10, 11, 12):
                assert saved[0, 0][rid] == SECURITY[rid]
            for rid, value in SERVER.items():
                assert saved[1, 0][rid] == value


def test_several_instances_in_one_write():
    for content_format in SEVERAL:
        peer = started()
        assert peer.delete() == DELETED
        values = {(0, rid): value for rid, value in SECURITY.items()}
        values.update({(4, rid): value for rid, value in SECURITY.items()})
        values[4, 10] = 102
        assert peer.write("/0", values, content_format) == CHANGED
        values = {(8, rid): value for rid, value in SERVER.items()}
        values.update({(9, rid): value for rid, value in SERVER.items()})
        values[9, 0] = 102
        assert peer.write("/1", values, content_format) == CHANGED
        values = {
            (0, 0): 3303,
            (0, 1): 0,
            (0, 2): {101: 31, 102: 1},
            (0, 3): 101,
            (1, 0): 1,
            (1, 1): 8,
            (1, 2): {},
            (1, 3): 101,
        }
        if content_format != TLV:  # SenML has no way to say that there are none
            del values[1, 2]
        assert peer.write("/2", values, content_format) == CHANGED
        assert peer.finish() == CHANGED
        (saved,) = peer.saved
        assert sorted(saved) == [(0, 0), (0, 4), (0, 7), (1, 8), (1, 9), (2, 0), (2, 1)]
        assert saved[0, 4][10] == 102 and saved[0, 4][5] == KEY and saved[1, 9][0] == 102
        assert saved[2, 0] == {0: 3303, 1: 0, 2: {101: 31, 102: 1}, 3: 101}
        assert saved[2, 1] == {0: 1, 1: 8, 2: {}, 3: 101}


def test_all_or_none_of_several_instances():
    for content_format in SEVERAL:
        peer = started()
        values = {(0, rid): value for rid, value in SECURITY.items()}
        values.update({(1, rid): value for rid, value in SECURITY.items()})
        values[1, 2] = 4
        refused(peer, BAD_REQUEST, "/0", payload((0,), values, content_format), content_format)


def test_an_instance_is_replaced():
    for content_format in SEVERAL:
        peer = started(drafts=[security(0, 5, sni="x", identity=b"i"), server(0, 5)])
        peer.session.table.find(1, 0).storing = True
        assert peer.write("/0/0", {0: "coap://b", 2: 3, 10: 6}, content_format) == CHANGED
        assert peer.write("/1/0", {0: 6, 1: 77, 7: "U"}, content_format) == CHANGED
        found = peer.state()
        assert found[0, 0][14] is None and found[0, 0][3] == b"" and found[0, 0][0] == "coap://b"
        assert found[1, 0][6] is False and found[1, 0][1] == 77 and found[1, 0][0] == 6
        assert peer.finish() == CHANGED


def test_one_resource_is_written():
    table = (
        ("/0/3/0", "s", b"coap://x", "coap://x"),
        ("/0/3/10", "i", b"5", 5),
        ("/0/3/1", "b", b"1", True),
        ("/1/3/0", "i", b"5", 5),
        ("/1/3/1", "i", b"90000", 90000),
        ("/1/3/15", "b", b"0", False),
        ("/1/3/7", "s", b"U", "U"),
        ("/1/3/16", "b", b"0", False),
    )
    for path, kind, text, value in table:
        oid, iid, rid = [int(part) for part in path[1:].split("/")]
        for content_format in (TEXT, CBOR, TLV, SENML_JSON, SENML_CBOR):
            peer = started()
            expected = peer.state()
            expected[oid, iid][rid] = value
            body = text
            if content_format != TEXT:
                from bootstrap_peer import MODULES

                records = [((oid, iid, rid), kind, value)]
                body = bytes(MODULES[content_format].encode((oid, iid, rid), records))
            assert peer.put(path, body, content_format).code == CHANGED
            assert peer.state() == expected


def test_one_resource_of_an_instance_that_is_not_there():
    peer = started()
    assert peer.write("/1/9/0", b"5", TEXT) == CHANGED
    assert peer.write("/1/9/1", b"60", TEXT) == CHANGED
    assert peer.finish() == 0x86  # neither a binding nor a security instance


def test_credentials_in_every_format():
    key = os.urandom(48)
    for content_format in (TLV, SENML_JSON, SENML_CBOR):
        for rid in (3, 4, 5):
            peer = started()
            assert peer.write("/0/3", {rid: key}, content_format) == CHANGED
            assert peer.state()[0, 3][rid] == key
    for rid in (3, 4, 5):
        peer = started()
        assert peer.put("/0/3/%d" % rid, key, OPAQUE).code == CHANGED
        assert peer.state()[0, 3][rid] == key
        assert peer.put("/0/3/%d" % rid, b"\x42\x01\x02", CBOR).code == CHANGED
        assert peer.state()[0, 3][rid] == b"\x01\x02"


def test_access_control():
    peer = started()
    for content_format in SEVERAL:
        body = {0: 3303, 1: 0, 2: {77: 31}, 3: 77}
        assert peer.write("/2/5", body, content_format) == CHANGED
        assert peer.state()[2, 5] == {0: 3303, 1: 0, 2: {77: 31}, 3: 77}
        body = bytes(tlv.encode((2, 5, 2), [((2, 5, 2, 0), "i[]", 1)]))
        assert peer.put("/2/5/2", body, TLV).code == CHANGED
        assert peer.state()[2, 5][2] == {0: 1}  # replaced
    refused(peer, BAD_REQUEST, "/2/5", payload((2, 5), {2: {77: 32}}), TLV)
    refused(peer, BAD_REQUEST, "/2/5", payload((2, 5), {0: 65535}), TLV)


def test_what_the_client_does_not_know():
    peer = started()
    more = dict(SECURITY)
    body = payload((0, 0), more) + b"\xc1\xc8\x01" + b"\xe4\x03\xe7\x01\x02\x03\x04"
    assert peer.put("/0/0", body, TLV).code == CHANGED
    # An executable resource is none that could be written: left out, or not there.
    records = [{"bn": "/1/0/", "n": "0", "v": 101}, {"n": "8", "v": 1}, {"n": "22", "vs": "U"}]
    records.append({"n": "10", "vs": "https://pkg.example"})
    assert peer.put("/1/0", json.dumps(records).encode(), SENML_JSON).code == CHANGED
    for path in ("/0/3/6", "/0/3/16", "/0/3/99", "/1/3/4", "/1/3/8", "/1/3/9", "/1/3/99"):
        refused(peer, NOT_FOUND, path, b"1", TEXT)
    for path in ("/4/0", "/65534/0", "/9/0/0"):
        refused(peer, NOT_FOUND, path, b"\xc1\x00\x01", TLV)


def test_bindings_of_other_versions():
    for binding in ("U", "UQ", "UT", "TU", "US", "UQS", "UTSN"):
        for content_format in SEVERAL:
            peer = started()
            values = dict(SERVER)
            values[7] = binding
            assert peer.write("/1/3", values, content_format) == CHANGED
            assert peer.state()[1, 3][7] == "U"
            assert peer.write("/1/3/7", binding.encode(), TEXT) == CHANGED
    for binding in ("T", "", "S", "SQ", "u"):
        peer = started()
        refused(peer, BAD_REQUEST, "/1/3", payload((1, 3), {7: binding}), TLV)
        refused(peer, BAD_REQUEST, "/1/3/7", binding.encode(), TEXT)


def test_types_and_ranges():
    table = (
        ((0, 3), {0: ""}),
        ((0, 3), {0: "x" * 256}),
        ((0, 3), {2: 4}),
        ((0, 3), {2: -1}),
        ((0, 3), {10: 65536}),
        ((0, 3), {10: -1}),
        ((0, 3), {11: -1}),
        ((0, 3), {12: -1}),
        ((0, 3), {12: 1 << 31}),
        ((0, 3), {14: "x" * 256}),
        ((0, 3), {15: 4}),
        ((1, 3), {0: -1}),
        ((1, 3), {1: 0}),
        ((1, 3), {1: 1 << 31}),
        ((1, 3), {2: -1}),
        ((1, 3), {20: 1 << 32}),
    )
    for path, values in table:
        for content_format in SEVERAL:
            peer = started()
            name = "/%d/%d" % path
            refused(peer, BAD_REQUEST, name, payload(path, values, content_format), content_format)
    peer = started()
    for path, body in (
        ("/0/3/2", b"x"),
        ("/0/3/1", b"2"),
        ("/0/3/10", b"1.5"),
        ("/0/3/0", b"\xff"),
        ("/0/3/5", b"%%"),
        ("/1/3/1", b"-1"),
        ("/1/3/6", b"true"),
        ("/1/3/0", b""),
    ):
        refused(peer, BAD_REQUEST, path, body, TEXT)
    for records in (
        [{"n": "2", "vs": "0"}],
        [{"n": "0", "v": 1}],
        [{"n": "1", "v": 1}],
        [{"n": "5", "vs": "\u00e9"}],
        [{"n": "10", "v": 1}, {"n": "10", "v": 1}],
        [{"n": "2/0", "v": 1}],
        [{"n": "/1/3/0", "v": 1}],  # another object
        [{"n": "/0/4/2", "v": 0}],  # another instance
        [],
    ):
        refused(peer, BAD_REQUEST, "/0/3", json.dumps(records).encode(), SENML_JSON)


def test_payloads_that_name_no_instance_or_nothing():
    peer = started()
    for path in ("/0", "/1", "/2", "/0/3", "/1/3"):
        for content_format in SEVERAL:
            refused(peer, BAD_REQUEST, path, b"", content_format)
        refused(peer, BAD_REQUEST, path, b"[]", SENML_JSON)
        refused(peer, BAD_REQUEST, path, b"\x80", SENML_CBOR)
        for content_format in (TEXT, CBOR, OPAQUE):
            refused(peer, BAD_REQUEST, path, b"1", content_format)
        refused(peer, BAD_REQUEST, path, b"1", None)
        refused(peer, UNSUPPORTED_CONTENT_FORMAT, path, b"1", 40)
        refused(peer, UNSUPPORTED_CONTENT_FORMAT, path, b"1", 11544)
    refused(peer, BAD_REQUEST, "/0", payload((0, 3), {2: 3}), TLV)  # resources at the top
    refused(peer, BAD_REQUEST, "/0", b'[{"n":"/0/2","v":3}]', SENML_JSON)
    refused(peer, BAD_REQUEST, "/0", b'[{"n":"/0/65535/2","v":3}]', SENML_JSON)
    refused(peer, BAD_REQUEST, "/0", b"\x28\xff\xff\x03\xc1\x02\x03", TLV)
    for path in ("/0/65535", "/0/65536/0", "/0/-1", "/x", "/0/03", "/0/0/0/0/0"):
        refused(peer, NOT_FOUND, path, b"1", TEXT)


def test_methods_that_there_are_none_of():
    peer = started()
    before = peer.state()
    for code, path in (
        (POST, "/0/3"),
        (POST, "/0"),
        (POST, "/1/3/8"),
        (POST, ""),
        (PUT, ""),
        (PUT, "/2/0/2/1"),
        (GET, ""),
        (GET, "/0"),
        (GET, "/0/3"),
        (GET, "/0/3/5"),
        (GET, "/3/0"),
        (GET, "/20000/0/1"),
        (5, ""),
        (7, ""),
        (4, "/3"),
        (4, "/3/0"),
        (4, "/20000/0"),
        (4, "/0/3/5"),
    ):
        response = peer.ask(code, path, b"", accept=ANY)
        assert response.code == METHOD_NOT_ALLOWED and not response.payload, (code, path)
    for code, path in ((GET, "/bs"), (PUT, "/bs"), (4, "/bs"), (POST, "/rd"), (POST, "/bs/0")):
        assert peer.ask(code, path, b"", accept=ANY).code == NOT_FOUND
    assert peer.state() == before and not peer.session.endpoint.faults


def test_no_credential_can_be_read():
    peer = started()
    for path in ("", "/0", "/0/7", "/0/7/3", "/0/7/5", "/0/7/4", "/1", "/2"):
        for accept in (ANY, TEXT, OPAQUE, CBOR, SENML_JSON, SENML_CBOR, TLV, 40):
            response = peer.ask(GET, path, accept=accept)
            assert b"k" * 16 not in bytes(response.payload)
            assert b"me" not in bytes(response.payload)


def test_int_4_delete():
    def left(*paths):
        peer = started(drafts=factory() + [AccessControl(0, 3303, 0, 77, {})])
        for path in paths:
            assert peer.delete(path) == DELETED, path
        assert peer.table.find(3, 0) and peer.table.find(20000, 0)
        return sorted(peer.state())

    everything = [(0, 3), (0, 7), (1, 3), (2, 0)]
    assert left() == everything
    assert left("") == [(0, 7)]
    assert left("/0") == [(0, 7), (1, 3), (2, 0)]
    assert left("/1") == [(0, 3), (0, 7), (2, 0)]
    assert left("/2") == [(0, 3), (0, 7), (1, 3)]
    assert left("/0/3") == [(0, 7), (1, 3), (2, 0)]
    assert left("/1/3", "/2/0", "/0/3") == [(0, 7)]
    # What is gone already is what was wanted.
    assert left("/1/3", "/1/3", "/1", "/0/99", "/2/65534") == [(0, 3), (0, 7), (2, 0)]
    assert left("", "") == [(0, 7)]


def test_the_account_of_the_bootstrap_server_stays():
    peer = started()
    before = peer.state()
    assert peer.delete("/0/7") == BAD_REQUEST and peer.state() == before
    assert peer.delete("/0") == DELETED
    whole = dict(SECURITY)
    whole[1] = True
    whole[0] = "coaps://other.bs"
    del whole[10]
    assert peer.write("/0/7", whole) == CHANGED
    found = peer.state()[0, 7]
    assert found[0] == "coaps://other.bs" and found[5] == KEY and found[1] is True
    assert peer.delete("") == DELETED and sorted(peer.state()) == [(0, 7)]


def test_the_servers_may_take_each_others_ids():
    # As Leshan does without its automatic ids: the Bootstrap-Server to /0/0, the server to /0/1.
    old = [security(0, None, bootstrap=True), security(1, 5), server(0, 5)]
    peer = started(drafts=old)
    bs = {0: "coaps://bs", 1: True, 2: PSK, 3: b"i", 4: b"", 5: KEY, 10: 111, 11: 1, 12: 0}
    assert peer.delete("/0") == DELETED and peer.delete("/1") == DELETED
    assert peer.write("/0/0", bs) == CHANGED
    assert peer.write("/0/1", SECURITY) == CHANGED
    assert peer.write("/1/0", SERVER) == CHANGED
    assert peer.finish() == CHANGED
    (saved,) = peer.saved
    assert sorted(saved) == [(0, 0), (0, 1), (1, 0)] and saved[0, 0][5] == KEY


def test_int_7_read():
    peer = started(drafts=factory() + [AccessControl(4, 3303, 0, 77, {77: 5})])
    for path, text in (("/1/3/0", b"77"), ("/1/3/1", b"3600"), ("/2/4/0", b"3303")):
        response = peer.ask(GET, path, accept=TEXT)
        assert response.code == CONTENT and bytes(response.payload) == text, path
    response = peer.ask(GET, "/1", accept=SENML_JSON)
    found = {}
    for record in json.loads(bytes(response.payload).decode()):
        found[record["n"]] = record.get("v", record.get("vs"))
    assert found["3/0"] == 77 and found["3/1"] == 3600 and found["3/7"] == "U"
    response = peer.ask(GET, "/2/4", accept=TLV)
    pairs = dict(tlv.decode((2, 4), bytes(response.payload)))
    assert pairs[2, 4, 0] == b"\x0c\xe7" and pairs[2, 4, 2, 77] == b"\x05"
    response = peer.ask(GET, "/1/3", accept=ANY)
    assert response.code == CONTENT and response.first(12) == bytes((SENML_CBOR,))
    for path in ("/1/4", "/1/3/99", "/2/0", "/2/4/9"):
        assert peer.ask(GET, path, accept=SENML_CBOR).code == NOT_FOUND
    assert peer.ask(GET, "/1", accept=TEXT).code == 0x86
    # What was written is what is read.
    assert peer.write("/1/3/1", b"55", TEXT) == CHANGED
    assert bytes(peer.ask(GET, "/1/3/1", accept=TEXT).payload) == b"55"
    assert peer.ask(GET, "/1/3/1", accept=TEXT, observe=0).first(6) is None


def test_discover():
    peer = started(Sample(0), Sample(2))
    security_links = '</0>,</0/3>;ssid=77;uri="coap://old",</0/7>;uri="coaps://bs"'
    server_links = "</1>;ver=1.2,</1/3>;ssid=77"
    others = ",</2>,</3>,</3/0>,</20000>,</20000/0>,</20000/2>"
    version = "</>;lwm2m=1.1,"
    assert peer.discover() == version + security_links + "," + server_links + others
    assert peer.discover("/0") == version + security_links
    assert peer.discover("/1") == version + server_links
    assert peer.discover("/2") == version + "</2>"
    assert peer.discover("/3") == version + "</3>,</3/0>"
    assert peer.discover("/20000") == version + "</20000>,</20000/0>,</20000/2>"
    assert peer.discover("/4") == NOT_FOUND
    for path in ("/0/3", "/1/3", "/1/3/0", "/3/0"):
        assert peer.discover(path) == BAD_REQUEST
    assert peer.delete() == DELETED
    rest = '</0>,</0/7>;uri="coaps://bs",</1>'
    assert peer.discover() == version + rest + others
    assert peer.write("/1/0/1", b"60", TEXT) == CHANGED  # no id yet
    assert peer.discover("/1") == version + "</1>;ver=1.2,</1/0>"
    assert peer.write("/2/1/0", b"3", TEXT) == CHANGED
    assert peer.discover("/2") == version + "</2>,</2/1>"
    # In the order of their ids; the Bootstrap-Server has no short one, whatever it says.
    for iid in (9, 2, 300, 8):
        assert peer.write("/0/%d" % iid, {0: "coap://%d" % iid, 1: iid == 2, 10: iid}) == CHANGED
    links = ['</0/2>;uri="coap://2"', '</0/7>;uri="coaps://bs"']
    links += ['</0/%d>;ssid=%d;uri="coap://%d"' % (iid, iid, iid) for iid in (8, 9, 300)]
    assert peer.discover("/0") == version + ",".join(["</0>"] + links)


def test_block_wise():
    for content_format in SEVERAL:
        key = os.urandom(1100)
        values = dict(SECURITY)
        values[4] = key
        values[5] = os.urandom(700)
        body = payload((0, 0), values, content_format)
        assert len(body) > 1800
        peer = started()
        before = peer.state()
        for size, szx in ((512, 5), (64, 2)):
            for number in range(0, len(body), size):
                more = number + size < len(body)
                option = number // size << 4 | more << 3 | szx
                response = peer.put(
                    "/0/0",
                    body[number : number + size],
                    content_format,
                    more_options=[(BLOCK1, option.to_bytes(3, "big").lstrip(b"\0"))],
                )
                if more:
                    assert response.code == CONTINUE and peer.state() == before
            assert response.code == CHANGED
            found = peer.state()[0, 0]
            assert found[4] == key and found[5] == values[5]
            before = peer.state()


def test_the_number_of_instances_is_limited():
    peer = started()
    codes = []
    for iid in range(100, 140):
        codes.append(peer.write("/1/%d/0" % iid, b"5", TEXT))
        if iid % 8 == 0:
            peer.run(60000)  # so that answers are forgotten
            assert peer.discover("/1") != NOT_FOUND
    assert codes == [CHANGED] * 29 + [SERVICE_UNAVAILABLE] * 11
    assert len(peer.state()) == 32
    assert peer.write("/1/100/1", b"60", TEXT) == CHANGED  # what is there can be written
    values = {(iid, 0): 5 for iid in range(40)}
    before = peer.state()
    assert peer.write("/1", values) == SERVICE_UNAVAILABLE and peer.state() == before
    peer.run(60000)
    assert peer.delete("/1/100") == DELETED
    assert peer.write("/1/0/0", b"5", TEXT) == CHANGED


def test_what_waits_for_other_objects_is_limited():
    peer = started()
    codes = []
    for count in range(40):
        codes.append(peer.write("/20000/0/1", b"%d" % count, TEXT))
        if count % 8 == 0:
            peer.run(60000)
    assert codes == [CHANGED] * 32 + [SERVICE_UNAVAILABLE] * 8


def test_other_objects_in_all_formats():
    sample = Sample(0)
    sample.integer = 3
    for content_format in SEVERAL:
        peer = started(sample)
        from bootstrap_peer import MODULES

        encode = MODULES[content_format].encode
        records = [((20000, 0, 0), "s", "read-only"), ((20000, 0, 1), "i", 44)]
        records += [((20000, 0, 9, 1), "i[]", 7), ((20000, 0, 77), "i", 44)]
        body = bytes(encode((20000, 0), records))
        assert peer.put("/20000/0", body, content_format).code == CHANGED
        assert sample.integer == 3
        peer.whole()
        assert peer.finish() == CHANGED
        assert (sample.integer, sample.name, sample.list) == (44, "sample", {1: 7})
        sample.integer = 3


def test_damaged_payloads():
    # Each is taken whole or refused whole, and none does any harm.
    random = Random(7)
    bodies = []
    several = {(0, rid): value for rid, value in SECURITY.items()}
    several.update({(1, rid): value for rid, value in SECURITY.items()})
    for content_format in SEVERAL:
        bodies.append(("/0/0", payload((0, 0), SECURITY, content_format), content_format))
        bodies.append(("/0", payload((0,), several, content_format), content_format))
        bodies.append(("/1/0", payload((1, 0), SERVER, content_format), content_format))
        rights = {0: 3, 1: 0, 2: {1: 1, 2: 2}, 3: 1}
        bodies.append(("/2/0", payload((2, 0), rights, content_format), content_format))
    peer = started()
    codes = set()
    for turn in range(900):
        path, whole, content_format = bodies[turn % len(bodies)]
        damaged = bytearray(whole)
        for _ in range(1 + random.below(3)):
            damaged[random.below(len(damaged))] = random.below(256)
        damaged = bytes(damaged[: 1 + random.below(2 * len(damaged))])
        before = peer.state()
        code = peer.put(path, damaged, content_format).code
        codes.add(code)
        assert code in (CHANGED, BAD_REQUEST, SERVICE_UNAVAILABLE), (hex(code), damaged)
        found = peer.state()
        if code != CHANGED:
            assert found == before, damaged
        assert len(found) <= 32
        for (oid, iid), values in found.items():
            assert oid < 3 and 0 <= iid < 65535
            if oid == 0:
                assert isinstance(values[0], str) and isinstance(values[5], bytes), damaged
                assert values[2] in (None, 0, 1, 2, 3)
        if turn % 8 == 7:
            peer.run(60000)
        if len(found) > 20:
            assert peer.delete() == DELETED
    assert codes - {SERVICE_UNAVAILABLE} == {CHANGED, BAD_REQUEST}
    assert not peer.session.endpoint.faults and not peer.ends


def test_cut_off_payloads():
    peer = started()
    for content_format in (TLV, SENML_CBOR, SENML_JSON):
        whole = payload((0, 0), SECURITY, content_format)
        for end in range(1, len(whole)):
            peer.run(20000)
            before = peer.state()
            code = peer.put("/0/0", whole[:end], content_format).code
            assert code in (CHANGED, BAD_REQUEST) and (content_format == TLV or code != CHANGED)
            assert code == CHANGED or peer.state() == before
        assert peer.put("/0/0", whole, content_format).code == CHANGED
    assert not peer.session.endpoint.faults


def test_state_of_the_drafts_is_for_comparison():
    one, other = factory(), factory()
    assert state(one) == state(other)
    other[2].lifetime_s = 1
    assert state(one) != state(other)
