"""Leshan and the desk server at once: ids 950 and 951, and access control between them."""

import pytest

from tools.interop import board as boards
from tools.interop.api import Api
from tools.interop.tap import Tap


class Both:
    """A board at two servers: Leshan is number 1, the desk server number 2."""

    def __init__(self, servers, folder, template):
        self.taps = [Tap(server.coap_port) for server in servers]
        self.first, self.second = (Api(server.http_uri, "both") for server in servers)
        uris = [tap.uri for tap in self.taps]
        self.board = boards.Board(folder, template, "both", uris)
        self.marks = [0, 0]

    def summary(self):
        return [
            "server %d: %s" % (number, line)
            for number, (tap, mark) in enumerate(zip(self.taps, self.marks, strict=True), 1)
            for line in tap.summary(mark)
        ]


@pytest.fixture(scope="module")
def shared_both(leshan, desk, template, tmp_path_factory):
    both = Both((leshan, desk), tmp_path_factory.mktemp("both"), template)
    try:
        both.board.start()
        for api in (both.first, both.second):
            boards.wait_for(api.registration, 20, "the registration")
        yield both
    finally:
        both.board.stop()
        for tap in both.taps:
            tap.close()


@pytest.fixture
def both(shared_both, request):
    if request.node.originalname != "test_int_950_registered_at_two_servers":
        shared_both.marks = [tap.count() for tap in shared_both.taps]
    yield shared_both
    request.node.user_properties.append(("wire", shared_both.summary()))


def test_int_950_registered_at_two_servers(both):
    """Both servers have the client, and each its own Server instance"""
    assert both.first.registration()["endpoint"] == "both"
    assert both.second.registration()["endpoint"] == "both"
    assert both.first.read("/1/0/0").value == 1
    assert both.second.read("/1/1/0").value == 2
    assert both.first.read("/3303/0/5700").value == 21.5
    assert both.second.read("/3303/0/5700").value == 21.5


def test_int_951_attributes_are_each_servers_own(both):
    """What one server writes the other does not see"""
    assert both.first.attributes("/3/0", "pmin=2&pmax=10").code == "2.04"
    assert both.second.attributes("/3/0", "pmin=15&pmax=50").code == "2.04"
    mine = both.first.discover("/3/0").links["/3/0"]
    assert (mine["pmin"], mine["pmax"]) == ("2", "10")
    theirs = both.second.discover("/3/0").links["/3/0"]
    assert (theirs["pmin"], theirs["pmax"]) == ("15", "50")


def test_access_control_refuses_the_second_server(both):
    """The owner of an instance writes it; the other server may only read: 4.01"""
    assert both.first.write("/10346/0/5536", 0.25).code == "2.04"
    assert both.second.read("/10346/0/5536").value == 0.25
    assert both.second.write("/10346/0/5536", 0.75).code == "4.01"
    assert both.second.execute("/3303/0/5605").code == "4.01"
    assert both.first.read("/10346/0/5536").value == 0.25
