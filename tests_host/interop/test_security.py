"""Registration over DTLS: ids 401 and 402, and what happens to wrong credentials."""

import os
import time

import pytest
from certificates import Authority

from tools.interop.board import wait_for
from tools.interop.records import clear
from tools.interop.security import call
from tools.keysearch.notes import used

PSK = 0
CERTIFICATE = 2
ANCHOR = 2  # /0/x/15: the server's certificate has to be issued by this one
EXACT = 3  # it has to be this one
REGISTER_S = 20
REFUSED_S = 3

with_leshan = pytest.mark.parametrize("server", ["leshan"], indirect=True)


def psk(identity, key):
    """Arguments of `accounts.provision` for a pre-shared key."""
    return {"mode": PSK, "identity": identity.encode(), "key": key}


def certificate(authority, endpoint, server_key, usage):
    """The same for a certificate; `server_key` is what /0/x/4 holds."""
    own, key = authority.issue(endpoint)
    return {
        "mode": CERTIFICATE,
        "identity": own,
        "key": key,
        "server_key": server_key,
        "usage": usage,
    }


def assert_protected(device):
    """The registration is one over DTLS, the board serves, and no word of it went in clear."""
    assert device.api.registration()["secure"] is True
    assert device.api.read("/3303/0/5700").value == 21.5
    assert clear(device.tap.records()) == []
    assert "server: application data" in device.tap.summary()


def assert_kept_out(device):
    """It does not register, and nothing goes in clear."""
    until = time.monotonic() + REFUSED_S
    while time.monotonic() < until:
        assert device.api.registration() is None
        time.sleep(0.2)
    assert clear(device.tap.records()) == []


def test_int_401_registration_with_a_key(server, secure_device):
    """Handshake with the key that both have, registration and reads under it"""
    key = used(os.urandom(16))
    device = secure_device(lambda endpoint: psk("identity of " + endpoint, key))
    server.trust.psk(device.api.endpoint, "identity of " + device.api.endpoint, key)
    device.start()
    assert_protected(device)
    assert "server: ServerHello TLS_PSK_WITH_AES_128_GCM_SHA256" in device.tap.summary()
    assert key.hex() not in server.trust.shown()


@with_leshan
def test_int_402_registration_with_a_certificate(server, secure_device, authority):
    """Both show certificates: the server's is the one that was provisioned"""
    device = secure_device(
        lambda endpoint: certificate(authority, endpoint, server.certificate, EXACT)
    )
    server.trust.certificate(device.api.endpoint)
    device.start()
    assert_protected(device)
    suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    assert "server: ServerHello " + suite in device.tap.summary()
    assert "client: CertificateVerify" in device.tap.summary()


@with_leshan
def test_certificate_of_an_authority(server, secure_device, authority):
    """The server's certificate is issued by the authority that was provisioned, its name fits"""
    device = secure_device(
        lambda endpoint: certificate(authority, endpoint, authority.certificate, ANCHOR)
    )
    server.trust.certificate(device.api.endpoint)
    device.start()
    assert_protected(device)


def test_wrong_key_is_refused(server, secure_device):
    """No registration and nothing in clear while the keys differ; with the right one it goes on"""
    key = used(os.urandom(16))
    device = secure_device(lambda endpoint: psk(endpoint, key))
    endpoint = device.api.endpoint
    server.trust.psk(endpoint, endpoint, used(os.urandom(16)))
    device.board.start()
    wait_for(lambda: "client: Finished" in device.tap.summary(), REGISTER_S, "a handshake")
    assert_kept_out(device)
    server.trust.psk(endpoint, endpoint, key)
    device.board.stop()  # its next attempt is minutes away (/1/x/18)
    device.start()
    assert_protected(device)


@with_leshan
def test_certificate_of_a_stranger_is_refused(server, secure_device, authority):
    """The board takes no server whose certificate another authority has issued"""
    stranger = Authority("Another CA")
    device = secure_device(
        lambda endpoint: certificate(authority, endpoint, stranger.certificate, ANCHOR)
    )
    server.trust.certificate(device.api.endpoint)
    device.board.start()
    wait_for(lambda: "server: Certificate" in device.tap.summary(), REGISTER_S, "a handshake")
    assert_kept_out(device)
    assert "client: application data" not in device.tap.summary()


@with_leshan
def test_name_of_another_is_refused(server, secure_device, authority):
    """A trusted certificate does not register under the endpoint name of another device"""
    device = secure_device(
        lambda endpoint: certificate(authority, "another-device", server.certificate, EXACT)
    )
    server.trust.certificate(device.api.endpoint)
    device.board.start()
    wait_for(lambda: "server: application data" in device.tap.summary(), REGISTER_S, "an answer")
    assert_kept_out(device)


@pytest.mark.servers
def test_a_server_shows_no_key_that_it_refuses(server):
    """What is wrong with a key is said without it"""
    for text in ("not hexadecimal", os.urandom(16).hex() + "5"):
        details = {"identity": "identity", "key": text}
        data = {"endpoint": "nobody", "tls": {"mode": "psk", "details": details}}
        status, said = call("PUT", server.http_uri + "/api/security/clients", data)
        assert status == 400
        assert text not in said
    assert "nobody" not in server.trust.shown()


@pytest.mark.servers
@with_leshan
def test_leshan_shows_no_key_of_a_bootstrap_that_it_refuses(server):
    """Nor one in what a bootstrap is to bring; the place is named"""
    key = os.urandom(16).hex() + "5"
    data = {"security": {"1": {"secretKey": key}}}
    status, said = call("POST", server.bootstrap.http_uri + "/api/bootstrap/nobody", data)
    assert status == 400
    assert key not in said
    assert "secretKey" in said
