"""The desk server's Bootstrap-Server against a scripted client: what it sends, what it reports."""

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
from aiocoap import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CONTINUE,
    DELETE,
    DELETED,
    FORBIDDEN,
    GET,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    POST,
    PUT,
)
from secure_bench import new_key, relay, until
from server_bench import LINKS, Bench, FakeClient, run

from tools.server import DeskServer
from tools.server.bootstrap import exchange
from tools.server.codecs import senml_cbor, senml_json, tlv
from tools.server.models import Models

ROOT = Path(__file__).resolve().parents[2]
URI = "coaps://127.0.0.1:5684"
SUCCESS = {GET: CONTENT, PUT: CHANGED, POST: CHANGED, DELETE: DELETED}


@contextlib.asynccontextmanager
async def bootstrap_bench(plan=None, **ports):
    """A Bench of a server that has this plan for "board", and of a client of its plain port."""
    ports = ports or {"bootstrap_port": 0}
    async with DeskServer(None, 0, **ports) as server, aiohttp.ClientSession() as http:
        if plan is not None:
            server.bootstrap.plans.set("board", plan)
        client = FakeClient(server.bootstrap_port) if server.bootstrap_port else None
        b = Bench(server, http, client)
        try:
            yield b
        finally:
            for stream in b.streams:
                stream.close()
            if b.client:
                b.client.socket.close()


def account(key, **more):
    return {
        "uri": URI,
        "mode": "psk",
        "identity": "board-1",
        "key": key.hex(),
        "server_id": 7,
        "lifetime_s": 300,
        **more,
    }


async def asked(client, *query):
    return await client.ask(POST, ("bs",), uri_query=("ep=board", *query))


async def served(client, answers=None):
    """Answers the server's requests up to Bootstrap-Finish; all of them."""
    requests = []
    while True:
        request = await client.receive()
        requests.append(request)
        what = request.code, "/" + "/".join(request.opt.uri_path)
        code, options = (answers or {}).get(what, (SUCCESS[request.code], {}))
        client.answer(request, code, **options)
        if request.opt.uri_path == ("bs",) or not code.is_successful():
            return requests


def names(requests):
    return ["%s /%s" % (each.code.name, "/".join(each.opt.uri_path)) for each in requests]


def values(codec, request):
    path = tuple(map(int, request.opt.uri_path))
    assert request.opt.content_format == codec.CODE
    node = codec.decode(request.payload, path, Models())
    return {each.id: each.value for each in node.resources}


async def last(b, state):
    """The record of the last bootstrap, as soon as it is in a state."""
    for _ in range(200):
        record = (await b.call("GET", "/bootstrap/board"))[1]["last"]
        if record and record["state"] == state:
            return record
        await asyncio.sleep(0.02)
    raise AssertionError(record)


def test_accounts_are_written_in_each_format():
    key = new_key()

    async def work():
        for codec in (tlv, senml_cbor, senml_json):
            plan = {"servers": [account(key, security_iid=3, server_iid=2)], "format": codec.NAME}
            async with bootstrap_bench(plan) as b:
                following = await b.events("?ep=board")
                assert (await asked(b.client)).code is CHANGED
                requests = await served(b.client)
                assert names(requests) == ["DELETE /", "PUT /0/3", "PUT /1/2", "POST /bs"]
                security = {
                    0: URI,
                    1: False,
                    2: 0,
                    3: b"board-1",
                    5: key,
                    10: 7,
                }
                assert values(codec, requests[1]) == security
                assert values(codec, requests[2]) == {0: 7, 1: 300, 6: False, 7: "U"}
                assert (await last(b, "finished"))["secure"] is False
                kinds = [await following(), await following()]
                assert kinds == [
                    ("BOOTSTRAP_STARTED", {"ep": "board", "secure": False}),
                    ("BOOTSTRAP_FINISHED", {"ep": "board", "secure": False}),
                ]

    run(work())


