"""The running firmware and a Bootstrap-Server: from asking to the new servers, and every way back.

The long time-outs are cut short in the files on the board's flash; nothing else is changed.
"""

import json
import os
import shutil
import signal
import time
from contextlib import ExitStack

import pytest
from aiocoap import POST
from aiocoap.numbers.codes import CHANGED, METHOD_NOT_ALLOWED
from board_process import BoardProcess
from bootstrap_server import BootstrapServer, accounts
from lwm2m_server import LwM2MServer
from secrets_used import used

from firmware import accounts as store
from tools import install

TEMPERATURE = (3303, 0, 5700)
TRIGGER = (1, 0, 9)
SHORT = (  # file, long, short
    ("lib/coap/endpoint.py", "_MAX_RETRANSMIT = const(4)", "_MAX_RETRANSMIT = const(%d)"),
    ("lib/lwm2m/bootstrap.py", "_SILENT_MS = const(93000)", "_SILENT_MS = const(3000)"),
    ("firmware/bootstrapping.py", "_FIRST_MS = const(60000)", "_FIRST_MS = const(2000)"),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The board's files with the time-outs cut short: nothing is repeated."""
    return shortened(tmp_path_factory.mktemp("root"), 0)


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """Likewise, and with one repetition: for many boards that this computer runs at once."""
    return shortened(tmp_path_factory.mktemp("patient"), 1)


def shortened(path, retransmit):
    for name in ("lib", "firmware"):
        shutil.copytree(install.ROOT / name, path / name)
    for name in ("boot.py", "main.py"):
        shutil.copy(install.ROOT / name, path)
    for file, old, new in SHORT:
        text = (path / file).read_text()
        assert text.count(old) == 1, (file, old)
        (path / file).write_text(text.replace(old, new.replace("%d", str(retransmit))))
    return path


class Board:
    """A board, its first server, the Bootstrap-Server and the server that this one knows of."""

    def __init__(self, folder, root, stop_at=99, first=True, lifetime_s=1234, **bootstrap):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.old = LwM2MServer()
        self.new = LwM2MServer()
        self.servers = BootstrapServer(accounts((self.new.uri, lifetime_s)), stop_at)
        self.flash = folder / "flash"
        self.flash.mkdir()
        install.stage(self.flash, root, mpy=True, march=install.host_march())
        config = {"board": "nucleo_f429zi", "endpoint": "desk", "measure_s": 1}
        (self.flash / "config.json").write_text(json.dumps(config))
        if first:
            store.provision(str(self.flash), self.old.uri)
        store.provision(str(self.flash), self.servers.uri, bootstrap=True, **bootstrap)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        self.board = BoardProcess(self.folder, None)
        self.process = self.board.process

    def __exit__(self, *error):
        self.board.__exit__()
        for each in (self.old, self.new, self.servers):
            each.__exit__()

    def serve_waiting(self):
        for each in (self.old, self.new, self.servers):
            each.serve_waiting()

    def serve(self, condition, timeout_s=40):
        serve([self], lambda one: condition(), timeout_s)

    def said(self, text):
        return sum(text in line for line in self.board.console())

    def trigger(self):
        """The first server asks for a bootstrap."""
        self.serve(lambda: self.old.registers)
        assert self.old.ask(POST, TRIGGER).code == CHANGED

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.board.__exit__()

    def uris(self):
        """Of the servers that the store has now."""
        return [each["uri"] for each in store.load(str(self.flash)) if "bootstrap" not in each]


def serve(boards, condition, timeout_s=40):
    """Serves all of them until the condition holds for each."""
    deadline = time.monotonic() + timeout_s
    while True:
        for one in boards:
            one.serve_waiting()
        left = [one for one in boards if not condition(one)]
        if not left:
            return
        assert time.monotonic() < deadline, (left[0].board.stdout, left[0].board.events()[-9:])
        time.sleep(0.002)


STEPS = len(accounts(("coap://a", 1))) + 1  # the request, then the script
LAST = STEPS - 1


@pytest.fixture
def interrupted(tmp_path, patient):
    """A board for each message after which the Bootstrap-Server stops; all are triggered."""
    # All are there before one runs, for then they are served.
    boards = [Board(tmp_path / str(number), patient, number) for number in range(STEPS + 1)]
    with ExitStack() as stack:
        for one in boards:
            stack.enter_context(one)
        serve(boards, lambda one: one.old.registers)
        for one in boards:
            one.trigger()
        serve(boards, lambda one: one.servers.requests)
        serve(boards, lambda one: one.servers.finished)
        yield boards


def test_a_server_that_falls_silent_after_any_message(interrupted):
    # The whole one: new servers, without a restart.
    whole = interrupted[STEPS]
    whole.serve(lambda: whole.new.registers)
    assert whole.new.read(*TEMPERATURE) == "21.5"
    assert whole.said("bootstrap finished") == 1
    assert whole.uris() == [whole.new.uri]
    assert (0, 0) == (len(whole.old.updates), len(whole.old.deregisters))
    # The others: the registration goes on as if nothing had been.
    rest = interrupted[:STEPS]
    # (Or anew, where another board of this computer has taken the port meanwhile.)
    serve(rest, lambda one: one.old.updates or one.said("is taken, registering anew"))
    for one in rest:
        anew = one.said("is taken, registering anew")
        assert len(one.old.registers) == 1 + anew and one.new.registers == []
        assert anew or one.old.updates[0][1] == one.old.registers[0][1]
        assert one.uris() == [one.old.uri]
        assert one.old.read(*TEMPERATURE) == "21.5"
        assert one.old.read(1, 0, 1) == "3600"
        assert one.said("bootstrap failed") == 1
    for one in interrupted:
        assert one.board.causes() == ["power"]
        assert [event["duty_ns"] for event in one.board.events("pwm")] == [1625000]
        assert "Traceback" not in one.board.stdout


def test_a_board_that_loses_power_after_any_message(interrupted):
    for one in interrupted:
        one.kill()
        one.start()
    for one in interrupted[:STEPS]:
        assert one.uris() == [one.old.uri]
    assert interrupted[STEPS].uris() == [interrupted[STEPS].new.uri]
    serve(interrupted[:STEPS], lambda one: one.old.updates or len(one.old.registers) == 2)
    serve(interrupted[STEPS:], lambda one: one.new.registers)
    for one in interrupted[:STEPS]:
        assert one.new.registers == []
        assert one.old.read(*TEMPERATURE) == "21.5"


def test_a_device_that_knows_its_bootstrap_server_alone(tmp_path, root):
    with Board(tmp_path / "a", root, 0, first=False, lifetime_s=77) as one:
        one.serve(lambda: one.said("bootstrap failed"))
        first = time.monotonic()
        one.serve(lambda: one.said("bootstrap failed") == 2)
        second = time.monotonic()
        one.servers.stop_at = 99
        one.serve(lambda: one.new.registers, 15)
        assert second - first > 2 + 2  # the pause, and the second attempt
        assert time.monotonic() - second > 4  # twice the pause
        assert "lt=77" in one.new.registers[0][0].opt.uri_query
        one.serve(lambda: one.said("registered at"))
        one.board.say({"key": "i"})
        one.serve(lambda: one.said("server: %s, registered" % one.new.uri))
        assert one.said("bootstrap: when registration fails") == 1
        # It stays, over a restart as well.
        assert one.new.ask(POST, (3, 0, 4)).code == CHANGED
        one.serve(lambda: one.new.updates)
        assert len(one.new.registers) == 1 and len(one.servers.requests) >= 3


def test_a_registration_that_fails_leads_to_the_bootstrap_server(tmp_path, root):
    with Board(tmp_path / "a", root) as one:
        one.serve(lambda: one.old.registers)
        one.old.write(b"1", 1, 0, 17)
        one.old.write(b"1", 1, 0, 18)
        assert one.old.ask(POST, (1, 0, 8)).code == CHANGED
        one.serve(lambda: one.old.updates)
        one.old.silent = True
        one.board.say({"cable": False})
        one.serve(lambda: one.said("link lost"))
        one.board.say({"cable": True})  # an Update, in vain, and one Register
        one.serve(lambda: one.new.registers, 30)
        assert one.said("update failed") == one.said("registration failed") == 1
        assert one.uris() == [one.new.uri]


def test_without_a_bootstrap_server_there_is_no_trigger(tmp_path, root):
    with Board(tmp_path / "a", root) as one:
        one.serve(lambda: one.old.registers)
        one.kill()
        for path in (one.flash / "state").glob("*"):
            os.remove(path)
        store.provision(str(one.flash), one.old.uri)
        one.start()
        one.serve(lambda: len(one.old.registers) == 2)
        assert one.old.ask(POST, TRIGGER).code == METHOD_NOT_ALLOWED
        one.board.say({"key": "i"})
        one.serve(lambda: one.said("server: "))
        assert one.said("bootstrap") == 0


def test_accounts_that_cannot_be_used_are_refused(tmp_path, root):
    with Board(tmp_path / "a", root) as one:
        one.servers.script = accounts(("coap://host/path", 60))
        one.trigger()
        one.serve(lambda: one.old.updates)
        assert one.servers.answers[-1].code.dotted == "4.06"
        assert one.uris() == [one.old.uri]
        key = os.urandom(16)
        used(key)
        for count, mode, text in (
            (2, 1, b"raw public keys"),
            (3, 2, b"no DER"),
        ):
            one.servers.script = accounts(("coaps://host", 60), mode=mode, credentials=key)
            assert one.old.ask(POST, TRIGGER).code == CHANGED
            one.serve(lambda count=count: len(one.old.updates) == count)
            assert one.servers.answers[-1].code.dotted == "4.06"
            assert text in one.servers.answers[-1].payload
            assert one.uris() == [one.old.uri]
        # And another time it works.
        one.servers.script = accounts((one.new.uri, 60), (one.old.uri, 70))
        assert one.old.ask(POST, TRIGGER).code == CHANGED
        one.serve(lambda: one.new.registers and len(one.old.registers) == 2)
        assert sorted(one.uris()) == sorted([one.new.uri, one.old.uri])
        # The first owns the access to all but object 1, as with accounts of the factory.
        assert one.new.write(b"0.25", 10346, 0, 5536) == CHANGED
        assert one.old.write(b"0.5", 10346, 0, 5536).dotted == "4.01"


def test_the_bootstrap_account_is_erased_when_its_time_is_over(tmp_path, root):
    with Board(tmp_path / "a", root, account_timeout_s=3) as one:
        one.serve(lambda: one.old.registers)
        time.sleep(4)
        one.trigger()  # before the first bootstrap it has all the time
        one.serve(lambda: one.new.registers)
        assert [each["uri"] for each in store.load(str(one.flash))].count(one.servers.uri) == 1
        one.serve(lambda: one.said("its time is over"))
        assert [each["uri"] for each in store.load(str(one.flash))] == [one.new.uri]
        assert one.new.ask(POST, (1, 1, 9)).code == METHOD_NOT_ALLOWED
        # A factory reset brings it back.
        assert one.new.ask(POST, (3, 0, 5)).code == CHANGED
        one.serve(lambda: len(one.old.registers) == 2)
        one.trigger()
        one.serve(lambda: len(one.new.registers) == 2)
