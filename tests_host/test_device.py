"""Device (3): what it tells, what may be written, its error codes, restart and factory reset."""

from helpers import Source
from peer import ANY, Peer

from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND
from lwm2m.formats import tlv
from lwm2m.objects.device import Device

TEXT, TLV = 0, 11542
MALFUNCTION = 8


def device():
    """(peer that has registered, the object, list of what was called)."""
    source = Source()
    entry = Device(source, source.clock, source.keep)
    peer = Peer(entry)
    peer.register()
    return peer, entry, source.called


def report(entry, code, lasts=True):
    """An error comes or goes, as the application has it."""
    bit = 1 << code
    before = entry.source.errors
    entry.source.errors = before | bit if lasts else before & ~bit
    if entry.source.errors != before:
        entry.changed(11)


def values(peer, path="/3/0"):
    """{path: raw} as a server reads it."""
    response = peer.get(path, accept=TLV)
    assert response.code == CONTENT
    return dict(tlv.decode(tuple([int(each) for each in path.split("/")[1:]]), response.payload))


def error_codes(peer):
    """{riid: code} as a server reads it."""
    response = peer.get("/3/0/11", accept=TLV)
    assert response.code == CONTENT
    return {path[3]: tlv.value("i", raw) for path, raw in tlv.decode((3, 0, 11), response.payload)}


def test_what_is_not_known_does_not_exist():
    peer, entry, _ = device()
    for rid in (0, 1, 2, 3, 6, 7, 9, 10, 14, 15, 17, 18, 19, 20, 21):
        assert peer.get("/3/0/%d" % rid).code == NOT_FOUND, rid
    entry.model_number = "NUCLEO-F429ZI"
    entry.memory_free = 51
    assert bytes(peer.get("/3/0/1").payload) == b"NUCLEO-F429ZI"
    assert bytes(peer.get("/3/0/10").payload) == b"51"
    assert bytes(peer.get("/3/0/16").payload) == b"U"


def test_no_error_is_a_single_zero():
    peer, _, _ = device()
    assert error_codes(peer) == {0: 0}


def test_an_error_comes_and_goes():
    peer, entry, _ = device()
    report(entry, MALFUNCTION)
    assert error_codes(peer) == {0: 8}
    report(entry, MALFUNCTION)
    assert error_codes(peer) == {0: 8}
    report(entry, 2)
    assert error_codes(peer) == {0: 2, 1: 8}
    report(entry, MALFUNCTION, False)
    assert error_codes(peer) == {0: 2}
    report(entry, MALFUNCTION, False)
    report(entry, 2, False)
    assert error_codes(peer) == {0: 0}


def test_observers_of_the_error_codes():
    peer, entry, _ = device()
    assert peer.get("/3/0/11", accept=TLV, observe=0).code == CONTENT
    seen = []

    def codes():
        peer.run(1000, lambda message: seen.append(bytes(message.payload)))
        found = [list(tlv.decode((3, 0, 11), payload)) for payload in seen]
        seen.clear()
        return [[tlv.value("i", raw) for _, raw in each] for each in found]

    report(entry, MALFUNCTION)
    assert codes() == [[8]]
    report(entry, MALFUNCTION)
    assert codes() == []
    report(entry, MALFUNCTION, False)
    assert codes() == [[0]]
    report(entry, MALFUNCTION, False)
    assert codes() == []


def test_reset_of_the_error_codes():
    peer, entry, _ = device()
    report(entry, MALFUNCTION)
    assert peer.post("/3/0/12").code == CHANGED
    assert error_codes(peer) == {0: 0}
    # A fault that lasts is reported again by the next measurement.
    report(entry, MALFUNCTION)
    assert error_codes(peer) == {0: 8}


def test_restart_and_factory_reset_are_called_once():
    for path, name in (("/3/0/4", "reboot"), ("/3/0/5", "factory reset")):
        peer, _, called = device()
        for _ in range(3):  # the answer was lost: the same request again
            assert peer.post(path, mid=9, token=b"t").code == CHANGED
        assert called == [(name, "")]
        assert peer.post(path, b"0='x'").code == CHANGED
        assert called[1:] == [(name, "0='x'")]


def test_what_is_no_execute_calls_nothing():
    peer, _, called = device()
    for path in ("/3/0/4", "/3/0/5", "/3/0/12"):
        assert peer.get(path).code == METHOD_NOT_ALLOWED
        assert peer.put(path, b"1").code == METHOD_NOT_ALLOWED
        assert peer.post(path, b"\xff").code == BAD_REQUEST
    assert peer.post("/3/0/11", b"0").code == METHOD_NOT_ALLOWED
    assert called == []


