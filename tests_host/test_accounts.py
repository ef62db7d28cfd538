"""Accounts: the factory's and those provisioned since."""

import os
from binascii import hexlify

from scratch import Scratch, read, write

from firmware import account_list, accounts
from firmware.storage import Record
from lwm2m.access import AccessControl
from lwm2m.objects.security import NO_SEC, PSK, Security
from lwm2m.objects.server import Server

FACTORY = ("coap://a:5683", NO_SEC, 1, 3600)
KEY = os.urandom(16)
LATER = ("coap://b", NO_SEC, 7, 60)


def bootstrap(folder, *new):
    """Writes accounts as a bootstrap does: (uri, mode, short server id, lifetime)."""
    instances = []
    for iid, (uri, mode, short_server_id, lifetime_s) in enumerate(new):
        security = Security(iid + 1)
        security.uri = uri
        security.mode = mode
        security.short_server_id = short_server_id
        instances += [security, Server(short_server_id, iid, lifetime_s)]
    accounts.save(instances, folder)


def loaded(folder):
    """What is loaded, as `bootstrap()` takes it; the rest of an account must fit to it."""
    found = []
    for each in accounts.load(folder):
        server = each["server"]
        assert server.oid == 1
        assert each["short_server_id"] == server.short_server_id
        assert each["lifetime_s"] == server.lifetime_s
        security = accounts.credentials(each["security_iid"], folder)
        assert (security.uri, security.mode) == (each["uri"], each["mode"])
        found.append((each["uri"], each["mode"], each["short_server_id"], each["lifetime_s"]))
    return found


def test_none_at_first():
    with Scratch() as folder:
        assert loaded(folder) == []
        assert not accounts.exists(folder)


def test_provisioned_by_the_factory():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        assert accounts.exists(folder)
        assert loaded(folder) == [FACTORY]
        # Another server is one more, the same one is replaced.
        accounts.provision(folder, uri="coap://b", short_server_id=7, lifetime_s=60)
        assert loaded(folder) == [FACTORY, LATER]
        accounts.provision(folder, uri="coap://c", short_server_id=7, lifetime_s=60)
        accounts.provision(folder, uri="coap://a:5683")
        assert loaded(folder) == [FACTORY, ("coap://c",) + LATER[1:]]


def test_what_is_provisioned_later_goes_before_and_a_reset_brings_the_factory_back():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        bootstrap(folder, LATER)
        assert loaded(folder) == [LATER]
        bootstrap(folder, LATER, FACTORY)
        assert loaded(folder) == [LATER, FACTORY]
        Record("written", folder + "/state").write(b"{}")  # what a server has written
        for _ in range(2):
            account_list.factory_reset(folder)
            assert loaded(folder) == [FACTORY]
            assert Record("written", folder + "/state").read() is None


def test_reset_of_what_was_never_provisioned():
    with Scratch() as folder:
        account_list.factory_reset(folder)
        assert loaded(folder) == []
        bootstrap(folder, LATER)
        account_list.factory_reset(folder)
        assert loaded(folder) == [] and not accounts.exists(folder)


def test_a_damaged_record_falls_back_to_the_factory():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        bootstrap(folder, LATER)
        path = folder + "/state/accounts.0"
        whole = read(path)
        write(path, whole[:-1])
        assert loaded(folder) == [FACTORY]
        write(path, whole)
        assert loaded(folder) == [LATER]


def test_an_empty_list_is_no_account():
    with Scratch() as folder:
        bootstrap(folder)
        assert not accounts.exists(folder)


def test_an_ordered_reset_is_carried_out_when_the_accounts_are_read():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        bootstrap(folder, LATER)
        write(folder + "/state/erase", b"")
        assert loaded(folder) == [FACTORY]
        # It is over: what is provisioned from now on stays.
        bootstrap(folder, LATER)
        assert loaded(folder) == [LATER]


