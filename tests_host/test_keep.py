"""What is kept of the connections on the flash, and when it counts."""

import json

from helpers import raises
from peer import Peer, Sample
from scratch import Scratch

from firmware import account_list, keep
from firmware.storage import Record
from lwm2m.registration import REGISTERED, STOPPED

SETTINGS = {"endpoint": "board", "keep": True}
ACCOUNT = {"uri": "coap://a", "short_server_id": 1, "lifetime_s": 3600, "since": 5}


class Connection:
    """As far as keep.py looks at one."""

    def __init__(self, account=ACCOUNT, local_port=0):
        self.peer = Peer(Sample())
        self.session = self.peer.session
        self.account = account
        self.uri = account["uri"]
        self.local_port = local_port


def lived(local_port=50000, account=ACCOUNT):
    one = Connection(account, local_port)
    one.peer.register()
    one.peer.attributes("/20000/0/1", "pmin=5")
    return one


class Flash:
    """Context manager: the records are in a folder of the test."""

    def __enter__(self):
        self._scratch = Scratch()
        self.folder = folder = self._scratch.__enter__()
        self.writes = writes = []

        class Counted(Record):
            def write(self, data):
                writes.append(data)
                Record.write(self, data)

        keep.Record = lambda name: Counted(name, folder + "/state")
        return self

    def __exit__(self, *error):
        keep.Record = Record
        self._scratch.__exit__(*error)

    def record(self, number=0):
        return Record("session%d" % number, self.folder + "/state")


def resumed(one):
    return one.session.registration.state == REGISTERED


def test_saved_and_loaded():
    with Flash():
        one = lived()
        assert one.session.unsaved
        keep.save([one], SETTINGS)
        assert not one.session.unsaved
        new = Connection()
        keep.load([new], SETTINGS)
        assert resumed(new) and new.local_port == 50000
        assert new.session.attributes == one.session.attributes


def test_nothing_kept_is_nothing_loaded():
    with Flash() as flash:
        new = Connection()
        keep.load([new], SETTINGS)
        assert not resumed(new) and new.local_port == 0
        assert flash.writes == []


def test_what_has_not_changed_is_not_written():
    with Flash() as flash:
        one = lived()
        for _ in range(3):
            one.session.keep()
            keep.save([one], SETTINGS)
            assert not one.session.unsaved
        assert len(flash.writes) == 1
        new = Connection()
        keep.load([new], SETTINGS)
        assert len(flash.writes) == 1


def test_a_restart_uses_the_sequence_number_up():
    with Flash() as flash:
        one = lived()
        one.peer.observe("/20000/0/1")
        keep.save([one], SETTINGS)
        numbers = []
        for count in range(2, 6):
            again = Connection()
            keep.load([again], SETTINGS)
            # Not before there is a link: until then nothing is sent, and restarts may be many.
            assert again.unsaved and len(flash.writes) == count - 1
            keep.save([again], SETTINGS)
            assert len(flash.writes) == count
            numbers.append(json.loads(flash.record().read()[6:])["q"])
        assert numbers == sorted(set(numbers))


def test_another_account_is_passed_over():
    with Flash() as flash:
        for key, value in (
            ("uri", "coap://b"),
            ("short_server_id", 2),
            ("lifetime_s", 60),
            ("since", 6),
        ):
            keep.save([lived()], SETTINGS)
            account = dict(ACCOUNT)
            account[key] = value
            new = Connection(account)
            keep.load([new], SETTINGS)
            assert not resumed(new) and new.local_port == 0, key
            assert flash.record().read() is None
        keep.save([lived()], SETTINGS)
        new = Connection()
        keep.load([new], {"endpoint": "other", "keep": True})
        assert not resumed(new)


def test_each_connection_has_its_own():
    other = {"uri": "coap://b", "short_server_id": 2, "lifetime_s": 60, "since": 5}
    with Flash() as flash:
        pair = [lived(50000), lived(50001, other)]
        keep.save(pair, SETTINGS)
        new = [Connection(), Connection(other)]
        keep.load(new, SETTINGS)
        assert [each.local_port for each in new] == [50000, 50001]
        # The second de-registers: the first is kept.
        new[1].session.registration.state = STOPPED
        keep.save(new, SETTINGS)
        assert flash.record(1).read() is None and flash.record(0).read() is not None


def test_a_registration_under_way_leaves_the_record_as_it_is():
    with Flash() as flash:
        one = lived()
        keep.save([one], SETTINGS)
        before = flash.record().read()
        one.session.registration.start()
        one.session.keep()
        keep.save([one], SETTINGS)
        assert flash.record().read() == before and not one.session.unsaved


def test_erased_when_all_has_ended():
    with Flash() as flash:
        keep.save([lived()], SETTINGS)
        keep.erase([lived()], SETTINGS)
        assert flash.record().read() is None


def test_turned_off_it_forgets():
    with Flash() as flash:
        keep.save([lived()], SETTINGS)
        new = Connection()
        keep.load([new], {"endpoint": "board", "keep": False})
        assert not resumed(new) and flash.record().read() is None


def test_a_factory_reset_forgets_all_sessions():
    with Flash() as flash:
        keep.save([lived(), lived()], SETTINGS)
        account_list.factory_reset(flash.folder)
        assert flash.record(0).read() is None and flash.record(1).read() is None


def test_damaged_records_are_no_sessions():
    with Flash() as flash:
        keep.save([lived()], SETTINGS)
        good = flash.record().read()
        damaged = [good[:size] for size in (0, 1, 5, 6, 20)]
        for data in damaged + [good[:6] + b"[" * 999, good[:6] + b"{}", b"\xff" + good[1:]]:
            flash.record().write(data)
            new = Connection()
            keep.load([new], SETTINGS)
            assert not resumed(new), data
            assert flash.record().read() is None  # not looked at again


def test_a_flash_that_refuses_is_tried_again():
    with Flash():
        good = keep.Record

        class Refusing(Record):
            def write(self, data):
                raise OSError(28)

        one = lived()
        keep.Record = Refusing
        raises(OSError, keep.save, [one], SETTINGS)
        assert one.session.unsaved
        keep.Record = good
        keep.save([one], SETTINGS)
        assert not one.session.unsaved


def test_no_memory_for_the_observations_is_no_resumption():
    # A registration whose observations are lost would go on in silence.
    with Flash():
        keep.save([lived()], SETTINGS)
        from lwm2m import restore

        good = restore.load

        def short(session, data):
            good(session, data)
            raise MemoryError

        restore.load = short
        try:
            new = Connection()
            raises(MemoryError, keep.load, [new], SETTINGS)
            assert not resumed(new)
        finally:
            restore.load = good
