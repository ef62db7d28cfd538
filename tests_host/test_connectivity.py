"""Connectivity Monitoring (4): what each kind of network interface tells, over the wire."""

from peer import Peer

from coap.numbers import CHANGED, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND, SERVICE_UNAVAILABLE
from firmware.objects.connectivity import make
from lwm2m.formats import tlv
from lwm2m.object import Late

TLV = 11542


class Cable:
    connected = True
    config = ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.1")

    def isconnected(self):
        return self.connected

    def ifconfig(self):
        return self.config


class Radio(Cable):
    signal_dbm = -67
    config = ("192.0.2.9", "by DHCP", "by DHCP", "by DHCP")


class App:
    interface = None


def network(interface):
    """(peer that has registered, app)"""
    app = App()
    app.interface = interface
    peer = Peer(Late(4, lambda oid: make(app, oid)))
    peer.register()
    return peer, app


def number(peer, rid):
    return int(peer.get("/4/0/%d" % rid).payload)


def texts(peer, rid):
    response = peer.get("/4/0/%d" % rid, accept=TLV)
    if response.code == NOT_FOUND:
        return None
    found = tlv.decode((4, 0, rid), response.payload)
    return {path[3]: tlv.value("s", raw) for path, raw in found if raw is not None}


def test_int_701_readable_resources():
    peer, _ = network(Cable())
    response = peer.get("/4/0", accept=TLV)
    assert response.code == CONTENT
    found = {}
    for path, raw in tlv.decode((4, 0), response.payload):
        found[path[2:]] = tlv.value("s" if path[2] in (4, 5) else "i", raw)
    assert found == {
        (0,): 41,  # Ethernet
        (1, 0): 41,
        (2,): 0,
        (3,): 100,
        (4, 0): "192.0.2.7",
        (5, 0): "192.0.2.1",
    }


def test_a_cable():
    interface = Cable()
    peer, _ = network(interface)
    assert (number(peer, 0), number(peer, 2), number(peer, 3)) == (41, 0, 100)
    interface.connected = False
    assert number(peer, 3) == 0


def test_a_radio():
    interface = Radio()
    peer, _ = network(interface)
    assert number(peer, 0) == 21
    for signal_dbm, quality in ((-67, 66), (-50, 100), (-30, 100), (-100, 0), (-110, 0)):
        interface.signal_dbm = signal_dbm
        assert (number(peer, 2), number(peer, 3)) == (signal_dbm, quality)
    interface.signal_dbm = None  # it has just begun
    assert (number(peer, 2), number(peer, 3)) == (0, 0)
    assert texts(peer, 4) == {0: "192.0.2.9"}
    assert texts(peer, 5) is None  # its module does not tell


def test_no_address_is_no_instance():
    interface = Cable()
    peer, _ = network(interface)
    interface.config = ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
    assert texts(peer, 4) is None and texts(peer, 5) is None
    interface.config = ("192.0.2.8", "255.255.255.0", "", "")
    assert texts(peer, 4) == {0: "192.0.2.8"}


def test_before_there_is_a_network():
    peer, app = network(None)
    assert peer.get("/4/0/2").code == SERVICE_UNAVAILABLE
    assert peer.get("/4/0", accept=TLV).payload in (b"", None)
    app.interface = Cable()
    assert number(peer, 0) == 41


def test_nothing_is_written():
    peer, _ = network(Cable())
    for rid in range(6):
        assert peer.put("/4/0/%d" % rid, b"1").code == METHOD_NOT_ALLOWED


def test_int_710_observation_and_notification():
    interface = Radio()
    peer, _ = network(interface)
    assert peer.attributes("/4/0", "pmin=2", "pmax=10").code == CHANGED
    peer.observe("/4/0", accept=TLV)
    told = peer.run(31000, peer.serve)
    assert [at // 1000 for at, message in told if message.code == CONTENT] == [10, 20, 30]
    interface.signal_dbm = -80
    peer.table.drop()
    peer.table.changed(4, 0, 2)
    ((at, message),) = peer.run(3000)
    signal = dict(tlv.decode((4, 0), message.payload))[(4, 0, 2)]
    assert tlv.value("i", signal) == -80 and at <= 33000
