"""The clock by a time server: good and bad answers, lost servers and names; hours in a second."""

import struct
import sys

import machine
from hours import Hours, bound_socket
from scratch import Scratch
from world import world

NOW = 1800000000  # Unix time of the server's clock at power-on
_1970 = 2208988800


def answer(hours, request, **wrong):
    """The server's answer to a request, with fields that are `wrong`."""
    fields = {"first": 0x24, "stratum": 2, "mark": request[40:], "unix": NOW}
    fields.update(wrong)
    seconds = (fields["unix"] + _1970 + hours.clock.total_ms // 1000) & 0xFFFFFFFF
    return (
        bytes((fields["first"], fields["stratum"]))
        + bytes(22)
        + fields["mark"]
        + bytes(8)
        + struct.pack(">II", seconds, 0)
    )


class TimeServer:
    """Answers by `make(hours, request)`, which returns datagrams; `asked` is when."""

    def __init__(self, hours, make):
        self.hours = hours
        self.make = make
        self.asked = []
        self.socket, self.port = bound_socket()
        hours.servers.append(self.serve)

    def serve(self):
        try:
            request, address = self.socket.recvfrom(100)
        except OSError:
            return
        assert len(request) == 48 and request[0] == 0x23 and request[1:40] == bytes(39)
        self.asked.append(self.hours.clock.total_ms)
        for data in self.make(self.hours, request):
            self.socket.sendto(data, address)


def run(make, *script, host="127.0.0.1"):
    """(Hours, TimeServer, the times that the clock was set to)."""
    world.reset()
    clock = []

    class RTC:
        def datetime(self, when):
            clock.append(when)

    kept, machine.RTC = getattr(machine, "RTC"), RTC  # noqa: B009 - it is loaded when asked for
    try:
        with Scratch() as folder, Hours(folder) as hours:
            server = TimeServer(hours, make)
            hours.settings["ntp"] = "%s:%d" % (host, server.port)
            hours.run(*[(at, lambda do=do: do(hours)) for at, do in script])
            server.socket.close()
    finally:
        machine.RTC = kept
    assert hours.resets == [] and hours.server.codes()[:1] == "R"
    return hours, server, clock


def clock_line(hours):
    (line,) = [each for each in hours.status() if each.startswith("clock: ")]
    hours.seen.append(line)


def nothing(hours):
    pass


def test_the_clock_is_set_each_hour():
    def make(hours, request):
        return [answer(hours, request)]

    hours, server, clock = run(make, (60, clock_line), (3 * 3600 + 60, nothing))
    assert len(server.asked) == len(clock) == 4
    # 2027-01-15, a Friday, 08:00:00 and some seconds
    assert clock[0][:6] == (2027, 1, 15, 5, 8, 0) and clock[0][6] <= 3 and clock[0][7] == 0
    assert [each[4] for each in clock] == [8, 9, 10, 11]
    assert hours.seen[0].endswith(" UTC, from 127.0.0.1"), hours.seen
    assert hours.longest_ms <= 100, hours.longest_ms


def test_after_2036():
    def make(hours, request):
        return [answer(hours, request, unix=2100000000)]

    _, _, clock = run(make, (60, nothing))
    assert clock[0][:3] == (2036, 7, 18)


def test_a_server_that_is_silent():
    hours, server, clock = run(lambda hours, request: (), (300, clock_line), (7200, nothing))
    assert clock == []
    # After one minute, two, four ... and at last an hour, each with 5 s of patience.
    gaps = [(b - a) // 1000 for a, b in zip(server.asked, server.asked[1:])]  # noqa: B905
    assert len(gaps) == 6
    for gap, expected in zip(gaps, (60, 120, 240, 480, 960, 1920)):  # noqa: B905
        assert expected <= gap <= expected + 8, gaps
    assert "1970" not in hours.seen[0]
    assert hours.seen[0].endswith(", time server 127.0.0.1: no answer"), hours.seen
    assert hours.longest_ms <= 100, hours.longest_ms


def test_answers_that_are_none():
    for wrong in (
        {"mark": b"12345678"},  # of somebody who has not seen the request
        {"first": 0x23},  # a request
        {"first": 0x25},  # a broadcast
    ):

        def make(hours, request, wrong=wrong):
            return [answer(hours, request, **wrong), b"", b"\x24" * 47]

        _, _, clock = run(make, (50, nothing))
        assert clock == [], wrong

        def both(hours, request, make=make):  # the right one comes later
            return make(hours, request) + [answer(hours, request)]

        _, _, clock = run(both, (50, nothing))
        assert len(clock) == 1, wrong


def test_servers_without_the_time():
    for wrong, text in (
        ({"first": 0xE4}, "has no time to give"),  # not synchronized
        ({"stratum": 0}, "has no time to give"),  # "kiss of death"
        ({"stratum": 16}, "has no time to give"),
        ({"unix": 1500000000}, "is years behind"),
        ({"unix": 3094168448}, "is years ahead"),
    ):

        def make(hours, request, wrong=wrong):
            return [answer(hours, request, **wrong)]

        hours, _, clock = run(make, (30, clock_line), (50, nothing))
        assert clock == [] and hours.seen[0].endswith(": " + text), hours.seen


def test_the_name_of_the_server_is_lost():
    def lost(hours):
        hours.names.answers = False

    def found(hours):
        hours.names.answers = True

    def make(hours, request):
        return [answer(hours, request)]

    hours, server, clock = run(
        make, (1, lost), (3700, clock_line), (3900, found), (8000, clock_line), host="time.example"
    )
    assert "no address for time.example" in hours.seen[0], hours.seen
    assert hours.seen[1].endswith("from time.example")
    # A look-up keeps the loop, so there are few: in the second hour two.
    assert hours.names.asked == 8 and len(clock) == 1


def test_off_and_without_a_server_of_its_own():
    # No key: only where MicroPython has ntptime, which the unix port has not.
    for settings, default in (({"ntp": ""}, False), ({}, False), ({}, True)):
        world.reset()
        with Scratch() as folder, Hours(folder, **settings) as hours:
            hours.names.answers = False
            if default:
                sys.modules["ntptime"] = Ntptime
            try:
                hours.run((300, lambda h=hours: h.seen.append(h.status())))
            finally:
                sys.modules.pop("ntptime", None)
        lines = [line for line in hours.seen[0] if line.startswith("clock: ")]
        assert len(lines) == default and (hours.names.asked > 0) == default
        if default:
            assert "pool.ntp.org" in lines[0]


class Ntptime:
    host = "pool.ntp.org"
