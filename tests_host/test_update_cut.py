"""Power cuts at every block write of a download and its installation, on MicroPython's own FAT.

After each the copy that ran is whole, what is chosen is whole, and the update can be done again.
"""

import gc
import os
import sys

import packages
import vfs
from cut_flash import Ram
from update_site import DOWNLOADED, IDLE, Site

import firmware
from firmware import slot_head, slots, update_key
from firmware.contents import contents
from firmware.description import described
from firmware.signature import signed

FOLDER = "/cut"
URI = b"coap://127.0.0.1/new.pkg"
KEY = packages.new_key()
OLD = packages.make(KEY, "1.0.0", size=3000, seed=1)
NEW = packages.make(KEY, "1.1.0", size=4000, seed=7)
LONG = packages.make(KEY, "1.1.0", size=24000, seed=9)


class Flash(Ram):
    blocks = 190  # as many as the F429ZI's FAT has


class On:
    """Context manager: a device that runs slot `running` on this flash."""

    def __init__(self, flash, running=1):
        self.flash = flash
        self.running = running

    def __enter__(self):
        vfs.mount(vfs.VfsFat(self.flash), FOLDER)
        # Modules stay: sources would be compiled anew for each step of each cut.
        self.drop = firmware.drop
        firmware.drop = lambda names: None
        self.site = Site(running=self.running, key=KEY, folder=FOLDER)
        return self.site.__enter__()

    def __exit__(self, *error):
        if self.site.transfer:
            try:
                self.site.transfer.stop()
            except OSError:
                pass
        self.flash.answer = 0  # for files that could not be closed
        self.site.transfer = None
        gc.collect()
        self.site.__exit__(*error)
        firmware.drop = self.drop
        vfs.umount(FOLDER)


def prepared():
    """A flash with a key and an application in slot 1 that runs and is confirmed."""
    flash = Flash()
    vfs.VfsFat.mkfs(flash)
    vfs.mount(vfs.VfsFat(flash), FOLDER)
    update_key.store(FOLDER, KEY)
    with open(FOLDER + "/slot1.pkg", "wb") as file:
        file.write(OLD)
    home = os.getcwd()
    sys.modules["firmware.slot_head"] = slot_head  # its path is that of before
    os.chdir(FOLDER)
    slots.choose(1, "1.0.0")
    kept = slots._read()
    slots._write(1, 0, 0, 0, kept[4], 0)
    os.chdir(home)
    vfs.umount(FOLDER)
    return flash.data


def push(site):
    site.push(NEW)
    site.tasks.run(1000)


def pull(site):
    site.files[b"/new.pkg"] = (LONG, b"one")
    if site.value(3) == IDLE:
        site.peer.put("/5/0/1", URI, 0)
    site.tasks.run(5000)


def install(site):
    """The slot is chosen, as far as the package is there."""
    if site.value(3) == DOWNLOADED:
        site.peer.post("/5/0/2")
        while site.later:
            site.later.pop(0)()


def whole(number):
    """Whether a slot holds a package that is as good as it was signed; its version."""
    with open("slot%d.pkg" % number, "rb") as file:
        info = described(file, signed(file, KEY, os.stat("slot%d.pkg" % number)[6]))
        for _ in contents(file):
            pass
    return info["version"]


def confirm(site):
    from firmware import slots

    slots.confirm()
    site.trial = False
    site.tasks.run(2000)


def cut_everywhere(before, running, action, again):
    """Cuts `action(site)` at each block write; returns how many there are, and what was chosen.

    Then `again(site)` has to come to the new version, in the copy that is chosen by then.
    """
    cuts = 0
    chosen = []
    free = []
    for torn in (False, True):
        number = 0
        while True:
            flash = Flash(before, torn)
            flash.allowed = number
            with On(flash, running) as site:
                try:
                    action(site)
                except OSError:
                    pass
                done = not flash.dead
            after = Flash(flash.data)
            with On(after, running) as site:
                from firmware import slots

                slot = slots._read()[0]
                chosen.append(slot)
                assert whole(1) == "1.0.0"
                with open("slot1.pkg", "rb") as file:
                    assert file.read() == OLD
                if slot == 2:
                    assert whole(2) == "1.1.0"
                else:
                    again(site)
                    assert slots._read()[0] == 2 and whole(2) == "1.1.0", (number, site.logged)
                free.append(os.statvfs(".")[3])
            if done:
                break
            number += 1
        cuts += number
    assert min(free) >= max(free) - 2, free  # blocks that belong to no file any more
    return cuts, chosen


def test_a_cut_of_a_push_and_its_installation():
    before = prepared()

    def action(site):
        push(site)
        install(site)

    def again(site):
        if site.value(3) != DOWNLOADED:
            site.peer.put("/5/0/0", b"\0", 42)
            push(site)
        install(site)

    cuts, chosen = cut_everywhere(before, 1, action, again)
    print("%d cuts of a push and its installation" % cuts)
    assert cuts > 50 and chosen[0] == 1 and chosen[-1] == 2 and set(chosen) == {1, 2}


def test_a_cut_of_a_pull_that_goes_on():
    before = prepared()

    def action(site):
        pull(site)
        install(site)

    def again(site):
        pull(site)
        install(site)

    cuts, chosen = cut_everywhere(before, 1, action, again)
    print("%d cuts of a pull and its installation" % cuts)
    assert cuts > 100 and chosen[0] == 1 and chosen[-1] == 2


def test_a_cut_of_a_confirmation():
    flash = Flash(prepared())
    with On(flash) as site:
        push(site)
        install(site)
    before = flash.data
    cuts = 0
    results = []
    for torn in (False, True):
        number = 0
        while True:
            flash = Flash(before, torn)
            flash.allowed = number
            with On(flash, 2) as site:
                site.trial = True
                site.start()
                try:
                    confirm(site)
                except OSError:
                    pass
                done = not flash.dead
            with On(Flash(flash.data), 2) as site:
                from firmware import slots

                kept = slots._read()
                assert kept[0] == 2 and whole(2) == "1.1.0" and whole(1) == "1.0.0"
                if kept[2]:  # still on trial: main.py counts this start, and it can be confirmed
                    site.trial = True
                    site.start()
                    confirm(site)
                results.append(site.state())
            if done:
                break
            number += 1
        cuts += number
    print("%d cuts of a confirmation" % cuts)
    assert cuts > 6 and set(results) == {(IDLE, 1)}, results
