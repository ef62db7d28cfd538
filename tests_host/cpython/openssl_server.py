"""`openssl s_server` as an LwM2M server, and a tap on the way that hears every datagram."""

import os
import re
import select
import shutil
import socket
import subprocess
import threading
import time

from coap.message import Message

_CON, _ACK = 0, 2
_POST, _DELETE = 2, 4
_CREATED, _DELETED, _CHANGED = 0x41, 0x42, 0x44


def missing():
    """One line on what to install, None where the tests can run."""
    program = shutil.which("openssl")
    if program:
        version = subprocess.run(
            [program, "version"], check=False, stdout=subprocess.PIPE, text=True
        ).stdout
        if re.match(r"OpenSSL (1\.1|[3-9])", version):
            return None
        return f"needs OpenSSL 1.1 or later, not {version.strip()}: brew install openssl"
    return "needs the program openssl: apt-get install openssl"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Tap:
    """Passes datagrams on between a client, which sends to `port`, and the server's port.

    `sent` has all datagrams of the client. With `answer` nothing is passed on: that is what the
    client hears.
    """

    def __init__(self, server_port, answer=None):
        self._to = ("127.0.0.1", server_port)
        self._answer = answer
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back.bind(("127.0.0.1", 0))
        self.port = self._front.getsockname()[1]
        self.sent = []
        self.clients = set()  # their addresses
        self._client = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ended.is_set():
            for one in select.select([self._front, self._back], [], [], 0.05)[0]:
                try:
                    data, address = one.recvfrom(65536)
                except OSError:
                    continue  # the server is down
                if one is self._back:
                    self._front.sendto(data, self._client)
                    continue
                self.sent.append(data)
                self._client = address
                self.clients.add(address)
                if self._answer is not None:
                    self._front.sendto(self._answer, address)
                else:
                    self._back.sendto(data, self._to)

    def only_records(self):
        """True when the client has sent something, and nothing but DTLS 1.0 to 1.2 records."""
        return bool(self.sent) and all(
            len(data) > 13 and 20 <= data[0] <= 23 and data[1] == 0xFE for data in self.sent
        )

    def close(self):
        self._ended.set()
        self._thread.join()
        self._front.close()
        self._back.close()


class OpenSSL:
    """One `s_server`; registers whoever gets through."""

    def __init__(self, folder, *options, port=None):
        self.port = port or free_port()
        self.requests = []  # (code, paths, queries)
        self._log = open(folder / "openssl.log", "ab")
        command = ["openssl", "s_server", "-4", "-dtls1_2", "-accept", str(self.port), "-quiet"]
        self.process = subprocess.Popen(
            [*command, *map(str, options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._wait_bound()

    def _wait_bound(self):
        # It says nothing when it listens: the port is taken then.
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "openssl did not start: see openssl.log"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                try:
                    one.bind(("", self.port))
                except OSError:
                    return
            time.sleep(0.02)
        raise AssertionError("openssl does not listen")

    def _serve(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return
            # A ping may come in one piece with what follows it.
            for found in re.finditer(b"\x40\\x00..|\x44[\x02\x04].*", data, re.DOTALL):
                answer = self._answer(found[0])
                if answer:
                    self.process.stdin.write(answer)
                    self.process.stdin.flush()

    def _answer(self, data):
        message = Message()
        message.decode(data)
        if message.mtype != _CON:
            return None
        path = b"/".join(message.all(11))
        self.requests.append((message.code, path, message.all(15)))
        if message.code == 0:
            # A ping is left unanswered: s_server would put two answers that come in one go into
            # one record.
            return None
        code = {_POST: _CHANGED, _DELETE: _DELETED}[message.code]
        options = []
        if path == b"rd":
            code, options = _CREATED, [(8, b"rd"), (8, b"1")]
        answer = Message(_ACK, code, message.mid, message.token, options)
        buffer = bytearray(64)
        return bytes(buffer[: answer.encode(buffer)])

    def registers(self):
        """The queries of every Register."""
        return [queries for code, path, queries in self.requests if (code, path) == (_POST, b"rd")]

    def close(self):
        if self._log.closed:
            return
        self.process.kill()
        self.process.wait()
        self._thread.join()
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()
