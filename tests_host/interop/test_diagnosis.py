"""What a server can tell of a fault without anybody at the board."""

from tools.interop.board import wait_for

NO_ERROR, PERIPHERAL_MALFUNCTION = 0, 8  # codes of /3/0/11
REBOOT, ERRORS, RESET_ERRORS = "/3/0/4", "/3/0/11", "/3/0/12"
TEMPERATURE = "/3303/0/5700"
LOG = "/20/0/4014"


def told(events, wanted):
    """Waits for a notification of error codes with this one."""
    while True:
        event = events.next("NOTIFICATION", 15)
        if wanted in map(int, event["val"].get("values", {}).values()):
            return


def test_fault_story(own_device):
    """Sensor unplugged: error code and event are seen; plugged in again, the error is reset"""
    device = own_device()
    api = device.api
    assert api.read(ERRORS).value == {0: 0}
    before = api.read(LOG).value
    with api.events() as events:
        assert api.observe(ERRORS).code == "2.05"
        device.board.world(i2c="unplugged")
        told(events, PERIPHERAL_MALFUNCTION)
        assert PERIPHERAL_MALFUNCTION in api.read(ERRORS).value.values()
        assert api.read(TEMPERATURE).code == "5.03"
        log = api.read(LOG).value
        assert log.startswith(before)
        event = log[len(before) :].decode()
        assert "temperature: " in event and "ENODEV" in event
        # in small blocks it is the same log
        assert api.read(LOG, block=32).value == api.read(LOG).value
        # a reset mends nothing: the next measurement fails like those before
        assert api.execute(RESET_ERRORS).code == "2.04"
        told(events, PERIPHERAL_MALFUNCTION)
        # a restart keeps the event, and observers hear of the error again
        heard = device.heard()
        assert api.execute(REBOOT).code == "2.04"
        device.back(heard)
        assert event.strip() in api.read(LOG).value.decode()
        wait_for(lambda: PERIPHERAL_MALFUNCTION in api.read(ERRORS).value.values(), what="8")
        device.board.world(i2c="plugged")
        told(events, NO_ERROR)
    wait_for(lambda: api.read(TEMPERATURE).code == "2.05", what="a measurement")
    assert api.execute(RESET_ERRORS).code == "2.04"
    assert api.read(ERRORS).value == {0: NO_ERROR}
    assert api.cancel(ERRORS, active=True).code == "2.05"