def test_the_client_chooses_the_format_where_the_plan_does_not():
    async def work():
        async with bootstrap_bench({"servers": [account(new_key(), security_iid=1)]}) as b:
            for query, code in (
                ((), 11542),
                (("pct=112",), 112),
                (("pct=110",), 110),
                (("pct=0",), 11542),
                (("pct=x",), 11542),
                (("pct=" + "9" * 50,), 11542),
            ):
                assert (await asked(b.client, *query)).code is CHANGED
                requests = await served(b.client)
                assert requests[1].opt.content_format == code, query

    run(work())


def test_several_instances_in_one_write():
    keys = new_key(), new_key()
    for codec in (tlv, senml_cbor, senml_json):
        plan = {
            "format": codec.NAME,
            "together": True,
            "delete": ["/0", "/1"],
            "servers": [
                account(keys[0], security_iid=1, server_iid=0),
                account(keys[1], security_iid=2, server_iid=1, server_id=8),
            ],
        }

        async def work(plan=plan, codec=codec):
            async with bootstrap_bench(plan) as b:
                await asked(b.client)
                requests = await served(b.client)
                assert names(requests) == [
                    *("DELETE /0", "DELETE /1"),
                    *("PUT /0", "PUT /1", "POST /bs"),
                ]
                node = codec.decode(requests[2].payload, (0,), Models())
                found = {
                    each.id: {one.id: one.value for one in each.resources}[5]
                    for each in node.instances
                }
                assert found == {1: keys[0], 2: keys[1]}

        run(work())


def test_free_instances_are_found_by_a_discover():
    plan = {"servers": [account(new_key()), account(new_key(), server_id=8)]}

    async def work():
        links = {"content_format": 40, "payload": b'lwm2m=1.1,</0>,</0/1>;uri="coap://x",</1>'}
        async with bootstrap_bench(plan) as b:
            for code, options, expected in (
                (CONTENT, links, ["PUT /0/0", "PUT /0/2"]),
                (CONTENT, {**links, "payload": b"</>;lwm2m=1.1,</0/0>"}, ["PUT /0/1", "PUT /0/2"]),
                (CONTENT, {**links, "payload": b"lwm2m=1.1"}, ["PUT /0/0", "PUT /0/1"]),
            ):
                await asked(b.client)
                requests = await served(b.client, {(GET, "/0"): (code, options)})
                assert requests[1].opt.accept == 40
                assert names(requests)[2:4] == expected
            # a client of 1.0 has no Discover: its Bootstrap-Server's account is mostly instance 0
            await asked(b.client)
            request = await b.client.receive()
            b.client.answer(request, DELETED)
            b.client.answer(await b.client.receive(), METHOD_NOT_ALLOWED)
            request = await b.client.receive()
            assert names([request]) == ["PUT /0/1"]
            b.client.answer(request, BAD_REQUEST)
            await last(b, "failed")

    run(work())


def test_discover_and_read_come_first_and_are_shown():
    plan = {"discover": ["/"], "read": ["/1", "/0"], "delete": ["/1"], "format": "SENML_JSON"}
    secret = new_key()

    async def work():
        async with bootstrap_bench(plan) as b:
            await asked(b.client)
            lifetime = json.dumps([{"bn": "/1/0/", "n": "1", "v": 60}]).encode()
            held = json.dumps([{"bn": "/0/0/", "n": "5", "vs": secret.hex()}]).encode()
            links = b"lwm2m=1.1,</0/0>;ssid=1,</1/0>;ssid=1,</3>"
            requests = await served(
                b.client,
                {
                    (GET, "/"): (CONTENT, {"content_format": 40, "payload": links}),
                    (GET, "/1"): (CONTENT, {"content_format": 110, "payload": lifetime}),
                    # which no client ought to do
                    (GET, "/0"): (CONTENT, {"content_format": 110, "payload": held}),
                },
            )
            assert names(requests) == ["GET /", "GET /1", "GET /0", "DELETE /1", "POST /bs"]
            record = await last(b, "finished")
            assert [link["url"] for link in record["links"]["/"]] == ["/0/0", "/1/0", "/3"]
            assert record["content"]["/1"]["instances"][0]["resources"][0]["value"] == "60"
            assert secret.hex() not in json.dumps(record)
            assert [each["code"] for each in record["requests"]] == [
                *("2.05", "2.05", "2.05"),
                *("2.02", "2.04"),
            ]

    run(work())


