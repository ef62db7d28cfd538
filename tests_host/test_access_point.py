"""The record of the Wi-Fi network: what it takes, and that it says no passphrase."""

import os

from helpers import raises
from scratch import Scratch, read, write

from firmware import access_point

GOOD = "a passphrase of this test"


def test_written_and_read():
    with Scratch() as folder:
        assert access_point.load(folder) is None
        for ssid, passphrase, security in (
            ("desk", "12345678", 3),
            ("d\xe9sk, 2.4 GHz", "~" * 63, 4),
            ("x" * 32, "", 0),
        ):
            access_point.provision(folder, ssid, passphrase, security)
            assert access_point.load(folder) == (ssid, passphrase, security)
        assert sorted(os.listdir(folder + "/state")) == ["wifi.0", "wifi.1"]


def test_refused():
    with Scratch() as folder:
        access_point.provision(folder, "before", GOOD)
        for ssid, passphrase, security in (
            ("", GOOD, 3),
            ("x" * 33, GOOD, 3),
            ("\xe9" * 17, GOOD, 3),
            ("two\rC2=", GOOD, 3),
            ("desk\n", GOOD, 3),
            ("desk", "1234567", 3),
            ("desk", GOOD * 3, 3),
            ("desk", GOOD + "\r", 3),
            ("desk", GOOD + "\xe9", 3),
            ("desk", GOOD, 0),
            ("desk", GOOD, 1),
            ("desk", GOOD, 6),
        ):
            error = raises(ValueError, access_point.provision, folder, ssid, passphrase, security)
            assert GOOD not in str(error)
        assert access_point.load(folder) == ("before", GOOD, 3)


def test_a_damaged_record_is_none():
    with Scratch() as folder:
        access_point.provision(folder, "desk", GOOD)
        for name in os.listdir(folder + "/state"):
            path = folder + "/state/" + name
            data = read(path)
            write(path, data[:-1] + b"!")
        assert access_point.load(folder) is None
        from firmware.storage import Record

        for content in (
            b"",
            b"\x03",
            b"\x03\x20de",
            b"\x03\x02\xff\xff12345678",
            b"\x01\x01d1234",
        ):
            Record("wifi", folder + "/state").write(content)
            assert access_point.load(folder) is None, content
