"""Device (3): what it tells, its error codes, restart and factory reset, over the wire."""

from peer import Peer

from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND
from lwm2m.formats import tlv
from lwm2m.objects.device import Device

TEXT, TLV = 0, 11542
MALFUNCTION = 8


def device():
    """(peer that has registered, the object, list of what was called)."""
    called = []
    entry = Device(
        lambda arguments: called.append(("reboot", arguments)),
        lambda arguments: called.append(("factory reset", arguments)),
    )
    peer = Peer(entry)
    peer.register()
    return peer, entry, called


def error_codes(peer):
    """{riid: code} as a server reads it."""
    response = peer.get("/3/0/11", accept=TLV)
    assert response.code == CONTENT
    return {path[3]: tlv.value("i", raw) for path, raw in tlv.decode((3, 0, 11), response.payload)}


def test_what_is_not_known_does_not_exist():
    peer, entry, _ = device()
    for path in ("/3/0/0", "/3/0/1", "/3/0/2", "/3/0/3", "/3/0/10"):
        assert peer.get(path).code == NOT_FOUND
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
    entry.report(MALFUNCTION)
    assert error_codes(peer) == {0: 8}
    entry.report(MALFUNCTION)
    assert error_codes(peer) == {0: 8}
    entry.report(2)
    assert error_codes(peer) == {0: 8, 1: 2}
    entry.resolve(MALFUNCTION)
    assert error_codes(peer) == {0: 2}
    entry.resolve(MALFUNCTION)
    entry.resolve(2)
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

    entry.report(MALFUNCTION)
    assert codes() == [[8]]
    entry.report(MALFUNCTION)
    assert codes() == []
    entry.resolve(MALFUNCTION)
    assert codes() == [[0]]
    entry.resolve(MALFUNCTION)
    assert codes() == []


def test_reset_of_the_error_codes():
    peer, entry, _ = device()
    entry.report(MALFUNCTION)
    assert peer.post("/3/0/12").code == CHANGED
    assert error_codes(peer) == {0: 0}
    # A fault that lasts is reported again by the next measurement.
    entry.report(MALFUNCTION)
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
