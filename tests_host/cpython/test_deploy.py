"""`make deploy` and the targets beside it: real mpremote on a virtual board's serial line."""

import contextlib
import hashlib
import http.server
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

import pytest
from board_line import BadCable, Desk, LineBoard, deploy, make
from board_process import ROOT

from tools import board_repl, install
from tools.deploy import transfer
from tools.errors import UserError

COPIED = re.compile(r"^(\d+) copied, (\d+) the same, (\d+) removed$", re.M)


def copied(said):
    return tuple(map(int, COPIED.search(said).groups()))


@pytest.fixture(scope="module")
def desk():
    with Desk() as one:
        yield one


@pytest.fixture(scope="module")
def template(tmp_path_factory, desk):
    """The flash of a board onto which everything was deployed."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "config.json").write_text(
        json.dumps({"board": "nucleo_f429zi", "endpoint": "before", "server": desk.uri})
    )
    install.stage(folder, mpy=True, march=install.host_march())
    return folder


@pytest.fixture
def deployed(tmp_path, template):
    """A folder with such a flash."""
    for path in template.rglob("*"):
        target = tmp_path / "flash" / path.relative_to(template)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            target.write_bytes(path.read_bytes())
    return tmp_path


@contextlib.contextmanager
def patient(folder, *arguments):
    """A running `make` target; ends it as a Ctrl-C at its terminal does."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["make", "-s", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "TERM": "dumb"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield process, master
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)


def wait_text(fd, text, timeout_s=30):
    seen = b""
    deadline = time.monotonic() + timeout_s
    while text not in seen:
        left_s = deadline - time.monotonic()
        assert left_s > 0 and select.select([fd], [], [], left_s)[0], seen
        seen += os.read(fd, 4096)
    return seen


def test_from_an_empty_board_to_a_registered_one(tmp_path, desk):
    with LineBoard(tmp_path) as board:
        port = f"PORT={board.port}"
        status, said = make(tmp_path, "provision", port, f"SERVER={desk.uri}", "LIFETIME=120")
        assert status == 0, said
        status, said = make(tmp_path, "deploy", port, "BOARD=nucleo_f429zi", "ENDPOINT=fresh")
        assert status == 0, said
        count = len(install.board_files(board="nucleo_f429zi")) + 1  # boot.json
        assert copied(said) == (count, 0, 0)
        assert "as fresh" in said.splitlines()[-1] and "registered at /rd/" in said
        assert desk.client("fresh")["lifetime"] == 120
        assert desk.read("fresh", "/3303/0/5700") == "21.5"
        assert json.loads((board.flash / "config.json").read_text()) == {
            "board": "nucleo_f429zi",
            "endpoint": "fresh",
        }
        # The second time nothing is written.
        before = board.files()
        status, said = make(tmp_path, "deploy", port)
        assert status == 0 and copied(said) == (0, count, 0), said
        records = {name for name in before if name.startswith("state/")}
        after = board.files()
        assert {n: after[n] for n in after if not n.startswith("state/")} == {
            n: before[n] for n in before if n not in records
        }
        # One that differs by a bit is copied, and no other.
        path = board.flash / "lib/coap/message.mpy"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
        status, said = make(tmp_path, "deploy", port)
        assert status == 0 and copied(said) == (1, count - 1, 0), said
        assert "lib/coap/message.mpy" in said and "registered at /rd/" in said
        assert path.read_bytes() == before["lib/coap/message.mpy"][1]
        assert {
            name for name, (when, _) in board.files().items() if (when, _) != after.get(name)
        } <= {
            "lib/coap/message.mpy",
            *(name for name in board.files() if name.startswith("state/")),
        }
        assert board.stderr == ""