def test_what_is_kept_of_an_instance():
    security = Security(5)
    security.uri = "coaps://host?aid=X"
    security.mode = PSK
    security.identity = b"me"
    security.key = KEY
    security.server_key = bytes(range(256))
    security.short_server_id = 7
    security.sni = "host"
    security.usage = 2
    server = Server(7, 3, 60)
    server.storing = True
    server.binding = "U"
    server.priority_order = 0
    control = AccessControl(4, 3303, 0, 7, {0: 1, 7: 31})
    bare = Security(6)
    bare.uri = "coap://bs"
    bare.bootstrap = True
    bare.hold_off_s = 3
    bare.account_timeout_s = 86400
    given = [security, bare, server, control]
    with Scratch() as folder:
        accounts.save(given, folder)
        found = accounts.objects(folder)
        assert [each.__dict__ for each in found] == [each.__dict__ for each in given]
        assert [type(each) for each in found] == [type(each) for each in given]
        one, other = accounts.load(folder)
        assert [each.acl for each in one["access"]] == [{0: 1, 7: 31}]
        assert one["server"].storing and one["security_iid"] == 5
        assert other["bootstrap"] is True and "server" not in other
        assert (other["hold_off_s"], other["account_timeout_s"]) == (3, 86400)
        assert accounts.credentials(5, folder).key == KEY
        assert accounts.credentials(6, folder).key == b""
        assert accounts.credentials(7, folder) is None
        # Nothing that is loaded for the application holds a credential.
        for each in (one, other):
            shown = "%r" % [item for item in each.items() if item[0] not in ("server", "access")]
            assert "%r" % KEY not in shown and str(hexlify(KEY), "ascii") not in shown


def test_time_that_goes_on_whatever_the_clock_says():
    known = accounts.now_s
    with Scratch() as folder:
        try:
            times = []
            for now in (1000, 1000, 5, 2000):
                accounts.now_s = lambda now=now: now
                bootstrap(folder, LATER)
                times.append(accounts.load(folder)[0]["since"])
            assert times == [1000, 1001, 1002, 2000]
        finally:
            accounts.now_s = known


def test_the_time_of_a_bootstrap_account_begins_with_a_bootstrap():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a")
        accounts.provision(folder, uri="coap://bs", bootstrap=True, account_timeout_s=5)
        server, other = accounts.load(folder)
        assert other["account_timeout_s"] == 0
        assert not accounts.purge(other["since"], folder)
        accounts.save(accounts.objects(folder), folder)
        server, other = accounts.load(folder)
        assert other["account_timeout_s"] == 5
        # There have been other accounts since.
        assert not accounts.purge(other["since"] - 1, folder)
        assert len(accounts.load(folder)) == 2
        assert accounts.purge(other["since"], folder)
        (left,) = accounts.load(folder)
        assert left["since"] == other["since"] and left["uri"] == "coap://a"
        account_list.factory_reset(folder)
        assert len(accounts.load(folder)) == 2


def test_records_of_nonsense_are_passed_over():
    good = '[5, [[1, 0, {"0": 7, "1": 60}], [0, 0, {"0": "coap://b", "10": 7}]]]'
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        record = Record("accounts", folder + "/state")
        record.write(good.encode())
        assert loaded(folder) == [LATER]
        for old, new in (
            ("", "x"),
            ("[5", "[[5]"),
            ("[5, ", "["),
            ("[5", '["5"'),
            ("[1, 0", "[1"),
            ("60", '"60"'),
            ("60", "null"),
            ("60", "true"),
            ('"1": 60', '"x": 60'),
            ('{"0": 7, "1": 60}', "[0, 7]"),
            ('"coap://b"', "null"),
            ('"coap://b"', "[]"),
            ('{"0": "coap://b", "10": 7}', "7"),
        ):
            text = good.replace(old, new, 1) if old else new
            assert text != good
            record.write(text.encode())
            assert loaded(folder) == [FACTORY], text
            assert len(accounts.objects(folder)) == 2
        record.write(good.replace('"10"', '"99": 1, "10"').encode())  # of a later firmware
        assert loaded(folder) == [LATER]
