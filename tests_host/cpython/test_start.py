"""The running firmware on the virtual board with the desk server: start, keys, faults, restart."""

import asyncio
import json
import math
import socket
import time
from contextlib import asynccontextmanager

import pytest
from board_process import BoardProcess, run_board
from peer import decode, encode

from coap.message import Message
from coap.numbers import (
    ACCEPT,
    ACK,
    CHANGED,
    CON,
    CONTENT_FORMAT,
    CREATED,
    GET,
    LOCATION_PATH,
    PUT,
    URI_PATH,
)
from firmware import accounts
from lwm2m.objects.security import Security
from lwm2m.objects.server import Server
from tools import install
from tools.server import DeskServer
from tools.server.codecs import by_name
from tools.server.nodes import Resource

SERVO, POSITIONER = (10346, 0, 5536), (3337, 0, 5536)
TEMPERATURE, ERRORS = (3303, 0, 5700), (3, 0, 11)
LED, BLINK, PATTERN = (3201, 0, 5550), (3201, 0, 5850), (3201, 0, 5853)
BUTTON, COUNTER = (3200, 0, 5500), (3200, 0, 5501)


def flash(folder, patches=(), **settings):
    """Fills the board's flash; `patches` are (file, old text, new text)."""
    path = folder / "flash"
    path.mkdir()
    install.stage(path, install.ROOT, mpy=False)
    for file, old, new in patches:
        text = (path / file).read_text()
        assert text.count(old) == 1, (file, old)
        (path / file).write_text(text.replace(old, new))
    settings = {"board": "nucleo_f429zi", "endpoint": "desk", "measure_s": 1, **settings}
    (path / "config.json").write_text(json.dumps(settings))
    return path


class Desk:
    """A server, a board and what they said to each other."""

    def __init__(self, server, board):
        self.server = server
        self.board = board
        self.heard = []  # (kind, data) of the server's events
        self.last_line = "de-registered"  # on the console in the end; None for any
        server.listen(lambda kind, endpoint, data: self.heard.append((kind, data)))

    @property
    def registration(self):
        return self.server.registry.by_endpoint("desk")

    async def until(self, condition, timeout_s=8):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (self.board.stdout, self.board.stderr)
            await asyncio.sleep(0.01)

    async def said(self, text, count=1):
        """Waits until the console had `count` lines with this text."""
        await self.until(lambda: sum(text in line for line in self.board.console()) >= count)

    async def registered(self, count=1):
        await self.said("registered at /rd/", count)

    async def read(self, path, codec="TEXT"):
        response = await self.server.operations.read(self.registration, path, by_name(codec))
        return response.node.value if response.success else response.code

    async def codes(self):
        """The error codes of /3/0/11."""
        response = await self.server.operations.read(self.registration, ERRORS, by_name("TLV"))
        return sorted(response.node.values.values())

    async def write(self, path, value, kind="FLOAT", codec="TLV"):
        node = Resource(path[2], kind, value)
        write = self.server.operations.write
        return (await write(self.registration, path, node, by_name(codec))).code

    async def execute(self, path):
        return (await self.server.operations.execute(self.registration, path)).code

    async def observe(self, path, codec="TEXT"):
        response = await self.server.operations.observe(self.registration, path, by_name(codec))
        assert response.success

    def notified(self, path):
        """Contents of the notifications of a path so far."""
        name = "/" + "/".join(map(str, path))
        return [
            data["val"]
            for kind, data in self.heard
            if kind == "NOTIFICATION" and data["res"] == name
        ]

    def pulses_us(self):
        return [event["duty_ns"] // 1000 for event in self.board.events("pwm")]


@asynccontextmanager
async def desk(folder, *options, patches=(), provisioned=None, **settings):
    """A registered board; at its end it must de-register and exit with 0."""
    async with DeskServer(0, 0) as server:
        path = flash(folder, patches, server=server.coap_uri, **settings)
        if provisioned:
            provisioned(str(path), server.coap_uri)
        with BoardProcess(folder, None, *options) as board:
            one = Desk(server, board)
            await one.registered()
            yield one
            if board.process.poll() is None:
                board.process.terminate()
                await one.until(lambda: board.process.poll() is not None)
            assert board.process.returncode == 0, board.stdout
            assert "Traceback" not in board.stdout, board.stdout
            if one.last_line:
                assert board.console()[-1] == one.last_line
                assert one.registration is None


def run(work):
    asyncio.run(asyncio.wait_for(work, 40))


# Configuration


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"board": "xyz"}, ("board", "'xyz'", "firmware/boards")),
        ({"endpoint": "a b"}, ("endpoint", "'a b'", "letters, digits")),
        ({"server": "coaps://host"}, ("server", "'coaps://host'", "DTLS")),
        ({"server": None}, ("server", "None", "coap://host:port")),
        ({"measure_s": 0}, ("measure_s", "0", "1 to 86400")),
        ({"psk_key": "s3cret"}, ("'psk_key'", "board, endpoint, server")),
    ],
)
def test_wrong_configuration_is_one_line_and_exit_status_2(tmp_path, settings, words):
    flash(tmp_path, **{"server": "coap://127.0.0.1:5683", **settings})
    board, status = run_board(tmp_path, None)
    assert status == 2
    (line,) = board.console()
    assert line.startswith("config.json: ") and "s3cret" not in line
    for word in words:
        assert word in line
    assert board.causes() == ["power"]


