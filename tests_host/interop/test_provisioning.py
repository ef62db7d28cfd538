"""Bootstrap: ids 0 to 9 but 3, which needs a smart card."""

import os

import pytest
from test_security import EXACT, certificate, psk, with_leshan

from tools.interop.api import Api
from tools.interop.board import Board, wait_for
from tools.interop.records import clear
from tools.interop.security import Account
from tools.interop.tap import Tap
from tools.keysearch.notes import used

REGISTER_S = 20
REGISTER = "client: POST /rd?"
ASKED = "client: POST /bs?ep={id} -> 2.04"
FINISHED = "POST /bs -> 2.04"
# of a bootstrap that deletes all and writes one account
STEPS = [
    "DELETE /0 -> 2.02",
    "DELETE /1 -> 2.02",
    "PUT /0/1 -> 2.04",
    "PUT /1/1 -> 2.04",
    FINISHED,
]


class Newcomer:
    """A board that knows a Bootstrap-Server; `known` says whether it knows the server as well.

    `taps` are those of the Bootstrap-Server and of the server; `brought` is the account that
    leads to the latter.
    """

    def __init__(self, server, folder, template, endpoint):
        self.server = server
        self.bootstrap = server.bootstrap
        self.endpoint = endpoint
        self.api = Api(server.http_uri, endpoint)
        self._folder = folder
        self._template = template
        self.taps = []
        self.board = None

    def make(self, bootstrap_credentials=None, secure=False, known=False):
        """Lays the wires and the board's flash; with credentials it all goes over DTLS."""
        bootstrap, server = self.bootstrap, self.server
        port = bootstrap.coaps_port if bootstrap_credentials else bootstrap.coap_port
        self.taps.append(Tap(port, "coaps" if bootstrap_credentials else "coap"))
        port = server.coaps_port if secure else server.coap_port
        self.taps.append(Tap(port, "coaps" if secure else "coap"))
        accounts = [{"uri": self.taps[0].uri, "bootstrap": True, **(bootstrap_credentials or {})}]
        if known:
            accounts.append({"uri": self.taps[1].uri, "short_server_id": 5})
        self.board = Board(self._folder, self._template, self.endpoint, accounts)

    def account(self, **more):
        """The account of the server for a bootstrap."""
        return Account(self.taps[1].uri, **more)

    def start(self):
        """Powers the board on and waits for its registration."""
        self.board.start()
        self.registered()

    def registered(self, lifetime_s=None):
        """Waits for a registration, with that lifetime."""

        def found():
            registration = self.api.registration()
            return registration and lifetime_s in (None, registration["lifetime"])

        try:
            wait_for(found, REGISTER_S, "the registration")
        except AssertionError as error:
            raise AssertionError("%s; the board said:\n%s" % (error, self.board.said()))

    def ended(self):
        """The first bootstrap since what it brings was set, when it is over."""
        try:
            return self.bootstrap.ended(self.endpoint)
        except AssertionError as error:
            raise AssertionError("%s; the board said:\n%s" % (error, self.board.said()))

    def wire(self, number):
        return [str(each) for each in self.taps[number].exchanges()]

    def summary(self):
        found = []
        for who, tap in zip(("bootstrap", "server"), self.taps, strict=True):
            found += ["%s: %s" % (who, line) for line in tap.summary()]
        return found

    def close(self):
        if self.board:
            self.board.stop()
        for tap in self.taps:
            tap.close()
        self.bootstrap.forget(self.endpoint)


@pytest.fixture
def newcomer(server, template, tmp_path, request):
    endpoint = request.node.originalname.replace("_", "-")[:40]
    newcomer = Newcomer(server, tmp_path / "board", template, endpoint)
    try:
        yield newcomer
    finally:
        newcomer.close()
        if newcomer.taps:
            request.node.user_properties.append(("wire", newcomer.summary()))