def test_other_instances_and_resources_are_written_as_the_plan_says():
    plan = {
        "delete": [],
        "format": "SENML_CBOR",
        "servers": [
            {
                "uri": "coap://127.0.0.1:5690",
                "bootstrap": True,
                "hold_off_s": 5,
                "account_timeout_s": 60,
                "security_iid": 9,
            },
            {
                "uri": URI,
                "mode": "certificate",
                "certificate": "3003020100",
                "key": "base64:MAMCAQE=",
                "server_certificate": "3003020102",
                "usage": 3,
                "sni": "desk",
                "server_id": 2,
                "binding": "UQ",
                "security_iid": 1,
                "server_iid": 0,
                "server": {"2": 5, "16": True},
            },
        ],
        "write": {"/2/0": {"0": 3303, "1": 0, "2": {"1": 15}, "3": 65535}},
    }

    async def work():
        async with bootstrap_bench(plan) as b:
            await asked(b.client)
            requests = await served(b.client)
            assert names(requests) == [
                *("PUT /0/9", "PUT /0/1"),
                *("PUT /1/0", "PUT /2/0", "POST /bs"),
            ]
            found = values(senml_cbor, requests[0])
            assert (found[1], found[2], found[11], found[12]) == (True, 3, 5, 60)
            assert 10 not in found
            found = values(senml_cbor, requests[1])
            assert (found[2], found[14], found[15]) == (2, "desk", 3)
            assert found[3] == bytes.fromhex("3003020100")
            assert (found[4], found[5]) == (b"0\x03\x02\x01\x02", b"0\x03\x02\x01\x01")
            found = values(senml_cbor, requests[2])
            assert found[2] == 5 and found[16] is True and found[7] == "UQ"
            node = senml_cbor.decode(requests[3].payload, (2, 0), Models())
            assert [each.values for each in node.resources if each.id == 2] == [{1: 15}]

    run(work())


def test_a_long_write_goes_in_blocks():
    certificate = os.urandom(1500)
    plan = {
        "servers": [
            {
                "uri": URI,
                "mode": "certificate",
                "certificate": certificate.hex(),
                "key": new_key().hex(),
                "server_id": 1,
                "security_iid": 1,
            }
        ]
    }

    async def work():
        async with bootstrap_bench(plan) as b:
            await asked(b.client)
            b.client.answer(await b.client.receive(), DELETED)
            body = b""
            while True:
                request = await b.client.receive()
                if request.opt.block1 is None:
                    break
                body += request.payload
                b.client.answer(
                    request,
                    CHANGED if not request.opt.block1.more else CONTINUE,
                    block1=tuple(request.opt.block1),
                )
            assert certificate in body and names([request]) == ["PUT /1/0"]

    run(work())


def test_refusals_and_silence_of_the_client_are_reported(caplog, monkeypatch):
    monkeypatch.setattr(exchange, "TIMEOUT_S", 0.3)
    key = new_key()
    plan = {"servers": [account(key, security_iid=1)]}
    refused = (
        ((DELETE, "/"), BAD_REQUEST, b"", "DELETE /: 4.00"),
        ((PUT, "/0/1"), NOT_FOUND, b"what?", "PUT /0/1: 4.04 what?"),
        ((PUT, "/1/0"), METHOD_NOT_ALLOWED, b"\xff\xfe", "PUT /1/0: 4.05"),
        ((POST, "/bs"), NOT_ACCEPTABLE, b"no server", "POST /bs: 4.06 no server"),
        ((PUT, "/0/1"), CONTENT, b"", "PUT /0/1: 2.05"),
    )

    async def work():
        async with bootstrap_bench(plan) as b:
            following = await b.events("?ep=board")
            for where, code, payload, text in refused:
                await asked(b.client)
                answers = {where: (code, {"payload": payload})}
                if code is CONTENT:
                    b.client.answer(await b.client.receive(), DELETED)
                    b.client.answer(await b.client.receive(), CONTENT)
                else:
                    await served(b.client, answers)
                assert (await following())[0] == "BOOTSTRAP_STARTED"
                kind, data = await following()
                assert kind == "BOOTSTRAP_FAILED" and data["error"].startswith(text), data
                assert (await last(b, "failed"))["error"].startswith(text)
                assert text in caplog.text
            await asked(b.client)
            await b.client.receive()
            await following()
            assert (await following())[1]["error"] == "DELETE /: no answer"

    run(work())
    assert key.hex() not in caplog.text


