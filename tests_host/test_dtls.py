"""DTLS links and their connections: real handshakes with a server in the same interpreter."""

import asyncio
import os
import sys
import time

from dtls_server import Server
from helpers import raises
from test_link import server as udp_server

from coap.message import Message
from firmware import dtls, lan, secure
from firmware.lan import LAN
from firmware.secure import SecureConnection
from lwm2m import restore, state
from lwm2m.client import Client
from lwm2m.object import Table
from lwm2m.objects.security import CERTIFICATE, NO_SEC, PSK, RPK, Security
from lwm2m.objects.server import Server as ServerObject
from lwm2m.registration import REGISTERED

EAGAIN = 11


def psk(identity=b"board", key=None):
    security = Security()
    security.mode = PSK
    security.identity = identity
    security.key = key or os.urandom(16)
    return security


def connect(port, security, host="127.0.0.1", timeout_ms=3000):
    udp = lan.UDP(host, port)
    try:
        one = dtls.DTLS(udp, security, host)
    except OSError:
        udp.close()
        raise
    one.timeout_ms = timeout_ms
    return one


def reason(error):
    text = error.args[-1]
    assert isinstance(text, str) and "\n" not in text, text
    return text


async def _shake(one, *servers):
    async def serve():
        while True:
            for each in servers:
                each.step()
            await asyncio.sleep_ms(5)

    task = asyncio.create_task(serve())
    try:
        await one.handshake(b"probe")
    finally:
        task.cancel()


def shake(one, *servers):
    asyncio.run(_shake(one, *servers))


def pair(**keywords):
    """A link and its server, the handshake done."""
    security = psk()
    server = Server({security.identity: security.key})
    one = connect(server.port, security, **keywords)
    shake(one, server)
    server.step()
    return one, server


def received(one, timeout_ms=1000):
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        try:
            return one.recv(1153)
        except OSError as error:
            assert error.errno == EAGAIN, error
        time.sleep_ms(2)
    raise AssertionError("nothing came")


def nothing(one):
    """True when all is taken."""
    time.sleep_ms(10)
    for _ in range(20):
        error = raises(OSError, one.recv, 1153)
        assert error.errno == EAGAIN, error
    return True


def only_records(server):
    """True when all that the client sent was DTLS."""
    assert server.tap
    return all([20 <= data[0] <= 23 and data[1] == 0xFE for data in server.tap])


def test_a_session_with_a_pre_shared_key():
    one, server = pair()
    try:
        assert one.established and one.secure and one.cipher() == "TLS-PSK-WITH-AES-128-GCM-SHA256"
        assert server.got == [b"probe"]
        one.send(memoryview(b"xfrom the board")[1:])
        server.step()
        assert server.got[1:] == [b"from the board"]
        server.send(b"from the server")
        assert received(one) == b"from the server"
        assert nothing(one) and only_records(server)
        assert one.local_port >= 49152
    finally:
        one.close()
        one.close()
        server.close()


def test_before_the_handshake_the_last_datagram_is_kept():
    security = psk()
    server = Server({security.identity: security.key})
    one = connect(server.port, security)
    try:
        assert raises(OSError, one.recv, 65).errno == EAGAIN and not one.established
        for data in (b"first", b"second", b"third"):
            one.send(data)
        for _ in range(200):
            # As at the end of the firmware, where nothing is awaited any more.
            error = raises(OSError, one.recv, 65)
            assert error.errno == EAGAIN
            server.step()
            if server.got:
                break
            time.sleep_ms(2)
        assert server.got == [b"third"] and only_records(server)
    finally:
        one.close()
        server.close()


def test_all_records_of_a_datagram_are_taken():
    one, server = pair()
    try:
        server.send(b"one", b"two", b"three" * 50)
        assert received(one) == b"one"
        assert one.recv(1153) == b"two"  # no wait, no further datagram
        assert one.recv(1153) == b"three" * 50
        assert nothing(one)
    finally:
        one.close()
        server.close()


def test_a_record_that_is_too_long_is_lost_and_no_rest_of_it_is_taken_for_another():
    one, server = pair()
    try:
        server.send(b"x" * 1300)
        assert len(received(one)) == 1153  # as long as was asked for: to be dropped
        assert nothing(one)
        for length in (287, 288, 289, 590):
            server.send(b"y" * length)
            time.sleep_ms(10)
            data = one.recv(288)
            assert data == b"y" * min(length, 288)
            assert nothing(one)
        server.send(b"z" * 1152)  # longer than there was memory for
        time.sleep_ms(10)
        assert raises(OSError, one.recv, 288).errno == EAGAIN
        server.send(b"short")
        assert received(one) == b"short"
    finally:
        one.close()
        server.close()