def test_what_is_gone_is_removed_and_what_is_not_ours_stays(deployed):
    flash = deployed / "flash"
    gone = ("firmware/old.mpy", "firmware/app.py", "lib/lwm2m/former/a.mpy", transfer.TEMPORARY)
    stays = ("lib/mine.mpy", "lib/other/b.py", "notes.txt", "state/session0.0", "data/c")
    for name in (*gone, *stays):
        (flash / name).parent.mkdir(parents=True, exist_ok=True)
        (flash / name).write_bytes(b"x")
    config = (flash / "config.json").read_bytes()
    with LineBoard(deployed) as board:
        # A source comes before the compiled file: this one ends at once.
        status, said = deploy(deployed, f"PORT={board.port}")
        assert status == 0, said
        assert copied(said)[0] == 0 and copied(said)[2] == len(gone)
        assert not [name for name in gone if (flash / name).exists()]
        assert not (flash / "lib/lwm2m/former").exists()
        assert all((flash / name).read_bytes() == b"x" for name in stays if "session" not in name)
        assert (flash / "config.json").read_bytes() == config
        assert "config.json: left as it is" in said


def harmed(times, spoil):
    """(harm for a BadCable, list that counts): spoils the text of a file so many times."""
    count = []

    def harm(data):
        place = data.find(b"w('")
        if 0 <= place < len(data) - 12 and len(count) < times:
            count.append(place)
            return spoil(data, place + 6)
        return data

    return harm, count


def flip(data, place):
    while not data[place : place + 1].isalpha():
        place += 1
    return data[:place] + data[place : place + 1].swapcase() + data[place + 1 :]


def lose(data, place):
    return data[:place] + data[place + 1 :]


@pytest.mark.parametrize("spoil", [flip, lose])
def test_a_broken_transfer_is_found_and_repeated(deployed, spoil):
    flash = deployed / "flash"
    names = ("firmware/console.mpy", "lib/coap/message.mpy")
    before = {name: (flash / name).read_bytes() for name in names}
    for name in names:
        (flash / name).write_bytes(b"x" * len(before[name]))
    harm, count = harmed(2, spoil)
    with LineBoard(deployed) as board, BadCable(deployed, board.port, harm) as cable:
        status, said = deploy(deployed, f"PORT={cable.port}")
        assert status == 0, said
        assert len(count) == 2
        assert said.count(": once more") == 2
        if spoil is flip:
            assert "firmware/console.mpy: reads back differently: once more" in said
        assert copied(said)[0] == 2
    assert {name: (flash / name).read_bytes() for name in names} == before
    assert not (flash / transfer.TEMPORARY).exists()


def test_a_line_that_always_breaks_leaves_the_old_file(deployed):
    path = deployed / "flash/firmware/console.mpy"
    old = b"x" * path.stat().st_size
    path.write_bytes(old)
    harm, count = harmed(99, flip)
    with LineBoard(deployed) as board, BadCable(deployed, board.port, harm) as cable:
        status, said = deploy(deployed, f"PORT={cable.port}")
        assert status == 2 and len(count) == transfer.ATTEMPTS, said
        assert "firmware/console.mpy: 3 transfers failed: check the cable" in said.splitlines()[-1]
        assert "restarted" in said and "Traceback" not in said
        assert path.read_bytes() == old


def test_an_armed_watchdog_does_not_bite(deployed):
    config = deployed / "flash/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "watchdog_s": 16}))
    path = deployed / "flash/lib/lwm2m/observe.mpy"
    good = path.read_bytes()
    with LineBoard(deployed) as board:
        board.wait_for(lambda: board.events("wdt"), 30)
        path.write_bytes(b"x")
        status, said = deploy(deployed, f"PORT={board.port}")
        assert status == 0 and copied(said)[0] == 1, said
        assert path.read_bytes() == good
        # Restarted to be rid of it, then to run what is new.
        assert board.causes() == ["power", "hard", "hard"]
        assert not [event for event in board.events("wdt") if event.get("expired")]


