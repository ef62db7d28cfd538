"""The board over DTLS with `openssl s_server`, a third party: registered, or refused and why.

Whatever happens, nothing but DTLS records ever leaves the board: a tap on the way hears it all.
"""

import contextlib
import datetime
import json
import os
import shutil

import pytest
from authority import DAY, NOW, Authority
from board_process import BoardProcess
from cryptography.hazmat.primitives import serialization
from openssl_server import OpenSSL, Tap, missing
from secrets_used import used

from firmware import accounts
from lwm2m.objects.security import CERTIFICATE, PSK
from tools import install

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")

NAME = "server.example"
IDENTITY = b"board"
DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The firmware as it is installed, with a handshake that is given up sooner."""
    folder = tmp_path_factory.mktemp("template") / "flash"
    install.stage(folder)
    file = folder / "firmware" / "dtls.py"
    text = file.read_text()
    assert text.count("timeout_ms = 60000") == 1
    file.write_text(text.replace("timeout_ms = 60000", "timeout_ms = 4000"))
    return folder


@contextlib.contextmanager
def site(folder, template, options, credentials, answer=None):
    """A board, the tap and the server: (board, tap, server)."""
    with contextlib.ExitStack() as stack:
        server = OpenSSL(folder, *options)
        stack.callback(server.close)
        tap = Tap(server.port, answer)
        stack.callback(tap.close)
        flash = folder / "flash"
        shutil.copytree(template, flash)
        config = {"board": "nucleo_f429zi", "endpoint": "urn:test"}
        (flash / "config.json").write_text(json.dumps(config))
        accounts.provision(str(flash), uri="coaps://127.0.0.1:%d" % tap.port, **credentials)
        board = stack.enter_context(BoardProcess(folder, None, "--heap", "256k"))
        yield board, tap, server


def der(certificate):
    return certificate.public_bytes(DER)


def private(key):
    return key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def served_with(folder, certificate, key, client_authority):
    """Options of s_server: its certificate, and the authority of the clients it takes."""
    (folder / "server.pem").write_bytes(
        certificate.public_bytes(PEM)
        + key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "clients.pem").write_bytes(client_authority.cert.public_bytes(PEM))
    return (
        *("-cert", folder / "server.pem", "-key", folder / "server.pem"),
        *("-CAfile", folder / "clients.pem", "-Verify", "1", "-verify_return_error"),
    )


def psk(key=None):
    """(options of s_server, credentials of the board) with the same key, if none is given."""
    right = used(os.urandom(16))
    return (
        ("-psk", right.hex(), "-nocert"),
        {"mode": PSK, "identity": IDENTITY, "key": key or right},
    )


class Certificates:
    """What a board and a server with certificates have, before something is wrong with it."""

    def __init__(self, name=NAME, **validity):
        self.authority = Authority()
        self.server, self.server_key = self.authority.issue(name, **validity)
        self.board, self.board_key = self.authority.issue("board")

    def credentials(self, usage, **others):
        trusted = self.authority.cert if usage == 2 else self.server
        return {
            "mode": CERTIFICATE,
            "identity": der(self.board),
            "key": private(self.board_key),
            "server_key": der(trusted),
            "usage": usage,
            "sni": NAME,
            **others,
        }

    def options(self, folder):
        return served_with(folder, self.server, self.server_key, self.authority)


def line(board, text, timeout_s=20):
    """Waits for a line of the log and returns it."""

    def lines():
        return [each for each in board.stdout.splitlines() if text in each]

    board.wait_for(lines, timeout_s)
    return lines()[0]


def registered(board, tap, server, suite):
    line(board, "registered at /rd/1 as urn:test")
    assert "secured by " + suite in board.stdout
    (queries,) = server.registers()
    assert b"ep=urn:test" in queries and b"lwm2m=1.1" in queries
    status, seconds = board.end()
    assert status == 0 and seconds < 3
    assert (4, b"rd/1", []) in server.requests  # de-registered over the same session
    assert tap.only_records()


def refused(board, tap, server, reason):
    text = line(board, "registration failed: ")
    assert "coaps://127.0.0.1:%d" % tap.port in text and reason in text, text
    assert text.endswith("next attempt in 60 s")
    assert server.requests == [] and tap.only_records()
    assert "local failure" not in board.stdout and board.causes() == ["power"]


def test_registered_with_a_pre_shared_key(tmp_path, template):
    options, credentials = psk()
    with site(tmp_path, template, options, credentials) as (board, tap, server):
        registered(board, tap, server, "TLS-PSK-WITH-AES-128-GCM-SHA256")


@pytest.mark.parametrize("usage", (2, 3))
def test_registered_with_certificates(tmp_path, template, usage):
    all_ = Certificates()
    credentials = all_.credentials(usage)
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        registered(board, tap, server, "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256")


def test_with_usage_3_neither_name_nor_dates_count(tmp_path, template):
    all_ = Certificates("elsewhere.example", first=NOW - 9 * DAY, last=NOW - DAY)
    credentials = all_.credentials(3)
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        registered(board, tap, server, "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256")


def test_a_server_that_has_forgotten_the_session_is_registered_with_anew(tmp_path, template):
    options, credentials = psk()
    credentials["lifetime_s"] = 6  # so the next Update is due in 3 s
    with site(tmp_path, template, options, credentials) as (board, tap, server):
        line(board, "registered at /rd/1")
        server.close()
        again = OpenSSL(tmp_path, *options, port=server.port)
        try:
            line(board, "link lost: coaps://127.0.0.1:%d: no answer in the session" % tap.port)
            board.wait_for(again.registers, 15)
            board.wait_for(lambda: board.stdout.count("registered at /rd/1") == 2)
            assert tap.only_records() and len(tap.clients) == 1  # the same local port
            assert board.causes() == ["power"]
        finally:
            again.close()


def test_refused_for_a_wrong_key(tmp_path, template):
    options, credentials = psk(key=used(os.urandom(16)))
    with site(tmp_path, template, options, credentials) as (board, tap, server):
        refused(board, tap, server, "has it the key and identity of this device?")


def test_refused_where_the_server_answers_without_dtls(tmp_path, template):
    options, credentials = psk()
    created = bytes((0x60, 0x41, 0, 1)) + bytes((0x82,)) + b"rd" + bytes((1,)) + b"1"
    with site(tmp_path, template, options, credentials, created) as (board, tap, server):
        refused(board, tap, server, "the server answers without DTLS, which is dropped")


def test_refused_for_an_expired_certificate(tmp_path, template):
    all_ = Certificates(first=NOW - 9 * DAY, last=NOW - DAY)
    credentials = all_.credentials(2)
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "the server's certificate is refused: ")
        assert "validity has expired" in board.stdout


def test_refused_for_a_certificate_of_tomorrow(tmp_path, template):
    all_ = Certificates(first=NOW + DAY, last=NOW + datetime.timedelta(days=9))
    credentials = all_.credentials(2)
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "the server's certificate is refused: ")
        assert "starts in the future" in board.stdout and "is the clock right?" in board.stdout


def test_refused_for_a_wrong_name(tmp_path, template):
    all_ = Certificates("elsewhere.example")
    credentials = all_.credentials(2)
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "does not match with the expected CN")


def test_the_name_is_that_of_the_uri_where_there_is_no_other(tmp_path, template):
    all_ = Certificates()  # for server.example, not for 127.0.0.1
    credentials = all_.credentials(2, sni=None)
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "does not match with the expected CN")


def test_refused_for_a_self_signed_certificate_where_an_authority_is_demanded(tmp_path, template):
    all_ = Certificates()
    alone = Authority(NAME)
    credentials = all_.credentials(2)
    all_.server, all_.server_key = alone.cert, alone._key
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "not correctly signed by the trusted CA")


def test_refused_for_another_certificate_than_the_one_provisioned(tmp_path, template):
    all_ = Certificates()
    credentials = all_.credentials(3)
    all_.server, all_.server_key = all_.authority.issue(NAME)  # as good, but another
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "not the one that was provisioned")


def test_refused_by_the_server_for_the_board_s_certificate(tmp_path, template):
    all_ = Certificates()
    stranger, key = Authority("other CA").issue("board")
    credentials = all_.credentials(3, identity=der(stranger), key=private(key))
    with site(tmp_path, template, all_.options(tmp_path), credentials) as (board, tap, server):
        refused(board, tap, server, "the server refuses: it does not know the CA")


def test_refused_where_no_suite_is_in_common(tmp_path, template):
    options, credentials = psk()
    options += ("-cipher", "PSK-AES256-GCM-SHA384")
    with site(tmp_path, template, options, credentials) as (board, tap, server):
        refused(board, tap, server, "no common cipher suite")