def test_who_begins_anew_ends_what_was_under_way():
    async def work():
        async with bootstrap_bench({"servers": [account(new_key(), security_iid=1)]}) as b:
            await asked(b.client)
            assert names([await b.client.receive()]) == ["DELETE /"]
            assert (await asked(b.client)).code is CHANGED
            requests = await served(b.client)
            assert names(requests) == ["DELETE /", "PUT /0/1", "PUT /1/0", "POST /bs"]
            await last(b, "finished")
            assert await b.client.silent(0.1)

    run(work())


def test_strangers_and_senseless_requests():
    async def work():
        async with bootstrap_bench({}) as b:
            for code, path, query, expected in (
                (POST, ("bs",), ("ep=nobody",), BAD_REQUEST),
                (POST, ("bs",), (), BAD_REQUEST),
                (POST, ("bs",), ("ep=",), BAD_REQUEST),
                (GET, ("bs",), ("ep=board",), METHOD_NOT_ALLOWED),
                (POST, ("bs", "x"), ("ep=board",), NOT_FOUND),
                (POST, ("rd",), ("ep=board", "lwm2m=1.1"), NOT_FOUND),
            ):
                answer = await b.client.ask(code, path, uri_query=query, payload=LINKS)
                assert answer.code is expected, (code, path, query, answer.code)
            assert await b.client.silent(0.1)
            assert (await b.call("GET", "/bootstrap"))[1][0]["last"] is None

    run(work())


def test_over_dtls_under_its_own_identity_alone_and_no_key_is_ever_shown(caplog):
    caplog.set_level(logging.INFO)
    shown = []
    key, other_key, account_key = new_key(), new_key(), new_key()

    async def work():
        plan = {
            "identity": "factory",
            "key": key.hex(),
            "discover": ["/0"],
            "servers": [account(account_key, security_iid=1)],
        }
        async with bootstrap_bench(plan, bootstrap_port=0, bootstraps_port=0) as b:
            b.server.bootstrap.plans.set("other", {"identity": "o", "key": other_key.hex()})
            log = await b.events("?ep=board", log=True)
            # in the clear, and under another's identity
            assert (await asked(b.client)).code is FORBIDDEN
            async with relay(b.server.bootstraps_port) as clients:
                stranger = await clients.client(b"o", other_key)
                assert (await asked(stranger)).code is FORBIDDEN
                stranger.socket.close()
                client = await clients.client(b"factory", key)
                assert (await asked(client)).code is CHANGED
                links = {"content_format": 40, "payload": b"lwm2m=1.1,</0/0>"}
                requests = await served(client, {(GET, "/0"): (CONTENT, links)})
                assert account_key in requests[2].payload
                assert (await last(b, "finished"))["secure"] is True
                client.socket.close()
            for path in ("/bootstrap", "/bootstrap/board", "/security/clients"):
                shown.append(json.dumps((await b.call("GET", path))[1]))
            payloads = []
            with contextlib.suppress(asyncio.TimeoutError):
                while True:
                    _, data = await asyncio.wait_for(log(), 0.5)
                    shown.append(json.dumps(data))
                    payloads.append(data.get("payload"))
            assert "lwm2m=1.1,</0/0>" in payloads
            assert sum(bool(text) and "not shown" in text for text in payloads) == 2

    run(work())
    shown.append(caplog.text)
    for secret in (key, other_key, account_key):
        for text in shown:
            assert secret.hex() not in text.lower() and repr(secret)[2:-1] not in text


