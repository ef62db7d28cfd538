"""A new version arrives, starts and stays, or goes: ids 770, 771 and 779."""

import os
import subprocess
import sys

import pytest
from test_security import psk
from updates import DOWNLOADED, FAILED, INITIAL, SUCCESS, Update

from tools.install import ROOT
from tools.interop.packages import CRASHES, HANGS, NEVER_REGISTERS
from tools.keysearch.notes import used

NEW = "8.1.0"
_TOOL_S = 90
SLOT, ON_TRIAL = "/26242/0/9", "/26242/0/10"

with_leshan = pytest.mark.parametrize("server", ["leshan"], indirect=True)


def assert_stays(device):
    """The slot is confirmed: the board starts from it even after a power cut."""
    assert (device.api.read(SLOT).value, device.api.read(ON_TRIAL).value) == (1, False)
    device.power_cut()
    assert device.api.read("/3/0/3").value == NEW


def test_int_770_firmware_update_over_coap(own_device, packages, update_key):
    """Pushed in blocks, installed; the new version runs, is confirmed and outlives a power cut"""
    device = own_device(update_key=update_key)
    update = Update(device)
    assert device.api.read("/3/0/3").value != NEW
    update.reset()
    assert update.push(packages.version(NEW)).code == "2.04"
    update.wait(DOWNLOADED, INITIAL)
    update.install()
    update.ends(SUCCESS, NEW)
    assert_stays(device)


def test_int_771_firmware_update_by_a_uri(secure_device, packages, offer, desk, update_key):
    """Fetched over DTLS with the credentials of the account that has written the URI"""
    key = used(os.urandom(16))
    device = secure_device(
        lambda endpoint: psk("identity of " + endpoint, key), update_key=update_key
    )
    endpoint = device.api.endpoint
    for each in {device.server.trust, desk.trust}:
        each.psk(endpoint, "identity of " + endpoint, key)
    try:
        device.start()
        update = Update(device)
        assert update.pull("").code == "2.04"
        package = offer("new.pkg", packages.version(NEW), "coaps")
        assert update.pull(package.uri).code == "2.04"
        update.wait(DOWNLOADED, INITIAL)
        assert package.fetched == len(packages.version(NEW))
        update.install()
        update.ends(SUCCESS, NEW)
    finally:
        if device.server is not desk:
            desk.trust.remove(endpoint)


def test_int_779_firmware_update_fails(own_device, packages, update_key):
    """A version that crashes when it starts: the board goes back by itself, result 8"""
    device = own_device(update_key=update_key)
    update = Update(device)
    before = device.api.read("/3/0/3").value
    assert update.push(packages.version("8.1.1", CRASHES)).code == "2.04"
    update.wait(DOWNLOADED, INITIAL)
    update.install()
    update.ends(FAILED, before)
    assert device.api.read(SLOT).value == 0
    assert "made to fail" in device.api.read("/26242/0/1").value


@with_leshan
def test_versions_that_hang_or_never_register(own_device, packages, update_key):
    """Ended by the watchdog, or by the end of its trial: the board goes back, result 8"""
    updates = []
    for version, wrong, module, quicker in (
        ("8.1.2", HANGS, "trial.py", {"_WATCHDOG_MS": 3000}),
        ("8.1.3", NEVER_REGISTERS, "copies.py", {"_TRIAL_MS": 8000}),
    ):
        device = own_device("-" + version, begin=False, update_key=update_key)
        device.board.change(module, **quicker)
        device.start()
        update = Update(device)
        assert update.push(packages.version(version, wrong)).code == "2.04"
        update.wait(DOWNLOADED, INITIAL)
        update.install()
        updates.append((update, device))
    for update, device in updates:
        update.ends(FAILED, "0.1.0", timeout_s=120)
        assert device.api.read(SLOT).value == 0
    hung, unregistered = (device.board for _, device in updates)
    assert len([event for event in hung.events("wdt") if event.get("expired")]) == 2
    assert not [event for event in unregistered.events("wdt") if event.get("expired")]
    assert "not registered within 8 s" in unregistered.said()


@with_leshan
def test_make_update(server, own_device, packages, update_key, tmp_path):
    """`make update` follows a package from its file to the new version, which the board fetches"""
    device = own_device(update_key=update_key)
    path = tmp_path / "new.pkg"
    path.write_bytes(packages.version(NEW))
    given = ["EP=" + device.api.endpoint, "FILE=%s" % path, "SERVER=" + server.http_uri]
    command = [sys.executable, "-m", "tools.update", *given, "PULL=coap"]
    said = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=_TOOL_S
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "runs %s, registered and confirmed" % NEW in said.stdout
    assert device.api.read("/3/0/3").value == NEW
