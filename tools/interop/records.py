"""DTLS records as they went over the wire, told in short lines; and whatever is none.

What is encrypted stays so: of a session over DTLS only the handshake can be told.
"""

import struct

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA = 20, 21, 22, 23
_HEADER = 13  # bytes of a record's header (RFC 6347 section 4.1)
_VERSIONS = (b"\xfe\xfd", b"\xfe\xff")  # the first ClientHello may say DTLS 1.0
_MESSAGES = {
    1: "ClientHello",
    2: "ServerHello",
    3: "HelloVerifyRequest",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
}
_SUITES = {
    0x00A8: "TLS_PSK_WITH_AES_128_GCM_SHA256",
    0xC0A4: "TLS_PSK_WITH_AES_128_CCM",
    0xC0A8: "TLS_PSK_WITH_AES_128_CCM_8",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    0xC0AC: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    0xC0AE: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
}


def split(datagram):
    """(type, epoch, body) of each record in a datagram; None where it is no DTLS."""
    found = []
    while datagram:
        if len(datagram) < _HEADER or datagram[1:3] not in _VERSIONS:
            return None
        epoch, length = struct.unpack_from(">H6xH", datagram, 3)
        body = datagram[_HEADER : _HEADER + length]
        if not _CHANGE_CIPHER_SPEC <= datagram[0] <= _APPLICATION_DATA or len(body) < length:
            return None
        found.append((datagram[0], epoch, body))
        datagram = datagram[_HEADER + length :]
    return found


def _suite(body):
    # of a ServerHello: version, random, session id, then the suite (RFC 5246 section 7.4.1.3)
    message = body[12:]
    at = 35 + message[34]
    number = int.from_bytes(message[at : at + 2], "big")
    return _SUITES.get(number, "%#06x" % number)


def _text(kind, epoch, body):
    if kind == _APPLICATION_DATA:
        return "application data"
    if kind == _ALERT:
        return "alert"
    if kind == _CHANGE_CIPHER_SPEC:
        return "ChangeCipherSpec"
    if epoch:
        return "Finished"
    name = _MESSAGES.get(body[0], "handshake message %d" % body[0])
    return name + " " + _suite(body) if body[0] == 2 else name


def lines(records):
    """Lines of a list of (seconds, from_client, datagram), each once: "client: ClientHello"."""
    found = []
    for _, from_client, datagram in records:
        who = "client" if from_client else "server"
        for record in split(datagram) or []:
            found.append("%s: %s" % (who, _text(*record)))
    return list(dict.fromkeys(found))


def clear(records):
    """The datagrams among them that are no DTLS."""
    return [datagram for _, _, datagram in records if split(datagram) is None]
