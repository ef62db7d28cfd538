"""Information reporting interface: ids 301 to 311."""

import contextlib
import time

import pytest

from tools.interop.board import wait_for

TEMPERATURE = "/3303/0/5700"
PATHS = ["/1/0/1", "/3/0/11/0", "/3/0/16"]


@contextlib.contextmanager
def attributes(api, path, query):
    """Attributes that are there while the `with` lasts."""
    assert api.attributes(path, query).code == "2.04"
    try:
        yield
    finally:
        names = [item.split("=")[0] for item in query.split("&")]
        assert api.attributes(path, "&".join(names)).code == "2.04"


@contextlib.contextmanager
def composite(api, paths):
    """A composite observation and the events while the `with` lasts; gives both."""
    with api.events() as events:
        answer = api.observe_composite(paths)
        assert answer.code == "2.05"
        try:
            yield answer, events
        finally:
            api.cancel_composite(paths, active=True)


def _warm(device, celsius):
    """Sets the temperature and waits until the board has measured it."""
    device.board.world(temperature=celsius)
    wait_for(lambda: device.api.read(TEMPERATURE).value == celsius, what="the measurement")


def test_int_301_observe_and_notify(device):
    """A change is told, not before pmin; without one, at pmax"""
    api = device.api
    _warm(device, 21.5)
    with attributes(api, TEMPERATURE, "pmin=2&pmax=4"), api.events() as events:
        assert api.observe(TEMPERATURE).value == 21.5
        start = time.monotonic()
        device.board.world(temperature=22.5)
        assert events.next("NOTIFICATION")["val"]["value"] == "22.5"
        assert time.monotonic() - start >= 1.9
        start = time.monotonic()
        assert events.next("NOTIFICATION")["val"]["value"] == "22.5"
        assert 3.5 <= time.monotonic() - start <= 5
        assert api.cancel(TEMPERATURE, active=True).code == "2.05"
    assert device.saw("notify %s 2.05" % TEMPERATURE, 2)


def test_int_302_ended_by_a_reset(device):
    """A Reset to a notification ends the observation"""
    api = device.api
    _warm(device, 21.5)
    with api.events() as events:
        assert api.observe(TEMPERATURE).code == "2.05"
        device.board.world(temperature=22.5)
        assert events.next("NOTIFICATION")["val"]["value"] == "22.5"
        assert api.cancel(TEMPERATURE, active=False).http == 200
        device.board.world(temperature=23.5)
        device.saw("server: Reset")
        mark = device.tap.count()
        _warm(device, 24.5)
        events.none("NOTIFICATION", 0.5)
    later = [str(each) for each in device.tap.exchanges(mark)]
    assert not [line for line in later if line.startswith("notify")]


def test_int_303_ended_by_observe_1(device):
    """A GET with Observe=1 ends the observation"""
    api = device.api
    _warm(device, 21.5)
    with api.events() as events:
        assert api.observe(TEMPERATURE).code == "2.05"
        device.board.world(temperature=22.5)
        assert events.next("NOTIFICATION")["val"]["value"] == "22.5"
        assert api.cancel(TEMPERATURE, active=True).code == "2.05"
        assert device.saw("GET %s Observe 1" % TEMPERATURE)
        _warm(device, 24.5)
        events.none("NOTIFICATION", 0.5)
    assert "server: Reset" not in device.wire()


def test_int_304_observe_composite(device):
    """Several paths in one observation, told together at pmax of one of them"""
    api = device.api
    with attributes(api, "/1/0/1", "pmin=1&pmax=2"), composite(api, PATHS) as (answer, events):
        assert answer.value == {"/1/0/1": 3600, "/3/0/11/0": 0, "/3/0/16": "U"}
        data = events.next("NOTIFICATION")
        assert set(data["val"]) == set(PATHS)
        assert data["val"]["/1/0/1"]["value"] == "3600"
    names = " ".join(PATHS)
    assert device.saw("FETCH / Observe 0 Accept senml-cbor senml-cbor of %s -> 2.05" % names)
    assert device.saw("notify %s 2.05 senml-cbor" % names)