# Console


def test_keys(tmp_path):
    async def work():
        async with desk(tmp_path, measure_s=3600) as d:
            d.board.say({"key": "i"})
            await d.said("endpoint: desk")
            await d.said("server: %s, registered" % d.server.coap_uri)
            assert await d.read(COUNTER) == 0
            d.board.say({"key": "x"})
            await d.said("counter: 1")
            d.board.say({"key": " I"})
            await d.said("counter: 3")
            assert await d.read(COUNTER) == 3
            # Two bytes, neither of them text of its own: they must not stop anything.
            d.board.say({"key": "\u00e9"})
            await d.said("counter: 5")
            d.board.say({"key": "i"})
            await d.said("endpoint: desk", 2)
            assert d.board.causes() == ["power"]

    run(work())


def test_a_second_run_from_the_repl(tmp_path):
    twice = ("main.py", "exit_status = run(feed)", "run(feed)\n    exit_status = run(feed)")

    async def work():
        async with desk(tmp_path, "--temperature", "5", patches=(twice,)) as d:
            assert await d.write(PATTERN, "5000", "STRING", "TEXT") == "2.04"
            assert await d.execute(BLINK) == "2.04"
            d.board.say({"key": "\x03"})
            await d.said("de-registered")
            await d.registered(2)
            assert await d.read(TEMPERATURE) == 5
            assert await d.read(LED) is False
            d.board.say({"key": "i"})
            await d.said("endpoint: desk")
            # One loop of each kind: nothing of the first run counts along.
            first = await d.read(COUNTER)
            await asyncio.sleep(2.2)
            assert await d.read(COUNTER) - first in (2, 3)
            assert d.board.causes() == ["power"]

    run(work())


def two_accounts(path, uri):
    accounts.provision(path, uri=uri, lifetime_s=600)
    security = Security()
    security.uri = uri
    security.short_server_id = 1
    accounts.save([security, Server(1, 0, 1234)], path)


def test_key_r_forgets_what_was_provisioned(tmp_path):
    async def work():
        async with desk(tmp_path, provisioned=two_accounts) as d:
            await d.said("(lifetime 1234 s)")
            d.board.say({"key": "r"})
            await d.said("(lifetime 600 s)")
            assert d.board.causes() == ["power", "hard"]

    run(work())


# Executes


def test_factory_reset_answers_first(tmp_path):
    async def work():
        async with desk(tmp_path, provisioned=two_accounts) as d:
            await d.said("(lifetime 1234 s)")
            assert await d.execute((3, 0, 5)) == "2.04"
            await asyncio.sleep(0.5)
            assert d.board.causes() == ["power"]
            await d.said("(lifetime 600 s)")
            assert d.board.causes() == ["power", "hard"]

    run(work())


def test_reboot_answers_first_and_keeps_the_account(tmp_path):
    async def work():
        async with desk(tmp_path, provisioned=two_accounts) as d:
            assert await d.execute((3, 0, 4)) == "2.04"
            await asyncio.sleep(0.5)
            assert d.board.causes() == ["power"]
            await d.said("registered at /rd/", 2)
            assert d.board.causes() == ["power", "hard"]
            assert await d.read((1, 0, 1)) == 1234

    run(work())


