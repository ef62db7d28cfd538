"""Button (3200), led (3201) and object 5000 of the example, over the wire."""

import machine
from helpers import raises
from peer import Peer
from world import world

from coap.message import Error
from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, METHOD_NOT_ALLOWED
from firmware.objects.example import DigitalInput
from firmware.objects.output import Control, DigitalOutput, steps_ms

TEXT, TLV = 0, 11542


def text(peer, path):
    response = peer.get(path, accept=TEXT)
    assert response.code == CONTENT, (path, response.code)
    return bytes(response.payload).decode()


def notifications(peer, ms=1000):
    seen = []
    peer.run(ms, lambda message: seen.append(bytes(message.payload).decode()))
    return seen


# 3200


def button(pressed=False):
    world.reset(button=pressed)
    pin = machine.Pin("PC13", machine.Pin.IN)
    entry = DigitalInput(lambda: pin.value() == 1)
    peer = Peer(entry)
    peer.register()
    return peer, entry


def press(entry, *levels):
    for level in levels:
        world.apply({"button": level})
        entry.sample()


def test_a_press_counts_once():
    peer, entry = button()
    assert (text(peer, "/3200/0/5500"), text(peer, "/3200/0/5501")) == ("0", "0")
    press(entry, True)
    assert (text(peer, "/3200/0/5500"), text(peer, "/3200/0/5501")) == ("1", "1")
    press(entry, True, True, True)
    assert text(peer, "/3200/0/5501") == "1"
    press(entry, False, False)
    assert (text(peer, "/3200/0/5500"), text(peer, "/3200/0/5501")) == ("0", "1")
    press(entry, True, False, True, False)
    assert text(peer, "/3200/0/5501") == "3"


def test_a_button_held_at_the_start_is_no_press():
    peer, entry = button(pressed=True)
    entry.sample()
    assert (text(peer, "/3200/0/5500"), text(peer, "/3200/0/5501")) == ("1", "0")
    press(entry, False, True)
    assert text(peer, "/3200/0/5501") == "1"


def test_observers_of_the_button():
    peer, entry = button()
    peer.get("/3200/0/5500", observe=0, token=b"l")
    peer.get("/3200/0/5501", observe=0, token=b"c")
    press(entry, True)
    assert sorted(notifications(peer)) == ["1", "1"]
    press(entry, False)
    assert notifications(peer) == ["0"]
    press(entry, False)
    assert notifications(peer) == []
    entry.count()
    assert notifications(peer) == ["2"]


def test_the_counter_is_reset_by_a_write():
    peer, entry = button()
    for _ in range(5):
        entry.count()
    assert peer.put("/3200/0/5501", b"0").code == CHANGED
    assert text(peer, "/3200/0/5501") == "0"
    entry.count()
    assert text(peer, "/3200/0/5501") == "1"
    assert peer.put("/3200/0/5501", b"2147483647").code == CHANGED
    entry.count()
    assert text(peer, "/3200/0/5501") == "0"
    # Replacing the instance without it resets it as well.
    entry.count()
    assert peer.put("/3200/0", b"", TLV).code == CHANGED
    assert text(peer, "/3200/0/5501") == "0"


def test_what_the_counter_refuses():
    peer, entry = button()
    entry.count()
    for payload in (b"-1", b"2147483648", b"1.5", b"one", b"", b"true", b"9" * 30, b"1e3"):
        assert peer.put("/3200/0/5501", payload).code == BAD_REQUEST, payload
    assert peer.put("/3200/0/5500", b"1").code == METHOD_NOT_ALLOWED
    assert entry.counter == 1


# 3201


class App:
    """As far as these objects look at it."""

    pattern = blinking = None

    def __init__(self):
        self.led = machine.Pin("PB0", machine.Pin.OUT, value=0)
        self.asked = 0

    def deregister(self):
        self.asked += 1


def led():
    """(peer, object, list of the patterns that were to blink)."""
    world.reset()
    blinked = []
    output = DigitalOutput(App())
    output.blink = blinked.append
    peer = Peer(output)
    peer.register()
    return peer, output, blinked


def lights():
    levels = [event["on"] for event in world.events if event["event"] == "led"]
    world.events.clear()
    return levels


