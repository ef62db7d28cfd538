"""The desk server over DTLS-PSK: a MicroPython client and openssl as peers of its gateway."""

import asyncio
import contextlib
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiocoap import CHANGED, CONTENT, CREATED, DELETE, FORBIDDEN, POST, Message
from aiocoap.numbers.types import ACK, CON, RST
from secure_bench import new_key, relay, until
from server_bench import LINKS, Bench, FakeClient, run

from tools.server import DeskServer, PortTaken
from tools.server.dtls import Gateway
from tools.server.dtls import gateway as gateway_module

ROOT = Path(__file__).resolve().parents[2]


def query(endpoint):
    return ("ep=" + endpoint, "lt=60", "lwm2m=1.1", "b=U")


@contextlib.asynccontextmanager
async def secure_bench(*endpoints, **arguments):
    """(Bench, Relay, {endpoint: (identity, key)}) of a server with these under DTLS."""
    psk = {name: (b"id-" + name.encode(), new_key()) for name in endpoints}
    arguments = {"coaps_port": 0, **arguments}
    async with DeskServer(0, 0, **arguments) as server, aiohttp.ClientSession() as http:
        for name, (identity, key) in psk.items():
            server.credentials.set(name, identity, key)
        async with relay(server.coaps_port) as clients:
            b = Bench(server, http, None)
            try:
                yield b, clients, psk
            finally:
                for stream in b.streams:
                    stream.close()
                if b.client:
                    b.client.socket.close()


async def registered(b, clients, psk, endpoint="board"):
    client = await clients.client(*psk[endpoint])
    b.client = b.client or client
    answer = await client.register(query(endpoint))
    assert answer.code is CREATED
    return client


def test_a_client_over_dtls_is_served_like_any_other():
    async def work():
        async with secure_bench("board") as (b, clients, psk):
            following = await b.events("?ep=board")
            client = await registered(b, clients, psk)
            data = (await b.call("GET", "/clients/board"))[1]
            assert data["secure"] is True and data["endpoint"] == "board"
            assert (await following())[0] == "REGISTRATION"
            options = {"content_format": 0, "payload": b"21.5"}
            _, status, body = await b.scripted("GET", "/3303/0/5700", CONTENT, options)
            assert status == 200 and body["content"]["value"] == "21.5"
            request, _, _ = await b.scripted(
                "POST", "/3303/0/5700/observe", CONTENT, {**options, "observe": 1}
            )
            sent = client.send(
                CONTENT, token=request.token, observe=2, content_format=0, payload=b"22"
            )
            answer = await client.receive()
            assert (answer.mtype, answer.mid) == (ACK, sent.mid)
            kind, data = await following()
            assert kind == "NOTIFICATION" and data["val"]["value"] == "22.0"
            # a plain client beside it, by the same names of the API
            plain = FakeClient(b.server.coap_port)
            try:
                assert (await plain.register(query("other"))).code is CREATED
            finally:
                plain.socket.close()
            shown = {
                each["endpoint"]: each["secure"] for each in (await b.call("GET", "/clients"))[1]
            }
            assert shown == {"board": True, "other": False}
            assert (await client.ask(DELETE, client.location)).code.is_successful()

    run(work())


def test_an_endpoint_comes_under_its_own_identity_alone():
    async def work():
        async with secure_bench("a", "b") as (b, clients, psk):
            a = await registered(b, clients, psk, "a")
            other = await registered(b, clients, psk, "b")
            plain = FakeClient(b.server.coap_port)
            try:
                for client, name in ((other, "a"), (a, "b"), (a, "nobody"), (plain, "a")):
                    assert (await client.register(query(name))).code is FORBIDDEN, name
                # nor with two names, one for the check and one for the registration
                for names in (("ep=b", *query("a")), (*query("a"), "ep=b")):
                    await other.register(names)
                    kept = b.server.registry.by_endpoint("a")
                    assert kept.id == a.location[1] and kept.remote.identity == b"id-a"
                assert (await plain.register(query("plain"))).code is CREATED
                location = plain.location
                for client, path in (
                    (other, a.location),
                    (plain, a.location),
                    (a, location),
                ):
                    assert (await client.ask(POST, path)).code is FORBIDDEN
                    assert (await client.ask(DELETE, path)).code is FORBIDDEN
                names = {each["endpoint"] for each in (await b.call("GET", "/clients"))[1]}
                assert names == {"a", "b", "plain"}
                assert (await a.ask(POST, a.location)).code is CHANGED
            finally:
                plain.socket.close()
                other.socket.close()

    run(work())


