"""Settings that a server changes while the whole firmware runs, with a clock that jumps."""

from hours import Hours
from scratch import Scratch
from test_ntp import TimeServer, answer
from world import world

from coap.message import Message, uint_bytes
from coap.numbers import BAD_REQUEST, CHANGED, CON, POST, PUT


class Device:
    """What a server asks of the firmware in `hours`, and the answers."""

    def __init__(self, hours):
        self.hours = hours
        self.mid = 50000

    def ask(self, code, path, payload=b"", content_format=None):
        self.mid += 1
        options = [(11, part.encode()) for part in path.split("/")[1:]]
        if content_format is not None:
            options.append((12, uint_bytes(content_format)))
        message = Message(CON, code, self.mid, b"%d" % self.mid, options, payload)
        self.hours.server.send(message)

    def write(self, rid, text):
        self.ask(PUT, "/26241/0/%d" % rid, text.encode(), 0)

    def codes(self):
        """Of the answers so far to what was asked here."""
        return [each.code for each in self.hours.server.heard if each.mid > 50000]


def run(settings, *script):
    """Hours with these keys; the script's functions take a Device."""
    world.reset()
    with Scratch() as folder, Hours(folder, **settings) as hours:
        device = Device(hours)
        hours.run(*[(at, lambda do=do: do(device)) for at, do in script])
    return hours, device


def nothing(device):
    pass


def counter(device):
    device.hours.seen.append(device.hours.app.button.counter)


def test_the_measuring_period():
    # From 5 s to an hour, and back from there to 2 s without waiting for the hour to be over.
    hours, device = run(
        {},
        (51, counter),
        (52, lambda device: device.write(0, "3600")),
        (3000, counter),
        (3700, counter),
        (3701, lambda device: device.write(0, "2")),
        (3722, counter),
        (3722, lambda device: device.write(0, "0")),
        (3742, counter),
    )
    assert device.codes() == [CHANGED, CHANGED, BAD_REQUEST]
    first, hour, after, quick, last = hours.seen
    assert first == hour == 10 and after == 11, hours.seen
    assert 10 <= quick - after <= 11 and last - quick == 10, hours.seen
    assert hours.resets == []


def test_measuring_keeps_its_period():
    hours, _ = run({"measure_s": 7}, (7 * 1200 + 3, counter), (7 * 1200 + 4, nothing))
    assert hours.seen == [1200]


def test_sends_begin_change_and_end():
    seen = []

    def sends(device):
        heard = device.hours.server.requests
        seen.append(len([1 for _, code, path in heard if code == POST and path == "dp"]))

    hours, device = run(
        {},
        (100, sends),
        (100, lambda device: device.write(1, "10")),
        (205, sends),
        (205, lambda device: device.write(1, "50")),
        (410, sends),
        (410, lambda device: device.write(1, "0")),
        (900, sends),
    )
    assert device.codes() == [CHANGED] * 3
    assert seen == [0, 10, 14, 14], seen


def test_the_time_server():
    # Off, then one that is wrong and slow to fail, then another one while the first is asked.
    world.reset()
    with Scratch() as folder, Hours(folder) as hours:
        silent = TimeServer(hours, lambda hours, request: [])
        good = TimeServer(hours, lambda hours, request: [answer(hours, request)])
        device = Device(hours)
        hours.run(
            (30, lambda: device.write(3, "127.0.0.1:%d" % silent.port)),
            (33, lambda: device.write(3, "127.0.0.1:%d" % good.port)),
            (60, lambda: hours.seen.append(hours.app.clock)),
            (60, lambda: device.write(3, "127.0.0.1:%d" % silent.port)),
            (63, lambda: device.write(3, "")),
            (9000, lambda: hours.seen.append(hours.app.clock)),
        )
        silent.socket.close()
        good.socket.close()
    assert device.codes() == [CHANGED] * 4 and hours.resets == []
    assert len(silent.asked) == 2 and len(good.asked) == 1, (silent.asked, good.asked)
    assert hours.seen[0][1:] == (0, "from 127.0.0.1") and hours.seen[1] is None


def test_the_level_of_the_log():
    hours, device = run(
        {},
        (30, lambda device: device.write(2, "3")),
        (40, lambda device: device.ask(1, "/3303/0/5700")),
        (50, lambda device: device.write(2, "0")),
        (60, lambda device: device.ask(1, "/3303/0/5700")),
        (70, nothing),
    )
    assert device.codes()[0] == CHANGED
    seen = [at // 1000 for at in hours.lines("/3303/0/5700")]
    assert seen and min(seen) >= 40 and max(seen) < 50, seen
    assert hours.lines("settings: log 3")


def test_kept_over_a_restart_and_forgotten_by_a_factory_reset():
    def look(device):
        app = device.hours.app
        device.hours.seen.append((app.settings["measure_s"], app.servomotor.position))

    hours, device = run(
        {"measure_s": 7, "servo_rest": 0.25},
        (10, look),
        (20, lambda device: device.write(0, "9")),
        (21, lambda device: device.write(7, "0.75")),
        (22, look),
        (30, lambda device: device.ask(POST, "/3/0/4")),
        (60, look),
        (70, lambda device: device.ask(POST, "/3/0/5")),
        (100, look),
    )
    assert device.codes() == [CHANGED] * 4
    assert len(hours.resets) == 2
    assert hours.seen == [(7, 0.25), (9, 0.75), (9, 0.75), (7, 0.25)]
    assert len(hours.lines("settings changed by a server: measure_s, servo_rest")) == 1
