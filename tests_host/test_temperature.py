"""Temperature (3303) and the thermometer behind it, with simulated sensors, over the wire."""

import math
import struct

import sensors
from helpers import raises
from peer import Peer, content_format
from world import BOARDS, world

from coap.numbers import CHANGED, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND, SERVICE_UNAVAILABLE
from firmware.drivers.sensor import Thermometer
from firmware.objects.temperature import Temperature
from lwm2m.formats import tlv

TEXT, TLV = 0, 11542


class Fixed:
    """A thermometer that gives what it is told to; None is a bus fault."""

    def __init__(self, degrees=None):
        self.degrees = degrees

    def temperature(self):
        if self.degrees is None:
            raise OSError(5, "no answer")
        return self.degrees


def fixed(degrees=None):
    """(peer that has registered, the object, its thermometer)."""
    thermometer = Fixed(degrees)
    temperature = Temperature(thermometer)
    peer = Peer(temperature)
    peer.register()
    return peer, temperature, thermometer


def on_board(name="nucleo_f429zi", **state):
    world.reset(board=name, **state)
    board = getattr(__import__("firmware.boards." + name).boards, name)
    thermometer = Thermometer(board.i2c_buses(), board.SENSORS)
    temperature = Temperature(thermometer)
    peer = Peer(temperature)
    peer.register()
    return peer, temperature, thermometer


def text(peer, path):
    response = peer.get(path, accept=TEXT)
    assert response.code == CONTENT, (path, response.code)
    return bytes(response.payload).decode()


def resources(peer, path):
    """{rid: bytes} of an object or instance read."""
    response = peer.get(path, accept=TLV)
    assert response.code == CONTENT and content_format(response) == TLV
    base = tuple([int(part) for part in path.split("/")[1:]])
    return {found[2]: bytes(raw) for found, raw in tlv.decode(base, response.payload)}


def test_first_measurement():
    peer, temperature, _ = on_board(temperature=18.5)
    assert peer.get("/3303/0/5700").code == SERVICE_UNAVAILABLE
    temperature.sample()
    assert text(peer, "/3303/0/5700") == "18.5"
    assert text(peer, "/3303/0/5701") == "Cel"
    # A Read that is remembered gives the new value, not the old one.
    for degrees in (19.0, -7.5, 0.0):
        world.temperature = degrees
        temperature.sample()
        assert float(text(peer, "/3303/0/5700")) == degrees


def test_no_value_until_one_succeeds_and_after_an_error():
    peer, temperature, thermometer = fixed()
    for degrees in (None, 20.5, None, -3.0, None):
        thermometer.degrees = degrees
        if degrees is None:
            raises(OSError, temperature.sample)
            response = peer.get("/3303/0/5700")
            assert response.code == SERVICE_UNAVAILABLE
            assert 5700 not in resources(peer, "/3303/0")
            assert 5700 not in resources(peer, "/3303")
            assert 5701 in resources(peer, "/3303/0")
        else:
            temperature.sample()
            assert float(text(peer, "/3303/0/5700")) == degrees
            for path in ("/3303/0", "/3303"):
                assert struct.unpack(">f", resources(peer, path)[5700])[0] == degrees


def test_no_value_is_no_notification_and_no_end_of_the_observation():
    peer, temperature, thermometer = fixed(20.0)
    temperature.sample()
    assert peer.get("/3303/0/5700", observe=0).code == CONTENT
    thermometer.degrees = None
    raises(OSError, temperature.sample)
    assert _notifications(peer) == []
    # The same value as before the fault is news.
    thermometer.degrees = 20.0
    temperature.sample()
    assert _notifications(peer) == ["20.0"]
    temperature.sample()
    assert _notifications(peer) == []
    thermometer.degrees = 20.1
    temperature.sample()
    assert _notifications(peer) == ["20.1"]


def _notifications(peer):
    seen = []
    peer.run(2000, lambda message: seen.append(bytes(message.payload).decode()))
    return seen


def test_observing_before_the_first_value_is_refused():
    peer, temperature, thermometer = fixed()
    raises(OSError, temperature.sample)
    assert peer.get("/3303/0/5700", observe=0).code == SERVICE_UNAVAILABLE
    thermometer.degrees = 20.0
    temperature.sample()
    assert _notifications(peer) == []


def test_minimum_and_maximum():
    peer, temperature, thermometer = fixed()
    for path in ("/3303/0/5601", "/3303/0/5602"):
        assert peer.get(path).code == NOT_FOUND
    table = (
        # measured, minimum, maximum
        (21.5, 21.5, 21.5),
        (25.0, 21.5, 25.0),
        (0.0, 0.0, 25.0),
        (-0.5, -0.5, 25.0),
        (-40.0, -40.0, 25.0),
        (-39.5, -40.0, 25.0),
        (30.0, -40.0, 30.0),
    )
    for degrees, low, high in table:
        thermometer.degrees = degrees
        temperature.sample()
        assert float(text(peer, "/3303/0/5601")) == low
        assert float(text(peer, "/3303/0/5602")) == high
    # Only below zero: nothing starts from 0.
    peer, temperature, thermometer = fixed(-10.0)
    temperature.sample()
    assert float(text(peer, "/3303/0/5602")) == -10.0
    thermometer.degrees = -12.0
    temperature.sample()
    assert (temperature.minimum, temperature.maximum) == (-12.0, -10.0)


def test_a_fault_keeps_minimum_and_maximum():
    peer, temperature, thermometer = fixed(5.0)
    temperature.sample()
    thermometer.degrees = None
    raises(OSError, temperature.sample)
    assert float(text(peer, "/3303/0/5601")) == float(text(peer, "/3303/0/5602")) == 5.0


