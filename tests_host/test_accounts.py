"""Accounts: the factory's and those provisioned since."""

import json

from scratch import Scratch, read, write

from firmware import accounts
from firmware.storage import Record

FACTORY = {"uri": "coap://a:5683", "short_server_id": 1, "lifetime_s": 3600}
LATER = {"uri": "coap://b", "short_server_id": 7, "lifetime_s": 60}


def bootstrap(folder, *new):
    """Writes accounts as a bootstrap does."""
    Record("accounts", folder + "/state").write(json.dumps(list(new)).encode())


def test_none_at_first():
    with Scratch() as folder:
        assert accounts.load(folder) == []
        assert not accounts.exists(folder)


def test_provisioned_by_the_factory():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        assert accounts.exists(folder)
        assert accounts.load(folder) == [FACTORY]
        # Another server is one more, the same one is replaced.
        accounts.provision(folder, uri="coap://b", short_server_id=7, lifetime_s=60)
        assert accounts.load(folder) == [FACTORY, LATER]
        accounts.provision(folder, uri="coap://c", short_server_id=7, lifetime_s=60)
        accounts.provision(folder, uri="coap://a:5683")
        assert accounts.load(folder) == [FACTORY, dict(LATER, uri="coap://c")]


def test_what_is_provisioned_later_goes_before_and_a_reset_brings_the_factory_back():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        bootstrap(folder, LATER)
        assert accounts.load(folder) == [LATER]
        bootstrap(folder, LATER, FACTORY)
        assert accounts.load(folder) == [LATER, FACTORY]
        for _ in range(2):
            accounts.factory_reset(folder)
            assert accounts.load(folder) == [FACTORY]


def test_reset_of_what_was_never_provisioned():
    with Scratch() as folder:
        accounts.factory_reset(folder)
        assert accounts.load(folder) == []
        bootstrap(folder, LATER)
        accounts.factory_reset(folder)
        assert accounts.load(folder) == [] and not accounts.exists(folder)


def test_a_damaged_record_falls_back_to_the_factory():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        bootstrap(folder, LATER)
        path = folder + "/state/accounts.0"
        whole = read(path)
        write(path, whole[:-1])
        assert accounts.load(folder) == [FACTORY]
        write(path, whole)
        assert accounts.load(folder) == [LATER]


def test_an_empty_list_is_no_account():
    with Scratch() as folder:
        bootstrap(folder)
        assert not accounts.exists(folder)


def test_an_ordered_reset_is_carried_out_when_the_accounts_are_read():
    with Scratch() as folder:
        accounts.provision(folder, uri="coap://a:5683")
        bootstrap(folder, LATER)
        write(folder + "/state/erase", b"")
        assert accounts.load(folder) == [FACTORY]
        # It is over: what is provisioned from now on stays.
        bootstrap(folder, LATER)
        assert accounts.load(folder) == [LATER]