def test_int_0_bootstrap_begun_by_the_client(newcomer):
    """A board that knows no server asks for a bootstrap and registers where that leads"""
    newcomer.make()
    newcomer.bootstrap.configure(newcomer.endpoint, [newcomer.account(lifetime_s=600)])
    newcomer.start()
    assert newcomer.ended().steps == STEPS
    assert newcomer.wire(0)[0] == ASKED
    registration = newcomer.api.registration()
    assert registration["lifetime"] == 600
    assert registration["availableInstances"]["1"] == [1]
    assert newcomer.api.read("/1/1/1").value == 600
    assert newcomer.api.read("/0/1/0").code == "4.01"  # object 0 is out of reach again
    newcomer.board.stop()
    newcomer.start()  # and what it got is kept
    assert newcomer.wire(0).count(ASKED) == 1


def test_int_1_bootstrap_with_a_key(newcomer):
    """Bootstrap under one pre-shared key brings another for the registration"""
    server, endpoint = newcomer.server, newcomer.endpoint
    factory, brought = used(os.urandom(16)), used(os.urandom(16))
    newcomer.make(psk("factory of " + endpoint, factory), secure=True)
    newcomer.bootstrap.trust_psk(endpoint, "factory of " + endpoint, factory)
    server.trust.psk(endpoint, endpoint, brought)
    newcomer.bootstrap.configure(endpoint, [newcomer.account(psk=(endpoint, brought))])
    newcomer.start()
    assert newcomer.ended().steps == STEPS
    assert newcomer.api.registration()["secure"] is True
    assert newcomer.api.read("/3303/0/5700").value == 21.5
    for tap in newcomer.taps:
        assert clear(tap.records()) == []
    said = newcomer.board.said()
    assert factory.hex() not in said and brought.hex() not in said


@with_leshan
def test_int_2_bootstrap_with_a_certificate(newcomer, authority):
    """Bootstrap under certificates brings those for the registration"""
    server, endpoint = newcomer.server, newcomer.endpoint
    newcomer.make(certificate(authority, endpoint, server.certificate, EXACT), secure=True)
    newcomer.bootstrap.trust.certificate(endpoint)
    server.trust.certificate(endpoint)
    brought = (*authority.issue(endpoint), server.certificate, EXACT)
    newcomer.bootstrap.configure(endpoint, [newcomer.account(certificate=brought)])
    newcomer.start()
    assert newcomer.ended().steps == STEPS
    assert newcomer.api.registration()["secure"] is True
    assert newcomer.api.read("/3303/0/5700").value == 21.5
    for tap in newcomer.taps:
        assert clear(tap.records()) == []


def test_int_4_delete(newcomer):
    """Bootstrap-Delete takes all accounts away but the Bootstrap-Server's"""
    newcomer.make(known=True)
    newcomer.start()
    configure = newcomer.bootstrap.configure
    account = newcomer.account(iid=7, short_id=7, lifetime_s=700)
    configure(newcomer.endpoint, [account], delete=["/"])
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    assert newcomer.ended().steps[0] == "DELETE / -> 2.02"
    newcomer.registered(lifetime_s=700)
    assert list(newcomer.api.read("/1").value) == [7]
    # the Bootstrap-Server's account is there still
    again = newcomer.account(iid=7, short_id=7, lifetime_s=701)
    configure(newcomer.endpoint, [again], delete=[], discover=["/0"])
    assert newcomer.api.execute("/1/7/9").code == "2.04"
    links = newcomer.ended().links
    assert newcomer.taps[0].uri in links and newcomer.taps[1].uri in links
    assert links.count("</0/") == 2
    newcomer.registered(lifetime_s=701)


def test_int_5_bootstrap_begun_by_the_server(newcomer):
    """The server's Execute on /1/x/9 sends the board to its Bootstrap-Server, and it comes back"""
    newcomer.make(known=True)
    newcomer.start()
    assert newcomer.wire(0) == []
    newcomer.bootstrap.configure(newcomer.endpoint, [newcomer.account(lifetime_s=500)])
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    assert newcomer.ended().steps == STEPS
    newcomer.registered(lifetime_s=500)
    assert newcomer.wire(0)[0] == ASKED


def test_int_6_order_of_the_steps(newcomer):
    """A board with a server's account registers, and asks for no bootstrap"""
    newcomer.make(known=True)
    newcomer.bootstrap.configure(newcomer.endpoint, [newcomer.account(lifetime_s=500)])
    newcomer.start()
    assert newcomer.api.registration()["lifetime"] == 3600
    assert newcomer.taps[0].count() == 0
    assert newcomer.wire(1)[0].startswith(REGISTER)


