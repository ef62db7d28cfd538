"""Device management interface: ids 221 to 230, 235, 236, 241 to 261, 280 and 281."""

import time

from tools.interop.api import Time
from tools.interop.board import wait_for

FORMATS = (("SENML_JSON", "senml-json"), ("SENML_CBOR", "senml-cbor"))


def test_int_221_security_object_is_out_of_reach(device):
    """Read, Write, Write-Attributes and Discover below /0 are 4.01"""
    api = device.api
    assert api.read("/0").code == "4.01"
    assert api.read("/0/0").code == "4.01"
    assert api.write("/0/0/0", "coap://127.0.0.1").code == "4.01"
    assert api.attributes("/0", "pmin=10").code == "4.01"
    assert api.discover("/0").code == "4.01"


def test_int_222_read_an_object(device):
    """Objects with their instances"""
    assert device.api.read("/1").value[0][0] == 1
    (device_instance,) = device.api.read("/3").value.values()
    assert device_instance[0] == "IoTKitV3"
    assert 4 not in device_instance  # executable: left out


def test_int_223_read_an_instance(device):
    """Object instances"""
    assert device.api.read("/1/0").value[1] == 3600
    assert device.api.read("/3/0").value[1] == "NUCLEO-F429ZI"
    assert device.api.read("/3/1").code == "4.04"


def test_int_224_read_a_resource(device):
    """Resources"""
    for rid, value in ((0, 1), (1, 3600), (6, False), (7, "U")):
        assert device.api.read("/1/0/%d" % rid).value == value
    assert device.api.read("/1/0/8").code == "4.05"  # executable
    assert device.api.read("/1/0/99").code == "4.04"


def test_int_225_read_a_resource_instance(device):
    """A resource instance"""
    assert device.api.read("/3/0/11/0").value == 0
    assert device.api.read("/3/0/11/7").code == "4.04"


def test_int_226_partial_update(device):
    """POST to an instance changes what it holds and nothing else"""
    api = device.api
    before = api.read("/1/0").value
    try:
        assert api.write_instance("/1/0", {1: 1200, 6: True}, replace=False).code == "2.04"
        assert api.read("/1/0").value == {**before, 1: 1200, 6: True}
        assert device.saw("client: POST /rd/{id}?lt=1200 -> 2.04")
    finally:
        api.write("/1/0/6", False)
        device.set_lifetime(3600)


def test_int_227_replace_a_resource(device):
    """PUT to a resource; the lifetime written reaches the server"""
    device.set_lifetime(1300)
    assert device.api.read("/1/0/1").value == 1300
    device.set_lifetime(3600)


def test_int_228_write_a_resource_instance(device):
    """PUT to one instance of a multiple resource"""
    api = device.api
    assert api.write("/3442/0/1110", {0: "a", 1: "b"}).code == "2.04"
    assert api.write("/3442/0/1110/0", "test").code == "2.04"
    assert api.read("/3442/0/1110").value == {0: "test", 1: "b"}
    assert device.saw("PUT /3442/0/1110/0")


def test_int_229_read_composite(device):
    """Objects, instances, resources and resource instances in one answer"""
    for format, wire in FORMATS:
        value = device.api.read_composite(["/3", "/1/0"], format).value
        assert set(value) == {"/3", "/1/0"}
        assert value["/3"][0][0] == "IoTKitV3"
        assert value["/1/0"][1] == 3600
        value = device.api.read_composite(["/1/0/1", "/3/0/11/0"], format).value
        assert value == {"/1/0/1": 3600, "/3/0/11/0": 0}
        assert device.saw(
            "FETCH / Accept %s %s of /1/0/1 /3/0/11/0 -> 2.05 %s" % (wire, wire, wire)
        )


def test_int_230_write_composite(device):
    """Resources and resource instances in one request"""
    api = device.api
    assert api.write("/3442/0/1110", {0: "a", 1: "b"}).code == "2.04"
    for format, wire in FORMATS:
        values = {"/1/0/3": 60, "/1/0/6": True, "/3442/0/1110/0": wire}
        assert api.write_composite(values, format).code == "2.04"
        assert device.saw("iPATCH / %s of" % wire)
        assert api.read("/1/0/3").value == 60
        assert api.read("/1/0/6").value is True
        assert api.read("/3442/0/1110").value == {0: wire, 1: "b"}
        assert api.write_composite({"/1/0/3": 0, "/1/0/6": False}, format).code == "2.04"


