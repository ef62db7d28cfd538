"""Both servers answer alike, and Leshan's ends with the one that started it.

About the servers only: nothing of this is in docs/conformance.md.
"""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading

import pytest
from aiocoap import BAD_REQUEST, CHANGED, CONTENT, DELETE, NOT_FOUND, POST
from conftest import Desk
from scripted_client import ScriptedClient

from tools.install import ROOT
from tools.interop.api import Api
from tools.interop.board import wait_for
from tools.leshan.server import LeshanServer

pytestmark = pytest.mark.servers

LINKS = b'</>;rt="oma.lwm2m";ct="110 112",</1/0>,</3>;ver=1.1,</3/0>,</3303/0>,</3303/2>'
ENDPOINT = "scripted"
AWAKE_MS = 1000
SENML_JSON = 110
TEMPERATURE = "/3303/0/5700"


@pytest.fixture
def client(server):
    with ScriptedClient(server.coap_port, ENDPOINT, LINKS) as client:
        client.api = Api(server.http_uri, ENDPOINT)
        yield client
        client.ask(DELETE, uri_path=client.location)


def later(work, *arguments):
    """Starts work that waits for the client; a function that gives its result."""
    results = queue.Queue()
    threading.Thread(target=lambda: results.put(work(*arguments)), daemon=True).start()
    return lambda: results.get(timeout=10)


def senml(*records):
    return {"content_format": SENML_JSON, "payload": json.dumps(records).encode()}


def temperature(celsius):
    return {"kind": "singleResource", "id": 5700, "type": "FLOAT", "value": celsius}


def test_registration(client):
    """Links as they were sent, and the instances"""
    registration = client.api.registration()
    links = {link["url"]: link["attributes"] for link in registration["objectLinks"]}
    assert links["/"] == {"rt": '"oma.lwm2m"', "ct": '"110 112"'}
    assert links["/3"] == {"ver": "1.1"}
    assert links["/3/0"] == {}
    instances = registration["availableInstances"]
    assert {oid: sorted(iids) for oid, iids in instances.items()} == {
        "1": [0],
        "3": [0],
        "3303": [0, 2],
    }
    for key, value in (
        ("endpoint", ENDPOINT),
        ("lwM2mVersion", "1.1"),
        ("lifetime", 60),
        ("bindingMode", "U"),
        ("rootPath", "/"),
        ("secure", False),
        ("queuemode", False),
        ("additionalRegistrationAttributes", {}),
    ):
        assert registration[key] == value, key
    assert "sleeping" not in registration


def test_update(client):
    """UPDATED has the registration, and what the Update spoke of"""
    always = {
        "registrationId": client.api.registration()["registrationId"],
        "address": client.address,
        "secure": False,
        "additionalAttributes": {},
    }
    with client.api.events() as events:
        for fields, changes in (
            ({}, {}),
            ({"uri_query": ("lt=90",)}, {"lifetime": 90}),
            (
                {"content_format": 40, "payload": b'</>;rt="oma.lwm2m",</3/0>'},
                {
                    "alternatePath": "/",
                    "objectLinks": [
                        {"url": "/", "attributes": {"rt": '"oma.lwm2m"'}},
                        {"url": "/3/0", "attributes": {}},
                    ],
                },
            ),
        ):
            answer = client.ask(POST, uri_path=client.location, **fields)
            assert answer.code is CHANGED
            data = events.next("UPDATED")
            assert data["update"] == {**always, **changes}
            assert data["registration"]["lifetime"] == (90 if fields else 60)
    assert data["registration"]["availableInstances"] == {"3": [0]}


def test_attributes_of_discover(client):
    """Values as text, quotes stay, what has no value has null"""
    answer = later(client.api.discover, "/3303/0")
    request = client.request()
    assert (request.opt.uri_path, request.opt.accept) == (("3303", "0"), 40)
    payload = b"</3303/0>;pmin=10;pmax=60,</3303/0/5700>;gt=4.5;lt=-4,</3303/0/5701>"
    client.answer(request, CONTENT, content_format=40, payload=payload)
    links = answer().links
    assert set(links) == {"/3303/0", TEMPERATURE, "/3303/0/5701"}
    assert links["/3303/0"] == {"pmin": "10", "pmax": "60"}
    assert {name: float(value) for name, value in links[TEMPERATURE].items()} == {
        "gt": 4.5,
        "lt": -4,
    }


