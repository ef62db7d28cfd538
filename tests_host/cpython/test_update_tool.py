"""`make update`: what it asks of a board that follows a script, and how it ends."""

import asyncio
import json
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiocoap import CREATED, POST
from scripted_update import ScriptedBoard, register
from secure_bench import new_key
from server_bench import LINKS, run

from tools.errors import UserError
from tools.package import build, form
from tools.server import DeskServer
from tools.update import __main__ as tool
from tools.update import arguments, offer
from tools.update.course import Failed

ROOT = Path(__file__).resolve().parents[2]


def package(folder, version="1.2.3", name="app", size=5000):
    """A package; no scripted board looks into it."""
    info = build.describe(version, "nucleo_f429zi", {"a.mpy": b"M\6\0\0"}, name)
    path = folder / ("%s-%s.pkg" % (name, version))
    path.write_bytes(form.pack(os.urandom(32), info, {"a.mpy": bytes(size)}))
    return path


@asynccontextmanager
async def site(*queries, **arguments):
    """(DeskServer, ScriptedBoard) with the board registered, with `queries` too, and served."""
    async with DeskServer(0, 0, **arguments) as server:
        board = ScriptedBoard(server.coap_port)
        assert (await register(board, *queries)).code is CREATED
        task = asyncio.ensure_future(board.serve())
        try:
            yield server, board
        finally:
            assert not task.done(), task.exception()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            board.socket.close()


async def update(server, *given, capsys=None):
    """Runs the tool in this process; what it printed."""
    url = "SERVER=http://127.0.0.1:%d" % server.http_port
    await tool._run(arguments.parse(["EP=board", url, *given]))
    return capsys.readouterr().out if capsys else None


def test_a_push_to_the_end(tmp_path, capsys):
    path = package(tmp_path)

    async def work():
        async with site() as (server, board):
            board.away_s = 0.7
            board.lost = {3}  # CoAP sends it again
            await update(server, f"FILE={path}", "SEVERITY=0")
            assert bytes(board.body) == path.read_bytes()
            assert board.written == {"5/0/11": b"0"}
            assert board.executed == ["5/0/2"]

    run(work())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("board runs 0.1.0; app 1.2.3 for nucleo_f429zi, 5,186 b")
    assert lines[-1] == "board runs 1.2.3, registered and confirmed; it was 0.1.0"
    assert "the board restarts into it" in lines
    assert any(line.startswith("push 4") or line.startswith("push 3") for line in lines), lines


def test_a_pull_from_the_desk_server(tmp_path, capsys):
    path = package(tmp_path)

    async def work():
        async with site() as (server, board):
            board.block_s = 0.1
            await update(server, f"FILE={path}", "PULL=coap", "DEFER=60")
            assert bytes(board.body) == path.read_bytes()
            assert board.uri == server.coap_uri + "/files/board-1.2.3"
            assert len(board.etags) == 1 and board.sizes == {len(board.body)}
            assert board.written["5/0/13"] == b"60"
            assert not list(server.files)  # it has done its work

    run(work())
    assert "fetched in" in capsys.readouterr().out


def test_a_pull_from_here_where_the_server_has_no_files(tmp_path, monkeypatch, capsys):
    path = package(tmp_path)

    async def none(self, name, content):
        return None

    monkeypatch.setattr("tools.update.api.Server.offer", none)

    async def work():
        async with site() as (server, board):
            await update(server, f"FILE={path}", "PULL=coap")
            assert bytes(board.body) == path.read_bytes()
            assert ":%d/" % server.coap_port not in board.uri
            with pytest.raises(UserError, match="needs KEYS="):
                await update(server, f"FILE={package(tmp_path, '1.2.4')}", "PULL=coaps")
            # with keys a port over DTLS is opened; the scripted board does not speak it
            keys = tmp_path / "update.keys"
            keys.write_text(json.dumps({"board": {"identity": "b", "key": new_key().hex()}}))
            board.after_download = 4
            board.uri = ""
            work = update(server, f"FILE={package(tmp_path, '2')}", "PULL=coaps", f"KEYS={keys}")
            running = asyncio.ensure_future(work)
            while not board.uri.startswith("coaps://127.0.0.1:"):
                await asyncio.sleep(0.05)
            board.state, board.result = 0, 4
            with pytest.raises(Failed, match="result 4"):
                await running

    run(work())


