"""`make provision PORT=` for a board whose firmware runs, by mpremote over a serial line."""

import json
import os
import pty
import shutil
import subprocess
import sys
import tty

import pytest
from authority import Authority
from board_process import ROOT, BoardProcess
from cryptography.hazmat.primitives import serialization
from secrets_used import used

from firmware import accounts
from lwm2m.objects.security import CERTIFICATE, NO_SEC, PSK
from tools import board_repl, install
from tools.provision import __main__ as provision
from tools.provision import certificates

PEM = serialization.Encoding.PEM
CONFIG = {"board": "nucleo_f429zi", "endpoint": "before"}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A folder with the firmware as it is installed."""
    folder = tmp_path_factory.mktemp("template")
    install.stage(folder, mpy=True, march=install.host_march(), board="nucleo_f429zi")
    return folder


class Line:
    """A board on a serial line whose firmware runs, and the tool."""

    def __init__(self, folder, template, config=CONFIG, account=True, environment=None):
        self.folder = folder
        self.flash = folder / "flash"
        shutil.copytree(template, self.flash)
        (self.flash / "config.json").write_text(json.dumps(config))
        self.first_key = used(os.urandom(16))
        if account:
            accounts.provision(str(self.flash), uri="coap://127.0.0.1:9", short_server_id=5)
            accounts.provision(
                str(self.flash),
                uri="coaps://127.0.0.1:9",
                bootstrap=True,
                mode=PSK,
                identity=b"first",
                key=self.first_key,
            )
        self.key = used(os.urandom(16))
        (folder / "psk.key").write_text(self.key.hex())
        self.board = BoardProcess(
            folder, None, "--mpy", "--pty", folder / "tty", environment=environment
        )

    def __enter__(self):
        self.board.wait_for(lambda: self.board.events("pwm"))  # main.py is at work
        return self

    def __exit__(self, *error):
        self.board.__exit__()
        for name in ("stdout", "stderr", "events.jsonl"):
            self.without_keys((self.folder / name).read_text(errors="replace"))

    def without_keys(self, text):
        for key in (self.key, self.first_key):
            assert key.hex() not in text and repr(key)[2:-1] not in text

    def provision(self, *arguments):
        command = [sys.executable, "-m", "tools.provision", f"PORT={self.folder / 'tty'}"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.without_keys(done.stdout + done.stderr)
        # The copies on this computer are gone.
        assert not list(self.folder.glob("provision-*"))
        return done.returncode, done.stdout + done.stderr

    def wait_restarted(self, count=1):
        """The firmware runs again, after a reset of the whole board."""
        self.board.wait_for(lambda: self.board.causes().count("hard") == count)
        self.board.wait_for(lambda: len(self.board.events("pwm")) >= count + 1)

    def accounts(self):
        found = []
        for account in accounts.load(str(self.flash)):
            security = accounts.credentials(account["security_iid"], str(self.flash))
            found.append((account["uri"], security.mode, security.identity, security.key))
        return sorted(found)


def test_account_is_added_to_a_running_board(tmp_path, template):
    with Line(tmp_path, template) as line:
        status, said = line.provision(
            "SERVER=coaps://127.0.0.1:7",
            "IDENTITY=second",
            f"KEY_FILE={tmp_path / 'psk.key'}",
            "ENDPOINT=after",
            "LIFETIME=99",
        )
        assert status == 0, said
        steps = ("stopping the firmware", "factory's accounts", "read back: state/", "restarted")
        assert [said.index(step) for step in steps] == sorted(map(said.index, steps))
        assert 'identity "second"' in said and "coap://127.0.0.1:9" in said
        line.wait_restarted()
        assert line.accounts() == [
            ("coap://127.0.0.1:9", NO_SEC, b"", b""),
            ("coaps://127.0.0.1:7", PSK, b"second", line.key),
            ("coaps://127.0.0.1:9", PSK, b"first", line.first_key),
        ]
        config = json.loads((line.flash / "config.json").read_text())
        assert config == {**CONFIG, "endpoint": "after"}
        # And once more, in the place of the one before.
        status, said = line.provision("SERVER=coap://127.0.0.1:8")
        assert status == 0 and "in the place of coaps://127.0.0.1:7" in said, said
        line.wait_restarted(2)
        assert [uri for uri, *_ in line.accounts()] == [
            "coap://127.0.0.1:8",
            "coap://127.0.0.1:9",
            "coaps://127.0.0.1:9",
        ]


def test_certificates_for_a_board_that_has_no_account_yet(tmp_path, template):
    authority = Authority()
    cert, key = authority.issue("device")
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "cert.pem").write_bytes(cert.public_bytes(PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(PEM, *form))
    (tmp_path / "ca.pem").write_bytes(authority.cert.public_bytes(PEM))
    # MicroPython v1.28 has DTLS with certificates.
    config = {**CONFIG, "server": "coap://127.0.0.1:9"}
    with Line(tmp_path, template, config, False, {"MPY": "1.28"}) as line:
        files = (("CERT", "cert"), ("CERT_KEY", "key"), ("CA", "ca"))
        paths = [f"{name}={tmp_path / file}.pem" for name, file in files]
        status, said = line.provision("BOOTSTRAP=coaps://127.0.0.1:7?aid=1", *paths)
        assert status == 0 and "issuer  CN=test CA" in said, said
        line.wait_restarted()
        expected = (certificates.der(cert), certificates.private_der(key))
        assert line.accounts() == [("coaps://127.0.0.1:7?aid=1", CERTIFICATE, *expected)]


def test_refusals_leave_the_board_running_as_it_was(tmp_path, template):
    with Line(tmp_path, template, environment={"MPY": "1.28"}) as line:
        psk = ("IDENTITY=i", f"KEY_FILE={tmp_path / 'psk.key'}")
        records = {p.name: p.read_bytes() for p in (line.flash / "state").glob("factory.*")}
        before = line.accounts()
        status, said = line.provision("SERVER=coaps://127.0.0.1", *psk)
        assert status == 2 and "lacks DTLS-PSK (needs v1.29): not written" in said
        line.wait_restarted(1)
        status, said = line.provision("SERVER=coap://127.0.0.1", "ENDPOINT=a b")
        assert status == 2 and "config.json: endpoint is 'a b'" in said
        line.wait_restarted(2)
        # What is wrong by itself is told before the board is stopped.
        status, said = line.provision("SERVER=http://127.0.0.1")
        assert status == 2 and "stopping" not in said
        after = {p.name: p.read_bytes() for p in (line.flash / "state").glob("factory.*")}
        assert line.accounts() == before and after == records
        assert json.loads((line.flash / "config.json").read_text()) == CONFIG
        assert line.board.causes().count("hard") == 2


FULL = """
import machine, time
pin = machine.Pin("PC13")
junk = None
try:
    while True:
        junk = [junk, bytearray(24)]
