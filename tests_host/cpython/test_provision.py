"""`make provision` for a flash directory: what it writes, tells and refuses."""

import base64
import json
import os
import re
import subprocess
import sys

import pytest
from authority import DAY, NOW, Authority, noted
from board_process import ROOT
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from secrets_used import used
from test_developer_file import PLACEHOLDER, URI, as_array, filled

from firmware import account_list, accounts
from lwm2m.objects.security import CERTIFICATE, NO_SEC, PSK
from tools.provision import __main__ as provision
from tools.provision import certificates

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()
CONFIG = {"board": "nucleo_f429zi", "endpoint": "before", "measure_s": 7}


class Desk:
    """A flash directory, files with credentials, and the tool."""

    def __init__(self, folder, capfd):
        self.folder = folder
        self._capfd = capfd
        self.flash = folder / "flash"
        self.flash.mkdir()
        self.configure(CONFIG)
        self.key = used(os.urandom(16))
        self.write("psk.key", self.key.hex() + "\n")
        self.secrets = [self.key]

    def configure(self, settings):
        (self.flash / "config.json").write_text(json.dumps(settings))

    @property
    def config(self):
        return json.loads((self.flash / "config.json").read_text())

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def keep(self, name, cert, key, form="pem"):
        """Files NAME.FORM and NAME_key.FORM."""
        if form == "pem":
            self.write(name + ".pem", cert.public_bytes(PEM))
            self.write(name + "_key.pem", key.private_bytes(PEM, PKCS8, OPEN))
        else:
            self.write(name + ".der", certificates.der(cert))
            self.write(name + "_key.der", certificates.private_der(key))
        self.secrets.append(certificates.private_der(key))
        if hasattr(key, "curve"):
            self.secrets.append(key.private_numbers().private_value.to_bytes(32, "big"))

    def run(self, *arguments, **files):
        """Exit status and what was printed, in which no secret is; FILE=name become paths."""
        arguments = [f"FLASH={self.flash}", *arguments]
        arguments += [f"{name}={self.folder / file}" for name, file in files.items()]
        status = provision.main(arguments)
        out, err = self._capfd.readouterr()
        for secret in self.secrets:
            for form in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1]):
                assert form not in out + err and form.upper() not in out + err
        assert status in (0, 2) and bool(err) == bool(status)
        assert err.count("\n") <= 1 and str(self.folder) not in out.replace(str(self.flash), "")
        return status, out + err

    def refuses(self, expected, *arguments, **files):
        before = self.content()
        status, said = self.run(*arguments, **files)
        assert status == 2 and expected in said, said
        assert self.content() == before

    def content(self):
        files = [path for path in self.flash.rglob("*") if path.is_file()]
        return {path.relative_to(self.flash).as_posix(): path.read_bytes() for path in files}

    def accounts(self):
        return {each.get("short_server_id"): each for each in accounts.load(str(self.flash))}

    def security(self, short_server_id=None):
        iid = self.accounts()[short_server_id]["security_iid"]
        return accounts.credentials(iid, str(self.flash))


@pytest.fixture
def desk(tmp_path, capfd):
    return Desk(tmp_path, capfd)


@pytest.fixture(scope="module")
def authority():
    return Authority()


def test_server_without_security(desk):
    status, said = desk.run("SERVER=coap://h:1", "SHORT_ID=7", "LIFETIME=60")
    assert status == 0
    assert "server 7, lifetime 60 s: coap://h:1" in said and "no security" in said
    account = desk.accounts()[7]
    assert (account["mode"], account["uri"], account["lifetime_s"]) == (NO_SEC, "coap://h:1", 60)
    assert desk.config == CONFIG


