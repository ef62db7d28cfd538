"""Outages of the network, hours of them in a second: what is seen of them, and the way back."""

import os

from hours import Hours
from network import NEGOTIATION_MS
from scratch import Scratch, read
from world import world

from coap.message import uint

VERSIONS = ("1.28", "1.29")


def outage(version, change, back, down_s=600, **settings):
    """The `Hours` in which `change` happens to the world at 60 s, `back` after `down_s`.

    It has `seen` the status before, at the end of it, and a minute later.
    """
    world.reset(micropython=version)
    with Scratch() as folder, Hours(folder, **settings) as hours:
        hours.run(
            (50, hours.look),
            (60, lambda: change(hours)),
            (60 + down_s - 1, hours.look),
            (60 + down_s, lambda: back(hours)),
            (60 + down_s + 60, hours.look),
            (60 + down_s + 61, lambda: hours.server.read("/3303/0/5700")),
            (60 + down_s + 62, list),
        )
    return hours


def cable(plugged):
    return lambda hours: world.apply({"cable": plugged})


def test_the_cable_is_pulled_for_ten_minutes():
    for version in VERSIONS:
        hours = outage(version, cable(False), cable(True))
        up = "network: 127.0.0.1, mask 255.0.0.0, gateway 127.0.0.1, DNS 127.0.0.1"
        assert hours.seen[0] == (up, "server: coap://127.0.0.1:%d, registered" % hours.server.port)
        assert hours.seen[1][0] == "network: no cable: plug it in, is the switch on?", hours.seen
        assert hours.seen[2] == hours.seen[0]
        # Registered still: one Update says that it is back, and from the same port.
        assert hours.server.codes() == "RU", (version, hours.server.codes())
        back_ms = hours.server.requests[-1][0] - 660000
        assert 0 < back_ms < 5000, (version, back_ms)
        (answer,) = hours.server.heard
        assert answer.payload == b"21.5"
        assert hours.resets == []
        # The loop was kept where v1.28 had to start the interface anew, and nowhere else.
        limit_ms = 100 + (NEGOTIATION_MS if version == "1.28" else 0)
        assert hours.longest_ms <= limit_ms, (version, hours.longest_ms)
        (lost_ms,) = hours.lines("link lost: no network")
        assert lost_ms - 60000 <= 2100, lost_ms


def test_a_start_without_cable():
    for version in VERSIONS:
        world.reset(micropython=version, cable=False)
        with Scratch() as folder, Hours(folder, watchdog_s=16) as hours:
            hours.run(
                (300, hours.look),
                (600, lambda: cable(True)(hours)),
                (630, hours.look),
            )
        # That it has no cable no restart would change: none comes.
        assert hours.resets == [] and hours.bitten == []
        assert hours.seen[0][0] == "network: no cable: plug it in, is the switch on?"
        assert hours.seen[0][1].endswith(", stopped"), hours.seen
        assert hours.seen[1][1].endswith(", registered"), hours.seen
        assert hours.server.codes() == "R"
        assert hours.server.requests[0][0] - 600000 < 5000
        assert len(hours.lines("no network: no cable")) == 1
        # Only the first look at the cable is MicroPython's own, which takes 10 s in v1.28.
        assert hours.longest_ms <= (10100 if version == "1.28" else 100), hours.longest_ms


def test_a_loose_cable():
    # Out for a second here and there: each time a registration that goes on.
    for version in VERSIONS:
        world.reset(micropython=version)
        with Scratch() as folder, Hours(folder) as hours:
            script = []
            for number in range(10):
                script.append((60 + 30 * number, lambda: cable(False)(hours)))
                script.append((63 + 30 * number, lambda: cable(True)(hours)))
            hours.run(*script, (400, list))
        assert hours.server.codes() == "R" + 10 * "U", hours.server.codes()
        assert hours.resets == []


def names(answer):
    def change(hours):
        hours.names.answers = answer

    return change


