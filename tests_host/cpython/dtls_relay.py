"""DTLS-PSK clients under MicroPython for tests on CPython: micropython dtls_relay.py PORT.

Standard input takes lines, standard output gives them:
    new IDENTITY KEY     a client (KEY in hexadecimal) -> "port N": a local UDP port. What is sent
                         there goes to the server under DTLS, and what comes back from there
    again N              a new session from the same address, as after a restart -> "again N"
"open N" is printed for each finished handshake that something was sent after, "failed N REASON"
where one failed.
"""

import errno
import os
import select
import socket
import sys
from binascii import unhexlify

import tls

SERVER = socket.getaddrinfo("127.0.0.1", int(sys.argv[1]))[0][-1]


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def bound(port=0):
    """(socket, port) on loopback."""
    while True:
        high, low = os.urandom(2)
        number = port or 49152 + ((high << 8 | low) & 0x3FFF)
        new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            new.bind(socket.getaddrinfo("127.0.0.1", number)[0][-1])
            new.setblocking(False)
            return new, number
        except OSError:
            new.close()
            if port:
                raise


class Client:
    def __init__(self, identity, key):
        self.identity = identity
        self.key = key
        self.front, self.port = bound()
        self.local_port = 0
        self.peer = None
        self.tls = None
        self.start()

    def start(self):
        if self.tls:
            self.tls.close()  # and with it the socket below
        back, self.local_port = bound(self.local_port)
        back.connect(SERVER)
        context = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
        context.verify_mode = tls.CERT_NONE
        context.psk_identity = self.identity
        context.psk_key = self.key
        self.tls = context.wrap_socket(back, do_handshake_on_connect=False)
        self.waiting = []
        self.open = False

    def take(self):
        while True:
            try:
                data, self.peer = self.front.recvfrom(2048)
            except OSError:
                break
            self.waiting.append(data)

    def step(self):
        while True:
            data = self.tls.recv(2048)
            if data is None:
                break
            if not data:
                raise OSError(0, "closed by the server")
            if self.peer:
                self.front.sendto(data, self.peer)
        while self.waiting and self.tls.send(self.waiting[0]) is not None:
            self.waiting.pop(0)
            if not self.open:
                self.open = True
                say("open", self.port)


clients = {}
poller = select.poll()
poller.register(sys.stdin, select.POLLIN)


def command(words):
    if words[0] == "new":
        client = Client(words[1].encode(), unhexlify(words[2]))
        clients[client.port] = client
        say("port", client.port)
    elif words[0] == "again":
        clients[int(words[1])].start()
        say("again", words[1])


def main():
    while True:
        for stream, _ in poller.poll(4):
            if stream is sys.stdin:
                line = sys.stdin.readline()
                if not line:
                    return
                command(line.split())
        for client in list(clients.values()):
            client.take()
            try:
                client.step()
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:  # nobody is there for a while
                    continue
                say("failed", client.port, error.args[-1])
                client.front.close()
                client.tls.close()
                del clients[client.port]


main()
