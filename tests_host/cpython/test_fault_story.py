"""A fault as someone at the desk server sees it: told, seen, repaired, reset; and a crash."""

import json
import re
import time
import urllib.error
import urllib.request

import pytest
from board_process import BoardProcess
from test_repl_session import Desk

from tools import install

STAMP = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ "


@pytest.fixture
def desk():
    with Desk() as one:
        yield one


def board(folder, desk, **settings):
    """A board that measures each second, with compiled files."""
    flash = folder / "flash"
    if not flash.exists():
        flash.mkdir()
        config = {"board": "nucleo_f429zi", "endpoint": "my-board", "measure_s": 1, **settings}
        (flash / "config.json").write_text(json.dumps({**config, "server": desk.uri}))
        install.stage(flash, mpy=True, march=install.host_march())
    return BoardProcess(folder, None)


def value(desk, path, query=""):
    """What a read answers with: a value, or those of the instances; None for 4.04."""
    answer = desk.ask("GET", path + query)
    if answer["status"].startswith("NOT_FOUND"):
        return None
    assert answer["status"].startswith("CONTENT"), answer
    content = answer["content"]
    return content["value"] if "value" in content else content["values"]


def log_lines(desk):
    return bytes.fromhex(value(desk, "/20/0/4014")).decode().splitlines()


def soon(condition, timeout_s=10):
    """Waits for what a server sees; what the condition gave then."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = condition()
        except urllib.error.HTTPError:
            found = None
        if found:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_sensor_is_unplugged_and_plugged_in_again(tmp_path, desk):
    with board(tmp_path, desk) as one:
        soon(lambda: value(desk, "/3303/0/5700"))
        assert list(value(desk, "/3/0/11").values()) == ["0"]
        one.say({"i2c": "unplugged"})
        soon(lambda: list(value(desk, "/3/0/11").values()) == ["8"])
        started, fault = log_lines(desk)
        assert re.fullmatch(STAMP + "started: power on, version [0-9.]+", started), started
        assert re.fullmatch(STAMP + "temperature: .*BMP180: no answer.*", fault), fault
        failures = int(value(desk, "/26242/0/7"))
        assert failures >= 1
        # Reset from the server while the fault lasts: it comes again.
        assert desk.ask("POST", "/3/0/12")["status"].startswith("CHANGED")
        soon(lambda: int(value(desk, "/26242/0/7")) > failures + 1)
        assert list(value(desk, "/3/0/11").values()) == ["8"]
        one.say({"i2c": "plugged"})
        soon(lambda: list(value(desk, "/3/0/11").values()) == ["0"])
        assert value(desk, "/3303/0/5700") is not None
        assert log_lines(desk)[-1].endswith(" temperature: measured again")
        assert desk.ask("POST", "/3/0/12")["status"].startswith("CHANGED")
        # Asked to restart, it tells so afterwards.
        assert desk.ask("POST", "/3/0/4")["status"].startswith("CHANGED")
        one.wait_for(lambda: len(one.causes()) >= 1)
        soon(lambda: value(desk, "/26242/0/0") == "reset")
        texts = [line.split(" ", 1)[1] for line in log_lines(desk)]
        assert "restarting: asked for" in texts and texts[-1].startswith("started: reset")


def test_a_crash_is_told_after_the_restart(tmp_path, desk):
    with board(tmp_path, desk) as one:
        soon(lambda: value(desk, "/3303/0/5700"))
        assert value(desk, "/26242/0/1") is None
        one.say({"key": ":"})
        for key in "app._crashed(0,{'exception':KeyError('spilled')})":
            one.say({"key": key})
        one.say({"key": "\r"})
        soon(lambda: value(desk, "/26242/0/1"), 30)
        crash = value(desk, "/26242/0/1")
        assert crash.startswith("KeyError: spilled, firmware.app line "), crash
        assert [line for line in log_lines(desk) if " crashed: KeyError: spilled" in line]


def test_the_log_stops_and_starts_from_the_server(tmp_path, desk):
    with board(tmp_path, desk) as one:
        soon(lambda: value(desk, "/3303/0/5700"))
        assert value(desk, "/20/0/4013") == "2"
        assert desk.ask("POST", "/20/0/4012")["status"].startswith("CHANGED")
        assert value(desk, "/20/0/4013") == "3"
        one.say({"i2c": "unplugged"})
        soon(lambda: list(value(desk, "/3/0/11").values()) == ["8"])
        assert len(log_lines(desk)) == 1
        assert desk.ask("POST", "/20/0/4011")["status"].startswith("CHANGED")
        assert value(desk, "/20/0/4013") == "0" and log_lines(desk) == []
        one.say({"i2c": "plugged"})
        soon(lambda: log_lines(desk))