def test_configuration_is_kept_unless_told_otherwise(deployed, desk):
    flash = deployed / "flash"
    before = (flash / "config.json").read_bytes()
    with LineBoard(deployed) as board:
        port = f"PORT={board.port}"
        # Refusals leave it all as it is, and the firmware runs again.
        (flash / "firmware/dtls.mpy").write_bytes(b"x")
        other = deployed / "other.json"
        other.write_text('{"board": "nucleo_f429zi", "endpoint": "a b"}')
        for arguments, text in (
            (["ENDPOINT=after"], '"endpoint": "before", not "after": FORCE=1 changes it'),
            (["SERVER=coap://h"], ', not "coap://h": FORCE=1'),
            (["SERVER=coaps://h", "FORCE=1"], "server is 'coaps://h', expected coap://"),
            ([f"CONFIG={other}"], "config.json: endpoint is 'a b', expected"),
            ([f"CONFIG={deployed}/none"], "No such file"),
            (["BOARD=b_l475e_iot01a"], "but this is 'NUCLEO-F429ZI with STM32F429xx'"),
        ):
            board.settle()
            status, said = deploy(deployed, port, *arguments)
            assert status == 2 and text in said.splitlines()[-1], said
            assert "restarted" in said
        assert (flash / "config.json").read_bytes() == before
        assert (flash / "firmware/dtls.mpy").read_bytes() == b"x"
        board.settle()
        status, said = deploy(deployed, port, "ENDPOINT=after", "FORCE=1")
        assert status == 0 and '"endpoint": "after"' in said, said
        assert copied(said)[1] == 0  # FORCE copies all
        settings = json.loads((flash / "config.json").read_text())
        assert settings == {**json.loads(before), "endpoint": "after"}
        other.write_text('{"board": "nucleo_f429zi", "endpoint": "x", "server": "%s"}' % desk.uri)
        status, said = deploy(deployed, port, f"CONFIG={other}")
        assert status == 0 and f"config.json: that of {other}" in said, said
        assert (flash / "config.json").read_bytes() == other.read_bytes()


def test_a_board_without_a_name_gets_that_of_its_chip(tmp_path):
    with LineBoard(tmp_path, "--board", "b_l475e_iot01a") as board:
        status, said = deploy(tmp_path, f"PORT={board.port}")
        # Without a server the firmware says so and ends, and with it a virtual board.
        assert status == 1, said
        assert "note: this board knows no server: `make provision PORT=" in said
        assert "config.json: server is None" in board.stdout
        assert "the port is gone: a virtual board ends like that" in said.splitlines()[-1]
        settings = json.loads((board.flash / "config.json").read_text())
        assert settings["board"] == "b_l475e_iot01a"
        assert re.fullmatch("b-l475e-iot01a-[0-9a-f]{12}", settings["endpoint"])
        assert (board.flash / "firmware/drivers/hts221.mpy").exists()
        assert not (board.flash / "firmware/boards/nucleo_f429zi.mpy").exists()


class Index(http.server.BaseHTTPRequestHandler):
    """An index of mip with one package."""

    content = b"value = 42\n"

    def do_GET(self):
        number = hashlib.sha256(self.content).hexdigest()[:8]
        data = self.content
        if self.path.startswith("/package/") and "/aiorepl/" in self.path:
            package = {"v": 1, "version": "0.2.4", "deps": [], "hashes": [["aiorepl.mpy", number]]}
            data = json.dumps(package).encode()
        elif self.path != f"/file/{number[:2]}/{number}":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def test_aiorepl_comes_from_an_index_of_mip_and_stays(deployed):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        index = f"INDEX=http://127.0.0.1:{server.server_port}"
        with LineBoard(deployed) as board:
            port = f"PORT={board.port}"
            board.settle()
            status, said = deploy(deployed, port, "AIOREPL=1", index)
            assert status == 0 and "aiorepl is in lib/" in said, said
            path = board.flash / "lib/aiorepl.mpy"
            assert path.read_bytes() == Index.content
            server.shutdown()
        server.server_close()
        with LineBoard(deployed) as board:
            board.settle()
            status, said = deploy(deployed, port, "AIOREPL=1", index)
            assert status == 1 and "aiorepl is not installed: " in said, said
            assert "restarted, and it says" in said and copied(said)[2] == 0
            assert path.exists()