def test_no_port_for_coaps_at_the_desk_server(tmp_path):
    async def work():
        async with site() as (server, board):
            with pytest.raises(UserError, match="--coaps-port"):
                await update(server, f"FILE={package(tmp_path)}", "PULL=coaps")
            assert not board.uri

    run(work())


@pytest.mark.parametrize("pull", ([], ["PULL=coap"]))
@pytest.mark.parametrize("result", (2, 3, 4, 5, 6, 8))
def test_a_refused_package(tmp_path, result, pull):
    async def work():
        async with site() as (server, board):
            board.after_download = result
            with pytest.raises(Failed, match=f"^result {result}: "):
                await update(server, f"FILE={package(tmp_path)}", *pull)
            assert not board.executed

    run(work())


def test_too_large_for_the_slot(tmp_path):
    async def work():
        async with site() as (server, board):
            board.limit = 4000
            with pytest.raises(Failed, match="^result 2: no space"):
                await update(server, f"FILE={package(tmp_path)}")

    run(work())


def test_the_board_goes_back(tmp_path, capsys):
    async def work():
        async with site() as (server, board):
            board.after_update = 8
            with pytest.raises(Failed, match="^result 8: "):
                await update(server, f"FILE={package(tmp_path)}")

    run(work())


def test_it_says_updated_but_runs_another_version(tmp_path):
    async def work():
        async with site() as (server, board):
            board.new_version = "9.9.9"
            with pytest.raises(Failed, match="runs 9.9.9"):
                await update(server, f"FILE={package(tmp_path)}")

    run(work())


def test_one_slot_restarts_first(tmp_path, capsys):
    path = package(tmp_path)

    async def work():
        async with site() as (server, board):
            board.busy = 1
            board.away_s = 0.3
            await update(server, f"FILE={path}")
            assert bytes(board.body) == path.read_bytes()

    run(work())
    assert "restarts into its factory copy" in capsys.readouterr().out


def test_a_busy_board_puts_it_off(tmp_path, capsys):
    async def work():
        async with site() as (server, board):
            board.deferrals = 1
            await update(server, f"FILE={package(tmp_path)}", "DEFER=5")

    run(work())
    assert "result 11: the board is busy" in capsys.readouterr().out


def test_a_board_that_sleeps(tmp_path, capsys):
    async def work():
        async with site("Q", awake_s=1) as (server, board):
            registration = server.registry.by_endpoint("board")
            while server.presence.is_awake(registration):
                await asyncio.sleep(0.1)
            running = asyncio.ensure_future(update(server, f"FILE={package(tmp_path)}"))
            await asyncio.sleep(0.5)
            assert not capsys.readouterr().out
            board.send(POST, uri_path=board.location)  # it wakes up
            await running
            assert board.version == "1.2.3"

    run(work())


def test_download_now_install_later(tmp_path, capsys):
    async def work():
        async with site() as (server, board):
            await update(server, f"FILE={package(tmp_path)}", "ONLY=download")
            assert board.state == 2 and not board.executed
            body = bytes(board.body)
            board.body.clear()
            await update(server, f"FILE={package(tmp_path)}")
            assert not board.body and board.version == "1.2.3" and body

    run(work())
    assert "downloaded already" in capsys.readouterr().out


def test_another_package_or_download_is_in_the_way(tmp_path, capsys):
    async def work():
        async with site() as (server, board):
            await update(server, f"FILE={package(tmp_path)}", "ONLY=download")
            other = package(tmp_path, name="other")
            board.name = b"app"
            with pytest.raises(Failed):  # the script keeps its own name and version
                board.new_version = "7"
                await update(server, f"FILE={other}")
            assert board.executed == ["5/0/10", "5/0/2"]
            board.state = 1  # of a push that nobody goes on with
            await update(server, f"FILE={package(tmp_path, '7')}")
            assert board.executed[2:] == ["5/0/10", "5/0/2"]
            board.state = 1
            board.uri = "coap://127.0.0.1:1/x"
            for pull in ([], ["PULL=coap"]):
                with pytest.raises(UserError, match="CANCEL=1"):
                    await update(server, f"FILE={other}", *pull)
            board.state = 3
            with pytest.raises(UserError, match="installing"):
                await update(server, f"FILE={other}")

    run(work())