def test_credentials_over_http():
    key = new_key()

    async def work():
        async with DeskServer(0, 0, coaps_port=0) as server, aiohttp.ClientSession() as http:
            b = Bench(server, http, None)
            entry = {
                "endpoint": "board",
                "tls": {"mode": "psk", "details": {"identity": "id", "key": key.hex()}},
            }
            assert (await b.call("PUT", "/security/clients", json=entry))[0] == 200
            assert (await b.call("GET", "/security/clients"))[1] == [
                {"endpoint": "board", "tls": {"mode": "psk", "details": {"identity": "id"}}}
            ]
            async with relay(server.coaps_port) as clients:
                client = await clients.client(b"id", key)
                assert (await client.register()).code.is_successful()
                client.socket.close()
            entry["endpoint"] = "other"  # the identity is taken
            status, text = await b.call("PUT", "/security/clients/", json=entry)
            assert status == 400 and "another endpoint" in text
            for broken in (
                [],
                {"endpoint": "x"},
                {**entry, "tls": {"mode": "x509"}},
                {**entry, "tls": {"mode": "psk", "details": {"identity": "", "key": "00"}}},
                {**entry, "tls": {"mode": "psk", "details": {"identity": "\ud800", "key": "00"}}},
                {**entry, "tls": {"mode": "psk", "details": {"identity": "i", "key": ""}}},
                {**entry, "tls": {"mode": "psk", "details": {"identity": "i", "key": 7}}},
                {**entry, "tls": {"mode": "psk", "details": {"identity": "i", "key": "0" * 98}}},
                {
                    **entry,
                    "tls": {"mode": "psk", "details": {"identity": "i", "key": key.hex() + "x"}},
                },
            ):
                status, text = await b.call("PUT", "/security/clients", json=broken)
                assert status == 400 and key.hex() not in text, broken
            status, text = await b.call("PUT", "/security/clients", data="{" + key.hex())
            assert status == 400 and key.hex() not in text
            assert (await b.call("DELETE", "/security/clients/board"))[0] == 204
            assert (await b.call("DELETE", "/security/clients/board"))[0] == 404
            assert (await b.call("GET", "/security/clients"))[1] == []

    run(work())


def test_plans_over_http():
    key = new_key().hex()
    good = {"uri": URI, "mode": "psk", "identity": "a", "key": key, "server_id": 1}

    async def work():
        async with bootstrap_bench() as b:
            assert (await b.call("GET", "/bootstrap/board"))[0] == 404
            for broken in (
                [],
                {"unknown": 1},
                {"key": key},
                {"identity": "a"},
                {"identity": "a", "key": key + "x"},
                {"format": "TEXT"},
                {"format": [1]},
                {"delete": "/"},
                {"delete": ["/1/0/0"]},
                {"delete": ["/x"]},
                {"discover": ["/1/0"]},
                {"read": [7]},
                {"servers": {}},
                {"servers": [key]},
                {"servers": [{}]},
                {"servers": [{**good, "secret": key}]},
                {"servers": [{**good, "mode": "rpk"}]},
                {"servers": [{**good, "key": key + "x"}]},
                {"servers": [{**good, "key": None}]},
                {"servers": [{**good, "certificate": "00"}]},
                {"servers": [{**good, "server_id": "1"}]},
                {"servers": [{**good, "server_id": True}]},
                {"servers": [{**good, "server_id": 2**70}]},
                {"servers": [{**good, "identity": "\ud800"}]},
                {"servers": [{**good, "security_iid": 65535}]},
                {"servers": [{**good, "security_iid": -1}]},
                {"servers": [{**good, "security": {"5": key + "x"}}]},
                {"servers": [{**good, "security": {"x": 1}}]},
                {"servers": [{**good, "server": [1]}]},
                {"servers": [{**good, "server": {"9999": 1}}]},
                {"servers": [{k: v for k, v in good.items() if k != "server_id"}]},
                {"write": {"/2": {}}},
                {"write": {"/2/0": []}},
                {"write": {"/2/0": {"0": "x"}}},
                {"write": {"/2/0": {"2": {"x": 1}}}},
                {"write": {"/0/5": {"5": key + "x"}}},
                {"write": {"/0/5": {"5": {"0": key + "x"}}}},
            ):
                status, text = await b.call("PUT", "/bootstrap/board", json=broken)
                assert status == 400 and key not in text, (broken, status, text)
            assert (await b.call("PUT", "/bootstrap/board", data="[" + key))[0] == 400
            assert (await b.call("GET", "/bootstrap"))[1] == []
            plan = {"servers": [good], "write": {"/0/5": {"5": key}}}
            assert (await b.call("PUT", "/bootstrap/board", json=plan))[0] == 200
            shown = (await b.call("GET", "/bootstrap/board"))[1]
            assert key not in json.dumps(shown) and shown["plan"]["servers"] == [
                {"uri": URI, "mode": "psk", "bootstrap": False, "identity": "a", "server_id": 1}
            ]
            assert (await b.call("DELETE", "/bootstrap/board"))[0] == 204
            assert (await b.call("DELETE", "/bootstrap/board"))[0] == 404
            assert (await asked(b.client)).code is BAD_REQUEST

    run(work())