def test_devices_logs_and_erase(deployed):
    status, said = make(deployed, "devices")
    assert status == 0 and "a virtual board is not listed" in said
    with LineBoard(deployed) as board:
        port = f"PORT={board.port}"
        count = len(board.files()) - 1
        board.settle()
        status, said = make(deployed, "devices", port)
        assert status == 0, said
        assert "NUCLEO-F429ZI with STM32F429xx, MicroPython 1.29.0" in said
        assert f"the firmware is on it: {count} files" in said and "config.json" in said
        with patient(deployed, "logs", port, "FOR=60") as (process, terminal):
            seen = b""
            for _ in range(30):  # what it says before the port is open is lost
                board.say({"key": "x"})
                while select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 4096)
                if b"counter: " in seen:
                    break
            assert re.search(rb"\d\.\d s  counter: \d", seen), seen
            process.send_signal(signal.SIGINT)
            os.killpg(process.pid, signal.SIGINT)
            process.wait(10)
        status, said = make(deployed, "logs", port, "FOR=0.2")
        assert status == 0, said
        resets = len(board.causes())  # none of them stops the firmware
        board.settle()
        status, said = make(deployed, "erase", port)
        assert status == 2 and "not erased: YES=1 does not ask" in said, said
        assert len(board.causes()) == resets + 1 and (board.flash / "boot.py").exists()
        board.settle()
        status, said = make(deployed, "erase", port, "YES=1")
        assert status == 0 and "left: config.json" in said, said
        assert [name for name in board.files() if not name.startswith("state/")] == ["config.json"]
        status, said = make(deployed, "erase", port, "YES=1", "ALL=1")
        assert status == 0 and board.files() == {}, said
        status, said = make(deployed, "erase", port, "ALL=1")
        assert status == 0 and "nothing to erase" in said


def test_repl_is_the_prompt_of_the_board(deployed):
    with LineBoard(deployed) as board:
        board.wait_for(lambda: board.events("pwm"))
        with patient(deployed, "repl", f"PORT={board.port}") as (process, terminal):
            wait_text(terminal, b"Use Ctrl-]")
            os.write(terminal, b"x")
            wait_text(terminal, b"counter: 1")
            os.write(terminal, b"\x03")
            wait_text(terminal, b">>> ")
            os.write(terminal, b"print(6 * 7)\r")
            wait_text(terminal, b"\r\n42\r\n")
            os.write(terminal, b"\x1d")
            process.wait(10)


FRAGMENTED = """
import builtins
builtins.kept = kept = []
try:
    while True:
        kept.append(bytearray(600))
except MemoryError:
    for number in range(0, len(kept), 2):
        kept[number] = None
"""


def test_a_heap_in_pieces_is_made_whole(deployed):
    """What another program has left in memory is no reason to refuse the firmware."""
    (deployed / "flash" / "main.py").write_text(FRAGMENTED)
    with LineBoard(deployed) as board:
        time.sleep(1)
        status, said = deploy(deployed, f"PORT={board.port}")
        assert status == 0 and "registered at /" in said, said


def test_the_firmware_gives_its_memory_back(deployed):
    with LineBoard(deployed) as board:
        board.wait_for(lambda: "registered at" in board.stdout)
        with board_repl.BoardRepl(str(board.port), lambda text: None) as repl:
            free = int(repl.run("import gc; gc.collect(); print(gc.mem_free())"))
    assert free > 85000, free  # of 128 KiB, of which the simulation takes some


def test_the_port_goes_for_good(deployed, monkeypatch):
    """That is told, and not that the board cannot be restarted then."""
    monkeypatch.setattr(board_repl, "_GONE_S", 0.5)
    with LineBoard(deployed) as board:
        board.settle()
        with pytest.raises(UserError, match="failed to access it"):
            with board_repl.BoardRepl(str(board.port), lambda text: None) as repl:
                board.process.kill()
                board.process.wait()
                board.port.unlink(missing_ok=True)
                repl.reopen()


def test_nobody_on_the_line(tmp_path):
    status, said = deploy(tmp_path, f"PORT={tmp_path / 'nowhere'}")
    assert status == 2 and "failed to access it" in said.splitlines()[-1]
    assert "Traceback" not in said and "`make devices` lists the ports" in said