except MemoryError:
    print("full")
try:
    while True:
        time.sleep_ms(5)
except KeyboardInterrupt:
    for _ in range(%d):
        junk = junk[0]
"""


def test_board_with_a_full_heap(tmp_path, template):
    # With so little free, in pieces, mpremote's first command finds no memory.
    with Line(tmp_path, template) as line:
        (line.flash / "main.py").write_text(FULL % 10)
        line.board.say({"reset": "power"})
        line.board.wait_console("full")
        status, said = line.provision("SERVER=coap://127.0.0.1:8")
        assert status == 0, said
        assert "soft" in line.board.causes()
        assert "coap://127.0.0.1:8" in [uri for uri, *_ in line.accounts()]


def test_no_board_on_the_line(tmp_path, capfd, monkeypatch):
    assert provision.main([f"PORT={tmp_path / 'nowhere'}", "SERVER=coap://127.0.0.1"]) == 2
    said = capfd.readouterr().err
    assert "failed to access" in said and said.count("\n") == 1
    monkeypatch.setattr(board_repl, "_STOP_S", 1)
    master, slave = pty.openpty()
    try:
        tty.setraw(slave)
        assert provision.main([f"PORT={os.ttyname(slave)}", "SERVER=coap://127.0.0.1"]) == 2
        assert "no answer for 1 s: is MicroPython on it?" in capfd.readouterr().err
    finally:
        os.close(master)
        os.close(slave)


def test_an_installation_that_lacks_what_the_account_needs(tmp_path, template):
    plain = tmp_path / "plain"
    shutil.copytree(template, plain)
    for name in install.SECURITY:
        (plain / name).with_suffix(".mpy").unlink()
    config = {**CONFIG, "server": "coap://127.0.0.1:9"}
    with Line(tmp_path, plain, config, False) as line:
        status, said = line.provision("SERVER=coap://127.0.0.1:8")
        assert status == 0 and "the installation on" not in said, said
        line.wait_restarted()
        psk = ("IDENTITY=i", f"KEY_FILE={tmp_path / 'psk.key'}")
        status, said = line.provision("SERVER=coaps://127.0.0.1:7", *psk)
        assert status == 0 and "the installation on the board has no DTLS: this" in said, said
        line.wait_restarted(2)
        status, said = line.provision("BOOTSTRAP=coaps://127.0.0.1:7", *psk)
        assert status == 0 and "board has no DTLS and no bootstrap: this account" in said, said
