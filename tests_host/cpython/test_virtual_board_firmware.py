"""The real firmware on the virtual board, against a server of a few lines."""

import json
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest
from aiocoap import ACK, CON, DELETE, GET, POST, PUT, Message
from aiocoap.numbers.codes import (
    CHANGED,
    CREATED,
    DELETED,
    INTERNAL_SERVER_ERROR,
    SERVICE_UNAVAILABLE,
)
from board_process import BoardProcess


class Server:
    """Answers Register, Update and De-register and asks what a test wants to know."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.uri = "coap://127.0.0.1:%d" % self._socket.getsockname()[1]
        self._device = None
        self._mid = 0
        self.registered = []
        self.updated = 0
        self.deregistered = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._socket.close()

    def _receive(self, timeout_s):
        assert select.select([self._socket], [], [], timeout_s)[0], "the device is silent"
        data, self._device = self._socket.recvfrom(2000)
        return Message.decode(data)

    def _answer(self, request, code, **options):
        answer = Message(code=code, **options)
        answer.mtype, answer.mid, answer.token = ACK, request.mid, request.token
        self._socket.sendto(answer.encode(), self._device)

    def serve_one(self, timeout_s=5):
        """Takes one datagram of the device; returns it when it is not one of those answered."""
        message = self._receive(timeout_s)
        if message.code == POST and message.opt.uri_path == ("rd",):
            self.registered.append(message.opt.uri_query)
            self._answer(message, CREATED, location_path=("rd", "7"))
        elif message.code == POST and message.opt.uri_path == ("rd", "7"):
            self.updated += 1
            self._answer(message, CHANGED)
        elif message.code == DELETE:
            assert message.opt.uri_path == ("rd", "7")
            self.deregistered += 1
            self._answer(message, DELETED)
        else:
            return message
        return None

    def read(self, *path):
        """The text/plain value at the path."""
        answer = self._ask(GET, path, accept=0)
        assert answer.code.is_successful(), answer.code
        return answer.payload.decode()

    def write(self, text, *path):
        """Writes a text/plain value and returns the code of the answer."""
        return self._ask(PUT, path, content_format=0, payload=text).code

    def _ask(self, method, path, **fields):
        self._mid += 1
        request = Message(code=method, uri_path=[str(i) for i in path], **fields)
        request.mtype, request.mid, request.token = CON, self._mid, b"%d" % self._mid
        self._socket.sendto(request.encode(), self._device)
        while True:
            answer = self.serve_one()
            if answer is not None and answer.token == request.token:
                return answer


@pytest.fixture
def server():
    with Server() as one:
        yield one


def firmware(folder, server, *arguments, endpoint="desk"):
    options = ("--server", server.uri, "--endpoint", endpoint, *arguments)
    return BoardProcess(folder, None, *options)


def register(board, server, count=1):
    """Answers the Register that is due and waits until the device knows."""
    server.serve_one()
    line = "registered at /rd/7 as desk "
    board.wait_for(lambda: sum(line in text for text in board.console()) >= count)


def end_with_answer(board, server):
    board.process.send_signal(signal.SIGTERM)
    server.serve_one()
    return board.process.wait(5)


@pytest.mark.parametrize("form", [(), ("--mpy",)])
def test_registers_measures_the_world_and_deregisters(tmp_path, server, form):
    with firmware(tmp_path, server, "--lifetime", "120", "--temperature", "18.5", *form) as board:
        register(board, server)
        assert {"ep=desk", "lt=120"} <= set(server.registered[0])
        board.wait_console("registered at /rd/7 as desk (lifetime 120 s)")
        assert abs(float(server.read(3303, 0, 5700)) - 18.5) < 0.3
        board.wait_for(lambda: board.events("pwm"))
        pwm = board.events("pwm")[0]
        assert (pwm["pin"], pwm["freq"], pwm["duty_ns"]) == ("PD14", 50, 1625000)
        assert end_with_answer(board, server) == 0
        assert (len(server.registered), server.deregistered) == (1, 1)
        assert board.console()[-1] == "de-registered"
    suffixes = {path.suffix for path in (board.flash / "lib").rglob("*.*")}
    assert suffixes == {".mpy" if form else ".py"}


@pytest.mark.parametrize("form", [("--mpy", "--heap", "96k"), ("--heap", "128k")])
def test_serves_1000_reads_in_a_small_heap_and_deregisters(tmp_path, server, form):
    with firmware(tmp_path, server, *form) as board:
        register(board, server)
        for _ in range(1000):
            assert server.read(3303, 0, 5700) == "21.5"
        assert end_with_answer(board, server) == 0
        assert server.deregistered == 1
        assert "MemoryError" not in board.stdout


def test_every_write_is_answered_in_the_usual_heap(tmp_path, server):
    with firmware(tmp_path, server) as board:
        register(board, server)
        for step in range(200):  # what makes each act once must find its memory
            assert server.write(b"%.2f" % (step / 200), 10346, 0, 5536) == CHANGED
        assert end_with_answer(board, server) == 0
        assert "MemoryError" not in board.stdout


def test_a_heap_too_small_for_writes_still_answers_and_ends(tmp_path, server):
    with firmware(tmp_path, server, "--mpy", "--heap", "96k") as board:
        register(board, server)
        assert server.read(3303, 0, 5700) == "21.5"
        for step in range(60):
            answer = server.write(b"%.2f" % (step / 60), 10346, 0, 5536)
            assert answer in (CHANGED, INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE)
        assert server.read(3303, 0, 5700) == "21.5"
        assert end_with_answer(board, server) == 0
        assert server.deregistered == 1


def test_silent_server_does_not_delay_the_end(tmp_path, server):
    with firmware(tmp_path, server) as board:
        register(board, server)
        status, took_s = board.end()
        assert status == 0 and took_s < 3
        assert "stopped" not in board.stderr


def test_second_start_keeps_the_account(tmp_path, server):
    with firmware(tmp_path, server) as board:
        register(board, server)
        assert end_with_answer(board, server) == 0
    with Server() as other, firmware(tmp_path, other, endpoint="else") as board:
        register(board, server)  # still the first one is called
        assert "ep=desk" in server.registered[1]
        assert end_with_answer(board, server) == 0


def test_power_loss_and_the_way_back(tmp_path, server):
    with firmware(tmp_path, server) as board:
        register(board, server)
        kept = board.flash / "state" / "session0.0"
        board.wait_for(kept.exists)
        board.say({"temperature": 40}, {"reset": "power"})
        server.serve_one()
        assert (len(server.registered), server.updated) == (1, 1)
        assert abs(float(server.read(3303, 0, 5700)) - 40) < 0.3
        assert (board.causes(), server.deregistered) == (["power", "power"], 0)
        assert end_with_answer(board, server) == 0


def test_console_keys(tmp_path, server):
    with firmware(tmp_path, server) as board:
        register(board, server)
        before = len(board.console())
        board.say({"key": "i"})
        board.wait_for(lambda: "desk" in " ".join(board.console()[before:]))
        assert end_with_answer(board, server) == 0


def test_wrong_configuration(tmp_path, server):
    with firmware(tmp_path, server) as board:
        register(board, server)
        assert end_with_answer(board, server) == 0
    config_file = board.flash / "config.json"
    config = json.loads(config_file.read_text())
    config_file.write_text(json.dumps({**config, "board": "xyz"}))
    with BoardProcess(tmp_path, None) as board:
        assert board.process.wait(5) == 2
        assert len(board.console()) == 1 and "xyz" in board.console()[0]


def test_board_without_network(tmp_path, server):
    with firmware(tmp_path, server, "--board", "b_l475e_iot01a") as board:
        board.wait_for(lambda: len(board.console()) > 0)
        status, took_s = board.end()
        assert status == 0 and took_s < 3 and "Traceback" not in board.stdout


def test_mpremote_ends_the_firmware_and_starts_it_again(tmp_path, server):
    link = tmp_path / "tty"
    with firmware(tmp_path, server, "--pty", link) as board:
        register(board, server)
        # The de-registration that Ctrl-C brings is answered while mpremote waits.
        answering = threading.Thread(target=server.serve_one)
        answering.start()
        command = [sys.executable, "-m", "mpremote", "connect", str(link), "resume"]
        done = subprocess.run(
            [*command, "exec", "print(1+1)"], capture_output=True, timeout=20, check=False
        )
        answering.join()
        assert (done.returncode, done.stdout) == (0, b"2\n")
        assert server.deregistered == 1
        subprocess.run([*command, "reset"], capture_output=True, timeout=20, check=True)
        register(board, server, count=2)
        assert len(server.registered) == 2 and board.causes() == ["power", "hard"]
        assert end_with_answer(board, server) == 0
