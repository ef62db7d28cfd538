"""What a server can tell of a fault without anybody at the board."""

from tools.interop.board import wait_for

PERIPHERAL_MALFUNCTION = 8
REBOOT, ERRORS, RESET_ERRORS = "/3/0/4", "/3/0/11", "/3/0/12"
TEMPERATURE = "/3303/0/5700"
LOG = "/20/0/4014"


def told(events, path, wanted):
    """The values of the notification of a path that holds a value."""
    while True:
        event = events.next("NOTIFICATION", 15)
        values = event["val"].get("values", {})
        if event["res"] == path and wanted in map(int, values.values()):
            return values


def test_fault_story(own_device):
    """Sensor unplugged: error code and event are seen; plugged in again, the error is reset"""
    device = own_device()
    api = device.api
    assert api.read(ERRORS).value == {0: 0}
    before = api.read(LOG).value
    with api.events() as events:
        assert api.observe(ERRORS).code == "2.05"
        device.board.world(i2c="unplugged")
        told(events, ERRORS, PERIPHERAL_MALFUNCTION)
    assert PERIPHERAL_MALFUNCTION in api.read(ERRORS).value.values()
    assert api.read(TEMPERATURE).code == "5.03"
    log = api.read(LOG).value
    assert log.startswith(before)
    event = log[len(before) :].decode()
    assert "temperature: " in event and "ENODEV" in event
    # in small blocks it is the same log
    assert api.read(LOG, block=32).value == api.read(LOG).value
    # a restart does not wipe it out
    before = device.heard()
    assert api.execute(REBOOT).code == "2.04"
    device.back(before)
    assert event.strip() in api.read(LOG).value.decode()
    device.board.world(i2c="plugged")
    wait_for(lambda: api.read(TEMPERATURE).code == "2.05", 15, "a measurement")
    assert PERIPHERAL_MALFUNCTION in api.read(ERRORS).value.values()
    assert api.execute(RESET_ERRORS).code == "2.04"
    assert api.read(ERRORS).value == {0: 0}
