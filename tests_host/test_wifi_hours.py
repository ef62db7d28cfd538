"""The firmware on Wi-Fi whose module fails in a tenth of all transactions: how long it is away."""

import gc
import sys

from hours import Hours
from scratch import Scratch
from world import world

from firmware import access_point

PASSPHRASE = "of the simulation"
LIFETIME_S = 90
MINUTES = 15
SEEDS = (2, 9, 14)  # of those in which a module fails at bad moments
READ_S = 5
JOIN_MS = 4000


class Garbage:
    """In the place of the module `gc`: this heap is too large to be swept every 4 kB."""

    def threshold(self, size):
        pass

    def __getattr__(self, name):
        return getattr(gc, name)


def trial(seed, share, lifetime_s=LIFETIME_S, minutes=MINUTES, events=()):
    """The `Hours` of a board whose module fails; the server reads a value all the time.

    `events` are (seconds, function of the hours).
    """
    world.reset(board="b_l475e_iot01a")
    radio = {"ssid": "desk", "passphrase": PASSPHRASE, "fail": share, "seed": seed}
    world.apply({"radio": radio})
    sys.modules["gc"] = Garbage()
    try:
        with Scratch() as folder:
            access_point.provision(folder, "desk", PASSPHRASE)
            with Hours(folder, board="b_l475e_iot01a", lifetime_s=lifetime_s) as hours:

                def read():
                    if hours.server.last:
                        hours.server.read("/3303/0/5700")

                script = [(at_s, read) for at_s in range(READ_S, minutes * 60, READ_S)]
                script += [(at_s, lambda action=action: action(hours)) for at_s, action in events]
                script.sort(key=lambda each: each[0])
                hours.run(*script, (minutes * 60, list))
    finally:
        sys.modules["gc"] = gc
        world.reset()
    return hours


def gaps_s(hours):
    """Between words about the registration that reached the server."""
    times = [each[0] for each in hours.server.requests]
    return [(later - times[at]) / 1000 for at, later in enumerate(times[1:])]


def test_a_registration_outlives_what_fails():
    for seed in SEEDS:
        hours = trial(seed, 0.1)
        longest_s = max(gaps_s(hours))
        print("  seed %d: %.0f s without a word at most" % (seed, longest_s))
        assert longest_s < LIFETIME_S, (seed, gaps_s(hours), hours.said)
        assert hours.server.codes()[0] == "R" and hours.server.codes().count("R") <= 2
        assert len(hours.lines("joined")) > 5 and hours.resets == []


def test_an_update_under_way_when_the_module_hangs_leaves_as_soon_as_it_is_back():
    """And it joins again as soon as it is known to hang."""

    def hang(hours):
        world.radio.module.fault("stuck", b"S3")
        # So it is back when no repetition is near: 40.5 s at the latest, 45.5 s at the earliest.
        world.radio.access_point.join_ms = JOIN_MS

    hours = trial(1, 0, minutes=2, events=[(31, hang)])  # the next S3 is the Update at 31.5 s
    (hung_ms,) = hours.lines("link lost")
    back_ms = hours.lines("registered at")[1]
    assert 31500 < hung_ms and back_ms - hung_ms < JOIN_MS + 1500, hours.said
    assert 40500 < back_ms < 45000, hours.said
    update_ms = hours.server.requests[1][0]
    assert 0 <= update_ms - back_ms < 500, (back_ms, hours.server.requests)
    assert hours.server.codes()[:3] == "RUU" and hours.resets == []
    assert not hours.lines("temperature:")