def test_int_305_composite_observation_ended(device):
    """A FETCH with Observe=1 ends it"""
    api = device.api
    with attributes(api, "/1/0/1", "pmin=1&pmax=2"), api.events() as events:
        assert api.observe_composite(PATHS).code == "2.05"
        events.next("NOTIFICATION")
        assert api.cancel_composite(PATHS, active=True).code == "2.05"
        assert device.saw("FETCH / Observe 1")
        mark = device.tap.count()
        time.sleep(3)
        assert device.tap.exchanges(mark) == []


def test_int_306_send(own_device):
    """Send: the client tells without being asked"""
    device = own_device(send_s=1)
    with device.api.events() as events:
        data = events.next("SEND")
    assert data["val"]["/3303/0/5700"]["value"] == "21.5"
    assert device.saw("client: POST /dp senml-cbor of ")[0].endswith(" -> 2.04")


def test_int_307_mute_send(own_device):
    """Mute Send written: no Send until it is taken back"""
    device = own_device(send_s=1)
    with device.api.events() as events:
        events.next("SEND")
        assert device.api.write("/1/0/23", True).code == "2.04"
        time.sleep(0.5)  # one that was under way
        with contextlib.suppress(AssertionError):
            events.next("SEND", 0)
        events.none("SEND", 3)
        assert device.api.write("/1/0/23", False).code == "2.04"
        events.next("SEND")


@pytest.fixture
def instance_1(device):
    """The device, and at the end no /3442/1."""
    yield device
    device.api.delete("/3442/1")


def test_int_308_composite_and_create(instance_1):
    """An observed instance that comes into being is told"""
    api = instance_1.api
    paths = ["/3442/0/120", "/3442/1/120"]
    assert api.write("/3442/0/120", 7).code == "2.04"
    with attributes(api, "/3442/0/120", "pmin=0&pmax=2"), composite(api, paths) as (first, events):
        assert first.value == {"/3442/0/120": 7}
        assert api.create("/3442", 1, {120: 5}).code == "2.01"

        def both():
            return set(events.next("NOTIFICATION")["val"]) == set(paths)

        wait_for(both, what="a notification with both instances")


def test_int_309_composite_and_delete(instance_1):
    """An observed instance that goes away is missing from then on"""
    api = instance_1.api
    paths = ["/3442/0/120", "/3442/1/120"]
    assert api.write("/3442/0/120", 7).code == "2.04"
    assert api.create("/3442", 1, {120: 5}).code == "2.01"
    with attributes(api, "/3442/0/120", "pmin=0&pmax=2"), composite(api, paths) as (first, events):
        assert first.value == {"/3442/0/120": 7, "/3442/1/120": 5}
        assert api.delete("/3442/1").code == "2.02"

        def one():
            return set(events.next("NOTIFICATION")["val"]) == {"/3442/0/120"}

        wait_for(one, what="a notification of the one that is left")


def test_int_310_composite_and_changes(device):
    """Values and attributes change while they are observed"""
    api = device.api
    paths = [TEMPERATURE, "/10346/0"]
    with composite(api, paths) as (_, events):
        assert api.write("/10346/0/5536", 0.25).code == "2.04"
        data = events.next("NOTIFICATION")["val"]
        values = {each["id"]: each["value"] for each in data["/10346/0"]["resources"]}
        assert float(values[5536]) == 0.25
        assert TEMPERATURE in data
        with attributes(api, "/10346", "pmax=1"):
            events.next("NOTIFICATION")
            events.next("NOTIFICATION")
        assert api.write("/10346/0/5536", 0.5).code == "2.04"


def test_int_311_send_of_several_values(own_device):
    """One Send has several values, all of one moment"""
    device = own_device(send_s=1)
    with device.api.events() as events:
        events.next("SEND")
        device.board.world(temperature=31.5)

        def warmer():
            values = events.next("SEND")["val"]
            return float(values["/3303/0/5700"]["value"]) == 31.5 and values

        values = wait_for(warmer, what="a Send with the new temperature")
    assert float(values["/3303/0/5602"]["value"]) == 31.5
    assert values["/3303/0/5701"]["value"] == "Cel"