def test_psk_in_each_form_of_its_file(desk):
    forms = (
        desk.key.hex(),
        desk.key.hex().upper() + "\n",
        "0x" + desk.key.hex(),
        desk.key.hex(" ", 4),
        "base64:" + base64.b64encode(desk.key).decode() + "\n",
    )
    for text in forms:
        desk.write("psk.key", text)
        status, said = desk.run("SERVER=coaps://h", "IDENTITY=b\u00f6ard", KEY_FILE="psk.key")
        assert status == 0 and 'PSK) of 16 bytes, identity "b\u00f6ard"' in said
        security = desk.security(1)
        assert (security.mode, security.key) == (PSK, desk.key)
        assert security.identity.decode() == "b\u00f6ard"
    for path in (desk.flash / "state").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_account_with_the_same_short_server_id_is_replaced(desk):
    assert desk.run("SERVER=coap://a", "SHORT_ID=1")[0] == 0
    assert desk.run("SERVER=coap://b", "SHORT_ID=2")[0] == 0
    assert desk.run("BOOTSTRAP=coap://boot", "HOLD_OFF=5", "ACCOUNT_TIMEOUT=600")[0] == 0
    status, said = desk.run(
        "SERVER=coaps://c", "SHORT_ID=1", "IDENTITY=i", "ENDPOINT=new", KEY_FILE="psk.key"
    )
    assert (
        status == 0
        and "in the place of coap://a" in said
        and "in the place of coap://b" not in said
    )
    found = {key: each["uri"] for key, each in desk.accounts().items()}
    assert found == {1: "coaps://c", 2: "coap://b", None: "coap://boot"}
    assert desk.security().hold_off_s == 5 and desk.security().account_timeout_s == 600
    assert desk.config == {**CONFIG, "endpoint": "new"}
    assert '"endpoint" written' in said


def test_certificates_in_both_forms(desk, authority):
    cert, key = authority.issue("device \x1b[31m of\nmine")
    for form in ("pem", "der"):
        desk.keep("device", cert, key, form)
        desk.write(
            "ca." + form,
            authority.cert.public_bytes(PEM)
            if form == "pem"
            else certificates.der(authority.cert),
        )
        files = {"CERT": f"device.{form}", "CERT_KEY": f"device_key.{form}"}
        for name, usage in (("CA", 2), ("SERVER_CERT", 3)):
            status, said = desk.run("BOOTSTRAP=coaps://h", **files, **{name: f"ca.{form}"})
            assert status == 0, said
            security = desk.security()
            assert security.mode == CERTIFICATE and security.usage == usage
            assert security.identity == certificates.der(cert)
            assert security.server_key == certificates.der(authority.cert)
            assert security.key == certificates.private_der(key)
            fingerprint = cert.fingerprint(hashes.SHA256()).hex(":")
            for told in ("subject CN=device ?", "issuer  CN=test CA", fingerprint, "EC secp256r1"):
                assert told in said
            assert f"{NOW - DAY:%Y-%m-%d} to {NOW + 365 * DAY:%Y-%m-%d}" in said
            assert "\x1b" not in said


TLS = """
import json, sys, tls
sys.path.append("lib")
from firmware import account_list, accounts
for account in accounts.load("flash"):
    security = accounts.credentials(account["security_iid"], "flash")
    context = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
    context.load_cert_chain(security.identity, security.key)
    context.load_verify_locations(security.server_key)
    print("taken")
"""