def test_int_7_bootstrap_when_the_registration_fails(newcomer):
    """Its server refuses it: the board goes back to its Bootstrap-Server"""
    server, endpoint = newcomer.server, newcomer.endpoint
    # a new attempt after a second, a second sequence of them after another, then a bootstrap
    retry = {16: True, 17: 1, 18: 1, 19: 1, 20: 1}
    newcomer.make(known=True)
    newcomer.start()
    newcomer.bootstrap.configure(endpoint, [newcomer.account(lifetime_s=700, server=retry)])
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    newcomer.registered(lifetime_s=700)
    newcomer.board.stop()  # else the next bootstrap would be a minute away
    account = newcomer.account(lifetime_s=800, server=retry)
    newcomer.bootstrap.configure(endpoint, [account])
    server.trust.psk(endpoint, endpoint, used(os.urandom(16)))  # and so not without it
    newcomer.board.start()
    assert newcomer.ended().finished
    server.trust.remove(endpoint)
    newcomer.registered(lifetime_s=800)
    assert [line for line in newcomer.wire(1) if line.startswith(REGISTER) and " -> 4." in line]


def test_int_8_bootstrap_read(newcomer):
    """Bootstrap-Read and -Discover tell of servers; credentials cannot be read"""
    newcomer.make(known=True)
    newcomer.start()
    asked = {"discover": ["/"], "read": ["/1", "/1/0"]}
    account = newcomer.account(lifetime_s=600)
    newcomer.bootstrap.configure(newcomer.endpoint, [account], **asked)
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    session = newcomer.ended()
    assert session.steps == ["GET / -> 2.05", "GET /1 -> 2.05", "GET /1/0 -> 2.05", *STEPS]
    for path in ("/0/0", "/0/1", "/1/0", "/3/0"):
        assert "<%s>" % path in session.links
    assert session.values["/1/0/0"] == "5"
    assert session.values["/1/0/1"] == "3600"
    newcomer.registered(lifetime_s=600)


@with_leshan
def test_bootstrap_read_of_credentials(newcomer):
    """Not even a Bootstrap-Server reads object 0"""
    newcomer.make(known=True)
    newcomer.start()
    asked = {"read": ["/0", "/0/0"]}
    account = newcomer.account(lifetime_s=600)
    newcomer.bootstrap.configure(newcomer.endpoint, [account], **asked)
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    assert newcomer.ended().steps == ["GET /0 -> 4.05", "GET /0/0 -> 4.05", *STEPS]
    newcomer.registered(lifetime_s=600)


def test_int_9_consistency(newcomer):
    """Finish is answered with 4.06 where a server has no credentials; the old account counts on"""
    newcomer.make(known=True)
    newcomer.start()
    half = newcomer.account(lifetime_s=900)
    newcomer.bootstrap.configure_half(newcomer.endpoint, half)
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    session = newcomer.ended()
    assert not session.finished
    assert session.steps[-1] == "POST /bs -> 4.06"
    wait_for(lambda: "as before" in newcomer.board.said(), REGISTER_S, "the old account")
    newcomer.registered(lifetime_s=3600)
    assert newcomer.api.read("/1/0/0").value == 5
    newcomer.bootstrap.configure(newcomer.endpoint, [newcomer.account(lifetime_s=900)])
    assert newcomer.api.execute("/1/0/9").code == "2.04"
    assert newcomer.ended().steps == STEPS
    newcomer.registered(lifetime_s=900)


@with_leshan
def test_bootstrap_in_each_format(newcomer):
    """Accounts come as TLV, SenML JSON and SenML CBOR"""
    newcomer.make()
    configure = newcomer.bootstrap.configure
    for count, format in enumerate(("TLV", "SENML_JSON", "SENML_CBOR"), 1):
        account = newcomer.account(lifetime_s=600 + count)
        configure(newcomer.endpoint, [account], format=format)
        if count == 1:
            newcomer.board.start()
        else:
            assert newcomer.api.execute("/1/1/9").code == "2.04"
        assert newcomer.ended().steps == STEPS
        newcomer.registered(lifetime_s=600 + count)