def test_wrong_keys_and_unknown_identities_are_refused_with_the_reason(caplog):
    caplog.set_level(logging.INFO)

    async def work():
        async with secure_bench("board") as (b, clients, psk):
            for identity, text in (
                (psk["board"][0], "wrong key for identity b'id-board'"),
                (b"stranger", "unknown identity b'stranger'"),
            ):
                client = await clients.client(identity, new_key())
                client.send(POST, uri_path=("rd",), uri_query=query("board"), payload=LINKS)
                await clients.heard("failed")
                client.socket.close()
                await until(lambda text=text: text in caplog.text)
            assert (await b.call("GET", "/clients"))[1] == []
            await registered(b, clients, psk)

    run(work())


def test_a_new_session_from_the_same_address_takes_the_place_of_the_old():
    async def work():
        async with secure_bench("board") as (b, clients, psk):
            following = await b.events("?ep=board")
            client = await registered(b, clients, psk)
            await following()
            options = {"content_format": 0, "payload": b"1", "observe": 1}
            request, _, _ = await b.scripted("POST", "/3303/0/5700/observe", CONTENT, options)
            await clients.again(client)
            # the client was started anew and kept its registration and its observation
            assert (await client.ask(POST, client.location)).code is CHANGED
            assert (await following())[0] == "UPDATED"
            client.send(CONTENT, token=request.token, observe=2, content_format=0, payload=b"5")
            assert (await client.receive()).mtype is ACK
            assert (await following())[1]["val"]["value"] == "5.0"
            _, status, _ = await b.scripted(
                "GET", "/3303/0/5700", CONTENT, {"content_format": 0, "payload": b"1"}
            )
            assert status == 200
            gateway = b.server._ports._gateway
            assert len(gateway._peers) == len(gateway._numbers) == 1

    run(work())


class Forwarder(asyncio.DatagramProtocol):
    """Between a client and the gateway: keeps what the client sent and can send it again."""

    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.sent = []
        self._client = None

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, address):
        if address == self.to:
            self.transport.sendto(data, self._client)
        else:
            self._client = address
            self.sent.append(data)
            self.transport.sendto(data, self.to)

    def inject(self, data):
        """Sends a datagram that the gateway takes for the client's."""
        self.transport.sendto(data, self.to)


@contextlib.asynccontextmanager
async def forwarder(port):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Forwarder(port), local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol
    finally:
        transport.close()


