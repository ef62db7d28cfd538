"""The least that MicroPython needs to answer a datagram: poll, recvfrom, sendto."""

import select
import socket


def run(port):
    """Greets 127.0.0.1:port, then sends back what comes, until a minute passes in silence."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.sendto(b"echo", socket.getaddrinfo("127.0.0.1", port)[0][-1])
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    while poller.poll(60000):
        data, address = sock.recvfrom(1280)
        sock.sendto(data, address)
