"""What the test cases leave out: large values, changes seen elsewhere, restarts."""

import time

from tools.interop.board import wait_for


def test_object_in_blocks_of_64_bytes(device):
    """An object read in blocks of 64 bytes is the object read at once"""
    whole = device.api.read("/3442", "SENML_CBOR")
    answer = device.api.read("/3442", "SENML_CBOR", block=64)
    assert answer.code == "2.05"
    assert answer.value == whole.value
    blocks = [line for line in device.wire() if line.endswith("2.05 senml-cbor Block2 64")]
    assert len(blocks) >= 3


def test_large_value_in_blocks(device):
    """A value of 1500 bytes is written and read in blocks"""
    text = "0123456789" * 150
    assert device.api.write("/3442/0/110", text).code == "2.04"
    assert device.saw("PUT /3442/0/110", 2)
    assert device.api.read("/3442/0/110").value == text
    assert [line for line in device.wire() if line.startswith("GET") and "Block2" in line]
    assert device.api.write("/3442/0/110", "short").code == "2.04"


def test_write_that_replaces_an_instance(device):
    """PUT to an instance: what it leaves out is gone"""
    api = device.api
    assert api.create("/3442", 3, {110: "text", 120: 7}).code == "2.01"
    try:
        assert api.write_instance("/3442/3", {110: "new"}, replace=True).code == "2.04"
        value = api.read("/3442/3").value
        assert value[110] == "new"
        assert value.get(120) != 7
    finally:
        assert api.delete("/3442/3").code == "2.02"


def test_create_and_delete(device):
    """Create with and without an id; the registration tells of it"""
    api = device.api
    answer = api.create("/3442", None, {120: 1}, "TLV")
    assert answer.code == "2.01"
    location = "/" + answer.json["location"].lstrip("/")
    assert api.read(location + "/120").value == 1
    assert device.saw("client: POST /rd/{id} link -> 2.04")
    assert api.create("/3442", int(location.split("/")[2]), {120: 2}).code == "4.00"
    assert api.delete(location).code == "2.02"
    assert api.read(location).code == "4.04"
    assert device.saw("client: POST /rd/{id} link -> 2.04", 2)


def test_last_notification_of_an_instance_that_goes(device):
    """An observed instance is deleted: a last notification with 4.04"""
    api = device.api
    assert api.create("/3442", 4, {120: 1}).code == "2.01"
    assert api.observe("/3442/4/120").code == "2.05"
    assert api.delete("/3442/4").code == "2.02"
    assert device.saw("notify /3442/4/120 4.04")


def test_servo_is_seen_in_both_objects(device):
    """A write to one view of the servo notifies observers of the other"""
    api = device.api
    assert api.write("/10346/0/5536", 0.5).code == "2.04"
    with api.events() as events:
        assert api.observe("/3337/0/5536").value == 50
        assert api.write("/10346/0/5536", 0.25).code == "2.04"
        assert float(events.next("NOTIFICATION")["val"]["value"]) == 25
        assert api.cancel("/3337/0/5536", active=True).code == "2.05"
    wait_for(lambda: device.board.events("pwm")[-1]["duty_ns"] == 1187000, what="the pulse")
    assert api.write("/10346/0/5536", 0.5).code == "2.04"


def test_thresholds_of_a_temperature_below_zero(device):
    """gt below zero: told when it is crossed, in either direction"""
    api = device.api
    device.board.world(temperature=-10.5)
    wait_for(lambda: api.read("/3303/0/5700").value == -10.5)
    with api.events() as events:
        assert api.attributes("/3303/0/5700", "gt=-4.5").code == "2.04"
        assert api.observe("/3303/0/5700").value == -10.5
        device.board.world(temperature=-6.5)
        events.none("NOTIFICATION", 2.5)
        device.board.world(temperature=-2.5)
        assert events.next("NOTIFICATION")["val"]["value"] == "-2.5"
        assert api.cancel("/3303/0/5700", active=True).code == "2.05"
    assert api.attributes("/3303/0/5700", "gt").code == "2.04"
    device.board.world(temperature=21.5)
    wait_for(lambda: api.read("/3303/0/5700").value == 21.5)


def test_observation_outlives_a_power_cut(own_device):
    """Power cut while observed: no Register, no new Observe, notifications under the old token"""
    device = own_device(lifetime_s=3600)
    api = device.api
    registration = api.registration()["registrationId"]
    with api.events() as events:
        assert api.attributes("/3303/0/5700", "pmin=1").code == "2.04"
        changed_at = time.time()
        assert api.observe("/3303/0/5700").value == 21.5
        device.board.world(temperature=22.5)
        assert events.next("NOTIFICATION")["val"]["value"] == "22.5"
        device.board.saved_since(changed_at)
        device.board.kill()
        device.mark = device.tap.count()
        device.board.start()
        device.saw("client: POST /rd/{id}", timeout_s=15)
        device.board.world(temperature=23.5)
        assert events.next("NOTIFICATION", 15)["val"]["value"] in ("21.5", "23.5")
        wait_for(lambda: api.read("/3303/0/5700").value == 23.5)
        assert "REGISTRATION" not in events.seen
    assert api.registration()["registrationId"] == registration
    assert device.tap.clients == 1  # the same port as before
    lines = device.wire()
    assert not [line for line in lines if "Observe 0" in line or line.startswith("unasked")]
    assert not [line for line in lines if line.startswith("client: POST /rd?")]
    told = [each for each in device.tap.exchanges() if str(each).startswith("notify")]
    assert len({each.token for each in told}) == 1
    assert api.discover("/3303/0").links["/3303/0/5700"]["pmin"] == "1"


def test_notifications_are_stored_while_offline(own_device):
    """Cable out, values change, cable in: the server hears every value, with its time"""
    device = own_device()
    api = device.api
    registration = api.registration()["registrationId"]
    assert api.write("/1/0/6", True).code == "2.04"
    assert api.observe("/3303/0/5700", "SENML_CBOR").value == 21.5
    with api.events() as events:
        device.board.world(cable=False)
        wait_for(lambda: "link lost" in device.board.said(), what="the loss of the link")
        for celsius in (25.5, 26.5):
            device.board.world(temperature=celsius)
            time.sleep(2)
        device.mark = device.tap.count()
        back_at_ms = time.time() * 1000
        device.board.world(cable=True)
        told = [events.next("NOTIFICATION", 20)["timestamped"][0] for _ in range(2)]
    assert [each["val"]["value"] for each in told] == ["25.5", "26.5"]
    first, second = (each["timestamp"] for each in told)
    assert first < second < back_at_ms
    assert len(device.saw("confirmable notify /3303/0/5700 2.05 senml-cbor", 2)) == 2
    assert api.registration()["registrationId"] == registration
