"""`make provision SSID=`: the Wi-Fi network of a board, in a directory."""

import json
import secrets

import pytest
from secrets_used import used

from firmware import access_point, account_list
from tools.provision import __main__ as provision

CONFIG = {"board": "b_l475e_iot01a", "endpoint": "before"}


@pytest.fixture
def passphrase():
    text = secrets.token_urlsafe(12)
    used(text.encode())
    return text


@pytest.fixture
def desk(tmp_path, passphrase):
    (tmp_path / "flash").mkdir()
    (tmp_path / "flash/config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "wifi.key").write_text(passphrase + "\n")
    return tmp_path


def run(desk, capfd, *arguments, password="wifi.key", passphrase=""):
    """Exit status and what was printed, in which no passphrase is."""
    given = [f"FLASH={desk / 'flash'}", *arguments]
    if password:
        given.append(f"PASSWORD_FILE={desk / password}")
    status = provision.main(given)
    out, err = capfd.readouterr()
    assert not passphrase or passphrase not in out + err
    assert bool(status) == bool(err) and err.count("\n") <= 1
    return status, out + err


def test_network_alone(desk, capfd, passphrase):
    status, text = run(desk, capfd, "SSID=my desk", passphrase=passphrase)
    assert status == 0, text
    assert '"my desk"' in text and "state/wifi.0" in text and "factory" not in text
    assert access_point.load(str(desk / "flash")) == ("my desk", passphrase, 3)
    assert (desk / "flash/state/wifi.0").stat().st_mode & 0o077 == 0
    assert json.loads((desk / "flash/config.json").read_text()) == CONFIG
    assert not account_list.load(str(desk / "flash"))
    # Another one in its place; the account of the board stays.
    assert run(desk, capfd, "SERVER=coap://127.0.0.1", password=None)[0] == 0
    (desk / "wifi.key").write_bytes(passphrase[::-1].encode() + b"\r\n")
    assert run(desk, capfd, "SSID=other", "WIFI_SECURITY=4")[0] == 0
    assert access_point.load(str(desk / "flash")) == ("other", passphrase[::-1], 4)
    assert len(account_list.load(str(desk / "flash"))) == 1


def test_network_and_account_at_once(desk, capfd, passphrase):
    status, text = run(desk, capfd, "SSID=desk", "SERVER=coap://127.0.0.1", "ENDPOINT=after")
    assert status == 0 and 'Wi-Fi network "desk"' in text
    assert access_point.load(str(desk / "flash"))[0] == "desk"
    assert account_list.load(str(desk / "flash"))[0]["uri"] == "coap://127.0.0.1"
    assert json.loads((desk / "flash/config.json").read_text())["endpoint"] == "after"


def test_open_network(desk, capfd):
    status, text = run(desk, capfd, "SSID=cafe", password=None)
    assert status == 0 and "open" in text
    assert access_point.load(str(desk / "flash")) == ("cafe", "", 0)


def test_a_factory_reset_keeps_it(desk, capfd, passphrase):
    assert run(desk, capfd, "SSID=desk", "SERVER=coap://127.0.0.1")[0] == 0
    flash = str(desk / "flash")
    account_list.order_reset(flash)
    account_list.load(flash)
    assert access_point.load(flash) == ("desk", passphrase, 3)


@pytest.mark.parametrize(
    ("arguments", "password", "content", "expected"),
    [
        (("PASSWORD=x", "SSID=a"), None, None, "PASSWORD_FILE=FILE"),
        (("PASSPHRASE=x", "SSID=a"), None, None, "PASSWORD_FILE=FILE"),
        (("SSID=",), "wifi.key", None, "SSID= is empty"),
        (("SSID=" + "x" * 33,), "wifi.key", None, "1 to 32 bytes"),
        (("SSID=a", "WIFI_SECURITY=1"), "wifi.key", None, "from 2 to 5"),
        (("SSID=a", "WIFI_SECURITY=3"), None, None, "needs PASSWORD_FILE="),
        ((), "wifi.key", None, "is needed"),
        (("SERVER=coap://a",), "wifi.key", None, "needs SSID="),
        (("SSID=a",), "nothing", None, "no such file"),
        (("SSID=a",), "wifi.key", b"short\n", "8 to 63"),
        (("SSID=a",), "wifi.key", b"x" * 64, "8 to 63"),
        (("SSID=a",), "wifi.key", b"\xe9 is not ASCII", "ASCII"),
        (("SSID=a", "ENDPOINT=b"), "wifi.key", None, "ENDPOINT= needs"),
    ],
)
def test_refused(desk, capfd, passphrase, arguments, password, content, expected):
    if content is not None:
        (desk / "wifi.key").write_bytes(content)
    status, text = run(desk, capfd, *arguments, password=password, passphrase=passphrase)
    assert status == 2 and expected in text, text
    assert access_point.load(str(desk / "flash")) is None


def test_a_board_without_wifi(desk, capfd, passphrase):
    (desk / "flash/config.json").write_text(json.dumps({**CONFIG, "board": "nucleo_f429zi"}))
    status, text = run(desk, capfd, "SSID=a", passphrase=passphrase)
    assert status == 2 and "nucleo_f429zi" in text
    assert not (desk / "flash/state").exists()