def test_the_led_is_switched():
    peer, _, _ = led()
    assert text(peer, "/3201/0/5550") == "0"
    table = (
        # payload, format, the led then, events
        (b"1", TEXT, "1", [True]),
        (b"1", TEXT, "1", []),
        (b"0", TEXT, "0", [False]),
        (b"\xe1\x15\xae\x01", TLV, "1", [True]),
        (b"\xe1\x15\xae\x00", TLV, "0", [False]),
    )
    for payload, content_format, level, events in table:
        assert peer.put("/3201/0/5550", payload, content_format).code == CHANGED
        assert lights() == events and text(peer, "/3201/0/5550") == level
    for payload in (b"2", b"on", b"", b"true", b"1.0"):
        assert peer.put("/3201/0/5550", payload).code == BAD_REQUEST, payload
    assert lights() == []


def test_observers_hear_of_the_led_whoever_switches_it():
    peer, output, _ = led()
    peer.get("/3201/0/5550", observe=0)
    assert peer.put("/3201/0/5550", b"1").code == CHANGED
    assert notifications(peer) == ["1"]
    output.state = False  # as a blink does
    assert notifications(peer) == ["0"]
    output.state = False
    assert notifications(peer) == []


def test_patterns_that_are_accepted():
    peer, _, blinked = led()
    table = (
        ("500:500:500", [500, 500, 500]),
        ("1", [1]),
        ("60000", [60000]),
        ("100 200", [100, 200]),
        ("100,200,300", [100, 200, 300]),
        ("100, 200, 300", [100, 200, 300]),
        ("  7  ", [7]),
        ("1:2,3 4", [1, 2, 3, 4]),
        ("00010", [10]),
        (":".join(["60000"] * 32), [60000] * 32),
    )
    for pattern, steps in table:
        assert peer.put("/3201/0/5853", pattern.encode()).code == CHANGED, pattern
        assert text(peer, "/3201/0/5853") == pattern
        assert peer.post("/3201/0/5850").code == CHANGED
        assert blinked == [steps], pattern
        blinked.clear()


def test_patterns_that_are_refused():
    peer, _, blinked = led()
    assert peer.put("/3201/0/5853", b"10:20").code == CHANGED
    for pattern in (
        b"",
        b" ",
        b":::",
        b"0",
        b"10:0",
        b"-5",
        b"60001",
        b"100000",
        b"1.5",
        b"10ms",
        b"a:b",
        b"0x10",
        b"1;2",
        b"1_0",
        b"+5",
        b"\xff",
        b":".join([b"1"] * 33),
        b"1" * 500,
    ):
        assert peer.put("/3201/0/5853", pattern).code == BAD_REQUEST, pattern
    assert text(peer, "/3201/0/5853") == "10:20"
    # All or nothing in one Write.
    payload = b"\xe1\x15\xae\x01" + b"\xe1\x16\xdd0"
    assert peer.post("/3201/0", payload, TLV).code == BAD_REQUEST
    assert lights() == [] and blinked == []


def test_the_pattern_from_the_start():
    peer, _, blinked = led()
    assert peer.post("/3201/0/5850").code == CHANGED
    assert len(blinked) == 1 and len(blinked[0]) % 2 == 0 and min(blinked[0]) >= 100
    # And again after a replace that leaves it out.
    peer.put("/3201/0/5853", b"7")
    assert peer.put("/3201/0", b"\xe1\x15\xae\x00", TLV).code == CHANGED
    assert peer.post("/3201/0/5850").code == CHANGED
    assert blinked[1] == blinked[0]


def test_a_repeated_request_blinks_once():
    peer, _, blinked = led()
    for _ in range(3):
        assert peer.post("/3201/0/5850", mid=77, token=b"same").code == CHANGED
    assert len(blinked) == 1
    assert peer.get("/3201/0/5850").code == METHOD_NOT_ALLOWED
    assert peer.put("/3201/0/5850", b"1").code == METHOD_NOT_ALLOWED


def test_steps_are_errors_of_the_wire():
    assert raises(Error, steps_ms, "1:x").code == BAD_REQUEST
    assert steps_ms("1:2") == [1, 2]


# 5000


def test_deregistration_is_asked_for_once():
    app = App()
    peer = Peer(Control(app))
    peer.register()
    for _ in range(2):
        assert peer.post("/5000/0/1", mid=5, token=b"t").code == CHANGED
    assert app.asked == 1
    assert peer.get("/5000/0/1").code == METHOD_NOT_ALLOWED
    assert app.asked == 1