def test_what_is_no_record_of_the_session_is_dropped():
    one, server = pair()
    try:
        record = bytes((23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 24)) + os.urandom(24)
        alert = bytes((21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40))
        for data in (
            b"",
            b"\x60\x45\x00\x01",
            b"\x40\x01\0\0",
            record,
            alert,
            record[:20],
            b"x" * 1400,
        ):
            server.plain(data)
            assert nothing(one), data
        one.send(b"still here")
        server.step()
        server.send(b"so am I")
        assert received(one) == b"so am I" and server.got[-1] == b"still here"
    finally:
        one.close()
        server.close()


def test_the_server_ends_the_session():
    class Ended:
        def __init__(self, result):
            self.result = result

        def recv(self, size):
            if isinstance(self.result, Exception):
                raise self.result
            return self.result

        def close(self):
            pass

    for result, expected in (
        (b"", "the server has closed the session"),
        (
            OSError(-0x7780, "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"),
            "the server has ended the session",
        ),
        (
            OSError(-0x7200, "MBEDTLS_ERR_SSL_INVALID_RECORD"),
            "DTLS: MBEDTLS_ERR_SSL_INVALID_RECORD",
        ),
    ):
        one, server = pair()
        try:
            one.tls.close()
            one.tls = Ended(result)
            error = raises(OSError, one.recv, 1153)
            assert error.errno not in (EAGAIN, 111) and reason(error) == expected
        finally:
            one.close()
            server.close()


def test_a_flood_of_strangers_leaves_others_their_turn():
    one, server = pair()
    try:
        for _ in range(30):
            server.plain(b"\x60\x45\x00\x01")
        time.sleep_ms(20)
        assert raises(OSError, one.recv, 1153).errno == EAGAIN
        server.send(b"behind them")
        assert received(one) == b"behind them"
    finally:
        one.close()
        server.close()


def test_lost_flights_are_repeated():
    security = psk()
    server = Server({security.identity: security.key})
    one = connect(server.port, security, timeout_ms=8000)
    step = server.step
    lost = []

    def lossy():
        # The first two datagrams get lost.
        while len(lost) < 2:
            try:
                lost.append(server.socket.recvfrom(2048))
            except OSError:
                return
        step()

    server.step = lossy
    try:
        shake(one, server)
        assert one.established and len(lost) == 2
    finally:
        one.close()
        server.close()


def test_refused_with_the_reason():
    key = os.urandom(16)
    server = Server({b"board": key})
    cases = (
        (psk(b"stranger", key), "the server refuses: it does not know the identity"),
        (psk(b"board"), "has it the key and identity of this device?"),
    )
    try:
        for security, expected in cases:
            one = connect(server.port, security, timeout_ms=700)
            start = time.ticks_ms()
            text = reason(raises(OSError, shake, one, server))
            assert expected in text, text
            assert time.ticks_diff(time.ticks_ms(), start) < 2000
            assert not one.established and server.got == [] and only_records(server)
            one.close()
            server.forget()
    finally:
        server.close()


def test_no_dtls_there():
    peer, port = udp_server()
    peer.setblocking(False)
    tap = []

    class Plain:
        answer = b"\x60\x41\x00\x01"

        def step(self):
            try:
                data, address = peer.recvfrom(2048)
            except OSError:
                return
            tap.append(data)
            if self.answer:
                peer.sendto(self.answer, address)

    plain = Plain()
    try:
        one = connect(port, psk(), timeout_ms=300)
        text = reason(raises(OSError, shake, one, plain))
        assert text.startswith("the server answers without DTLS"), text
        one.close()
        plain.answer = None
        one = connect(port, psk(), timeout_ms=300)
        text = reason(raises(OSError, shake, one, plain))
        assert text.startswith("no answer to the DTLS handshake"), text
        one.close()
        assert tap and all([data[0] == 22 and data[1] == 0xFE for data in tap])
    finally:
        peer.close()
    one = connect(port, psk(), timeout_ms=1500)
    text = reason(raises(OSError, shake, one))
    assert text.startswith("nobody listens"), text
    one.close()


