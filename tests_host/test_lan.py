"""Ethernet as a network interface, with a fake `network.LAN` and with the simulated one."""

import time

import network as mock
from world import world

from firmware.lan import LAN, UDP
from firmware.status import network

STATIC = ("192.168.1.5", "255.255.255.0", "192.168.1.1", "9.9.9.9")


class Nic:
    """A LAN that fails as v1.28 does without a cable."""

    def __init__(self):
        self.cable = True
        self.told = []

    def active(self, state):
        self.told.append(state)
        if state and not self.cable:
            raise OSError(110, "ETIMEDOUT")

    def isconnected(self):
        return True  # v1.28 never says anything else

    def ifconfig(self, *config):
        self.told += config


def test_what_the_application_asks_for():
    lan = LAN(Nic(), lambda: True)
    assert lan.udp is UDP  # links are those of the system
    assert lan.run is None and lan.ifconfig
    assert not lan.helpless and not lan.isconnected()


def test_a_cable_that_comes_back_starts_it_anew():
    nic = Nic()
    lan = LAN(nic, lambda: nic.cable, STATIC)
    lan.start()
    assert nic.told == [False, True, STATIC]
    for _ in range(100):
        lan.check()
    assert lan.isconnected() and nic.told == [False, True, STATIC]
    nic.cable = False
    for _ in range(100):
        lan.check()
        assert lan.helpless and not lan.isconnected()
        assert network(lan) == "no cable: plug it in, is the switch on?"
    assert nic.told == [False, True, STATIC]  # v1.28 would wait for it for 10 s
    nic.cable = True
    lan.check()
    assert lan.isconnected() and not lan.helpless
    assert nic.told == 2 * [False, True, STATIC]


def test_where_the_cable_cannot_be_told():
    # Then it is tried at first, and each half a minute: it may take 10 s each time.
    nic = Nic()
    nic.cable = False
    lan = LAN(nic, lambda: None)
    lan.start()
    assert not lan.isconnected() and network(lan) == "no address: is there a DHCP server?"
    for _ in range(15):
        lan.check()
    assert nic.told == [False, True]
    lan.check()
    assert nic.told == 2 * [False, True]
    assert not lan.helpless  # so that a restart may help
    nic.cable = True
    for _ in range(16):
        lan.check()
    assert lan.isconnected() and nic.told == 3 * [False, True]
    for _ in range(100):
        lan.check()
    assert nic.told == 3 * [False, True]


def test_on_the_simulated_board():
    import firmware.boards.nucleo_f429zi as board

    for version in ("1.28", "1.29"):
        world.reset(micropython=version)
        mock.pause = lambda ms: None
        try:
            lan = board.network_interface({"endpoint": "test"})
            lan.start()
            for change, connected in (
                ({}, True),
                ({"cable": False}, False),
                ({"cable": True}, True),
                ({"cable": False, "dhcp": False}, False),
                ({"cable": True}, False),
                ({"dhcp": True}, True),
            ):
                world.apply(change)
                lan.check()
                assert lan.isconnected() == connected, (version, change)
            starts = [event for event in world.events if event["event"] == "lan"]
            assert len(starts) == 3, starts
        finally:
            mock.pause = time.sleep_ms