def test_int_235_read_composite_of_the_root(device):
    """Everything readable, and nothing of the Security object"""
    answer = device.api.read_composite(["/"])
    assert answer.code == "2.05"
    assert device.saw("FETCH / Accept senml-cbor senml-cbor of / -> 2.05 senml-cbor")
    assert "IoTKitV3" in answer.text and "NUCLEO-F429ZI" in answer.text
    assert "coap://" not in answer.text


def test_int_236_read_composite_partial_presence(device):
    """What is not there is left out without a word"""
    answer = device.api.read_composite(["/1/0", "/3/0/11/0", "/3339/0/5522", "/3353/0/6030"])
    assert answer.code == "2.05"
    assert set(answer.value) == {"/1/0", "/3/0/11/0"}


def test_int_241_reboot(own_device):
    """Reboot: the answer first, then a restart, then it is back"""
    device = own_device()
    before = device.api.registration()["lastUpdate"]
    assert device.api.execute("/3/0/4").code == "2.04"
    wait_for(lambda: len(device.board.events("reset")) > 1, what="the restart")
    wait_for(
        lambda: (device.api.registration() or {}).get("lastUpdate", 0) > before, 20, "its return"
    )
    assert device.api.read("/3/0/0").value == "IoTKitV3"


def test_int_256_write_that_fails(device):
    """A resource that may only be read: 4.05, and it is as it was"""
    assert device.api.write("/1/0/0", 123).code == "4.05"
    assert device.api.read("/1/0/0").value == 1


def test_int_257_write_composite_across_objects(device):
    """Several objects in one request; all or nothing"""
    api = device.api
    for format, _ in FORMATS:
        values = {"/1/0/2": 2, "/1/0/6": True, "/10346/0/5536": 0.25}
        assert api.write_composite(values, format).code == "2.04"
        assert api.read("/1/0/2").value == 2
        assert api.read("/3337/0/5536").value == 25
        bad = {"/1/0/2": 0, "/1/0/6": False, "/10346/0/5536": 1.5}
        assert api.write_composite(bad, format).code == "4.00"
        assert api.read("/1/0/2").value == 2
        good = {**bad, "/10346/0/5536": 0.5}
        assert api.write_composite(good, format).code == "2.04"
        assert api.read("/10346/0/5536").value == 0.5


def test_int_260_discover(device):
    """Links of object, instance and resource with the attributes written to each"""
    api = device.api
    links = api.discover("/3").links
    expected = {"/3", "/3/0", *("/3/0/%d" % rid for rid in (0, 1, 2, 3, 4, 5, 11, 12, 16))}
    assert expected <= set(links)
    assert links["/3/0/11"]["dim"] == "1"
    try:
        assert api.attributes("/3303/0", "pmin=10&pmax=200").code == "2.04"
        assert api.attributes("/3303/0/5700", "lt=1&gt=6&st=1").code == "2.04"
        links = api.discover("/3303/0").links
        assert (links["/3303/0"]["pmin"], links["/3303/0"]["pmax"]) == ("10", "200")
        attributes = links["/3303/0/5700"]
        assert [float(attributes[name]) for name in ("lt", "gt", "st")] == [1, 6, 1]
        assert "pmin" not in links["/3303/0/5701"]
        (link,) = api.discover("/3303/0/5700").links.items()
        assert link[0] == "/3303/0/5700"
        # of a resource, what it inherits is told as well
        assert (link[1]["pmin"], link[1]["pmax"]) == ("10", "200")
    finally:
        api.attributes("/3303/0", "pmin&pmax")
        api.attributes("/3303/0/5700", "lt&gt&st")
    assert api.discover("/3303/0").links["/3303/0/5700"] == {}


