"""When the device asks its Bootstrap-Server, and that neither a lack of memory nor a server that
asks again and again leaves it without connections."""

import builtins
import os
import time

from helpers import FakeClock, raises
from scratch import Scratch

from firmware import accounts, attempt, bootstrapping, connections
from firmware.lan import UDP
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.security import CERTIFICATE, NO_SEC, Security
from lwm2m.objects.server import Server

HOUR_MS = 3600000


class Connection:
    """As far as bootstrapping.py looks at one."""

    closed = cancelled = False

    def __init__(self, session):
        self.session = session
        self.task = self
        self.account = {"uri": "coap://old"}

    def cancel(self):
        self.cancelled = True

    def close(self):
        self.closed = True


class App:
    """As far as bootstrapping.py looks at it; no record of accounts is there."""

    bootstraps = (0, 0, ())
    purging = 0
    restarts = begun = 0

    def __init__(self):
        self.clock = FakeClock()
        self.table = Table()
        self.logged = []
        self.client = Client(
            "test", self.table, self.clock, os.urandom, self.logged.append, lambda: None
        )
        self.log = self.notice = self.logged.append
        self.later = []  # (session or account, action, milliseconds)
        self.connect()

    def connect(self):
        server = Server(1, 0, 60)
        self.table.add(server)
        self.session = self.client.add_server(server, lambda data: None)
        self.connections = [Connection(self.session)]

    def save(self):
        pass

    def spare(self, more=""):
        pass

    def bootstrap(self, session=None, action="begin", wait_ms=1000):
        self.later.append((session, action, wait_ms))

    def begin(self):
        self.begun += 1

    def reset(self):
        self.restarts += 1


class Lacking:
    """Context manager: no memory for the import of this module, the first time."""

    def __init__(self, *names):
        self.names = names

    def __enter__(self):
        self.real = real = builtins.__import__
        self.times = 0

        def lacking(name, *more):
            names = more[2] if len(more) > 2 else ()
            if not self.times and name == "firmware" and names and names[0] in self.names:
                self.times += 1
                raise MemoryError("no memory")
            return real(name, *more)

        builtins.__import__ = lacking
        return self

    def __exit__(self, *error):
        builtins.__import__ = self.real


class Stored:
    """Context manager: what is loaded instead of a record; counts how often."""

    def __enter__(self):
        self.old = bootstrapping.once
        self.times = 0
        bootstrapping.once = self.once
        return self

    def once(self, name, function, *arguments):
        # No module is dropped: the other tests go on with theirs.
        if name != "connections":
            module = getattr(__import__("firmware." + name), name)
            return getattr(module, function)(*arguments)
        self.times += 1
        arguments[0].connect()

    def __exit__(self, *error):
        bootstrapping.once = self.old


def test_no_memory_on_the_way_leaves_no_device_without_connections():
    for failed in (False, True):
        app = App()
        with Lacking("account_list") as lacking, Stored() as stored:
            bootstrapping.begin(app, app.session if failed else None)
            assert lacking.times == 1
        # Either the servers of before, or a restart.
        assert (stored.times, app.begun, app.restarts) in ((1, 1, 0), (0, 0, 1))
        if app.begun:
            assert app.client.sessions == [app.session]


def test_one_more_try_after_a_lack_of_memory():
    # The second call is that of App._later; it has the session that is gone by then.
    app = App()
    session = app.session

    def full():
        app.save = lambda: None
        app.connections.clear()
        app.client.sessions.clear()
        app.table.remove(app.table.find(1, 0))
        raise MemoryError

    app.save = full
    raises(MemoryError, bootstrapping.begin, app, session)
    with Stored() as stored:
        bootstrapping.begin(app, session)
    assert stored.times == app.begun == 1


def test_a_registration_that_fails_often_waits_once():
    app = App()
    with Stored():
        bootstrapping.begin(app, app.session)
        for _ in range(50):
            bootstrapping.begin(app, app.session)
    assert app.begun == 1
    assert app.later == [(app.session, "begin", 60000)]
    # Its time has come.
    app.clock.advance(60000)
    with Stored():
        bootstrapping.begin(app, app.session)
    assert app.begun == 2


def test_a_server_that_asks_in_a_loop_does_not_wear_the_flash_out():
    app = App()
    with Stored() as stored:
        end_ms = 24 * HOUR_MS
        while app.client.now_ms() < end_ms:
            bootstrapping.begin(app)  # /1/x/9, every 10 s
            app.clock.advance(10000)
    assert 8 < stored.times < 8 + 3 + 24, stored.times
    assert len(app.later) <= stored.times
    # After some quiet hours it may at once again.
    app.clock.advance(3 * HOUR_MS)
    with Stored() as stored:
        bootstrapping.begin(app)
        bootstrapping.begin(app)
    assert stored.times == 2


def test_no_task_for_the_end_of_a_bootstrap():
    class Attempt(attempt.Attempt):
        def __init__(self):
            self.app = self
            self.state = "bootstrapping"

        def bootstrap(self, session, action, wait_ms):
            raise MemoryError

    one = Attempt()
    raises(MemoryError, one.ended, False)
    assert one.state == "bootstrapping"  # so that the next call ends it


def test_one_task_waits_for_the_end_of_the_account():
    app = App()
    app.later.clear()
    account = {
        "uri": "coap://bs",
        "mode": NO_SEC,
        "since": 7,
        "bootstrap": True,
        "account_timeout_s": 100000,
    }
    for _ in range(20):  # bootstraps that failed
        connections.connect(app, [dict(account)])
    assert app.later == [((7, 100000), "purge", 1000)]
    connections.connect(app, [dict(account, since=9)])
    assert app.later[1:] == [((9, 100000), "purge", 1000)]
    # The first of them ends, the second goes on.
    app.later.clear()
    bootstrapping.purge(app, (7, 100000))
    assert app.later == []
    bootstrapping.purge(app, (9, 100000))
    assert app.later == [((9, 13600), "purge", 86400000)]


def test_the_clock_is_set_for_certificates_from_a_bootstrap():
    found = []

    def account(oid, iid, mode):
        new = Security(iid) if not oid else Server(5, iid, 60)
        if not oid:
            new.uri = "coaps://host"
            new.mode = mode
            new.short_server_id = 5
        return new

    def once(name, function, *arguments):
        if function == "set_clock":
            found.append(*arguments)
        elif name != "credentials":
            return getattr(getattr(__import__("firmware." + name), name), function)(*arguments)

    class Attempt(attempt.Attempt):
        def __init__(self):
            self.app = App()
            self.app.connections[0].link = UDP

    old = attempt.once
    attempt.once = once
    here = os.getcwd()
    with Scratch() as folder:
        os.chdir(folder)
        try:
            Attempt().save([account(0, 0, NO_SEC), account(1, 0, None)])
            assert found == []
            Attempt().save([account(0, 0, CERTIFICATE), account(1, 0, None)])
            assert found == [accounts.counting("")[1]] and found[0] >= time.time() - 5
        finally:
            os.chdir(here)
            attempt.once = old


def test_a_factory_reset_that_cannot_be_ordered_ends_nothing():
    import machine

    from firmware import account_list

    def full():
        raise OSError(28, "no space")

    restarts = []
    old = account_list.order_reset, machine.reset
    account_list.order_reset, machine.reset = full, lambda: restarts.append(1)
    try:
        account_list.restart()
        assert restarts == []
        account_list.order_reset = list
        account_list.restart()
        assert restarts == [1]
    finally:
        account_list.order_reset, machine.reset = old
