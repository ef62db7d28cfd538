"""Connectivity Monitoring and Statistics, objects 4 and 7: ids 701, 710, 905 and 910."""

from tools.interop.api import decoded

ETHERNET = 41
TEXT = "0123456789" * 150


def test_int_701_read(device):
    """Bearer, addresses and what else there is of a wired network"""
    for format in ("TLV", "SENML_CBOR"):
        value = device.api.read("/4/0", format).value
        assert value[0] == ETHERNET
        assert ETHERNET in value[1].values()
        assert "127.0.0.1" in value[4].values()
    for rid in value:
        assert device.api.read("/4/0/%d" % rid).code == "2.05"


def test_int_710_observe(device):
    """Notifications by pmin and pmax, with all that is read"""
    api = device.api
    try:
        assert api.attributes("/4/0", "pmin=1&pmax=2").code == "2.04"
        with api.events() as events:
            value = api.observe("/4/0").value
            assert value[0] == ETHERNET
            assert set(decoded(events.next("NOTIFICATION", 5)["val"])) == set(value)
            assert api.cancel("/4/0", active=True).code == "2.05"
    finally:
        api.attributes("/4/0", "pmin&pmax")


def test_int_905_write(device):
    """Collection Period"""
    api = device.api
    before = api.read("/7/0").value
    try:
        assert api.write("/7/0/8", before[8] + 30).code == "2.04"
        assert api.read("/7/0").value[8] == before[8] + 30
    finally:
        assert api.write("/7/0/8", before[8]).code == "2.04"


def test_int_910_observe(device):
    """Start, notifications with figures that rise, Stop"""
    api = device.api

    def talk():  # some kB in either direction
        for _ in range(2):
            assert api.write("/3442/0/110", TEXT).code == "2.04"
            assert api.read("/3442/0/110").value == TEXT

    try:
        assert api.attributes("/7/0", "pmin=1&pmax=2").code == "2.04"
        assert api.write("/7/0/8", 0).code == "2.04"
        with api.events() as events:
            assert api.observe("/7/0").code == "2.05"
            assert api.execute("/7/0/6").code == "2.04"
            talk()
            told = {2: 0, 3: 0}
            while not (told[2] >= 3 and told[3] >= 3):
                told = decoded(events.next("NOTIFICATION", 5)["val"])
            assert 16 < told[5] < told[4] < 1200  # bytes of a message, the average and the longest
            assert api.execute("/7/0/7").code == "2.04"
            stopped = api.read("/7/0").value
            talk()
            assert api.read("/7/0").value == stopped
            assert api.cancel("/7/0", active=True).code == "2.05"
    finally:
        api.attributes("/7/0", "pmin&pmax")
        api.write("/3442/0/110", "short")
