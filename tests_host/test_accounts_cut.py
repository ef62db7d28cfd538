"""Power cuts at every block write while accounts are saved, erased or reset: old or new, whole."""

import os

from cut_flash import Mounted, Ram, formatted

from firmware import account_list, accounts
from lwm2m.objects.security import PSK, Security
from lwm2m.objects.server import Server

FOLDER = "/cut"


def made(*servers):
    """Instances of these (short server id, lifetime, PSK) and of a Bootstrap-Server."""
    first = Security(0)
    first.uri = "coap://bootstrap"
    first.bootstrap = True
    first.account_timeout_s = 60
    instances = [first]
    for iid, (short_server_id, lifetime_s, key) in enumerate(servers):
        security = Security(iid + 1)
        security.uri = "coaps://server%d" % short_server_id
        security.mode = PSK
        security.identity = b"device"
        security.key = key
        security.short_server_id = short_server_id
        instances += [security, Server(short_server_id, iid, lifetime_s)]
    return instances


def seen():
    """All that counts at a start, accounts and credentials, to compare."""
    listed = [
        (each["uri"], each["security_iid"], each.get("lifetime_s"))
        for each in accounts.load(FOLDER)
    ]
    values = [
        (
            each.oid,
            each.iid,
            sorted([item for item in each.__dict__.items() if item[0] != "table"]),
        )
        for each in accounts.objects(FOLDER)
    ]
    return values, listed


def cut_everywhere(before, action):
    """What is seen after a cut of `action()` at each block write, the last one uncut."""
    found = []
    for torn in (False, True):
        cuts = 0
        while True:
            device = Ram(before, torn)
            device.allowed = cuts
            with Mounted(device):
                try:
                    action()
                except OSError:
                    pass
                done = not device.dead
            device.answer = 0
            after = Ram(device.data)
            with Mounted(after):
                one = seen()
                found.append(one)
                # What comes next works as if nothing had happened.
                accounts.save(made((9, 9, b"k")), FOLDER)
                assert [each[2] for each in seen()[1]] == [None, 9]
            if done:
                break
            cuts += 1
        assert cuts >= 2, cuts
    return found


def prepared(*steps):
    """The bytes of a file system with a factory account, after these calls, and what is seen."""
    device = formatted()
    with Mounted(device):
        accounts.provision(FOLDER, "coap://factory", lifetime_s=5)
        for step in steps:
            step()
        return device.data, seen()


def saving(*servers):
    return lambda: accounts.save(made(*servers), FOLDER)


OLD = ((1, 100, os.urandom(16)), (2, 200, os.urandom(16)))
NEW = ((1, 100, os.urandom(16)), (3, 300, os.urandom(300)), (4, 400, os.urandom(32)))


def test_a_bootstrap_leaves_the_old_accounts_or_the_new_ones():
    for steps in ((), (saving(*OLD),), (saving(*NEW), saving(*OLD))):
        before, old = prepared(*steps)
        new = prepared(saving(*NEW))[1]
        assert old != new
        found = cut_everywhere(before, saving(*NEW))
        assert found[0] == old and found[-1] == new
        assert [each for each in found if each not in (old, new)] == []


def test_the_bootstrap_account_is_there_or_not():
    before, old = prepared(saving(*OLD))

    def purge():
        accounts.purge(accounts.load(FOLDER)[0]["since"], FOLDER)

    found = cut_everywhere(before, purge)
    new = found[-1]
    assert len(new[1]) == 2 and len(old[1]) == 3 and new[1] == old[1][1:]
    assert [each for each in found if each not in (old, new)] == []


def test_a_factory_reset_is_done_or_goes_on_with_the_next_start():
    before, old = prepared(saving(*NEW), saving(*OLD))
    factory = prepared()[1]

    def reset():
        account_list.order_reset(FOLDER)
        accounts.load(FOLDER)

    found = cut_everywhere(before, reset)
    assert found[0] == old and found[-1] == factory
    assert [each for each in found if each not in (old, factory)] == []