def test_program_takes_keys_and_plans_from_files(tmp_path):
    key, factory = new_key().hex(), new_key().hex()
    keys = tmp_path / "clients.keys"
    plans = tmp_path / "plans.json"
    keys.write_text(json.dumps({"board": {"identity": "id", "key": key}}))
    entry = {"identity": "factory", "key": factory, "servers": [account(bytes.fromhex(key))]}
    plans.write_text(json.dumps({"board": entry}))
    command = [sys.executable, "-m", "tools.server", "--coap-port", "0", "--http-port", "0"]
    more = ["--coaps-port", "0", "--keys", keys, "--bootstraps-port", "0", "--bootstrap", plans]
    process = subprocess.Popen(
        list(map(str, command + more)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = []
        while not any("Ctrl-C" in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        ports = [line.strip().rsplit(":", 1)[1] for line in lines if "DTLS at" in line]
        uris = [line for line in lines if "DTLS" in line and "coaps://" in line]
        assert len(uris) == 2, lines

        async def work():
            async with relay(int(ports[0])) as clients:
                client = await clients.client(b"id", bytes.fromhex(key))
                assert (await client.register()).code.is_successful()
                client.socket.close()

        run(work())
        process.terminate()
        lines.append(process.communicate(timeout=5)[0])
        assert process.returncode == 0 and "REGISTRATION board" in lines[-1]
        assert key not in "".join(lines) and factory not in "".join(lines)
    finally:
        process.kill()
        process.communicate()
        for path in (keys, plans):  # or the search after the run finds what they are there for
            path.unlink()
    for option, text, expected in (
        ("--keys", "[" + key, "no JSON (line 1)"),
        ("--keys", json.dumps({"board": {"identity": "x", "key": key + "z"}}), "board: key"),
        ("--keys", "[]", "JSON object"),
        ("--bootstrap", json.dumps({"board": {"key": key}}), "board: identity"),
        ("--bootstrap", None, "No such file"),
    ):
        path = tmp_path / "broken"
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        ended = subprocess.run(
            [*command, option, str(path)],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert ended.returncode == 2 and expected in ended.stderr, ended.stderr
        assert ended.stderr.count("\n") == 1 and key not in ended.stderr


def test_many_clients_bootstrap_at_once():
    async def work():
        async with bootstrap_bench() as b:
            clients = []
            for number in range(20):
                name = "board-%d" % number
                plan = {"servers": [account(new_key(), server_id=number + 1, security_iid=1)]}
                b.server.bootstrap.plans.set(name, plan)
                clients.append((name, FakeClient(b.server.bootstrap_port)))

            async def whole(name, client):
                answer = await client.ask(POST, ("bs",), uri_query=("ep=" + name,))
                assert answer.code is CHANGED
                requests = await served(client)
                client.socket.close()
                return values(tlv, requests[1])[10]

            found = await asyncio.gather(*(whole(*each) for each in clients))
            assert found == list(range(1, 21))
            await until(lambda: not b.server.bootstrap._running)

    run(work())