def test_the_name_server_is_lost_for_ten_minutes():
    # A link that is up needs no names: nothing is hours.seen of it.
    world.reset()
    hours = outage("1.29", names(False), names(True), host="server.example")
    assert hours.seen[0] == hours.seen[1] == hours.seen[2]
    assert hours.seen[0][1] == "server: %s, registered" % hours.uri
    assert hours.server.codes() == "R" and hours.resets == []


def test_no_names_when_a_link_is_needed():
    def lost(hours):
        names(False)(hours)
        cable(False)(hours)
        hours.app._check_link()
        cable(True)(hours)

    hours = outage("1.29", lost, names(True), host="server.example", watchdog_s=16)
    assert "no address for server.example; check the name and DNS" in hours.seen[1][1], hours.seen
    assert " of 5)" in hours.seen[1][1]
    assert hours.seen[2][1] == "server: %s, registered" % hours.uri
    # Five in a row end in a restart; the watchdog waits for longer than a look-up takes.
    assert len(hours.lines("local failure 5 of 5")) == len(hours.resets) > 0
    assert hours.bitten == []
    assert 7000 <= hours.longest_ms < 7200, hours.longest_ms
    assert hours.server.codes() == "RU"


def records():
    """The content of the files that keep the sessions."""
    found = {}
    for name in os.listdir("state"):
        found[name] = read("state/" + name)
    return found


def test_restarts_without_a_network_wear_no_flash():
    world.reset()
    kept = []
    with Scratch() as folder, Hours(folder) as hours:
        hours.run(
            (10, lambda: hours.server.read("/3303/0/5700", observe=True)),
            (59, lambda: kept.append(records())),
            (60, lambda: world.apply({"dhcp": False, "cable": False})),
            (70, lambda: cable(True)(hours)),
            (3600, lambda: kept.append(records())),
            (3601, lambda: world.apply({"dhcp": True})),
            (3700, lambda: world.apply({"temperature": 30})),
            (3710, lambda: kept.append(records())),
        )
    assert len(hours.resets) > 20, hours.resets
    # The event log tells once what it comes to.
    written = [each.pop(name) for each in kept for name in list(each) if "events" in name]
    assert len(written) == len(set(written)) + 2 and len(set(written)) <= 3, written
    assert kept[0] == kept[1]
    # One record for all of it, when there is somebody again to whom numbers are told.
    changed = [name for name in kept[2] if kept[2][name] != kept[1].get(name)]
    assert len(changed) == 1, changed
    assert hours.server.codes() == "RU"
    numbers = [uint(each.first(6)) for each in hours.server.heard if each.first(6) is not None]
    assert len(numbers) > 1 and numbers == sorted(numbers), numbers


def test_no_dhcp_server():
    for version in VERSIONS:
        world.reset(micropython=version, dhcp=False)
        with Scratch() as folder, Hours(folder, watchdog_s=16) as hours:
            hours.run(
                (90, hours.look),
                (300, lambda: world.apply({"dhcp": True})),
                (340, hours.look),
            )
        assert hours.seen[0][0] == "network: no address: is there a DHCP server?"
        assert "no network: no address: is there a DHCP server? (local failure" in hours.seen[0][1]
        assert hours.seen[1][1].endswith(", registered")
        assert 1 <= len(hours.resets) <= 3 and hours.bitten == []
        assert hours.server.codes() == "R"


def test_an_address_by_hand_needs_no_dhcp_server():
    for version in VERSIONS:
        world.reset(micropython=version, dhcp=False)
        address = {
            "address": "192.168.1.5",
            "mask": "255.255.255.0",
            "gateway": "192.168.1.1",
            "dns": "9.9.9.9",
        }
        with Scratch() as folder, Hours(folder, network=address) as hours:
            hours.run(
                (60, lambda: cable(False)(hours)),
                (120, lambda: cable(True)(hours)),
                (150, hours.look),
            )
        assert hours.server.codes() == "RU" and hours.resets == []
        expected = "network: 192.168.1.5, mask 255.255.255.0, gateway 192.168.1.1, DNS 9.9.9.9"
        assert hours.seen[0][0] == expected, hours.seen
