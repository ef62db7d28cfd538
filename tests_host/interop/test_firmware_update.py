"""Firmware Update, object 5: ids 751 to 778 and 780, all that needs no restart."""

import os

import pytest
from updates import (
    CANCELLED,
    CONNECTION_LOST,
    DAMAGED,
    DOWNLOADED,
    DOWNLOADING,
    IDLE,
    INITIAL,
    INVALID_URI,
    NO_MEMORY,
    NO_STORAGE,
    UNSUPPORTED_PACKAGE,
    UNSUPPORTED_PROTOCOL,
    Update,
)

from tools.interop.board import wait_for
from tools.keysearch.notes import used

NEW = "7.5.1"


@pytest.fixture
def update(device):
    """The update of the shared board, which is in its initial state before and after."""
    update = Update(device)
    update.reset()
    yield update
    update.reset()


def test_int_751_read(update):
    """State, result, and how packages may come"""
    for format in ("TLV", "SENML_CBOR"):
        value = update.api.read("/5/0", format).value
        assert (value[3], value[5]) == (IDLE, INITIAL)
        assert value[8] == {0: 0, 1: 1}  # CoAP and CoAP over DTLS
        assert value[9] == 2  # pull and push
    assert update.api.read("/5/0/0").code == "4.05"
    assert update.api.discover("/5").links["/5"]["ver"] == "1.1"


def test_int_755_write_the_package(update, packages):
    """A zero byte resets, a package is Downloaded: opaque, TLV and CBOR"""
    for format in ("OPAQUE", "TLV", "CBOR"):
        update.reset()
        assert update.push(packages.version(NEW), format).code == "2.04"
        update.wait(DOWNLOADED, INITIAL)
        assert update.api.read("/5/0/6").value == "iotkitv3-lwm2m"
        assert update.api.read("/5/0/7").value == NEW
    # in this state only a reset
    assert update.push(packages.version(NEW)).code == "4.05"
    assert update.look() == (DOWNLOADED, INITIAL)


def test_int_756_write_the_uri(update, packages, offer):
    """An empty URI resets, a good one is fetched at once"""
    assert update.pull("").code == "2.04"
    assert update.look() == (IDLE, INITIAL)
    package = offer("new.pkg", packages.version(NEW))
    assert update.pull(package.uri).code == "2.04"
    update.wait(DOWNLOADED, INITIAL)
    assert package.fetched == len(packages.version(NEW))
    assert update.api.read("/5/0/1").value == package.uri
    assert update.pull("").code == "2.04"
    assert update.look() == (IDLE, INITIAL)


def test_int_760_observe(update, packages):
    """The state is told by notifications"""
    api = update.api
    try:
        assert api.attributes("/5/0", "pmin=1&pmax=10").code == "2.04"
        with api.events() as events:
            assert api.observe("/5/0/3").value == IDLE
            assert update.push(packages.version(NEW)).code == "2.04"
            states = [int(events.next("NOTIFICATION")["val"]["value"])]
            while states[-1] != DOWNLOADED:
                states.append(int(events.next("NOTIFICATION")["val"]["value"]))
            assert set(states) <= {DOWNLOADING, DOWNLOADED}
            assert api.cancel("/5/0/3", active=True).code == "2.05"
    finally:
        api.attributes("/5/0", "pmin&pmax")


def test_int_772_install_without_a_package(update):
    """Update in the state Idle: 4.05, and nothing changes"""
    before = update.look()
    assert update.api.execute("/5/0/2").code == "4.05"
    assert update.look() == before


def test_int_773_storage_too_small(update, packages):
    """A package larger than the slot: refused, result 2"""
    assert update.push(packages.too_large(NEW)).code == "4.13"
    update.wait(IDLE, NO_STORAGE)


def test_int_774_out_of_memory(own_device, packages, update_key):
    """No memory for the check of a package: result 3, and the board goes on"""
    device = own_device(update_key=update_key, begin=False)
    # it wants more for a piece of the package than there is
    device.board.change("firmware/contents.py", _PIECE=1 << 24)
    device.start()
    update = Update(device)
    update.push(packages.version(NEW))
    update.wait(IDLE, NO_MEMORY)
    assert device.api.read("/3303/0/5700").value == 21.5


def test_int_775_connection_lost(own_device, packages, update_key, offer):
    """The file server is silent in the middle of a download and stays so: result 4"""
    device = own_device(update_key=update_key, begin=False)
    # else it goes on trying for a quarter of an hour
    device.board.change("lib/coap/endpoint.py", _ACK_TIMEOUT_MS=30)
    device.board.change("firmware/fetch.py", _FIRST_MS=50, _ATTEMPTS=1)
    device.start()
    update = Update(device)
    package = offer("new.pkg", packages.version(NEW))
    assert update.pull(package.uri).code == "2.04"
    wait_for(lambda: package.fetched > 8192, what="the beginning of the download")
    package.tap.lost = True
    assert update.look() == (DOWNLOADING, INITIAL)
    update.wait(IDLE, CONNECTION_LOST)


def test_int_776_damaged_package(update, packages, offer):
    """Another bit, or another key: result 5"""
    update.push(packages.damaged(NEW))
    update.wait(IDLE, DAMAGED)
    update.reset()
    update.push(packages.foreign(NEW, used(os.urandom(32))))
    update.wait(IDLE, DAMAGED)
    update.reset()
    assert update.pull(offer("new.pkg", packages.damaged(NEW)).uri).code == "2.04"
    update.wait(IDLE, DAMAGED)


def test_int_777_unknown_kind_of_package(update, packages, offer):
    """No package, and one for another board: result 6"""
    for other in (b"\x7fELF" + bytes(4000), packages.for_board(NEW, "b_l475e_iot01a")):
        update.push(other)
        update.wait(IDLE, UNSUPPORTED_PACKAGE)
        update.reset()
    assert update.pull(offer("new.pkg", b"\x7fELF" + bytes(4000)).uri).code == "2.04"
    update.wait(IDLE, UNSUPPORTED_PACKAGE)


def test_int_778_uri_that_cannot_be(update, offer):
    """A URI that is none, and one without a file behind it: result 7"""
    missing = offer("other.pkg", b"other").uri.replace("other", "new")
    for uri in ("coap://", missing):
        assert update.pull(uri).code == "2.04"
        update.wait(IDLE, INVALID_URI)
        update.reset()


def test_int_780_unsupported_protocol(update):
    """A URI of a scheme that the board does not speak: result 9"""
    assert update.pull("https://127.0.0.1/new.pkg").code == "2.04"
    update.wait(IDLE, UNSUPPORTED_PROTOCOL)


def test_cancelled_download(update, packages, offer):
    """Cancel while it downloads and when it is downloaded: result 10"""
    assert update.api.execute("/5/0/10").code == "4.05"
    package = offer("new.pkg", packages.version(NEW))
    assert update.pull(package.uri).code == "2.04"
    wait_for(lambda: package.fetched > 0, what="the beginning of the download")
    assert update.api.execute("/5/0/10").code == "2.04"
    update.wait(IDLE, CANCELLED)
    fetched = package.fetched
    assert fetched < len(packages.version(NEW))
    update.reset()
    assert update.push(packages.version(NEW)).code == "2.04"
    update.wait(DOWNLOADED, INITIAL)
    assert update.api.execute("/5/0/10").code == "2.04"
    update.wait(IDLE, CANCELLED)
    assert package.fetched == fetched
