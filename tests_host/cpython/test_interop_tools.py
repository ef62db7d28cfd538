"""The interoperability suite's own tools: what needs no Java and no board."""

import json
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from aiocoap import CONTENT, GET, POST, Message
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.types import ACK, CON, NON, RST

from tools.errors import UserError
from tools.install import ROOT
from tools.interop import api, document
from tools.interop.capabilities import CAPABILITIES, LATER
from tools.interop.cases import CASES
from tools.interop.exchanges import exchanges, summary
from tools.interop.records import clear, lines
from tools.interop.tap import Tap
from tools.leshan import fetch, models


class Wire:
    """Records of a tap, written down by hand: one second between two."""

    def __init__(self):
        self.records = []
        self._mid = 0

    def add(self, from_client, code, token=b"\1", mtype=CON, mid=None, payload=b"", **options):
        if mid is None:
            self._mid += 1
            mid = self._mid
        message = Message(code=code, _mtype=mtype, _mid=mid, _token=token, payload=payload)
        for name, value in options.items():
            setattr(message.opt, name, value)
        self.records.append((float(len(self.records)), from_client, message.encode()))

    def lines(self):
        return [str(each) for each in exchanges(self.records)]


def test_a_read_and_its_answer():
    wire = Wire()
    wire.add(False, GET, uri_path=("3", "0", "0"), accept=0)
    wire.add(True, CONTENT, mtype=ACK, payload=b"Open", content_format=0)
    assert wire.lines() == ["GET /3/0/0 Accept text -> 2.05 text Open"]


def test_a_long_payload_is_not_shown():
    wire = Wire()
    wire.add(False, GET, uri_path=("3", "0", "2"))
    wire.add(True, CONTENT, mtype=ACK, payload=b"2d711642b726b04401627ca9", content_format=0)
    assert wire.lines() == ["GET /3/0/2 -> 2.05 text"]


def test_what_is_missing_is_said():
    wire = Wire()
    wire.add(False, GET, uri_path=("3",))
    assert wire.lines() == ["GET /3 -> no answer"]


def test_a_retransmission_counts_once():
    wire = Wire()
    for _ in range(3):
        wire.add(False, GET, mid=7, uri_path=("3",))
    wire.add(True, CONTENT, mtype=ACK, content_format=112)
    assert wire.lines() == ["GET /3 -> 2.05 senml-cbor"]


def test_registration_has_no_number_of_its_own():
    wire = Wire()
    query = ("lwm2m=1.1", "ep=board-7", "lt=60", "b=U")
    wire.add(True, POST, uri_path=("rd",), uri_query=query, content_format=40)
    wire.add(False, Message(code=65).code, mtype=ACK, location_path=("rd", "x7Yz"))
    wire.add(True, POST, b"\2", uri_path=("rd", "x7Yz"))
    wire.add(False, Message(code=68).code, b"\2", mtype=ACK)
    assert wire.lines() == [
        "client: POST /rd?lwm2m=1.1&ep={id}&lt=60&b=U link -> 2.01 /rd/{id}",
        "client: POST /rd/{id} -> 2.04",
    ]


def test_notifications_and_the_reset():
    wire = Wire()
    wire.add(False, GET, uri_path=("3303", "0", "5700"), observe=0)
    wire.add(True, CONTENT, mtype=ACK, observe=1, content_format=0, payload=b"21.5")
    wire.add(True, CONTENT, mtype=NON, observe=2, content_format=0, payload=b"22.5")
    wire.add(True, CONTENT, mtype=CON, observe=3, content_format=0, payload=b"23.5")
    wire.add(False, EMPTY, b"", mtype=RST)
    assert wire.lines() == [
        "GET /3303/0/5700 Observe 0 -> 2.05 text 21.5",
        "notify /3303/0/5700 2.05 text 22.5",
        "confirmable notify /3303/0/5700 2.05 text 23.5",
        "server: Reset",
    ]


def test_an_answer_to_nothing_is_seen():
    wire = Wire()
    wire.add(True, CONTENT, b"\x55", mtype=NON, observe=9)
    assert wire.lines() == ["unasked 2.05"]


def test_a_token_belongs_to_its_side():
    wire = Wire()
    wire.add(True, POST, b"\1", uri_path=("dp",))
    wire.add(False, GET, b"\1", uri_path=("3",))
    wire.add(True, CONTENT, b"\1", mtype=ACK)
    wire.add(False, Message(code=68).code, b"\1", mtype=ACK)
    assert wire.lines() == ["client: POST /dp -> 2.04", "GET /3 -> 2.05"]


def test_paths_of_a_composite_request():
    wire = Wire()
    payload = json.dumps([{"n": "/3/0/0"}, {"bn": "/1/0/", "n": "1"}]).encode()
    wire.add(False, Message(code=5).code, payload=payload, content_format=110)
    assert wire.lines() == ["FETCH / senml-json of /3/0/0 /1/0/1 -> no answer"]