def test_reset_of_minimum_and_maximum():
    peer, temperature, thermometer = fixed(-10.0)
    temperature.sample()
    thermometer.degrees = 10.0
    temperature.sample()
    assert peer.post("/3303/0/5605").code == CHANGED
    assert float(text(peer, "/3303/0/5601")) == float(text(peer, "/3303/0/5602")) == 10.0
    # Without a value there is nothing to start from until the next one.
    thermometer.degrees = None
    raises(OSError, temperature.sample)
    assert peer.post("/3303/0/5605").code == CHANGED
    assert peer.get("/3303/0/5601").code == NOT_FOUND
    thermometer.degrees = -2.0
    temperature.sample()
    assert float(text(peer, "/3303/0/5601")) == float(text(peer, "/3303/0/5602")) == -2.0
    assert peer.get("/3303/0/5605").code == METHOD_NOT_ALLOWED


def test_observers_of_minimum_and_maximum_hear_of_both():
    peer, temperature, thermometer = fixed(10.0)
    temperature.sample()
    peer.get("/3303/0/5601", observe=0, token=b"low")
    peer.get("/3303/0/5602", observe=0, token=b"high")
    seen = []

    def note(message):
        seen.append((bytes(message.token), float(bytes(message.payload).decode())))

    for degrees, expected in (
        (8.0, [(b"low", 8.0)]),
        (12.0, [(b"high", 12.0)]),
        (9.0, []),
    ):
        thermometer.degrees = degrees
        temperature.sample()
        peer.run(1000, note)
        assert seen == expected, seen
        seen.clear()
    peer.post("/3303/0/5605")
    peer.run(1000, note)
    assert sorted(seen) == [(b"high", 9.0), (b"low", 9.0)]


def test_rounding():
    table = (
        # measured, shown: hundredths of a degree
        (21.456, 21.46),
        (21.454, 21.45),
        (-21.456, -21.46),
        (-0.004, 0.0),
        (0.004, 0.0),
        (99.999, 100.0),
        (1 / 3, 0.33),
    )
    for degrees, shown in table:
        peer, temperature, _ = fixed(degrees)
        temperature.sample()
        assert abs(temperature.value - shown) < 1e-5, (degrees, temperature.value)
        seen = text(peer, "/3303/0/5700")
        assert seen != "-0.0" and len(seen) <= 6, seen


def test_a_change_too_small_to_show_is_none():
    peer, temperature, thermometer = fixed(20.001)
    temperature.sample()
    peer.get("/3303/0/5700", observe=0)
    thermometer.degrees = 20.002
    temperature.sample()
    assert _notifications(peer) == []


def test_thresholds_below_zero():
    peer, temperature, thermometer = fixed(-5.0)
    temperature.sample()
    assert peer.attributes("/3303/0/5700", "lt=-10", "gt=-2.5").code == CHANGED
    peer.get("/3303/0/5700", observe=0)
    seen = []
    for degrees in (-9.0, -10.5, -12.0, -9.5, -2.0, -3.0):
        thermometer.degrees = degrees
        temperature.sample()
        seen.append(_notifications(peer))
    assert seen == [[], ["-10.5"], [], ["-9.5"], ["-2.0"], ["-3.0"]]


def test_unplugged_at_the_start_and_plugged_later():
    for board in BOARDS:
        peer, temperature, _ = on_board(board, i2c="unplugged", temperature=3.5)
        for _ in range(2):
            error = raises(OSError, temperature.sample)
            assert error.errno == 19 and "HTS221" in str(error) and "BMP180" in str(error)
        world.plug()
        temperature.sample()
        assert abs(temperature.value - 3.5) < 0.06
        world.unplug()
        raises(OSError, temperature.sample)
        assert peer.get("/3303/0/5700").code == SERVICE_UNAVAILABLE
        world.plug()
        temperature.sample()
        assert abs(float(text(peer, "/3303/0/5700")) - 3.5) < 0.06


def test_a_transfer_that_breaks_off():
    peer, temperature, _ = on_board(temperature=-7.5)
    temperature.sample()
    for after in range(4):
        world.nak_after = after
        raises(OSError, temperature.sample)
        assert peer.get("/3303/0/5700").code == SERVICE_UNAVAILABLE
        temperature.sample()
        assert float(text(peer, "/3303/0/5700")) == -7.5


def test_another_sensor_is_found_on_another_bus():
    _, temperature, _ = on_board("b_l475e_iot01a", temperature=12.04)
    temperature.sample()
    assert abs(temperature.value - 12.04) < 0.015
    # The sensor of the board fails, one on the shield takes its place and gives it back.
    (own,) = world.devices(2)
    world.attach(1, sensors.BMP180(world))
    own.unplug()
    for _ in range(3):  # it may be a loose contact: only then another one is looked for
        raises(OSError, temperature.sample)
    temperature.sample()
    assert temperature.value == 12.0  # a BMP180 has steps of 0.1 degrees


def test_values_in_tlv_are_single_floats_where_that_is_enough():
    peer, temperature, _ = fixed(20.5)
    temperature.sample()
    assert resources(peer, "/3303/0")[5700] == struct.pack(">f", 20.5)
    peer, temperature, _ = fixed(20.47)
    temperature.sample()
    raw = resources(peer, "/3303/0")[5700]
    value = struct.unpack(">f" if len(raw) == 4 else ">d", raw)[0]
    assert math.fabs(value - 20.47) < 1e-5