def test_deregistration_answers_first(tmp_path):
    async def work():
        async with desk(tmp_path) as d:
            registration = d.registration
            d.last_line = None
            assert await d.execute((5000, 0, 1)) == "2.04"
            await asyncio.sleep(0.5)
            assert d.registration is registration
            await d.said("de-registered")
            await d.until(lambda: d.registration is None)
            # It stays away, and the firmware goes on.
            d.board.say({"key": "i"})
            await d.said("stopped")
            assert d.board.causes() == ["power"]

    run(work())


# Sensor, button, led, servo


def test_the_first_measurement_is_made_at_the_start(tmp_path):
    async def work():
        async with desk(tmp_path, "--temperature", "-12.5", measure_s=3600) as d:
            assert await d.read(TEMPERATURE) == -12.5
            assert await d.codes() == [0]

    run(work())


def test_a_sensor_that_is_plugged_in_later(tmp_path):
    async def work():
        async with desk(tmp_path, "--temperature", "-7.5") as d:
            d.board.say({"i2c": "unplugged"}, {"reset": "power"})
            await d.registered(2)
            await d.said("temperature: ")
            assert await d.read(TEMPERATURE) == "5.03"
            assert await d.codes() == [8]
            whole = await d.server.operations.read(d.registration, (3303, 0), by_name("TLV"))
            assert 5700 not in [each.id for each in whole.node.resources]
            await d.observe(ERRORS, "TLV")
            await asyncio.sleep(1.5)  # time for another measurement
            assert await d.read(TEMPERATURE) == "5.03"
            d.board.say({"i2c": "plugged"})
            await d.until(lambda: d.notified(ERRORS))
            assert await d.codes() == [0]
            assert await d.read(TEMPERATURE) == -7.5
            # And away again, now while it is observed.
            await d.observe(TEMPERATURE)
            d.board.say({"i2c": "unplugged"})
            await d.until(lambda: len(d.notified(ERRORS)) == 2)
            assert await d.read(TEMPERATURE) == "5.03"
            d.board.say({"temperature": 30}, {"i2c": "plugged"})
            await d.until(lambda: d.notified(TEMPERATURE))
            assert float(d.notified(TEMPERATURE)[-1]["value"]) == 30
            assert await d.codes() == [0]
            # The fault is told once, not with every measurement.
            assert sum("temperature: " in line for line in d.board.console()) == 2
            assert {event["fault"] for event in d.board.events("i2c")} == {"unplugged"}

    run(work())


def test_the_button_counts_once(tmp_path):
    async def work():
        async with desk(tmp_path, measure_s=3600) as d:
            await d.observe(BUTTON)
            d.board.say({"button": True})
            await d.until(lambda: len(d.notified(BUTTON)) == 1)
            assert await d.read(COUNTER) == 1
            d.board.say({"button": False})
            await d.until(lambda: len(d.notified(BUTTON)) == 2)
            assert await d.read(COUNTER) == 1
            assert await d.write(COUNTER, 0, "INTEGER") == "2.04"
            assert await d.read(COUNTER) == 0

    run(work())


def test_the_counter_counts_measurements(tmp_path):
    async def work():
        async with desk(tmp_path) as d:
            first = await d.read(COUNTER)
            await asyncio.sleep(2.2)
            assert await d.read(COUNTER) - first in (2, 3)

    run(work())


def test_blinking(tmp_path):
    async def work():
        async with desk(tmp_path, measure_s=3600) as d:
            await d.observe(LED)
            assert await d.write(PATTERN, "150:100:250", "STRING", "TEXT") == "2.04"
            assert await d.execute(BLINK) == "2.04"
            await d.until(lambda: len(d.board.events("led")) == 4)
            events = d.board.events("led")
            assert [event["on"] for event in events] == [True, False, True, False]
            assert {event["pin"] for event in events} == {"PB0"}
            times = [event["t_ms"] for event in events]
            for step_ms, start, end in zip((150, 100, 250), times, times[1:], strict=False):
                assert step_ms - 30 <= end - start < step_ms + 200, times
            await d.until(lambda: len(d.notified(LED)) == 4)
            # A second Execute begins anew, and nothing of the first is left.
            assert await d.write(PATTERN, "200:200:200", "STRING", "TEXT") == "2.04"
            assert await d.execute(BLINK) == "2.04"
            assert await d.write(PATTERN, "30 30 30", "STRING", "TEXT") == "2.04"
            assert await d.execute(BLINK) == "2.04"
            await d.until(lambda: len(d.board.events("led")) == 8)
            await asyncio.sleep(0.6)
            assert [event["on"] for event in d.board.events("led")[4:]] == [True, False] * 2

    run(work())