def test_datagrams_that_are_no_coap():
    for datagram in (b"", b"\x40", b"\xff\xff\xff\xff\xff", b"\x4f\x01\x00\x01"):
        assert len(exchanges([(0.0, False, datagram)])) == 1


def test_a_summary_has_no_repetitions_and_no_race():
    wire = Wire()
    wire.add(True, POST, b"\1", uri_path=("rd", "b"))
    for number in range(2):
        wire.add(False, GET, bytes([9 + number]), uri_path=("3",))
        wire.add(True, CONTENT, bytes([9 + number]), mtype=ACK)
    wire.add(True, POST, b"\2", uri_path=("dp",))
    found = exchanges(wire.records)
    assert summary(found) == [
        "GET /3 -> 2.05",
        "client: POST /dp -> no answer",
        "client: POST /rd/{id} -> no answer",
    ]


def test_the_tap_passes_on_and_keeps_addresses_apart():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(5)
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    tap = Tap(server.getsockname()[1])
    try:
        seen = set()
        for client in clients:
            client.settimeout(5)
            for _ in range(2):
                client.sendto(b"ask", ("127.0.0.1", tap.port))
                data, address = server.recvfrom(100)
                seen.add(address)
                server.sendto(b"answer", address)
                assert (data, client.recv(100)) == (b"ask", b"answer")
        assert len(seen) == tap.clients == 2
        assert tap.count() == 8
        tap.lost = True
        clients[0].sendto(b"lost", ("127.0.0.1", tap.port))
        server.settimeout(0.3)
        with pytest.raises(TimeoutError):
            server.recv(100)
        assert tap.count() == 8
    finally:
        tap.close()
        for each in (server, *clients):
            each.close()


def test_values_of_the_api():
    node = {
        "kind": "instance",
        "id": 0,
        "resources": [
            {"kind": "singleResource", "id": 1, "type": "INTEGER", "value": "3600"},
            {"kind": "singleResource", "id": 2, "type": "OPAQUE", "value": "00ff"},
            {"kind": "multiResource", "id": 11, "type": "FLOAT", "values": {"0": "1.5"}},
        ],
    }
    assert api.decoded(node) == {1: 3600, 2: b"\x00\xff", 11: {0: 1.5}}
    assert api.decoded({"/3/0": node, "/9": None}) == {"/3/0": api.decoded(node)}
    assert api.resource(6, True) == {
        "kind": "singleResource",
        "id": 6,
        "type": "boolean",
        "value": True,
    }
    assert api.instance(None, {0: "a"})["resources"][0]["value"] == "a"
    assert "id" not in api.instance(None, {})
    assert api.resource(1110, {0: "a"})["values"] == {"0": "a"}


def test_codes_of_the_api():
    assert api.Answer(200, '{"status": "NOT_FOUND(404)"}').code == "4.04"
    assert api.Answer(504, "Request timeout").code is None
    assert api.Answer(200, "").code is None


def _results(*names, passed=True, lines=("GET /3 -> 2.05",)):
    return {
        name: document.Result(
            "what it is", dict.fromkeys(document.SERVERS, passed), {"leshan": list(lines)}
        )
        for name in names
    }


def test_document_has_a_row_for_every_case():
    text = document.text(_results("test_int_101_register"), set())
    rows = dict(re.findall(r"^\| (\d+) \|(.*)\|$", text, re.M))
    assert [int(number) for number in rows] == [case[0] for case in CASES]
    assert rows["101"].split(" | ")[1:] == ["pass", "pass", "`test_int_101_register` "]
    assert "**no test**" in rows["102"]


def test_document_shows_failures():
    results = _results("test_int_101_register", "test_large", passed=False)
    text = document.text(results, set())
    assert "| 101 | Register | **fails** | **fails** |" in text
    assert "| what it is | **fails** | **fails** | `test_large` |" in text


def test_document_tells_the_exchanges_once_where_they_are_the_same():
    results = _results("test_int_101_register")
    lines = results["test_int_101_register"].lines
    lines["desk"] = list(lines["leshan"])
    assert document.text(results, set()).count("GET /3 -> 2.05") == 1
    lines["desk"] = ["GET /3 -> 2.05", "GET /3 -> 4.04"]
    text = document.text(results, set())
    assert "GET /3 -> 2.05\n# with the desk server\nGET /3 -> 4.04\n```" in text


def test_document_is_the_same_for_the_same_results():
    one = _results("test_int_101_register", "test_large", "test_int_9_x")
    other = dict(reversed(one.items()))
    assert document.text(one, set()) == document.text(other, set())