def test_int_261_attributes_of_a_multiple_resource(device):
    """Each level has its own, and Discover tells which count"""
    api = device.api
    written = (
        ("/3", "pmin=10&pmax=200"),
        ("/3/0", "pmax=320"),
        ("/3/0/11/0", "pmax=100&epmin=1&epmax=20"),
    )
    try:
        for path, query in written:
            assert api.attributes(path, query).code == "2.04"
            assert device.saw("PUT %s?%s -> 2.04" % (path, query))
        links = api.discover("/3/0/11").links
        assert set(links) == {"/3/0/11", "/3/0/11/0"}
        attributes = links["/3/0/11"]
        assert (attributes["dim"], attributes["pmin"], attributes["pmax"]) == ("1", "10", "320")
        attributes = links["/3/0/11/0"]
        assert (attributes["pmax"], attributes["epmin"], attributes["epmax"]) == ("100", "1", "20")
    finally:
        for path, query in written:
            api.attributes(path, "&".join(item.split("=")[0] for item in query.split("&")))


def test_int_280_read_composite_all_there(device):
    """Nothing more than what was asked for"""
    value = device.api.read_composite(["/3/0/16", "/3/0/11/0", "/1/0"]).value
    assert set(value) == {"/3/0/16", "/3/0/11/0", "/1/0"}
    assert (value["/3/0/16"], value["/3/0/11/0"]) == ("U", 0)
    assert (value["/1/0"][0], value["/1/0"][1], value["/1/0"][7]) == (1, 3600, "U")


def test_int_281_read_composite_one_not_readable(device):
    """What cannot be read is left out"""
    value = device.api.read_composite(["/1/0/1", "/1/0/7", "/1/0/8"]).value
    assert value == {"/1/0/1": 3600, "/1/0/7": "U"}


def test_int_651_access_to_the_device(device):
    """Time, UTC offset and time zone are written and restored; the others are read or executed"""
    api = device.api
    executable = {"/3/0/4", "/3/0/5", "/3/0/12"}
    instance = api.read("/3/0").value
    for path in api.discover("/3/0").links:
        if path == "/3/0":
            continue
        rid = int(path.split("/")[3])
        if path in executable:
            assert api.read(path).code == "4.05"
            assert rid not in instance
        else:
            assert api.read(path).code == "2.05"
            assert rid in instance
    written = {13: Time(1_800_000_000), 14: "-03:30", 15: "America/St_Johns"}
    before_at = time.time()
    try:
        assert api.write_instance("/3/0", written, replace=False, format="TLV").code == "2.04"
        value = api.read("/3/0").value
        assert 0 <= value[13] / 1000 - written[13] < 10
        assert (value[14], value[15]) == (written[14], written[15])
        for wrong in ("+25:00", "noon"):
            assert api.write("/3/0/14", wrong).code == "4.00"
    finally:
        # nobody has set offset and zone before: they are empty, or not there
        values = {13: Time(before_at), 14: instance.get(14, ""), 15: instance.get(15, "")}
        assert api.write_instance("/3/0", values, replace=False, format="TLV").code == "2.04"
    value = api.read("/3/0").value
    assert (value.get(14, ""), value.get(15, "")) == (values[14], values[15])
    assert abs(value[13] / 1000 - time.time()) < 10
    assert api.write("/3/0/0", "other").code == "4.05"
    assert api.execute("/3/0/0").code == "4.05"
    assert api.execute("/3/0/12").code == "2.04"
    assert api.read("/3/0/0").value == "IoTKitV3"


def test_int_652_firmware_version(device):
    """Firmware version"""
    answer = device.api.read("/3/0/3")
    assert answer.code == "2.05"
    assert answer.value.replace(".", "").isdigit()


def test_int_680_no_second_device(device):
    """Create on an object that has one instance only"""
    assert device.api.create("/3", None, {0: "other"}, "TLV").code == "4.05"
    assert list(device.api.read("/3").value) == [0]


def test_int_685_device_cannot_be_deleted(device):
    """Delete of the Device instance"""
    assert device.api.delete("/3/0").code == "4.05"
    assert device.api.read("/3/0/0").value == "IoTKitV3"