def test_power_as_far_as_it_is_known():
    peer, entry, _ = device()
    entry.power_sources = {0: 1, 1: 5}
    entry.voltages_mv = {0: 3712}
    entry.battery_level = 80
    entry.battery_status = 0
    found = values(peer)
    expected = {(6, 0): 1, (6, 1): 5, (7, 0): 3712, (9,): 80, (20,): 0}
    for rest, value in expected.items():
        assert tlv.value("i", found[(3, 0) + rest]) == value, rest


def test_int_651_writable_resources_set_and_restored():
    peer, entry, _ = device()
    before = values(peer)
    # 1 a partial update in TLV: time, UTC offset, time zone
    set_of_values = (((3, 0, 13), "t", 1367491215), ((3, 0, 14), "s", "+02:00"))
    set_of_values += (((3, 0, 15), "s", "Europe/Zurich"),)
    payload = bytes(tlv.encode((3, 0), set_of_values))
    assert peer.post("/3/0", payload, TLV).code == CHANGED
    # 2
    found = values(peer)
    for path, kind, value in set_of_values:
        assert tlv.value(kind, found[path]) == value
    assert entry.source.now_s == 1367491215
    assert sorted(entry.source.kept) == [("timezone", "Europe/Zurich"), ("utc_offset", "+02:00")]
    # 3 what there was in the beginning: a time alone
    payload = bytes(tlv.encode((3, 0), (((3, 0, 13), "t", 1800000000),)))
    assert peer.put("/3/0", payload, TLV).code == CHANGED
    # 4
    assert values(peer) == before
    assert sorted(entry.source.kept[2:]) == [("timezone", None), ("utc_offset", None)]


def test_int_652_firmware_version():
    peer, entry, _ = device()
    entry.firmware_version = "1.2.3"
    response = peer.get("/3/0/3", accept=ANY)
    assert response.code == CONTENT and b"1.2.3" in bytes(response.payload)


def test_int_680_no_second_device_can_be_created():
    peer, entry, _ = device()
    for payload in (b"", bytes(tlv.encode((3, 1), (((3, 1, 14), "s", "Z"),)))):
        assert peer.post("/3", payload, TLV).code == METHOD_NOT_ALLOWED
    assert peer.table.of(3) == [entry]


def test_int_685_the_device_cannot_be_deleted():
    peer, entry, _ = device()
    assert peer.ask(4, "/3/0").code == METHOD_NOT_ALLOWED
    assert peer.table.of(3) == [entry]


def test_a_clock_is_set_within_reason_and_never_unset():
    peer, entry, _ = device()
    for now_s in (b"946684800", b"1800000001", b"3094168447"):
        assert peer.put("/3/0/13", now_s).code == CHANGED
        assert bytes(peer.get("/3/0/13").payload) == now_s
    for now_s in (b"0", b"-1", b"946684799", b"3094168448", b"1e9", b"", b"9999999999999999999"):
        assert peer.put("/3/0/13", now_s).code == BAD_REQUEST, now_s
    assert entry.source.now_s == 3094168447
    assert (
        peer.put("/3/0", bytes(tlv.encode((3, 0), (((3, 0, 14), "s", "Z"),))), TLV).code == CHANGED
    )
    assert entry.source.now_s == 3094168447


def test_offsets_and_time_zones_are_checked():
    good = ("", "Z", "+01:00", "-0330", "+05", "-12:00", "+14:00", "+0545")
    bad = ("+1", "01:00", "+25:00", "+15", "+01:60", "+01:0", "+1:00", "UTC", "+01:00 ", "++1:00")
    bad += ("+01:000", "Z\n", "-", "+0100\n", "\u0661", "+0\u0661:00")
    for rid, texts, wrong in (
        (14, good, bad),
        (
            15,
            ("", "UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"),
            ("/", "Europe/", "/Zurich", "Europe//Zurich", "5", "../etc", "a b", "\u00e9", "A" * 65)
            + ("UTC\n", "%s", "Europe/Z\u00fcrich", "_"),
        ),
    ):
        peer, entry, _ = device()
        path = "/3/0/%d" % rid
        for text in texts:
            assert peer.put(path, text.encode()).code == CHANGED, text
            assert bytes(peer.get(path).payload) == text.encode()
        count = len(entry.source.kept)
        for text in wrong:
            assert peer.put(path, text.encode()).code == BAD_REQUEST, text
        assert bytes(peer.get(path).payload) == texts[-1].encode()
        assert count == len(texts) == len(entry.source.kept)
