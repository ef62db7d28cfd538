"""Damaged packages that a server pushes: none is installed, each ends in its own result."""

import gc
import json

from damaged_packages import FILES, KEYS, NO_SPACE, ROOM, RUNNING, damage
from scratch import read, write
from signed import SYSTEM, package
from update_site import DOWNLOADED, IDLE, Site

from firmware import requirements, storage, update_key

CHANGED, BAD_REQUEST, TOO_LARGE = 0x44, 0x80, 0x8D
_EXCHANGE_LIFETIME_MS = 248000
RUNNING_COPY = package(KEYS.right, FILES, version=RUNNING)


class Damaged:
    """Context manager: a site that runs its first slot, on a board that `damage()` is for."""

    def __enter__(self):
        self.site = site = Site(running=1)
        site.__enter__()
        site.key = KEYS.right
        update_key.store("", site.key)
        site.board.SLOT_BYTES = ROOM
        self.version = __import__("firmware.version").version
        self.before = self.version.VERSION
        self.version.VERSION = RUNNING
        self.modules = (requirements, __import__("firmware.requirements").requirements)
        self.system = requirements.this_system
        for module in self.modules:
            module.this_system = lambda: SYSTEM
        write("slot1.pkg", RUNNING_COPY)
        return site

    def __exit__(self, *error):
        self.version.VERSION = self.before
        for module in self.modules:
            module.this_system = self.system
        self.site.__exit__(*error)


def untouched(site):
    """The copy that runs is as it was, and it is the one that starts next."""
    assert read("slot1.pkg") == RUNNING_COPY
    assert site.resets == 0 and site.later == []
    assert storage.Record("slot").read() is None


def test_no_damaged_package_is_installed():
    total = 0
    with Damaged() as site:
        for kind, result, line, packages in damage():
            for name, data in packages:
                if len(data) < 2:
                    continue  # no package, but what resets the state machine
                answer = site.push(data)
                site.tasks.run(_EXCHANGE_LIFETIME_MS)
                site.peer.run(_EXCHANGE_LIFETIME_MS, site.peer.serve)  # answers are forgotten
                where = "%s: %s: %s" % (kind, name, site.logged[-1:])
                assert site.state() == (IDLE, result), where
                # Told at once where that is found while it comes.
                assert answer.code in (CHANGED, BAD_REQUEST, TOO_LARGE), where
                assert (answer.code == TOO_LARGE) == (result == NO_SPACE), where
                assert len(site.logged) == total + 1 and "update: " not in line, where
                # Nothing can be installed now.
                assert site.peer.post("/5/0/2").code != CHANGED, where
                assert site.value(6) is None and site.value(7) is None
                total += 1
                gc.collect()
        untouched(site)
        assert total >= 200, total
        # The undamaged one is, thereafter.
        data = package(site.key, FILES)
        assert site.push(data).code == CHANGED
        site.tasks.run(100)
        assert site.state() == (DOWNLOADED, 0), site.logged[-1]
        assert (site.value(6), site.value(7)) == ("test", "1.2.3")
        assert site.slot(2)[: len(data)] == data and read("slot1.pkg") == RUNNING_COPY
        assert site.peer.post("/5/0/2").code == CHANGED
        site.later.pop()()
        assert site.resets == 1 and storage.Record("slot").read()[0] == 2
        assert json.loads(storage.Record("update").read())["package_version"] == "1.2.3"
    print("%d damaged packages pushed: none is installed, the undamaged one is" % total)


def test_a_damaged_package_after_a_good_one():
    with Damaged() as site:
        assert site.push(package(site.key, FILES)).code == CHANGED
        site.tasks.run(100)
        assert site.state() == (DOWNLOADED, 0)
        # It takes the good one's place in the slot, which cannot be chosen any more.
        site.peer.put("/5/0/0", b"", 42)
        site.push(package(site.key, FILES)[:-1])
        site.tasks.run(100)
        assert site.state() == (IDLE, 5)
        assert site.peer.post("/5/0/2").code != CHANGED
        untouched(site)