def test_errormessage_is_there_where_there_is_one(client):
    """A refusal with and without a text"""
    for code, status, text in (
        (NOT_FOUND, "NOT_FOUND(404)", ""),
        (BAD_REQUEST, "BAD_REQUEST(400)", "no such value"),
    ):
        answer = later(client.api.read, "/3/0/0")
        client.answer(client.request(), code, payload=text.encode())
        expected = {"status": status, "valid": True, "success": False, "failure": True}
        if text:
            expected["errormessage"] = text
        assert answer().json == expected


def test_root(client):
    """Read-Composite of the root"""
    answer = later(client.api.read_composite, ["/"], "SENML_JSON")
    request = client.request()
    client.answer(request, CONTENT, **senml({"n": TEMPERATURE, "v": 21.5}))
    instance = {"kind": "instance", "id": 0, "resources": [temperature("21.5")]}
    assert answer().json["content"] == {
        "/": {
            "kind": "root",
            "objects": [{"kind": "obj", "id": 3303, "instances": [instance]}],
        }
    }


# as told, the value that counts, and all with their times
TIMED = (
    (
        ({"bn": "/3303/0/", "bt": 1700000000, "n": "5700", "v": 21.5},),
        "21.5",
        ((1700000000000, "21.5"),),
    ),
    (
        (
            {"bn": "/3303/0/", "bt": 1700000000, "n": "5700", "v": 21.5},
            {"n": "5700", "v": 22.5, "t": 60},
            {"n": "5700", "v": 20.5, "t": 30},
        ),
        "22.5",
        ((1700000060000, "22.5"), (1700000030000, "20.5"), (1700000000000, "21.5")),
    ),
    (({"n": TEMPERATURE, "v": 23.5},), "23.5", None),
)


def _expect_timed(data, newest, times, wrapped):
    def value(celsius):
        return {TEMPERATURE: temperature(celsius)} if wrapped else temperature(celsius)

    assert data["val"] == value(newest)
    if times is None:
        assert "timestamped" not in data
    else:
        expected = [{"timestamp": at_ms, "val": value(text)} for at_ms, text in times]
        assert data["timestamped"] == expected


def test_times_of_a_send(client):
    """SEND has the newest value, and all of them with their times"""
    with client.api.events() as events:
        for records, newest, times in TIMED:
            answer = client.ask(POST, uri_path=("dp",), **senml(*records))
            assert answer.code is CHANGED
            data = events.next("SEND")
            assert data["ep"] == ENDPOINT
            _expect_timed(data, newest, times, True)


@pytest.mark.parametrize("composite", [False, True], ids=["single", "composite"])
def test_times_of_a_notification(client, composite):
    """So has NOTIFICATION, single and composite"""
    api = client.api
    with api.events() as events:
        if composite:
            answer = later(api.observe_composite, [TEMPERATURE], "SENML_JSON")
        else:
            answer = later(api.observe, TEMPERATURE, "SENML_JSON")
        request = client.request()
        client.answer(request, CONTENT, observe=1, **senml({"n": TEMPERATURE, "v": 20.5}))
        assert answer().code == "2.05"
        for number, (records, newest, times) in enumerate(TIMED, 2):
            client.notify(request, number, **senml(*records))
            data = events.next("NOTIFICATION")
            assert data["ep"] == ENDPOINT
            if composite:
                assert (data["kind"], data["paths"]) == ("composite", [TEMPERATURE])
            else:
                assert (data["kind"], data["res"]) == ("single", TEMPERATURE)
            _expect_timed(data, newest, times, composite)