def test_a_download_that_goes_on(tmp_path, capsys):
    """The tool was ended in the middle and is called again: the same file, the same URI."""
    path = package(tmp_path)

    async def work():
        async with site() as (server, board):
            board.block_s = 0.3
            first = asyncio.ensure_future(update(server, f"FILE={path}", "PULL=coap"))
            while len(board.body) < 1000:
                await asyncio.sleep(0.05)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            board.block_s = 0
            await update(server, f"FILE={path}", "PULL=coap")
            assert bytes(board.body) == path.read_bytes()

    run(work())
    assert "its download goes on" in capsys.readouterr().out


def test_what_a_board_runs_and_cancel(tmp_path, capsys):
    async def work():
        async with site() as (server, board):
            text = await update(server, capsys=capsys)
            assert text == "board runs 0.1.0\nupdate: idle; result 0: no update yet\n"
            await update(server, f"FILE={package(tmp_path)}", "ONLY=download")
            capsys.readouterr()
            assert "update: downloaded app 1.2.3;" in await update(server, capsys=capsys)
            text = await update(server, "CANCEL=1", capsys=capsys)
            assert text.endswith("update: idle; result 10: cancelled\n")

    run(work())


def test_no_board_and_a_board_without_object_5(monkeypatch):
    monkeypatch.setattr("tools.update.course._THERE_S", 0.1)

    async def work():
        async with DeskServer(0, 0) as server:
            with pytest.raises(UserError, match="board is not registered"):
                await update(server)
            board = ScriptedBoard(server.coap_port)
            await board.register(payload=LINKS)
            with pytest.raises(UserError, match="has no object 5"):
                await update(server)
            board.socket.close()

    run(work())


def test_an_update_that_does_not_end(tmp_path):
    async def work():
        async with site() as (server, board):
            board.away_s = 60
            with pytest.raises(Failed, match="nothing has happened for 1 s"):
                await update(server, f"FILE={package(tmp_path)}", "WAIT=1")

    run(work())


def test_the_command_line(tmp_path):
    def call(*given):
        done = subprocess.run(
            [sys.executable, "-m", "tools.update", *given],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    status, text = call()
    assert status == 0 and "make update EP=NAME FILE=PACKAGE" in text
    status, text = call("EP=x", "SERVER=http://127.0.0.1:9")
    assert status == 2 and "no server at http://127.0.0.1:9" in text and text.count("\n") == 1
    broken = tmp_path / "broken"
    broken.write_bytes(os.urandom(100))
    status, text = call("EP=x", f"FILE={broken}")
    assert status == 2 and "no package" in text and "Traceback" not in text
    status, text = call("EP=x", "SERVER=http://127.0.0.1:9", f"FILE={broken}", "FORCE=1")
    assert status == 2 and "no server" in text


def test_arguments_that_make_no_sense(tmp_path):
    for given, expected in (
        (["FILE=x"], "EP=NAME is needed"),
        (["EP=x", "FILE=a", "CANCEL=1"], "one of them"),
        (["EP=x", "PULL=coap"], "needs FILE="),
        (["EP=x", "FILE=a", "HOST=1.2.3.4"], "needs PULL="),
        (["EP=x", "FILE=a", "PULL=http"], "expected coap or coaps"),
        (["EP=x", "FILE=a", "SEVERITY=3"], "expected 0, 1 or 2"),
        (["EP=x", "SERVER=ftp://x"], "expected http://"),
        (["EP=x", "EP=y"], "twice"),
        (["EP=x", "COLOUR=1"], "unknown"),
        (["EP="], "empty"),
        (["update"], "expected NAME=value"),
    ):
        with pytest.raises(UserError, match=expected):
            arguments.parse(given)
    assert arguments.parse(["EP=x", "SERVER=http://h:1/api/"])["SERVER"] == "http://h:1"


def test_names_and_addresses():
    assert offer.file_name("desk board/7", "1.2.3") == "desk_board_7-1.2.3"
    assert re.fullmatch("[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", offer.file_name("." * 99, "9" * 99))
    assert offer.own_address("127.0.0.1:5683") == "127.0.0.1"
    with pytest.raises(UserError, match="give HOST="):
        offer.own_address("somewhere")
