"""Connectivity Monitoring and Statistics, objects 4 and 7: ids 701, 710, 905 and 910."""

ETHERNET = 41


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
            for _ in range(2):
                assert "val" in events.next("NOTIFICATION", 5)
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
    try:
        assert api.attributes("/7/0", "pmin=1&pmax=2").code == "2.04"
        assert api.write("/7/0/8", 0).code == "2.04"
        with api.events() as events:
            assert api.observe("/7/0").code == "2.05"
            assert api.execute("/7/0/6").code == "2.04"
            events.next("NOTIFICATION", 5)
            for _ in range(40):
                api.read("/3/0")
            assert api.read("/7/0/2").value > 0
            assert api.read("/7/0/3").value > 0
            assert 0 < api.read("/7/0/5").value <= api.read("/7/0/4").value
            events.next("NOTIFICATION", 5)
            assert api.execute("/7/0/7").code == "2.04"
            told = api.read("/7/0/3").value
            for _ in range(40):
                api.read("/3/0")
            assert api.read("/7/0/3").value == told
            assert api.cancel("/7/0", active=True).code == "2.05"
    finally:
        api.attributes("/7/0", "pmin&pmax")