def test_a_senseless_position_leaves_the_arm_where_it_is(tmp_path):
    async def work():
        async with desk(tmp_path) as d:
            assert d.pulses_us() == [1625]
            await d.observe(SERVO)
            await d.observe(POSITIONER)
            for value in (math.nan, math.inf, -math.inf, 1.01, -0.01):
                for path in (SERVO, POSITIONER):
                    if path == SERVO or not 0 <= value <= 100:
                        assert await d.write(path, value) == "4.00", (path, value)
            assert d.pulses_us() == [1625]
            for count, path, value in ((1, SERVO, 0.25), (2, POSITIONER, 100.0)):
                assert await d.write(path, value) == "2.04"
                for observed in (SERVO, POSITIONER):
                    await d.until(lambda path=observed, n=count: len(d.notified(path)) == n)
            await d.until(lambda: d.pulses_us() == [1625, 1187, 2500])
            assert await d.read(SERVO) == 1
            assert [float(each["value"]) for each in d.notified(POSITIONER)] == [25, 100]
            assert [float(each["value"]) for each in d.notified(SERVO)] == [0.25, 1]

    run(work())


# Network and watchdog

# As the real firmware, but not as patient.
HASTY = (
    ("firmware/connections.py", "_NETWORK_MS = const(15000)", "_NETWORK_MS = const(200)"),
    ("firmware/connection.py", "_RETRY_MS = const(5000)", "_RETRY_MS = const(50)"),
)


def test_five_local_failures_are_a_restart(tmp_path):
    async def work():
        async with desk(tmp_path, patches=HASTY) as d:
            d.board.say({"dhcp": False}, {"reset": "power"})
            await d.until(lambda: d.board.causes() == ["power", "power", "hard"])
            counted = [line for line in d.board.console() if "local failure" in line][:5]
            for number, line in enumerate(counted, 1):
                assert "local failure %d of 5" % number in line
                assert d.server.coap_uri in line and "DHCP" in line
            d.board.say({"dhcp": True})
            await d.registered(2)

    run(work())


def test_an_address_that_comes_in_time_is_no_restart(tmp_path):
    async def work():
        async with desk(tmp_path, patches=HASTY) as d:
            d.board.say({"dhcp": False}, {"reset": "power"})
            await d.said("local failure 2 of 5")
            d.board.say({"dhcp": True})
            await d.registered(2)
            assert d.board.causes() == ["power", "power"]

    run(work())


def test_without_a_cable_there_is_no_restart(tmp_path):
    async def work():
        async with desk(tmp_path, patches=HASTY) as d:
            d.board.say({"cable": False}, {"reset": "power"})
            await d.said("no network: no cable")
            await asyncio.sleep(2)
            assert not any("local failure" in line for line in d.board.console())
            d.board.say({"key": "i"})
            await d.said("network: no cable: plug it in, is the switch on?")
            d.board.say({"cable": True})
            await d.registered(2)
            assert d.board.causes() == ["power", "power"]

    run(work())


def test_no_network_does_not_delay_the_end(tmp_path):
    async def work():
        async with desk(tmp_path) as d:
            d.last_line = None
            d.board.say({"cable": False}, {"reset": "power"})
            await d.until(lambda: d.board.causes() == ["power", "power"])
            await asyncio.sleep(0.5)
            start = time.monotonic()
            d.board.process.terminate()
            await d.until(lambda: d.board.process.poll() is not None)
            assert time.monotonic() - start < 2

    run(work())


def test_a_cable_that_is_pulled_and_put_back(tmp_path):
    async def work():
        async with desk(tmp_path, "--temperature", "7", measure_s=1) as d:
            d.board.say({"cable": False})
            await d.said("link lost: no network")
            d.board.say({"cable": True})
            await d.registered(2)
            assert await d.read(TEMPERATURE) == 7
            assert d.board.causes() == ["power"]

    run(work())