def test_credentials_of_no_use_are_refused_before_anything_is_sent():
    peer, port = udp_server()
    peer.setblocking(False)
    long_key = os.urandom(33)
    secret = os.urandom(40)
    cases = (
        ({"mode": RPK}, "raw public keys"),
        ({"mode": NO_SEC}, "needs security mode 0 or 2"),
        ({"mode": 4}, "needs security mode 0 or 2"),
        ({"identity": b""}, "a PSK needs an identity"),
        ({"key": b""}, "a PSK needs an identity and a key of 1 to 32 bytes"),
        ({"key": long_key}, "a PSK needs an identity and a key of 1 to 32 bytes"),
        ({"mode": CERTIFICATE, "key": secret}, "is no DER"),
        ({"mode": CERTIFICATE, "usage": 0}, "lacks a store of CAs for certificate usage 0"),
        ({"mode": CERTIFICATE, "usage": 1}, "lacks a store of CAs for certificate usage 1"),
    )
    try:
        for values, expected in cases:
            security = psk()
            for name, value in values.items():
                setattr(security, name, value)
            text = reason(raises(OSError, connect, port, security))
            assert expected in text, text
            for key in (long_key, secret, security.key):
                if key:
                    assert key.hex() not in text and repr(key) not in text
        text = reason(raises(OSError, connect, port, None))
        assert "has no credentials" in text
        assert raises(OSError, peer.recvfrom, 100).errno == EAGAIN
    finally:
        peer.close()


class Lesser:
    """What `tls` is where it has no DTLS, or with `context` no PSK."""

    def __init__(self, context=None):
        if context:
            self.SSLContext = context
            self.PROTOCOL_DTLS_CLIENT = 2


class WithoutPSK:
    def __init__(self, protocol):
        pass

    def get_ciphers(self):
        return ["TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256"]


def test_what_this_micropython_lacks_is_named():
    whole = sys.modules.get("tls")
    try:
        for lesser, expected in (
            (Lesser(), " lacks DTLS (module tls); use a port that has it, or coap://"),
            (
                Lesser(WithoutPSK),
                " lacks DTLS with this security mode; PSK came with MicroPython 1.29",
            ),
        ):
            sys.modules["tls"] = lesser
            text = reason(raises(OSError, connect, 9, psk()))
            assert text.startswith("MicroPython ") and text.endswith(expected), text
    finally:
        sys.modules.pop("tls")
        if whole:
            sys.modules["tls"] = whole


class Store:
    """Of the application what a connection asks for; with a server of one credential."""

    stopped = False
    interface = LAN  # as it says: udp() is its own

    def __init__(self, port, security):
        self.security = security
        secure.once = self.credentials  # the last one made counts
        self.read = 0
        self.logged = []
        self.noticed = []
        self.notice = self.noticed.append
        self.log = self.logged.append
        self.report = lambda code, lasts=True: None
        self.table = table = Table()
        self.server = ServerObject(1, 0, 3600)
        table.add(self.server)
        self.client = Client("test", table, time, os.urandom, self.logged.append, self.wake)
        account = {
            "uri": "coaps://127.0.0.1:%d" % port,
            "address": ("127.0.0.1", port),
            "mode": PSK,
            "security_iid": 3,
        }
        self.connection = SecureConnection(self, self.session, account)
        self.connections = [self.connection]

    def session(self, send):
        return self.client.add_server(self.server, send)

    def wake(self):
        pass

    async def network(self):
        pass

    def credentials(self, module, function, iid):
        assert (module, function, iid) == ("account_list", "credentials", 3)
        self.read += 1
        return self.security


def created(data):
    """The answer of a server to what it can answer."""
    message = Message()
    message.decode(data)
    if message.code == 0 and message.mtype == 0:
        answer = Message(3, 0, message.mid)
    elif message.code == 2 and len(message.all(11)) == 2:
        answer = Message(2, 0x44, message.mid, message.token)  # an Update
    elif message.code == 2:
        answer = Message(2, 0x41, message.mid, message.token, [(8, b"rd"), (8, b"1")])
    else:
        return None
    buffer = bytearray(64)
    return bytes(buffer[: answer.encode(buffer)])


def live(app, server, until, timeout_ms=5000):
    """Runs a connection and its server until the condition is met."""

    async def main():
        one = app.connection
        one.task = asyncio.create_task(one.run())
        end = time.ticks_add(time.ticks_ms(), timeout_ms)
        for number, condition in enumerate(until):
            while not condition():
                assert time.ticks_diff(end, time.ticks_ms()) > 0, (number, app.logged)
                server.step()
                app.client.poll()
                await asyncio.sleep_ms(5)
        one.task.cancel()
        one.close()

    asyncio.run(main())


