"""One DTLS-PSK session to a port of loopback; says on standard error how far it is.

Beside the trace of valgrind that tells which memory of mbedTLS belongs to what.
"""

import socket
import sys
import time
from binascii import unhexlify

import tls

_LONGEST_MS = 30000


def run(port, identity):
    """The key comes as a line of hexadecimal on standard input. OSError without a session."""
    key = unhexlify(sys.stdin.readline().strip())
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    udp.setblocking(False)
    sys.stderr.write("STAGE context\n")
    context = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
    context.verify_mode = tls.CERT_NONE
    context.set_ciphers(["TLS-PSK-WITH-AES-128-GCM-SHA256"])
    context.psk_identity = identity
    context.psk_key = key
    sys.stderr.write("STAGE handshake\n")
    session = context.wrap_socket(udp, do_handshake_on_connect=False)
    begun = time.ticks_ms()
    while not session.send(b"\x40\x00\x00\x00"):
        if time.ticks_diff(time.ticks_ms(), begun) > _LONGEST_MS:
            raise OSError("no session")
        session.recv(1)
        time.sleep_ms(20)
    sys.stderr.write("STAGE session\n")
    session.close()
    sys.stderr.write("STAGE end\n")
