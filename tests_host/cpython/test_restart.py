"""What survives a power cut of the virtual board, seen from a server: SIGKILL and start again."""

import json
import os
import signal
import socket
import struct
import time

import pytest
from aiocoap import POST
from aiocoap.numbers.codes import CHANGED
from board_process import BoardProcess
from lwm2m_server import LwM2MServer

from firmware.storage import Record
from tools import install

TEMPERATURE = (3303, 0, 5700)
LIFETIME = (1, 0, 1)
TOKEN = b"\x0bserve"


@pytest.fixture
def server():
    with LwM2MServer() as one:
        yield one


def board(folder, server, *options, **settings):
    """A board that measures each second and has this configuration."""
    config_file = folder / "flash" / "config.json"
    if not config_file.exists():
        config_file.parent.mkdir()
        first = {"board": "nucleo_f429zi", "endpoint": "desk", "measure_s": 1, **settings}
        config_file.write_text(json.dumps({**first, "server": server.uri}))
        install.stage(config_file.parent, mpy=True, march=install.host_march())
    return BoardProcess(folder, None, *options)


def kept(folder, number=0):
    """What the flash holds of a session: (local port, state), or None."""
    data = Record("session%d" % number, str(folder / "flash" / "state")).read()
    return data and (struct.unpack_from("<IH", data)[1], json.loads(data[6:]))


def saved(folder, server, condition):
    """Serves until what is kept fulfils the condition."""
    server.serve(lambda: kept(folder) and condition(*kept(folder)))


def cut(one, server):
    """The power is gone: not a word to anyone."""
    one.process.send_signal(signal.SIGKILL)
    one.process.wait()
    # The interpreter follows within moments; its port tells when.
    deadline = time.monotonic() + 5
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            try:
                other.bind(("0.0.0.0", server.device[1]))
                return
            except OSError:
                assert time.monotonic() < deadline
        time.sleep(0.01)


def start_observing(folder, server):
    """Registers and observes, with attributes; returns when all that is kept."""
    server.serve(lambda: server.registers)
    assert server.attributes(*TEMPERATURE, pmin=1, pmax=1) == CHANGED
    server.observe(TOKEN, *TEMPERATURE)
    saved(folder, server, lambda port, state: state.get("o") and state["a"])
    server.serve(lambda: len(server.notifications) >= 2)


def notified(server, count=1):
    """Serves until so many more notifications have come; returns them."""
    before = len(server.notifications)
    server.serve(lambda: len(server.notifications) >= before + count)
    return server.notifications[before:]


def rising(sequences):
    """In the order of RFC 7641 section 3.4, without regard to the time."""
    return all(
        0 < (after - before) & 0xFFFFFF < 1 << 23
        for before, after in zip(sequences, sequences[1:], strict=False)
    )


