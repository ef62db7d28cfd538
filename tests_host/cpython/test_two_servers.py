"""One board with two accounts; what is sent unasked; objects from the configuration."""

import json
import struct

import pytest
from aiocoap import CHANGED, POST
from board_process import BoardProcess
from lwm2m_server import LwM2MServer
from test_restart import cut, kept

from firmware import accounts
from tools import install

TEMPERATURE = (3303, 0, 5700)


@pytest.fixture
def servers():
    with LwM2MServer() as first, LwM2MServer() as second:
        yield first, second


def board(folder, *servers, **settings):
    """A board with an account for each server."""
    flash = folder / "flash"
    if not flash.exists():
        flash.mkdir()
        settings = {"board": "nucleo_f429zi", "endpoint": "desk", "measure_s": 1, **settings}
        (flash / "config.json").write_text(json.dumps(settings))
        for number, server in enumerate(servers, 1):
            accounts.provision(str(flash), server.uri, number, 60 * number)
        install.stage(flash, mpy=True, march=install.host_march())
    return BoardProcess(folder, None, "--heap", "256k")


def both(servers, condition, timeout_s=8):
    """Serves both until the condition holds for each."""
    first, second = servers

    def each():
        second.serve_waiting()
        return condition(first) and condition(second)

    first.serve(each, timeout_s)


def test_950_two_servers_and_one_falls_silent(tmp_path, servers):
    first, second = servers
    with board(tmp_path, *servers) as one:
        both(servers, lambda server: server.registers)
        assert "lt=60" in first.registers[0][0].opt.uri_query
        assert "lt=120" in second.registers[0][0].opt.uri_query
        assert first.device != second.device
        for server in servers:
            assert server.read(*TEMPERATURE) == "21.5"
            assert server.attributes(*TEMPERATURE, pmin=1, pmax=1) == CHANGED
            server.observe(b"x", *TEMPERATURE)
        second.silent = True
        before = len(first.notifications)
        both(servers, lambda server: server is second or len(server.notifications) > before + 2)
        one.say({"temperature": 30})
        first.serve(lambda: first.notifications[-1][3] == b"30.0")
        assert first.read(*TEMPERATURE) == "30.0"
        second.silent = False
        assert second.read(*TEMPERATURE) == "30.0"
        assert len(first.registers) == len(second.registers) == 1


def test_both_go_on_over_a_power_cut(tmp_path, servers):
    first, second = servers
    with board(tmp_path, *servers) as one:
        both(servers, lambda server: server.registers)
        for server in servers:
            assert server.attributes(*TEMPERATURE, pmin=1, pmax=1) == CHANGED
            server.observe(b"x", *TEMPERATURE)
        both(
            servers,
            lambda server: all((kept(tmp_path, at) or (0, {}))[1].get("o") for at in (0, 1)),
            timeout_s=12,
        )
        ports = [server.device[1] for server in servers]
        cut(one, first)
    counts = [len(server.notifications) for server in servers]
    with board(tmp_path, *servers):
        both(servers, lambda server: server.updates)
        before = dict(zip(servers, counts, strict=True))
        both(servers, lambda server: len(server.notifications) > before[server] + 1)
        assert [server.device[1] for server in servers] == ports
        for server in servers:
            assert len(server.registers) == 1
            assert server.sequences == sorted(set(server.sequences))


def test_the_second_server_may_read_but_not_write(tmp_path, servers):
    first, second = servers
    with board(tmp_path, *servers):
        both(servers, lambda server: server.registers)
        assert second.read(10346, 0, 5536) == "0.5"
        assert str(second.write(b"0.25", 10346, 0, 5536)) == "4.01 Unauthorized"
        assert first.write(b"0.25", 10346, 0, 5536) == CHANGED
        assert second.read(10346, 0, 5536) == "0.25"


def test_the_temperature_unasked(tmp_path, servers):
    first, _ = servers
    with board(tmp_path, first, send_s=1):
        first.serve(lambda: len(first.sends) >= 2)
        message = first.sends[0]
        assert message.opt.uri_path == ("dp",) and message.opt.content_format == 112
        # SenML-CBOR: the names are in it, and the value as a float of some width.
        assert b"3303/0/5700" in message.payload
        assert any(struct.pack(kind, 21.5) in message.payload for kind in (">e", ">f", ">d"))


def test_an_object_from_the_configuration(tmp_path, servers):
    first, _ = servers
    with board(tmp_path, first, objects=["test_object"]):
        first.serve(lambda: first.registers)
        assert b"</3442/0>" in first.registers[0][0].payload
        assert first.ask(POST, (3442, 0, 0)).code == CHANGED