@pytest.fixture(params=["leshan", "desk"])
def dozing(request, tmp_path):
    """A server to which clients in queue mode sleep soon, and a client that does."""
    if request.param == "leshan":
        running = LeshanServer(awake_ms=AWAKE_MS, log=tmp_path / "log")
    else:
        running = Desk(awake_s=AWAKE_MS / 1000)
    with running, contextlib.ExitStack() as stack:
        api = Api(running.http_uri, ENDPOINT)
        events = stack.enter_context(api.events())
        client = ScriptedClient(running.coap_port, ENDPOINT, LINKS, "Q")
        stack.enter_context(client)
        client.api, client.events = api, events
        events.next("SLEEPING")
        assert api.registration()["sleeping"] is True
        yield client


def _delayed(answer, path):
    data = dict(answer.json)
    number = data.pop("requestId")
    expected = {"ep": ENDPOINT, "delayed": True}
    assert answer.http == 200 and data == ({**expected, "path": path} if path else expected)
    return number


def test_requests_wait_for_a_sleeping_client(dozing):
    """Said at once, done in their turn when the client is awake, told as events"""
    api = dozing.api
    numbers = [
        _delayed(api.read("/3/0/0", "TEXT"), "/3/0/0"),
        _delayed(api.write("/10346/0/5536", 0.5, "TEXT"), "/10346/0/5536"),
        _delayed(api.read_composite([TEMPERATURE], "SENML_JSON"), None),
    ]
    assert api.read("/3/0/0/0/0").http == 400  # no sense, awake or not
    dozing.silent(0.3)
    assert dozing.ask(POST, uri_path=dozing.location).code is CHANGED
    for code, fields in (
        (CONTENT, {"content_format": 0, "payload": b"one"}),
        (NOT_FOUND, {}),
        (CONTENT, senml({"n": TEMPERATURE, "v": 20.5})),
    ):
        request = dozing.request()
        dozing.answer(request, code, **fields)
    found = [dozing.events.next("REQUEST_RESPONSE") for _ in numbers]
    assert [each["requestId"] for each in found] == numbers
    assert [each["response"]["status"] for each in found] == [
        "CONTENT(205)",
        "NOT_FOUND(404)",
        "CONTENT(205)",
    ]
    assert [each.get("path") for each in found] == ["/3/0/0", "/10346/0/5536", None]
    assert found[0]["response"]["content"]["value"] == "one"
    assert found[2]["response"]["content"] == {TEMPERATURE: temperature("20.5")}
    assert all(each["ep"] == ENDPOINT and each["delayed"] is True for each in found)


def test_what_waits_fails_when_the_client_is_gone(dozing):
    """De-registered: REQUEST_RESPONSE says so"""
    number = _delayed(dozing.api.read("/3/0/0"), "/3/0/0")
    dozing.ask(DELETE, uri_path=dozing.location)
    data = dozing.events.next("REQUEST_RESPONSE")
    assert data.pop("requestId") == number
    assert data == {
        "ep": ENDPOINT,
        "path": "/3/0/0",
        "delayed": True,
        "errormessage": "the client de-registered",
    }


_PARENT = """\
import sys
from tools.leshan.server import LeshanServer
server = LeshanServer(log=sys.argv[1])
server.start()
print(server.pid, server.coap_port, server.http_port, flush=True)
sys.stdin.read()
"""


def _state(pid):
    """The state of a process as ps writes it, "" where there is none."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_leshan_ends_with_a_parent_that_is_killed(tmp_path):
    """SIGKILL to what started it: the process ends, its ports are free"""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "log")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        pid, coap_port, http_port = map(int, parent.stdout.readline().split())
        try:
            assert _state(pid)[0] in "SR"
            socket.create_connection(("127.0.0.1", http_port), 5).close()
        finally:
            parent.kill()
    try:
        # it may stay as a zombie where nobody is there to inherit it
        wait_for(lambda: _state(pid)[:1] in ("", "Z"), 10, "the end of the process")
    finally:
        if _state(pid)[:1] not in ("", "Z"):
            os.kill(pid, signal.SIGKILL)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", http_port), 5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", coap_port))