def test_replayed_and_forged_datagrams_do_not_end_a_session():
    async def work():
        async with secure_bench("board") as (b, _, psk):
            async with forwarder(b.server.coaps_port) as between, relay(between.port) as first:
                client = await registered(b, first, psk)
                seen = list(between.sent)
                hellos = [data for data in seen if data[0] == 22 and data[13] == 1]
                assert len(hellos) == 2  # without a cookie and with it
                forged = bytearray(hellos[1])
                forged[27:59] = os.urandom(32)  # another client's random: a cookie of its own
                dice = random.Random(5)
                for data in (*seen, forged, b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28"):
                    between.inject(data)
                    between.inject(bytes(data[: dice.randrange(len(data))]))
                    assert (await client.ask(POST, client.location)).code is CHANGED
                gateway = b.server._ports._gateway
                assert list(gateway._peers) == [1]

    run(work())


def mutated(data, dice):
    data = bytearray(data)
    for _ in range(dice.randrange(1, 5)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data[: dice.randrange(1, len(data) + 1)] if dice.randrange(3) == 0 else data)


def test_hostile_datagrams_at_the_gateway(caplog):
    async def work():
        async with secure_bench("board") as (b, clients, psk):
            async with forwarder(b.server.coaps_port) as between, relay(between.port) as first:
                client = await registered(b, first, psk)
                dice = random.Random(9)
                for number in range(1500):
                    data = mutated(dice.choice(between.sent[:8]), dice)
                    if number % 7 == 0:
                        data = dice.randbytes(dice.choice((0, 1, 12, 13, 14, 60, 1400, 2500)))
                    between.inject(data)
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                        stranger.sendto(data, between.to)
                    if number % 50 == 0:
                        await asyncio.sleep(0.01)
                client.next_mid = 30000
                assert (await client.ask(POST, client.location)).code is CHANGED
            client.socket.close()
            b.client = None
            pid = b.server._ports._gateway._process.pid
            await registered(b, clients, psk)
            assert b.server._ports._gateway._process.pid == pid
            assert "Traceback" not in caplog.text and "started anew" not in caplog.text

    run(work())


def test_twenty_clients_at_once():
    names = ["board-%d" % number for number in range(20)]

    async def work():
        async with secure_bench(*names) as (b, clients, psk):
            found = [await clients.client(*psk[name]) for name in names]
            answers = await asyncio.gather(
                *(client.register(query(name)) for client, name in zip(found, names, strict=True))
            )
            assert all(answer.code is CREATED for answer in answers)
            data = (await b.call("GET", "/clients"))[1]
            assert len(data) == 20 and all(each["secure"] for each in data)
            reads = [
                asyncio.ensure_future(b.call("GET", "/clients/%s/3303/0/5700" % name))
                for name in names
            ]
            for number, client in enumerate(found):
                request = await client.receive()
                client.answer(request, CONTENT, content_format=0, payload=b"%d" % number)
                client.socket.close()
            values = [(await read)[1]["content"]["value"] for read in reads]
            assert values == ["%d.0" % number for number in range(20)]

    run(work())


def test_an_identity_that_is_taken_away_or_gets_another_key_is_out_at_once():
    async def work():
        async with secure_bench("a", "b") as (b, clients, psk):
            a = await registered(b, clients, psk, "a")
            other = await registered(b, clients, psk, "b")
            fresh = new_key()
            b.server.credentials.remove("a")
            b.server.credentials.set("b", psk["b"][0], fresh)
            for client in (a, other):
                client.send(POST, uri_path=client.location)
                assert await client.silent(0.3)
                client.socket.close()
            b.client = None
            psk["b"] = psk["b"][0], fresh
            await registered(b, clients, psk, "b")

    run(work())


def test_a_gateway_that_dies_is_started_anew(caplog):
    caplog.set_level(logging.INFO)

    async def work():
        async with secure_bench("board") as (b, clients, psk):
            client = await registered(b, clients, psk)
            gateway = b.server._ports._gateway
            first = gateway._process
            first.kill()
            await until(lambda: caplog.text.count("DTLS gateway on port") == 2)
            assert "started anew" in caplog.text
            await clients.again(client)
            assert (await client.ask(POST, client.location)).code is CHANGED

    run(work())


def test_a_server_that_is_started_anew_takes_its_clients_back():
    async def work():
        async with secure_bench("board") as (b, clients, psk):
            client = await registered(b, clients, psk)
            ports = b.server.coap_port, b.server.http_port
            coaps_port = b.server.coaps_port
            await b.server.stop()
            async with DeskServer(*ports, coaps_port=coaps_port) as server:
                server.credentials.set("board", *psk["board"])
                client.send(POST, uri_path=client.location)
                assert await client.silent(0.3)  # of the old session nobody knows
                await clients.again(client)
                assert (await client.register(query("board"))).code is CREATED

    run(work())


def test_idle_sessions_and_silent_handshakes_are_dropped(monkeypatch):
    monkeypatch.setattr(gateway_module, "MAX_HANDSHAKES", 2)
    heard = []

    async def work():
        gateway = Gateway(lambda peer, data: (heard.append(data), peer.send(data)), idle_s=1)
        keys = [(b"id-%d" % number, new_key()) for number in range(3)]
        for identity, key in keys:
            gateway.set_key(identity, key)
        await gateway.start("127.0.0.1", 0)
        try:
            async with relay(gateway.port) as clients:
                found = [await clients.client(*psk) for psk in keys]
                # three handshakes that nothing is sent after, where there is room for two
                await asyncio.sleep(0.5)
                for client in found:
                    client.socket.send(b"hello")
                await until(lambda: len(heard) == 2)
                assert len(gateway._peers) == 2
                await until(lambda: not gateway._peers)
                for client in found:
                    client.socket.close()
        finally:
            await gateway.stop()
        assert len(heard) == 2

    run(work())


def test_sessions_are_bounded(monkeypatch):
    monkeypatch.setattr(gateway_module, "MAX_SESSIONS", 2)

    async def work():
        async with secure_bench("a", "b", "c") as (b, clients, psk):
            found = [await registered(b, clients, psk, name) for name in ("a", "b", "c")]
            gateway = b.server._ports._gateway
            assert sorted(gateway._peers) == [2, 3]
            for client in found[1:]:
                assert (await client.ask(POST, client.location)).code is CHANGED
                client.socket.close()

    run(work())


def test_a_handshake_has_a_deadline(caplog):
    async def work():
        gateway = Gateway(lambda peer, data: None, handshake_s=1)
        psk = b"id", new_key()
        gateway.set_key(*psk)
        await gateway.start("127.0.0.1", 0)
        try:
            async with relay(gateway.port) as clients:
                client = await clients.client(*psk)
                await until(lambda: "not finished in time" in caplog.text)
                client.socket.close()
        finally:
            await gateway.stop()

    run(work())


@pytest.mark.skipif(not shutil.which("openssl"), reason="install openssl (the command)")
def test_openssl_as_a_client():
    async def work():
        async with secure_bench("board") as (b, _, psk):
            identity, key = psk["board"]
            process = await asyncio.create_subprocess_exec(
                *("openssl", "s_client", "-dtls1_2", "-quiet", "-psk_identity", identity.decode()),
                *("-cipher", "PSK-AES128-GCM-SHA256", "-psk", key.hex()),
                *("-connect", "127.0.0.1:%d" % b.server.coaps_port),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                message = Message(code=POST, payload=b"</3/0>", uri_path=("rd",))
                message.opt.uri_query = query("board")
                message.mtype, message.mid, message.token = CON, 7, b"ab"
                process.stdin.write(message.encode())
                answer = await asyncio.wait_for(process.stdout.read(100), 10)
                assert Message.decode(answer).code is CREATED, answer
                assert (await b.call("GET", "/clients/board"))[1]["secure"] is True
            finally:
                process.stdin.close()
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    run(work())


def test_a_taken_port_is_named_and_keys_are_in_no_process_list(tmp_path):
    async def work():
        async with secure_bench("board") as (b, clients, psk):
            with pytest.raises(PortTaken) as caught:
                await DeskServer(0, 0, coaps_port=b.server.coaps_port).start()
            assert "--coaps-port" in str(caught.value)
            await registered(b, clients, psk)
            pid = b.server._ports._gateway._process.pid
            listed = subprocess.check_output(["ps", "-ww", "-o", "args=", "-p", str(pid)]).decode()
            environment = Path("/proc/%d/environ" % pid)
            if environment.exists():
                listed += environment.read_bytes().decode(errors="replace")
            assert "main.py" in listed and psk["board"][1].hex() not in listed.lower()

    run(work())


def children(pid):
    listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,stat="], text=True)
    rows = [line.split() for line in listed.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and "Z" not in row[2]]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(listed.stdout.strip()) and "Z" not in listed.stdout


def test_the_gateway_ends_with_the_server_however_that_ends():
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.server", "--coap-port", "0", "--http-port", "0"]
            + ["--coaps-port", "0", "--bootstraps-port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            while "Ctrl-C" not in process.stdout.readline():
                pass
            gateways = children(process.pid)
            assert len(gateways) == 2
            process.send_signal(number)
            process.wait(5)

            async def gone(gateways=gateways):
                await until(lambda: not any(map(alive, gateways)))

            run(gone())
        finally:
            process.kill()
            process.communicate()


def test_noise_is_answered_by_nobody():
    async def work():
        async with secure_bench("board") as (b, _, _):
            client = FakeClient(b.server.coaps_port)
            try:
                # plain CoAP at the port for DTLS
                client.send(POST, uri_path=("rd",), uri_query=query("board"), payload=LINKS)
                assert await client.silent(0.3)
                message = client.send(POST, mtype=RST)
                assert message.mtype is RST and await client.silent(0.1)
            finally:
                client.socket.close()

    run(work())