def silence(connection, quiet_ms=6000):
    """A confirmable message was repeated twice in vain; nothing has come for so long."""
    connection.link.heard_ms = time.ticks_add(time.ticks_ms(), -quiet_ms)
    connection.session.endpoint.on_silence()


def test_a_connection_registers_and_after_a_dead_session_registers_anew():
    security = psk()
    server = Server({security.identity: security.key})
    server.answer_to = created
    app = Store(server.port, security)
    one = app.connection
    registration = app.connection.session.registration
    ports = []

    def registered():
        if registration.state != REGISTERED:
            return False
        assert one.session.online and one.link.established
        ports.append(one.link.local_port)
        silence(one, 5900)  # something has come meanwhile: the session lives
        assert one.link and one.session.online
        server.forget()
        silence(one)
        assert one.link is None and not one.session.online
        return True

    def again():
        return one.session.online and registration.state == REGISTERED

    try:
        live(app, server, (registered, again))
        assert len([line for line in app.logged if line.startswith("registered")]) == 2
        assert ports == [one.local_port]  # the same again
        assert app.read == 2  # the store is asked each time
        # Nothing of the key is left with the connection.
        assert not [each for each in one.__dict__.values() if isinstance(each, bytes)]
        assert only_records(server)
        assert [data[:2] for data in server.got if data[1] == 0]  # the probe was a ping
    finally:
        server.close()


def test_after_a_restart_of_the_board_an_update_goes_on_with_what_was_kept():
    security = psk()
    server = Server({security.identity: security.key})
    server.answer_to = created
    before = Store(server.port, security)
    registration = before.connection.session.registration
    try:
        live(before, server, (lambda: registration.state == REGISTERED,))
        kept = state.dump(before.connection.session)
        server.forget()
        server.got.clear()
        app = Store(server.port, security)
        one = app.connection
        one.local_port = before.connection.local_port
        restore.load(one.session, kept)
        live(app, server, (lambda: len(server.got) > 1,))
        update = Message()
        update.decode(server.got[1])
        assert update.all(11) == [b"rd", b"1"] and not update.all(15), server.got
        assert app.logged == [] and one.session.registration.state == REGISTERED
        # Where another port is all that can be had, the server knows nothing of it.
        server.forget()
        server.got.clear()
        taken = lan.UDP("127.0.0.1", server.port, before.connection.local_port)
        app = Store(server.port, security)
        app.connection.local_port = taken.local_port
        restore.load(app.connection.session, kept)
        live(app, server, (lambda: app.logged,))
        taken.close()
        assert app.logged[0].startswith("registered at /rd/1")
    finally:
        server.close()


def test_a_refused_handshake_is_a_failed_registration_and_no_local_failure():
    key = os.urandom(16)
    server = Server({b"board": key})
    app = Store(server.port, psk(b"stranger", key))
    one = app.connection
    registration = one.session.registration
    app.server.retry_timer_s = 7
    bootstrapped = []
    app.client.bootstrap = bootstrapped.append
    app.server.retry_count = 1
    app.server.sequence_count = 1
    app.server.sequence_delay_s = 9
    try:
        live(app, server, (lambda: registration.attempts or registration.sequences,))
        assert one.failures == 0 and server.got == []
        (line,) = app.logged
        assert line.startswith("registration failed: coaps://127.0.0.1:")
        assert "does not know the identity" in line and line.endswith("next attempt in 9 s")
        assert 8000 < registration.due_ms - app.client.now_ms() <= 9000
        assert bootstrapped == [one.session]  # /1/x/16
        assert one.link is None and one.local_port == 0 and only_records(server)
    finally:
        server.close()


def test_a_mute_server_is_not_hammered():
    security = psk()
    server = Server({security.identity: security.key})  # shakes hands, answers nothing
    app = Store(server.port, security)
    one = app.connection
    registration = one.session.registration
    silences = []

    def registering():
        if one.session.online and one.session.endpoint.exchange:
            silences.append(1)
            server.forget()
            silence(one)
        return registration.attempts == 1

    try:
        live(app, server, (registering,))
        assert len(silences) == 3  # the first ones could be a loss
        assert "no answer in the session, next attempt in 60 s" in app.logged[-1]
    finally:
        server.close()


def test_bad_credentials_are_a_failed_attempt_and_no_restart_is_tried():
    server = Server({b"board": os.urandom(16)})
    security = psk()
    security.key = b""
    app = Store(server.port, security)
    try:
        live(app, server, (lambda: app.logged,))
        assert "a PSK needs an identity and a key" in app.logged[0]
        assert app.connection.failures == 0 and server.tap == []
        assert app.connection.link is None
    finally:
        server.close()