def test_every_capability_has_a_proof():
    known = document.host_tests()
    for what, proofs in CAPABILITIES:
        assert proofs, what
        for proof in proofs:
            name = proof.rpartition(".")[2]
            assert (
                proof in LATER
                or proof in known
                or any(each.endswith("." + name) for each in known if "." not in proof)
            ), (what, proof)


def test_missing_programs_are_named_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError) as caught:
        fetch.require()
    text = str(caught.value)
    assert "java and javac and mvn not found: install" in text
    assert "\n" not in text


def test_a_java_that_only_says_where_to_get_one_is_none(tmp_path, monkeypatch):
    for name, status in (("java", 1), ("javac", 0), ("mvn", 0)):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit %d\n" % status)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:/usr/bin:/bin" % tmp_path)
    with pytest.raises(UserError, match="^leshan: java not found"):
        fetch.require()


@pytest.mark.parametrize("module", ["tools.leshan", "tools.interop"])
def test_without_java_the_command_fails_with_one_line(module, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"leshan: java[^\n]* not found: install[^\n]*\n", done.stderr)


def test_models_for_leshan():
    found = {(model["id"], model["version"]): model for model in models.models_of()}
    assert found[10346, "1.0"]["resources"]["5536"][1:] == ["RW", "FLOAT", False]
    assert found[5000, "1.0"]["resources"]["1"][1] == "E"
    # the client announces 1.0 for it, the registry is at 1.1
    assert found[3200, "1.0"]["resources"] == found[3200, "1.1"]["resources"]
    assert found[3442, "1.0"]["resources"]["1110"][1:] == ["RW", "STRING", True]


def test_event_stream(tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            b'event: UPDATED\r\ndata: {"a": 1}\r\n\r\n'
            b'event: NOTIFICATION\r\ndata: {"val": 2}\r\n\r\n'
        )
        time.sleep(1)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with api.Api("http://127.0.0.1:%d" % listener.getsockname()[1], "x").events() as events:
            assert events.next("NOTIFICATION", 5) == {"val": 2}
            assert events.seen == ["UPDATED", "NOTIFICATION"]
            events.none("NOTIFICATION", 0.1)
            with pytest.raises(AssertionError, match="no UPDATED within"):
                events.next("UPDATED", 0.1)
    finally:
        thread.join()
        listener.close()


def record(kind, body, epoch=0, version=b"\xfe\xfd"):
    """A DTLS record (RFC 6347 section 4.1), its sequence number 7."""
    head = bytes((kind,)) + version + epoch.to_bytes(2, "big") + (7).to_bytes(6, "big")
    return head + len(body).to_bytes(2, "big") + body


def handshake(kind, body):
    """A handshake message in one fragment (RFC 6347 section 4.2.2)."""
    length = len(body).to_bytes(3, "big")
    return record(22, bytes((kind,)) + length + bytes(5) + length + body)


def test_records_of_a_handshake():
    hello = b"\xfe\xfd" + bytes(32) + b"\2\xaa\xbb" + b"\x00\xa8" + b"\0"
    wire = (
        (True, record(22, b"\1" + bytes(11), version=b"\xfe\xff")),
        (False, handshake(3, b"\xfe\xfd\1\xcc")),
        (True, handshake(1, bytes(40))),
        (False, handshake(2, hello) + handshake(14, b"")),  # two records in a datagram
        (True, handshake(16, b"\0\3dev") + record(20, b"\1") + record(22, b"\1" * 40, epoch=1)),
        (False, record(20, b"\1") + record(22, b"\2" * 40, epoch=1)),
        (True, record(23, b"\x16" * 40, epoch=1)),
        (True, record(23, b"\x17" * 40, epoch=1)),
        (False, record(21, b"\1\0" * 13, epoch=1)),
    )
    records = [(float(at), *each) for at, each in enumerate(wire)]
    assert lines(records) == [
        "client: ClientHello",
        "server: HelloVerifyRequest",
        "server: ServerHello TLS_PSK_WITH_AES_128_GCM_SHA256",
        "server: ServerHelloDone",
        "client: ClientKeyExchange",
        "client: ChangeCipherSpec",
        "client: Finished",
        "server: ChangeCipherSpec",
        "server: Finished",
        "client: application data",
        "server: alert",
    ]
    assert clear(records) == []


def test_what_is_no_record_is_in_clear():
    message = Message(code=POST, _mtype=CON, _mid=1, uri_path=("rd",)).encode()
    good = record(23, bytes(20), epoch=1)
    for datagram in (
        message,
        good + message,  # behind a record
        good[:-1],  # shorter than it says
        good[:12],
        record(24, b"\0"),  # no content type of DTLS
        record(23, b"\0", version=b"\3\3"),  # TLS
        b"\0",
    ):
        assert clear([(0.0, True, good), (1.0, True, datagram)]) == [datagram], datagram
