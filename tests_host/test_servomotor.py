"""One servo as 10346 (0 to 1) and as 3337 (per cent), written over the wire."""

import struct

import machine
from peer import Peer
from world import world

from coap.numbers import BAD_REQUEST, CHANGED, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND
from firmware.drivers.servo import Servo
from firmware.objects.positioner import Positioner
from firmware.objects.servomotor import Servomotor

TEXT, TLV = 0, 11542
FRACTION, PER_CENT = "/10346/0/5536", "/3337/0/5536"


def servo():
    """(peer that has registered, the driver); the events so far are gone."""
    world.reset()
    driver = Servo(machine.Pin("PD14"))
    assert pulses() == [1625]
    servomotor = Servomotor(driver, "servo2")
    peer = Peer(servomotor, Positioner(servomotor))
    peer.register()
    return peer, driver


def pulses():
    """Lengths in microseconds since the last call."""
    lengths = [event["duty_ns"] / 1000 for event in world.events if event["event"] == "pwm"]
    world.events.clear()
    return lengths


def read(peer, path):
    response = peer.get(path, accept=TEXT)
    assert response.code == CONTENT
    return float(bytes(response.payload).decode())


def single(value):
    return b"\xe4\x15\xa0" + struct.pack(">f", value)


def double(value):
    return b"\xe8\x15\xa0\x08" + struct.pack(">d", value)


def test_starts_in_the_middle():
    peer, _ = servo()
    assert read(peer, FRACTION) == 0.5
    assert read(peer, PER_CENT) == 50
    assert bytes(peer.get("/10346/0/1").payload) == b"servo2"


def test_writes_in_text_and_tlv_move_the_arm():
    positions = ((0, 750), (1, 2500), (0.5, 1625), (0.25, 1187), (0.999, 2498), (0.75, 2062))
    for position, pulse_us in positions:
        per_cent = position * 100
        payloads = (
            (FRACTION, str(position).encode(), TEXT),
            (FRACTION, single(position), TLV),
            (FRACTION, double(position), TLV),
            (PER_CENT, str(per_cent).encode(), TEXT),
            (PER_CENT, single(per_cent), TLV),
            (PER_CENT, double(per_cent), TLV),
        )
        for path, payload, content_format in payloads:
            peer, driver = servo()
            response = peer.put(path, payload, content_format)
            assert response.code == CHANGED, (path, payload)
            assert driver.pulse_us == pulse_us
            moved = [] if pulse_us == 1625 else [pulse_us]
            assert pulses() == moved, (path, payload)
            assert abs(read(peer, FRACTION) - position) < 1e-6
            assert abs(read(peer, PER_CENT) - per_cent) < 1e-4


def test_other_spellings_of_numbers():
    peer, _ = servo()
    for payload, pulse_us in ((b"+1.0", 2500), (b"0.", 750), (b".5", 1625), (b"1e0", 2500)):
        assert peer.put(FRACTION, payload).code == CHANGED, payload
        assert pulses() == [pulse_us]


def test_senseless_values_are_refused_and_the_arm_stays():
    nan, infinity = float("nan"), float("inf")
    texts = (b"nan", b"NaN", b"inf", b"-inf", b"Infinity", b"1e999", b"middle", b"", b" ", b"0,5")
    texts += (b"0x1", b"1_0", b"0.5 ", b"0.5\0", b"\xff", b"--1", b"1e", b"true")
    table = [(path, text, TEXT) for path in (FRACTION, PER_CENT) for text in texts]
    for value in (-0.001, 1.001, -1, 2, 100, 1e30, -1e30):
        table.append((FRACTION, str(value).encode(), TEXT))
    for value in (-0.1, 100.1, -50, 1e30):
        table.append((PER_CENT, str(value).encode(), TEXT))
    for encode in (single, double):
        for value in (nan, infinity, -infinity):
            table += [(path, encode(value), TLV) for path in (FRACTION, PER_CENT)]
        table += [(FRACTION, encode(-0.25), TLV), (FRACTION, encode(1.5), TLV)]
        table += [(PER_CENT, encode(-1.0), TLV), (PER_CENT, encode(101.0), TLV)]
    table += [
        (FRACTION, b"\xc2\x15\xa0", TLV),  # cut off
        (FRACTION, b"\xe3\x15\xa0\x00\x00\x00", TLV),  # three bytes are no float
        (FRACTION, b"\xe0\x15\xa0", TLV),  # nor are none
        (FRACTION, single(0.25) + single(0.75), TLV),  # which of both?
    ]
    peer, _ = servo()
    assert peer.put(FRACTION, b"0.25").code == CHANGED
    assert pulses() == [1187]
    for path, payload, content_format in table:
        response = peer.put(path, payload, content_format)
        assert response.code == BAD_REQUEST, (path, payload)
        assert pulses() == [], (path, payload)
    assert read(peer, FRACTION) == 0.25


def test_a_refused_write_of_the_instance_changes_nothing():
    peer, _ = servo()
    for payload in (single(2.0), single(0.75) + b"\xc1\x01x", b"\xc1\x01x" + single(0.75)):
        for ask in (peer.put, peer.post):
            assert ask("/10346/0", payload, TLV).code in (BAD_REQUEST, METHOD_NOT_ALLOWED)
            assert pulses() == []
    assert peer.post("/10346/0", single(0.75), TLV).code == CHANGED
    assert pulses() == [2062]
    # Replacing without the position: there is nothing to go back to.
    peer.put("/10346/0", b"", TLV)
    assert pulses() == [] and read(peer, FRACTION) == 0.75


def test_only_the_position_can_be_written():
    peer, _ = servo()
    assert peer.put("/10346/0/1", b"x").code == METHOD_NOT_ALLOWED
    assert peer.put("/10346/1/5536", b"1").code == NOT_FOUND
    assert peer.post(FRACTION).code != CHANGED
    assert pulses() == []


def test_a_write_to_either_notifies_observers_of_both():
    for path, payload in ((FRACTION, b"0.25"), (PER_CENT, b"25")):
        peer, _ = servo()
        for observed, token in ((FRACTION, b"f"), (PER_CENT, b"p"), ("/3337", b"o")):
            assert peer.get(observed, observe=0, token=token).code == CONTENT
        assert peer.put(path, payload).code == CHANGED
        seen = {}

        def note(message, seen=seen):
            assert message.token not in seen, "one notification is enough"
            seen[bytes(message.token)] = bytes(message.payload)

        peer.run(1000, note)
        assert sorted(seen) == [b"f", b"o", b"p"], path
        assert float(seen[b"f"].decode()) == 0.25 and float(seen[b"p"].decode()) == 25
        # Refused: nobody hears of it.
        assert peer.put(path, b"1000").code == BAD_REQUEST
        seen.clear()
        peer.run(1000, note)
        assert seen == {}


def test_per_cent_read_back_as_they_were_written():
    peer, _ = servo()
    for number in range(101):
        assert peer.put(PER_CENT, b"%d" % number).code == CHANGED
        assert read(peer, PER_CENT) == number
    for text in (b"12.5", b"33.3", b"66.67", b"0.01"):
        assert peer.put(PER_CENT, text).code == CHANGED
        assert abs(read(peer, PER_CENT) - float(text.decode())) < 1e-4
