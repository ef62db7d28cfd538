"""The virtual B-L475E-IOT01A: firmware, driver, simulated module and access point together."""

import asyncio
import subprocess
import sys

import pytest
from board_process import ROOT
from secrets_used import used
from wifi_site import Server, board, status, template, until

from firmware import access_point

SEEDS = range(1, 21)
LIFETIME_S = 60
HOLD_S = 70  # so long each board has to hold its registration
ANEW = 3  # boards that may have registered anew


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return template(tmp_path_factory.mktemp("template") / "flash")


def test_the_main_job():
    command = [sys.executable, "-m", "tools.desk", "--board", "b_l475e_iot01a", "--for", "2"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout and done.stdout.count("  ok ") == 5
    assert "pulses: 750, 1625, 2500 us" in done.stdout
    assert 'joined "desk"' in done.stdout


class Trial:
    """One board whose module fails; `took_s` until it was registered."""

    def __init__(self, seed, folder, installed, server):
        self.endpoint = "seed-%d" % seed
        self.server = server
        folder.mkdir()
        self.one = board(folder, installed, self.endpoint, server.uri, lifetime_s=LIFETIME_S)
        self.seed = seed

    async def run(self):
        one, server, endpoint = self.one, self.server, self.endpoint
        clock = asyncio.get_running_loop().time
        with one:
            one.say({"radio": {"fail": 0.1, "seed": self.seed}})
            began = clock()
            await server.registered(one, endpoint, 60)
            self.took_s = clock() - began
            held = asyncio.create_task(self._held())
            await asyncio.sleep(HOLD_S)
            reads = [await server.read(endpoint) for _ in range(3)]
            held.cancel()
            assert not held.done(), held.exception()
            assert any(isinstance(value, float) for value in reads), (endpoint, reads)
            assert one.causes() == ["power"] and one.process.poll() is None, one.console()
            self.registers = server.count("REGISTRATION", endpoint)
            self.rejoins = sum("joined" in line for line in one.console()) - 1
            self.said = one.console()

    async def _held(self):
        # Each lives longer than it would without Updates. Registering anew does not end one: an
        # answer that the module has garbled may read like a refusal.
        while True:
            assert self.server.registration(self.endpoint), (self.endpoint, self.one.console())
            await asyncio.sleep(0.1)


def test_registrations_hold_with_a_tenth_of_all_transactions_failing(
    tmp_path, installed, record_property
):
    async def run():
        async with Server() as server:
            trials = [Trial(seed, tmp_path / str(seed), installed, server) for seed in SEEDS]
            found = await asyncio.gather(*(each.run() for each in trials), return_exceptions=True)
            return trials, [each for each in found if each]

    trials, failures = asyncio.run(run())
    assert not failures, "\n\n".join(map(str, failures))
    anew = [each for each in trials if each.registers > 1]
    assert len(anew) <= ANEW, [(each.endpoint, each.said) for each in anew]
    lines = ["%d boards on Wi-Fi, 10 %% of all transactions fail:" % len(trials)]
    lines.append("  registered after s: %s" % " ".join("%.0f" % each.took_s for each in trials))
    lines.append("  joined again: %s" % " ".join(str(each.rejoins) for each in trials))
    lines.append("  registered again: %s" % " ".join(str(each.registers - 1) for each in trials))
    record_property("figures", "\n".join(lines))


def test_a_wrong_password(tmp_path, installed):
    """It can be seen; the board is in when the access point takes it, or a better one is given."""

    async def run():
        async with Server() as server:
            with board(tmp_path, installed, "board", server.uri) as one:
                one.say({"radio": {"accepts": False}})
                shown = await status(one, "password", 20)
                assert '"desk"' in shown, shown
                assert server.registration("board") is None
                one.say({"radio": {"accepts": True}})
                await server.registered(one, "board", 30)
                assert one.causes() == ["power"]
                assert (await asyncio.to_thread(one.end))[0] == 0
            ssid, right, security = access_point.load(str(one.flash))
            used(right.encode())
            wrong = used(("not " + right).encode()).decode()
            access_point.provision(str(one.flash), ssid, wrong, security)
            file = tmp_path / "wifi.key"
            file.write_text(right + "\n")
            with board(
                tmp_path, installed, "board", server.uri, "--wifi-password-file", file
            ) as one:
                await status(one, "password", 20)
                access_point.provision(str(one.flash), ssid, right, security)
                await server.registered(one, "board", 30)
                assert right not in one.stdout + one.stderr + one.events_file.read_text()

    asyncio.run(run())


def test_the_access_point_goes_and_comes_back(tmp_path, installed):
    async def run():
        async with Server() as server:
            with board(tmp_path, installed, "board", server.uri) as one:
                await until(one, lambda: "registered at" in " ".join(one.console()))
                for silent in (False, True):
                    location = server.registration("board").id
                    one.say({"radio": {"ap": False, "silent": silent}})
                    await status(one, "access point", 30)
                    one.say({"radio": {"ap": True, "rssi": -70}})
                    await status(one, "-70 dBm", 30)
                    assert isinstance(await server.read("board", timeout_s=30), float)
                    assert server.registration("board").id == location, one.console()
                assert one.causes() == ["power"]
                assert (await asyncio.to_thread(one.end))[0] == 0
                assert server.count("DEREGISTRATION", "board") == 1

    asyncio.run(run())


def test_no_name_server(tmp_path, installed):
    async def run():
        async with Server() as server:
            uri = server.uri.replace("127.0.0.1", "localhost")
            with board(tmp_path, installed, "board", uri) as one:
                one.say({"radio": {"dns": False}})
                await until(one, lambda: any("DNS" in line for line in one.console()), 30)
                assert server.registration("board") is None
                one.say({"radio": {"dns": True}})
                await server.registered(one, "board", 30)
                assert one.causes() == ["power"]

    asyncio.run(run())