def test_the_name_server_is_lost_and_found(tmp_path):
    # With the server's name in place of its address; a restart does not help.
    async def work():
        async with desk(tmp_path, patches=HASTY) as d:
            uri = d.server.coap_uri.replace("127.0.0.1", "localhost")
            config = d.board.flash / "config.json"
            config.write_text(json.dumps({**json.loads(config.read_text()), "server": uri}))
            d.board.say({"dns": False}, {"reset": "power"})
            await d.said("no address for localhost; check the name and DNS")
            d.board.say({"key": "i"})
            await d.said("server: %s, stopped (" % uri)
            await d.until(lambda: d.board.causes() == ["power", "power", "hard"])
            d.board.say({"dns": True})
            await d.registered(2)
            # A link needs its name no more, and a number none at all.
            d.board.say({"dns": False}, {"key": "i"})
            await d.said("server: %s, registered" % uri)
            config.write_text(
                json.dumps({**json.loads(config.read_text()), "server": d.server.coap_uri})
            )
            d.board.say({"reset": "power"})
            await d.registered(3)

    run(work())


def test_v1_28_is_kept_by_its_ethernet_and_comes_back(tmp_path, monkeypatch):
    # Without a cable at the start MicroPython itself keeps the board for 10 s.
    monkeypatch.setenv("MPY", "1.28")

    async def work():
        async with desk(tmp_path, "--temperature", "7") as d:
            starts = len(d.board.events("lan"))
            d.board.say({"cable": False})
            await d.said("link lost: no network")
            d.board.say({"cable": True})
            await d.registered(2)
            assert len(d.board.events("lan")) == starts + 1
            assert await d.read(TEMPERATURE) == 7
            d.board.say({"cable": False}, {"reset": "power"})
            await d.until(lambda: d.board.causes() == ["power", "power"])
            began = time.monotonic()
            d.board.say({"key": "i"})
            told = "network: no cable: plug it in, is the switch on?"
            await d.until(lambda: told in d.board.console(), 15)
            assert time.monotonic() - began > 8
            d.board.say({"cable": True})
            await d.registered(3)
            assert await d.read(TEMPERATURE) == 7

    run(work())


def test_the_watchdog_is_fed(tmp_path):
    quick = ("firmware/app.py", "_HEALTHY_MS = const(10000)", "_HEALTHY_MS = const(300)")
    short = ("firmware/config.py", "_WATCHDOG_S = const(16)", "_WATCHDOG_S = const(1)")

    async def work():
        async with desk(tmp_path, patches=(quick, short), watchdog_s=1, measure_s=3600) as d:
            await d.until(lambda: d.board.events("wdt"))
            await asyncio.sleep(2.5)
            assert [event["timeout_ms"] for event in d.board.events("wdt")] == [1000]
            assert d.board.causes() == ["power"]

    run(work())


def test_no_watchdog_unless_asked_for(tmp_path):
    quick = ("firmware/app.py", "_HEALTHY_MS = const(10000)", "_HEALTHY_MS = const(1)")

    async def work():
        async with desk(tmp_path, patches=(quick,)) as d:
            await asyncio.sleep(1.2)
            assert d.board.events("wdt") == []

    run(work())


def test_a_datagram_that_is_too_long_is_dropped_whole(tmp_path):
    # Cut off it would still be a Write of a string, only of another one.
    path = [(URI_PATH, str(part).encode()) for part in PATTERN]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def ask(board, mid, code, options, payload=b"", timeout_s=5):
            server.settimeout(timeout_s)
            token = b"%d" % mid
            server.sendto(encode(Message(CON, code, mid, token, options, payload)), board)
            while True:
                answer = decode(server.recv(2000))
                if answer.token == token:
                    return answer

        flash(tmp_path, server="coap://127.0.0.1:%d" % server.getsockname()[1])
        # In a smaller heap from sources a long datagram may be lost for want of a long piece.
        with BoardProcess(tmp_path, None) as board:
            server.settimeout(5)
            data, address = server.recvfrom(2000)
            request = decode(data)
            location = [(LOCATION_PATH, b"x")]
            accepted = Message(ACK, CREATED, request.mid, request.token, location)
            server.sendto(encode(accepted), address)
            board.wait_for(lambda: any("registered" in line for line in board.console()))
            write = [*path, (CONTENT_FORMAT, b"")]
            head = len(encode(Message(CON, PUT, 1, b"1", write, b"7"))) - 1
            longest = b"7" + b" " * (1152 - head - 1)
            assert ask(address, 1, PUT, write, longest).code == CHANGED
            assert ask(address, 2, PUT, write, b"8").code == CHANGED
            with pytest.raises(socket.timeout):
                ask(address, 3, PUT, write, longest + b" ", timeout_s=0.5)
            assert ask(address, 4, GET, [*path, (ACCEPT, b"")]).payload == b"8"
