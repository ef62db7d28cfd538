"""Reading and writing in each format: ids 201 to 220, 231 to 234 and 237."""

SERVER = {2: 101, 3: 1010, 6: True}  # written to /1/0


def _restore(api):
    answer = api.write_instance("/1/0", {2: 0, 3: 0, 6: False}, replace=False)
    assert answer.code == "2.04"


def _reads_basic_values(device, format, wire):
    """The Device object in one format, over the wire as well."""
    answer = device.api.read("/3/0", format)
    assert answer.code == "2.05"
    assert answer.value[0] == "IoTKitV3"
    assert answer.value[1] == "NUCLEO-F429ZI"
    assert answer.value[11] == {0: 0}
    assert answer.value[16] == "U"
    assert device.saw("GET /3/0 Accept %s -> 2.05 %s" % (wire, wire))


def _writes_an_instance(device, format, wire):
    """A partial update of /1/0 and a replacing write that sets back what it changed."""
    api = device.api
    before = api.read("/1/0", format).value
    try:
        assert api.write_instance("/1/0", SERVER, False, format).code == "2.04"
        assert device.saw("POST /1/0 %s -> 2.04" % wire)
        now = api.read("/1/0", format).value
        assert {rid: now[rid] for rid in SERVER} == SERVER
        assert now[1] == before[1]
        back = {rid: before[rid] for rid in (1, *SERVER, 7)}
        assert api.write_instance("/1/0", back, True, format).code == "2.04"
        assert device.saw("PUT /1/0 %s -> 2.04" % wire)
        now = api.read("/1/0", format).value
        assert {rid: now[rid] for rid in back} == back
    finally:
        _restore(api)


def test_int_201_text_read(device):
    """Single values as plain text"""
    for path, value in (("/3/0/0", "IoTKitV3"), ("/3/0/1", "NUCLEO-F429ZI"), ("/3/0/16", "U")):
        answer = device.api.read(path, "TEXT")
        assert (answer.code, answer.value) == ("2.05", value)
        assert device.saw("GET %s Accept text -> 2.05 text %s" % (path, value))
    # more than one value is nothing for text
    assert device.api.read("/3/0", "TEXT").code == "4.06"


def test_int_203_tlv_read(device):
    """An instance as TLV"""
    _reads_basic_values(device, "TLV", "tlv")


def test_int_204_json_read(device):
    """An instance as the JSON of LwM2M 1.0"""
    _reads_basic_values(device, "JSON", "json")


def test_int_205_text_write(device):
    """Single values as plain text, read back"""
    try:
        for rid, value in ((2, 101), (3, 1010), (6, True)):
            path = "/1/0/%d" % rid
            assert device.api.write(path, value, "TEXT").code == "2.04"
            assert device.api.read(path, "TEXT").value == value
        assert device.saw("PUT /1/0/2 text 101 -> 2.04")
    finally:
        _restore(device.api)


def test_int_211_cbor_read(device):
    """Single values as CBOR"""
    for path, value in (("/1/0/0", 1), ("/1/0/6", False), ("/1/0/7", "U")):
        assert device.api.read(path, "CBOR").value == value
        assert device.saw("GET %s Accept cbor -> 2.05 cbor" % path)


def test_int_212_cbor_write(device):
    """Single values as CBOR, read back"""
    try:
        for rid, value in SERVER.items():
            path = "/1/0/%d" % rid
            assert device.api.write(path, value, "CBOR").code == "2.04"
            assert device.saw("PUT %s cbor -> 2.04" % path)
            assert device.api.read(path, "CBOR").value == value
    finally:
        _restore(device.api)


def test_int_215_tlv_write(device):
    """An instance as TLV, in part and as a whole"""
    _writes_an_instance(device, "TLV", "tlv")


def test_int_220_json_write(device):
    """An instance as the JSON of LwM2M 1.0, in part and as a whole"""
    _writes_an_instance(device, "JSON", "json")


def _reads_senml(device, format, wire):
    api = device.api
    assert api.read("/1", format).value[0][0] == 1
    _reads_basic_values(device, format, wire)
    assert api.read("/3/0/16", format).value == "U"
    assert api.read("/3/0/11/0", format).value == 0
    for path in ("/1", "/3/0/16", "/3/0/11/0"):
        assert device.saw("GET %s Accept %s -> 2.05 %s" % (path, wire, wire))


def test_int_231_senml_json_read(device):
    """Object, instance, resource and resource instance as SenML JSON"""
    _reads_senml(device, "SENML_JSON", "senml-json")


def test_int_232_senml_cbor_read(device):
    """Object, instance, resource and resource instance as SenML CBOR"""
    _reads_senml(device, "SENML_CBOR", "senml-cbor")


def _writes_senml(device, format, wire):
    api = device.api
    _writes_an_instance(device, format, wire)
    assert api.write("/3442/0/1110", {0: "a", 1: "b"}, format).code == "2.04"
    assert api.write("/3442/0/1110/0", "one", format).code == "2.04"
    assert device.saw("PUT /3442/0/1110/0 %s -> 2.04" % wire)
    assert api.read("/3442/0/1110", format).value == {0: "one", 1: "b"}
    assert api.write("/10346/0/5536", 0.25, format).code == "2.04"
    assert device.saw("PUT /10346/0/5536 %s -> 2.04" % wire)
    assert api.read("/10346/0/5536", format).value == 0.25
    assert api.write("/10346/0/5536", 0.5, format).code == "2.04"


def test_int_233_senml_cbor_write(device):
    """Instance, resource and resource instance as SenML CBOR"""
    _writes_senml(device, "SENML_CBOR", "senml-cbor")


def test_int_234_senml_json_write(device):
    """Instance, resource and resource instance as SenML JSON"""
    _writes_senml(device, "SENML_JSON", "senml-json")


def test_int_237_read_without_a_format(device):
    """Without Accept a client of version 1.1 answers in SenML CBOR"""
    assert device.api.read("/1").value[0][0] == 1
    assert device.api.read("/3").value[0][0] == "IoTKitV3"
    assert device.saw("GET /1 -> 2.05 senml-cbor")
    assert device.saw("GET /3 -> 2.05 senml-cbor")
