"""Registration interface: ids 101 to 109."""

import time

from tools.interop.board import wait_for

REGISTER = "client: POST /rd?"
UPDATE = "client: POST /rd/{id}"


def test_int_101_register(own_device):
    """Register carries name, lifetime, version, binding and the objects"""
    device = own_device()
    registration = device.api.registration()
    assert registration["endpoint"] == device.api.endpoint
    assert registration["lwM2mVersion"] == "1.1"
    assert registration["lifetime"] == 3600
    assert registration["bindingMode"] == "U"
    targets = [link["url"] for link in registration["objectLinks"]]
    assert {"/", "/1/0", "/3/0", "/3303", "/3303/0", "/10346/0"} <= set(targets)
    assert not [target for target in targets if target.split("/")[1] == "0"]  # never Security
    (line,) = device.saw(REGISTER)
    for parameter in ("lwm2m=1.1", "ep={id}", "lt=3600", "b=U"):
        assert parameter in line
    assert line.endswith(" link -> 2.01 /rd/{id}")


def test_int_102_update_of_the_lifetime(device):
    """A new lifetime is sent in an Update, with nothing else"""
    device.set_lifetime(1200)
    assert device.saw(UPDATE) == [UPDATE + "?lt=1200 -> 2.04"]
    device.set_lifetime(3600)
    assert device.saw(UPDATE, 2) == [UPDATE + "?lt=1200 -> 2.04", UPDATE + "?lt=3600 -> 2.04"]


def test_int_103_deregister(own_device):
    """Disable: the answer, then De-register; back after the Disable Timeout"""
    device = own_device()
    assert device.api.write("/1/0/5", 2).code == "2.04"
    with device.api.events() as events:
        # Leshan drops a request whose answer it still handles when the De-register arrives on its
        # heels, so what counts is what went over the line.
        device.api.execute("/1/0/4")
        events.next("DEREGISTRATION")
        assert device.saw("POST /1/0/4 -> 2.04")
        assert device.saw("client: DELETE /rd/{id} -> 2.02")
        assert device.api.registration() is None
        events.next("REGISTRATION")
    assert len(device.saw(REGISTER, 2)) == 2


def test_int_104_update_trigger(device):
    """Registration Update Trigger: an Update without parameters"""
    before = device.api.registration()["lastUpdate"]
    assert device.api.execute("/1/0/8").code == "2.04"
    assert device.saw(UPDATE) == [UPDATE + " -> 2.04"]
    wait_for(lambda: device.api.registration()["lastUpdate"] > before)


def test_int_105_update_is_refused(own_device):
    """The server has forgotten the client: its Update gets 4.04, it registers anew"""
    device = own_device(lifetime_s=4)
    first = device.api.registration()["registrationId"]
    device.tap.lost = True
    wait_for(lambda: device.api.registration() is None, 15, "the end of the registration")
    device.tap.lost = False
    registration = wait_for(device.api.registration, 30, "the new registration")
    assert registration["registrationId"] != first
    assert device.saw(UPDATE + " -> 4.04")
    assert len(device.saw(REGISTER, 2)) == 2


def test_int_107_registration_is_kept_alive(own_device):
    """Updates come before the lifetime ends"""
    device = own_device(lifetime_s=4)
    first = device.api.registration()["registrationId"]
    time.sleep(9)
    assert device.api.registration()["registrationId"] == first
    assert set(device.saw(UPDATE, 3)) == {UPDATE + " -> 2.04"}


def test_int_108_queue_mode_is_announced(queue_mode):
    """Register says Q"""
    assert queue_mode.api.registration()["queuemode"] is True
    (line,) = queue_mode.saw(REGISTER)
    assert "&Q" in line


def test_int_109_behaviour_in_queue_mode(queue_mode):
    """A client that sleeps says so first when it has something to tell: Update, then notify"""
    device = queue_mode
    time.sleep(max(0, device.asleep_at - time.monotonic()))
    device.mark = device.tap.count()
    with device.api.events() as events, device.api.events() as answers:
        waiting = [device.api.read(path, "TEXT").json for path in ("/3/0/0", "/3/0/1")]
        assert [each["delayed"] for each in waiting] == [True, True]
        assert device.wire() == []
        device.board.world(temperature=24.5)
        events.next("UPDATED")
        assert events.next("NOTIFICATION")["val"]["value"] == "24.5"
        # awake now: what it was asked meanwhile is answered, in its order
        for each, text in zip(waiting, ("IoTKitV3", "NUCLEO-F429ZI"), strict=True):
            data = answers.next("REQUEST_RESPONSE")
            assert data["requestId"] == each["requestId"]
            assert data["response"]["content"]["value"] == text
    update, notification = [line for line in device.wire() if line.startswith(("client", "not"))]
    assert update == UPDATE + " -> 2.04"
    assert notification.startswith("notify /3303/0/5700 2.05")
    # and what it is asked now
    assert device.api.read("/3303/0/5700").value == 24.5