def test_observations_go_on_over_a_power_cut(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        port = server.device[1]
        cut(one, server)
    with board(tmp_path, server, "--temperature", "30") as one:
        server.serve(lambda: server.updates)
        message, from_port = server.updates[0]
        assert (from_port, message.opt.uri_path) == (port, ("rd", "1"))
        # Nothing has changed that the server would have to hear.
        assert message.payload == b"" and message.opt.uri_query == ()
        new = notified(server, 2)
        assert {(each[0], each[1]) for each in new} == {(port, TOKEN)}
        assert new[-1][3] == b"30.0"
        assert rising(server.sequences), server.sequences
        assert server.read(*TEMPERATURE) == "30.0"
        assert len(server.registers) == 1
        one.wait_for(lambda: any("as before" in line for line in one.console()))
        # The end of order: de-registered, and nothing is kept.
        one.process.send_signal(signal.SIGTERM)
        server.serve(lambda: server.deregisters)
        assert one.process.wait(5) == 0
    assert kept(tmp_path) is None
    with board(tmp_path, server) as one:
        server.serve(lambda: len(server.registers) == 2)


def test_without_keep_it_registers_anew(tmp_path, server):
    with board(tmp_path, server, keep=False) as one:
        server.serve(lambda: server.registers)
        server.observe(TOKEN, *TEMPERATURE)
        server.serve_for(3)
        cut(one, server)
    assert not list((tmp_path / "flash").glob("state/session*"))
    with board(tmp_path, server) as one:
        server.serve(lambda: len(server.registers) == 2)
        assert server.updates == []


def test_what_is_kept_is_erased_where_it_is_not_wanted(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        cut(one, server)
    config_file = tmp_path / "flash" / "config.json"
    config = json.loads(config_file.read_text())
    config_file.write_text(json.dumps({**config, "keep": False}))
    with board(tmp_path, server) as one:
        server.serve(lambda: len(server.registers) == 2)
        assert server.updates == [] and kept(tmp_path) is None


def test_another_account_begins_anew(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        cut(one, server)
    config_file = tmp_path / "flash" / "config.json"
    config = json.loads(config_file.read_text())
    config_file.write_text(json.dumps({**config, "lifetime_s": 77}))
    with board(tmp_path, server) as one:
        server.serve(lambda: len(server.registers) == 2)
        assert "lt=77" in server.registers[1][0].opt.uri_query and server.updates == []


def test_the_local_port_is_taken_meanwhile(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        port = server.device[1]
        cut(one, server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", port))
        with board(tmp_path, server) as one:
            server.serve(lambda: len(server.registers) == 2)
            assert server.updates == [] and server.registers[1][1] != port
            one.wait_for(lambda: any("is taken" in line for line in one.console()))
            (line,) = [line for line in one.console() if "is taken" in line]
            assert str(port) in line and server.uri in line
            # What the server said of the values still holds.
            saved(tmp_path, server, lambda kept_port, state: kept_port == server.device[1])
            assert kept(tmp_path)[1]["a"] == {"3303/0/5700": ";pmin=1;pmax=1"}


def test_the_server_has_forgotten(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        cut(one, server)
    server.forget()
    with board(tmp_path, server) as one:
        server.serve(lambda: len(server.registers) == 2)
        assert len(server.updates) == 1 and server.registers[1][1] == server.updates[0][1]
        before = len(server.notifications)
        server.serve_for(2.5)
        assert len(server.notifications) == before  # they ended with the registration
        server.observe(b"again", *TEMPERATURE)
        assert rising(server.sequences), server.sequences


@pytest.mark.parametrize("damage", ["cut off", "one bit", "no JSON", "nonsense", "empty"])
def test_damaged_records_begin_anew(tmp_path, server, damage):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        cut(one, server)
    record = Record("session0", str(tmp_path / "flash" / "state"))
    data = record.read()
    if damage in ("no JSON", "nonsense"):
        state = b"[[[[" if damage == "no JSON" else b'{"r": 5, "s": {"99": []}, "a": 1}'
        record.write(data[:6] + state)
    else:
        for path in (tmp_path / "flash" / "state").glob("session0.*"):
            whole = bytearray(path.read_bytes())
            if damage == "one bit":
                whole[len(whole) // 2] ^= 4
            path.write_bytes(whole[: {"cut off": -1, "empty": 0}.get(damage, len(whole))])
    with board(tmp_path, server) as one:
        server.serve(lambda: len(server.registers) == 2)
        assert server.updates == []
        assert "Traceback" not in one.stdout


def test_the_sequence_never_goes_backwards(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        cut(one, server)
    for number in range(5):
        with board(tmp_path, server) as one:
            server.serve(lambda count=number + 1: len(server.updates) >= count)
            # Cut at different times: before the new reserve is saved, and after it.
            notified(server, 1 + number)
            cut(one, server)
    assert len(server.registers) == 1 and len(server.updates) == 5
    assert rising(server.sequences), server.sequences
    assert {token for _, token, _, _ in server.notifications} == {TOKEN}


@pytest.mark.parametrize("how", ["power", "button"])
def test_a_reset_from_outside(tmp_path, server, how):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        one.say({"reset": how})
        server.serve(lambda: server.updates)
        notified(server, 2)
        assert len(server.registers) == 1 and len(one.causes()) == 2
        assert rising(server.sequences), server.sequences


def test_a_reboot_saves_at_once(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        assert server.write(b"1234", *LIFETIME) == CHANGED
        server.serve(lambda: server.updates)
        assert server.ask(POST, (3, 0, 4)).code == CHANGED
        server.serve(lambda: len(server.updates) == 2)
        assert len(server.registers) == 1 and len(one.causes()) == 2
        assert server.read(*LIFETIME) == "1234"
        assert kept(tmp_path)[1]["s"]["1"] == 1234


def test_a_flash_that_refuses_costs_a_line(tmp_path, server):
    with board(tmp_path, server) as one:
        server.serve(lambda: server.registers)
        # A file where the folder should be.
        assert not (tmp_path / "flash" / "state").exists()
        (tmp_path / "flash" / "state").write_text("")
        assert server.attributes(*TEMPERATURE, pmin=1, pmax=1) == CHANGED
        server.observe(TOKEN, *TEMPERATURE)
        server.serve(lambda: any("not saved" in line for line in one.console()))
        assert len(notified(server, 2)) == 2
        os.remove(tmp_path / "flash" / "state")
        saved(tmp_path, server, lambda port, state: state.get("o"))
        assert 1 <= sum("not saved" in line for line in one.console()) <= 3


def test_a_quiet_board_writes_nothing(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        server.serve_for(5)
        files = sorted((tmp_path / "flash" / "state").glob("session0.*"))
        times = [path.stat().st_mtime_ns for path in files]
        before = len(server.notifications)
        server.serve_for(5)
        assert len(server.notifications) > before
        assert [path.stat().st_mtime_ns for path in files] == times
        assert time.time() - max(times) / 1e9 > 5
        cut(one, server)


def test_a_link_that_is_lost_and_found_is_an_update(tmp_path, server):
    with board(tmp_path, server) as one:
        start_observing(tmp_path, server)
        port = server.device[1]
        one.say({"cable": False})
        server.serve(lambda: any("link lost" in line for line in one.console()))
        one.say({"cable": True})
        server.serve(lambda: server.updates)
        assert {each[0] for each in notified(server, 2)} == {port}
        assert len(server.registers) == 1 and server.updates[0][1] == port
        assert rising(server.sequences), server.sequences
