"""Power cuts at every block write of MicroPython's own FAT, on a device in RAM."""

import os

from cut_flash import BLOCK, Mounted, Ram, formatted
from helpers import raises
from peer import Peer, Sample

from firmware import keep
from firmware.storage import Record


def record():
    return Record("state", "/cut/state")


def bystander(data=None):
    """Writes, or checks, a file that nobody touches meanwhile."""
    if data:
        with open("/cut/other", "wb") as file:
            file.write(data)
        return data
    with open("/cut/other", "rb") as file:
        return file.read()


def cut_everywhere(before, action, results, torn=False):
    """Cuts `action(record)` on the file system `before` at every block write; returns how often.

    What is read then must be one of `results`, must be old before it is new, and a write must
    work as if nothing had happened.
    """
    cuts = 0
    seen = []
    while True:
        device = Ram(before, torn)
        device.allowed = cuts
        with Mounted(device):
            try:
                action(record())
            except OSError:
                pass
            done = not device.dead
        device.answer = 0  # when the file that could not be closed is collected some time
        after = Ram(device.data)
        with Mounted(after):
            found = record().read()
            assert found in results, (cuts, found)
            seen.append(found)
            assert bystander() == b"bystander" * 100
            record().write(b"and on it goes")
            assert record().read() == b"and on it goes"
            assert bystander() == b"bystander" * 100
        with Mounted(Ram(after.data)):
            assert record().read() == b"and on it goes"
        if done:
            break
        cuts += 1
    assert seen[-1] == results[-1], "uncut it has to work"
    changes = [at for at in range(1, len(seen)) if seen[at] != seen[at - 1]]
    assert len(changes) <= 1, seen
    return cuts


def prepared(states):
    """The bytes of a file system with these states written one after the other."""
    device = formatted()
    with Mounted(device):
        bystander(b"bystander" * 100)
        for state in states:
            record().write(state)
    return device.data


STATES = (
    (),
    (b"first",),
    (b"first", b"second"),
    (b"first", b"second" * 200, b"third"),
    (b"x" * 1500, b"y" * 1500, b"z" * 1500, b"w" * 1500),
)


def test_a_cut_write_leaves_the_old_or_the_new_state():
    for states in STATES:
        before = prepared(states)
        old = states[-1] if states else None
        for new in (b"new", b"new" * 500):
            for torn in (False, True):
                cuts = cut_everywhere(
                    before, lambda one, new=new: one.write(new), (old, new), torn
                )
                assert cuts >= 4, cuts


def test_an_erase_leaves_the_last_state_or_none():
    for states in STATES[1:]:
        for torn in (False, True):
            results = (states[-1], None)
            cuts = cut_everywhere(prepared(states), lambda one: one.erase(), results, torn)
            assert cuts >= 2, cuts


def test_a_full_file_system_keeps_the_old_state():
    device = formatted()
    with Mounted(device):
        record().write(b"old")
        record().write(b"old state")
        size = 16 * BLOCK
        with open("/cut/filler", "wb") as file:
            while size:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    size //= 2
        raises(OSError, record().write, b"new" * 1000)
        assert record().read() == b"old state"
        os.remove("/cut/filler")
        record().write(b"new" * 1000)
        assert record().read() == b"new" * 1000


class Connection:
    """As keep.py wants one, with a session that is registered and observed."""

    account = {"uri": "coap://a", "short_server_id": 1, "lifetime_s": 3600, "since": 5}
    uri = "coap://a"
    local_port = 50000

    def __init__(self):
        self.peer = Peer(Sample())
        self.session = self.peer.session


def test_a_session_is_kept_as_it_was_or_as_it_is():
    settings = {"endpoint": "board", "keep": True}
    one = Connection()
    one.peer.register()
    device = formatted()
    try:
        keep.Record = lambda name: record()
        with Mounted(device):
            bystander(b"bystander" * 100)
            keep.save([one], settings)
            old = record().read()
        for path in ("/20000/0/1", "/20000/0/2", "/20000/0/300"):
            one.peer.attributes(path, "pmin=5", "pmax=60")
            one.peer.observe(path, path.encode()[-4:])
        with Mounted(Ram(device.data)):
            keep.save([one], settings)
            new = record().read()
        assert len(old) < len(new)
        for torn in (False, True):
            for results, action in (
                ((old, new), keep.save),
                ((old, None), keep.erase),
            ):
                cuts = cut_everywhere(
                    device.data, lambda _, act=action: act([one], settings), results, torn
                )
                assert cuts >= 2, cuts
        # Both load.
        for data in (old, new):
            with Mounted(formatted()):
                record().write(data)
                again = Connection()
                keep.load([again], settings)
                assert again.session.registration.state == "registered"
    finally:
        keep.Record = Record
