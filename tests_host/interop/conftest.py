"""Servers, boards and the tap for the suite; and the results, gathered for docs/conformance.md."""

import asyncio
import inspect
import json
import os
import threading
import time
import urllib.request

import pytest
from certificates import Authority

from tools.interop import board as boards
from tools.interop import document
from tools.interop.api import Api
from tools.interop.packages import Packages
from tools.interop.security import DeskBootstrap, LeshanBootstrap, Trust
from tools.interop.tap import Tap
from tools.keysearch.notes import used
from tools.leshan.server import LeshanServer
from tools.server import DeskServer


def pytest_addoption(parser):
    parser.addoption("--conformance", metavar="FILE", help="write the results to this document")


# How long a client in queue mode stays awake (MAX_TRANSMIT_WAIT of RFC 7252), and a little more.
AWAKE_S = 95
_HTTP_S = 10


class Desk:
    """The desk server in a thread of its own; the same face as LeshanServer."""

    def __init__(self, **options):
        ports = dict.fromkeys(("coap_port", "coaps_port", "http_port"), 0)
        ports.update(bootstrap_port=0, bootstraps_port=0)
        self._server = DeskServer(**ports, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="desk", daemon=True)

    def __enter__(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(10)
        self.coap_port = int(self._server.coap_uri.rpartition(":")[2])
        self.coaps_port = int(self._server.coaps_uri.rpartition(":")[2])
        self.http_uri = self._server.http_uri.removesuffix("/api")
        self.trust = Trust(self.http_uri)
        self.bootstrap = DeskBootstrap(
            self._server.bootstrap_port, self._server.bootstraps_port, self.http_uri
        )
        return self

    def __exit__(self, *error):
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Offer:
    """A file at the desk server that boards fetch from `uri`, through `tap`."""

    def __init__(self, desk, name, content, scheme):
        self._url = desk.http_uri + "/api/files/" + name
        self._call("PUT", content)
        self.tap = Tap(desk.coaps_port if scheme == "coaps" else desk.coap_port, scheme)
        self.uri = "%s/files/%s" % (self.tap.uri, name)

    def _call(self, method, content=None):
        request = urllib.request.Request(self._url, content, method=method)
        with urllib.request.urlopen(request, timeout=_HTTP_S) as answer:
            return answer.read()

    @property
    def fetched(self):
        """How many bytes were sent so far."""
        return json.loads(self._call("GET"))["fetched"]

    def close(self):
        self.tap.close()
        self._call("DELETE")


class Device:
    """A board at a server: `api` asks it, `board` is its world, `tap` its wire.

    With `credentials`, arguments of `accounts.provision`, it comes over DTLS.
    """

    def __init__(self, server, folder, template, endpoint, credentials=None, **config):
        self.server = server
        self.tap = Tap(server.coaps_port, "coaps") if credentials else Tap(server.coap_port)
        self.api = Api(server.http_uri, endpoint)
        account = {"uri": self.tap.uri, **(credentials or {})}
        self.board = boards.Board(folder, template, endpoint, [account], **config)
        self.mark = 0

    def start(self):
        self.board.start()
        boards.wait_for(self.api.registration, 20, "the registration")
        return self

    def close(self):
        self.board.stop()
        self.tap.close()

    def heard(self):
        """What changes with each Register and each Update that the server has taken."""
        registration = self.api.registration()
        return registration and (registration["registrationId"], registration["lastUpdate"])

    def back(self, before, timeout_s=20):
        """Waits until it is registered and was heard since `before`, an answer of `heard`."""
        try:
            boards.wait_for(lambda: self.heard() not in (None, before), timeout_s, "its return")
        except AssertionError as error:
            raise AssertionError("%s; the board said:\n%s" % (error, self.board.said()))

    def power_cut(self):
        """Cuts the power, switches it on again and waits until it is back."""
        before = self.heard()
        self.board.kill()
        self.board.start()
        self.back(before)

    def wire(self):
        """The exchanges of this test so far, as lines."""
        return [str(each) for each in self.tap.exchanges(self.mark)]

    def saw(self, start, count=1, timeout_s=5):
        """Waits for `count` exchanges whose line begins like this; returns these lines."""

        def found():
            lines = [line for line in self.wire() if line.startswith(start)]
            return lines if len(lines) >= count and "no answer" not in lines[-1] else None

        try:
            return boards.wait_for(found, timeout_s, repr(start))
        except AssertionError as error:
            lines = [*self.wire(), "the board said:", self.board.said()]
            raise AssertionError("%s; on the wire:\n%s" % (error, "\n".join(lines)))

    def set_lifetime(self, lifetime_s):
        """Writes /1/0/1 and waits until the Update has told the server."""
        assert self.api.write("/1/0/1", lifetime_s).code == "2.04"
        boards.wait_for(
            lambda: self.api.registration()["lifetime"] == lifetime_s, 5, "the new lifetime"
        )


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flash") / "template"
    folder.mkdir()
    boards.template(folder)
    return folder


@pytest.fixture(scope="session")
def authority():
    """Who has issued the certificates of the servers and of the devices that they trust."""
    return Authority()


@pytest.fixture(scope="session")
def update_key():
    """What the packages of all boards are signed with."""
    return used(os.urandom(32))


@pytest.fixture(scope="session")
def packages(update_key, tmp_path_factory):
    return Packages(update_key, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def leshan(authority):
    credentials = authority.server()
    with LeshanServer(bootstrap=True, credentials=credentials) as server:
        server.certificate = credentials.chain[0]
        server.trust = Trust(server.http_uri)
        server.bootstrap = LeshanBootstrap(server.bootstrap)
        yield server


@pytest.fixture(scope="session")
def desk():
    with Desk() as server:
        yield server


@pytest.fixture(scope="session", params=document.SERVERS)
def server(request):
    """Either server; every test that uses it runs with both."""
    running = request.getfixturevalue(request.param)
    running.name = request.param
    return running


def _recorded(request, device):
    # the lines of this test, for the document
    request.node.user_properties.append(("wire", device.tap.summary(device.mark)))


@pytest.fixture(scope="session")
def shared_device(server, sleeper, template, tmp_path_factory, update_key):
    # the sleeper is asked for here to fall asleep while the tests of this device run
    device = Device(
        server,
        tmp_path_factory.mktemp("board"),
        template,
        "shared",
        objects=["test_object"],
        update_key=update_key,
    )
    try:
        yield device.start()
    finally:
        device.close()


@pytest.fixture
def device(shared_device, request):
    """The board that most tests share."""
    shared_device.mark = shared_device.tap.count()
    yield shared_device
    time.sleep(0.05)  # what the client still says of this test belongs to it
    _recorded(request, shared_device)


@pytest.fixture
def own_device(server, template, tmp_path, request):
    """A function that starts a board of this test alone; its arguments are those of Device.

    A `name` tells several boards apart; without `begin` it is off still.
    """
    devices = []

    endpoint = request.node.originalname.replace("_", "-")[:40]

    def start(name="", begin=True, **config):
        own = endpoint + name
        device = Device(server, tmp_path / ("board" + name), template, own, **config)
        devices.append(device)
        return device.start() if begin else device

    yield start
    for device in devices:
        _recorded(request, device)
        device.close()


@pytest.fixture
def secure_device(server, template, tmp_path, request):
    """A function that makes a board of this test alone, not yet started.

    Its argument makes the credentials (arguments of `accounts.provision`) of an endpoint name,
    further ones are those of Device.
    """
    devices = []
    endpoint = request.node.originalname.replace("_", "-")[:40]

    def make(credentials, **config):
        device = Device(
            server, tmp_path / "board", template, endpoint, credentials(endpoint), **config
        )
        devices.append(device)
        return device

    yield make
    for device in devices:
        _recorded(request, device)
        device.close()
        server.trust.remove(endpoint)


@pytest.fixture
def offer(desk, request):
    """A function that has the desk server offer bytes to boards; it makes an Offer."""
    offers = []

    def begin(name, content, scheme="coap"):
        offers.append(Offer(desk, name, content, scheme))
        return offers[-1]

    yield begin
    for each in offers:
        # where it was cut off is a matter of chance
        lines = [line for line in each.tap.summary() if not line.endswith("no answer")]
        lines = ["file server: " + line for line in lines]
        request.node.user_properties.append(("wire", lines))
        each.close()


@pytest.fixture(scope="session")
def sleeper(server, template, tmp_path_factory):
    """A board in queue mode with an observation, started first and left alone: it falls asleep."""
    device = Device(
        server, tmp_path_factory.mktemp("sleeper"), template, "sleeper", queue_mode=True
    )
    try:
        device.start()
        assert device.api.observe("/3303/0/5700").code == "2.05"
        device.asleep_at = time.monotonic() + AWAKE_S
        yield device
    finally:
        device.close()


@pytest.fixture
def queue_mode(sleeper, request):
    yield sleeper
    _recorded(request, sleeper)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # Each server in a process of its own, then both in one of them; the sleeper sleeps while its
    # server's others run.
    def name(item):
        return item.callspec.params.get("server") if hasattr(item, "callspec") else None

    def place(item):
        at = document.SERVERS.index(name(item)) if name(item) else len(document.SERVERS)
        return at, item.originalname.startswith("test_int_109_")

    items.sort(key=place)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(name(item) or document.SERVERS[-1]))
        if not item.get_closest_marker("servers"):
            first = (inspect.getdoc(item.function) or "").split("\n")[0].rstrip(".")
            item.user_properties.append(("title", first))


class Results:
    """Gathers what the tests report, in whatever process, and writes the document at the end."""

    def __init__(self, path):
        self._path = path
        self._found = {}

    def pytest_runtest_logreport(self, report):
        # test_file.py::test_name[parameter]@group
        name = report.nodeid.rpartition("::")[2].partition("@")[0]
        test, _, parameters = name.partition("[")
        server = parameters.rstrip("]")
        titles = [text for key, text in report.user_properties if key == "title"]
        if not titles:
            return
        result = self._found.setdefault(test, document.Result(titles[0]))
        if server not in ("", *document.SERVERS):
            return
        for name in [server] if server else document.SERVERS:
            if report.outcome == "failed":
                result.passed[name] = False
            elif report.when == "call":
                result.passed.setdefault(name, report.passed)
            if report.when == "teardown":
                result.lines[name] = [
                    line
                    for key, lines in report.user_properties
                    if key == "wire"
                    for line in lines
                ]

    def pytest_sessionfinish(self):
        document.write(self._path, self._found)


def pytest_configure(config):
    config.addinivalue_line("markers", "servers: about the servers, told in no document")
    path = config.getoption("--conformance")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(path))