def test_mbedtls_takes_what_is_written(desk, authority):
    keys = (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048))
    for number, key in enumerate(map(noted, keys), 1):
        cert, _ = authority.issue("device", key=key)
        desk.keep("device", cert, key)
        desk.write("ca.pem", authority.cert.public_bytes(PEM))
        files = {"CERT": "device.pem", "CERT_KEY": "device_key.pem", "CA": "ca.pem"}
        assert desk.run("SERVER=coaps://h", f"SHORT_ID={number}", **files)[0] == 0
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=1m", "-c", TLS]
    environment = {**os.environ, "MICROPYPATH": f".frozen:{ROOT}:{ROOT / 'lib'}"}
    done = subprocess.run(
        command, cwd=desk.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "taken\n" * 2, done


def test_certificates_that_are_refused(desk, authority):
    cert, key = authority.issue("device")
    desk.keep("device", cert, key)
    desk.keep("other", *authority.issue("other"))
    desk.keep("late", *authority.issue("late", last=NOW - DAY / 2))
    desk.keep("early", *authority.issue("early", first=NOW + DAY))
    old = Authority("old CA").issue("old CA", ca=True, last=NOW - DAY / 2)
    desk.keep("old_ca", *old)
    for name, odd in (
        ("p384", noted384(ec.generate_private_key(ec.SECP384R1()))),
        ("ed", ed25519.Ed25519PrivateKey.generate()),
        ("small", rsa.generate_private_key(65537, 1024)),
    ):
        odd_cert, _ = authority.issue(name, key=odd)
        desk.write(name + ".pem", odd_cert.public_bytes(PEM))
        desk.write(name + "_key.pem", odd.private_bytes(PEM, PKCS8, OPEN))
    desk.write("ca.pem", authority.cert.public_bytes(PEM))
    desk.write("two.pem", 2 * authority.cert.public_bytes(PEM))
    locked = serialization.BestAvailableEncryption(b"pass")
    desk.write("locked.pem", key.private_bytes(PEM, PKCS8, locked))
    desk.write("noise.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    desk.write("noise_key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    desk.write("noise.der", b"\x30\x82\x01")
    good = {"CERT": "device.pem", "CERT_KEY": "device_key.pem", "CA": "ca.pem"}
    cases = (
        ("not the private key of the certificate in CERT", {"CERT_KEY": "other_key.pem"}),
        ("the key is encrypted: decrypt it first", {"CERT_KEY": "locked.pem"}),
        ("no private key in PEM or DER form", {"CERT_KEY": "noise_key.pem"}),
        ("no private key in PEM or DER form", {"CERT_KEY": "noise.der"}),
        ("no private key in PEM or DER form", {"CERT_KEY": "device.pem"}),
        ("no X.509 certificate", {"CERT": "noise.pem"}),
        ("no X.509 certificate", {"CERT": "noise.der"}),
        ("no X.509 certificate", {"CERT": "device_key.pem"}),
        ("no X.509 certificate", {"CA": "psk.key"}),
        ("CERT: expired on", {"CERT": "late.pem", "CERT_KEY": "late_key.pem"}),
        ("CERT: valid from", {"CERT": "early.pem", "CERT_KEY": "early_key.pem"}),
        ("CA: expired on", {"CA": "old_ca.pem"}),
        ("CA: not the certificate of a CA", {"CA": "device.pem"}),
        ("holds 2 certificates", {"CA": "two.pem"}),
        ("an EC key on secp384r1", {"CERT": "p384.pem", "CERT_KEY": "p384_key.pem"}),
        ("a key of another kind", {"CERT": "ed.pem", "CERT_KEY": "ed_key.pem"}),
        ("an RSA key of 1024 bits", {"CERT": "small.pem", "CERT_KEY": "small_key.pem"}),
        ("CERT: no such file", {"CERT": "nowhere.pem"}),
        ("CERT_KEY", {"CERT_KEY": "."}),
    )
    for expected, changed in cases:
        desk.refuses(expected, "SERVER=coaps://h", **{**good, **changed})
    # What a server shows is compared byte by byte, so its dates are its own.
    shown = {"CERT": "device.pem", "CERT_KEY": "device_key.pem", "SERVER_CERT": "late.pem"}
    assert desk.run("SERVER=coaps://h", **shown)[0] == 0
    # A chain: the device shows the first alone.
    desk.write("chain.pem", cert.public_bytes(PEM) + authority.cert.public_bytes(PEM))
    status, said = desk.run("SERVER=coaps://h", **{**good, "CERT": "chain.pem"})
    assert status == 0 and "only the first of 2 certificates" in said


def noted384(key):
    used(key.private_numbers().private_value.to_bytes(48, "big"))
    return key


def test_a_certificate_that_ends_soon_is_noted(desk, authority):
    desk.keep("device", *authority.issue("device", last=NOW + 10 * DAY))
    desk.write("ca.pem", authority.cert.public_bytes(PEM))
    files = {"CERT": "device.pem", "CERT_KEY": "device_key.pem", "CA": "ca.pem"}
    status, said = desk.run("SERVER=coaps://h", **files)
    assert status == 0
    assert f"note: CERT ends on {NOW + 10 * DAY:%Y-%m-%d}" in said


def test_developer_file(desk, authority):
    desk.write("dev.key", filled(authority))
    desk.configure({**CONFIG, "queries": ["x=1", "d=old"], "server": "coaps://h"})
    status, said = desk.run(CREDENTIALS="dev.key")
    assert status == 0, said
    account = desk.accounts()[None]
    assert account["uri"] == URI and account["mode"] == CERTIFICATE
    security = desk.security()
    assert security.server_key == certificates.der(authority.cert) and security.usage == 2
    assert re.search("Bootstrap-Server: " + re.escape(URI), said) and "CCM_8" in said
    assert desk.config == {
        **CONFIG,
        "endpoint": "0170a2c070bf0000",
        "queries": ["x=1", "d=0170a2c070bf0000000000001001883b"],
    }
    # The operator's domain goes with its Bootstrap-Server.
    assert desk.run("SERVER=coap://h")[0] == 0
    assert "d=0170a2c070bf0000000000001001883b" in desk.config["queries"]
    assert desk.run("BOOTSTRAP=coap://h")[0] == 0
    assert desk.config["queries"] == ["x=1"]
    desk.configure({**CONFIG, "queries": ["d=a"]})
    assert desk.run("BOOTSTRAP=coap://h")[0] == 0
    assert desk.config == CONFIG
    assert desk.run("BOOTSTRAP=coap://h", "DOMAIN=b")[0] == 0
    assert desk.config["queries"] == ["d=b"]
    desk.refuses("queries", "BOOTSTRAP=coap://h", "DOMAIN=a b")


def test_developer_file_that_is_refused(desk, authority):
    desk.write("placeholder.c", PLACEHOLDER)
    desk.refuses("the unfilled placeholder: download", CREDENTIALS="placeholder.c")
    desk.write("plain.key", filled(authority, BOOTSTRAP_SERVER_URI='"coap://h?aid=1"'))
    desk.refuses("coap://... sends in clear", CREDENTIALS="plain.key")
    desk.write("uri.key", filled(authority, BOOTSTRAP_SERVER_URI='"coaps://a b"'))
    desk.refuses("the server's URI: expected coap", CREDENTIALS="uri.key")
    _, other = authority.issue("other")
    key = as_array(certificates.private_der(other))
    desk.write("mixed.key", filled(authority, BOOTSTRAP_DEVICE_PRIVATE_KEY=key))
    desk.refuses("not the private key of the certificate", CREDENTIALS="mixed.key")
    desk.write("name.key", filled(authority, BOOTSTRAP_ENDPOINT_NAME='"a name"'))
    desk.refuses("config.json: endpoint is 'a name'", CREDENTIALS="name.key")


def test_arguments_that_are_refused(desk):
    key = desk.key.hex()
    psk = ("IDENTITY=i", f"KEY_FILE={desk.folder / 'psk.key'}")
    cases = (
        ("is needed: what to write", ()),
        ("SEVER= is unknown", ("SEVER=coap://h",)),
        ("KEY=: other programs can see", ("SERVER=coaps://h", "IDENTITY=i", f"KEY={key}")),
        ("PSK=: other programs can see", (f"PSK={key}",)),
        ("expected NAME=value", (key,)),
        ("expected NAME=value", (f"--psk-key={key}",)),
        ("KEY_FILE: no such file", ("SERVER=coaps://h", "IDENTITY=i", f"KEY_FILE={key}")),
        ("SERVER= is there twice", ("SERVER=coap://h", "SERVER=coap://i")),
        ("SERVER= is empty", ("SERVER=",)),
        ("FLASH= and PORT=", ("PORT=/dev/null", "SERVER=coap://h")),
        ("SERVER= and BOOTSTRAP= exclude", ("SERVER=coap://h", "BOOTSTRAP=coap://i")),
        ("IDENTITY= needs KEY_FILE=", ("SERVER=coaps://h", "IDENTITY=i")),
        ("KEY_FILE= needs IDENTITY=", ("SERVER=coaps://h", psk[1])),
        ("CERT= needs CERT_KEY=", ("SERVER=coaps://h", "CERT=a")),
        ("needs SERVER_CERT= or CA=", ("SERVER=coaps://h", "CERT=a", "CERT_KEY=b")),
        ("SERVER_CERT= and CA=", ("SERVER=coaps://h", "SERVER_CERT=a", "CA=b")),
        ("IDENTITY= and CERT=", ("SERVER=coaps://h", *psk, "CERT=a", "CERT_KEY=b", "CA=c")),
        ("SHORT_ID= needs SERVER=", ("BOOTSTRAP=coap://h", "SHORT_ID=1")),
        ("HOLD_OFF= needs BOOTSTRAP=", ("SERVER=coap://h", "HOLD_OFF=1")),
        ("CREDENTIALS= and ENDPOINT=", ("CREDENTIALS=a.c", "ENDPOINT=e")),
        ("SHORT_ID=: expected a whole number from 1", ("SERVER=coap://h", "SHORT_ID=0")),
        ("SHORT_ID=: expected", ("SERVER=coap://h", "SHORT_ID=65535")),
        ("LIFETIME=: expected", ("SERVER=coap://h", "LIFETIME=1e3")),
        ("needs credentials: IDENTITY=", ("SERVER=coaps://h",)),
        ("sends in clear", ("BOOTSTRAP=coap://h", *psk)),
        ("no name or password in a URI", (f"SERVER=coap://me:{key}@h",)),
        ("the server's URI: expected coap", ("SERVER=http://h",)),
        ("the server's URI: expected coap", (f"SERVER=coap://h:{key}",)),
        ("config.json: endpoint is 'a b'", ("SERVER=coap://h", "ENDPOINT=a b")),
        ("an identity of 129 bytes", ("SERVER=coaps://h", "IDENTITY=" + "i" * 129, psk[1])),
    )
    for expected, arguments in cases:
        desk.refuses(expected, *arguments)
    for content, expected in (
        ("", "a key of 0 bytes"),
        ("xyz", "expected hexadecimal text"),
        (key + "0", "expected hexadecimal text"),
        ("base64:" + key + "!", "expected hexadecimal text"),
        (key * 3, "a key of 48 bytes"),
        (b"\xff\xfe", "holds no text"),
        (" " * 70000, "more than 65536 bytes"),
    ):
        desk.write("psk.key", content)
        desk.refuses(expected, "SERVER=coaps://h", *psk)
    desk.write("psk.key", key[:14])
    status, said = desk.run("SERVER=coaps://h", *psk)
    assert status == 0 and "note: the key has 7 bytes only" in said


def test_configuration_that_is_refused(desk):
    for content, expected in (
        ("{", "config.json: no JSON"),
        ("[]", "config.json: expected an object"),
        ('{"board": "nowhere", "endpoint": "e"}', "config.json: board is 'nowhere'"),
        ('{"board": "nucleo_f429zi", "endpoint": "e", "sever": 1}', "the key is 'sever'"),
    ):
        (desk.flash / "config.json").write_text(content)
        desk.refuses(expected, "SERVER=coap://h")
    (desk.flash / "config.json").unlink()
    desk.refuses("there is no config.json", "SERVER=coap://h", "ENDPOINT=e")
    assert desk.run("SERVER=coap://h")[0] == 0


def test_accounts_of_a_bootstrap_are_left_alone_and_named(desk):
    accounts.provision(str(desk.flash), uri="coap://factory")
    accounts.save(accounts.objects(str(desk.flash)), str(desk.flash))
    before = desk.content()
    status, said = desk.run("SERVER=coap://new")
    assert status == 0 and "accounts of a bootstrap count before this one" in said
    after = desk.content()
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"state/factory.1"}
    assert desk.accounts()[1]["uri"] == "coap://factory"
    account_list.factory_reset(str(desk.flash))
    assert desk.accounts()[1]["uri"] == "coap://new"


def test_place_that_is_not_there(tmp_path, capfd):
    assert provision.main([f"FLASH={tmp_path / 'no'}", "SERVER=coap://h"]) == 2
    assert "no such directory" in capfd.readouterr().err
    assert provision.main([]) == 0
    assert "KEY_FILE=FILE" in capfd.readouterr().out


def make(*arguments):
    command = ["make", "--no-print-directory", "provision", *arguments]
    environment = {**os.environ, "SERVER": "coap://environment", "PORT": "8080"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_make_hands_values_over_as_they_are(desk):
    flash = desk.folder / "it's a $(HOME) flash"
    desk.flash.rename(flash)
    desk.flash = flash
    status, out, err = make(f"FLASH={flash}", "SERVER=coap://h?a=1&b=2", "PYTHON=python3")
    assert status == 0, err
    assert desk.accounts()[1]["uri"] == "coap://h?a=1&b=2"
    status, out, err = make(f"FLASH={flash}", f"KEY={desk.key.hex()}")
    assert status == 2 and "KEY=: other programs" in err and desk.key.hex() not in out + err
    assert "SEVER= is unknown" in make(f"FLASH={flash}", "SEVER=coap://h")[2]
    assert "make provision FLASH=DIR" in make()[1]
