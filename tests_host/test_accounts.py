"""Accounts: the factory's and those provisioned since."""

from scratch import Scratch, read, write

from firmware import accounts
from lwm2m.objects.security import NO_SEC, Security
from lwm2m.objects.server import Server

FACTORY = ("coap://a:5683", NO_SEC, 1, 3600)
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
        for _ in range(2):
            accounts.factory_reset(folder)
            assert loaded(folder) == [FACTORY]


def test_reset_of_what_was_never_provisioned():
    with Scratch() as folder:
        accounts.factory_reset(folder)
        assert loaded(folder) == []
        bootstrap(folder, LATER)
        accounts.factory_reset(folder)
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
