"""What a DTLS handshake begins with: the credentials in place.

Loaded for the moment. No text here shows a credential; each says what to do next.
"""

import sys
from errno import EINVAL

from micropython import const

# Security modes, see lwm2m/objects/security.py
_PSK = const(0)
_RPK = const(1)
_CERTIFICATE = const(2)

# What LwM2M asks for (TS 1.1.1 Transport section 5.2.6 to 5.2.8) and what MicroPython has of it:
# stock ports lack CCM_8.
_SUITES = {
    _PSK: (
        "TLS-PSK-WITH-AES-128-GCM-SHA256",
        "TLS-PSK-WITH-AES-128-CCM-8",
        "TLS-PSK-WITH-AES-128-CBC-SHA256",
    ),
    _CERTIFICATE: (
        "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8",
    ),
}
_LONGEST_KEY = const(32)  # of mbedTLS, in bytes

# Certificate usages (/0/x/15)
_TRUST_ANCHOR = const(2)
_DOMAIN_ISSUED = const(3)

_FATAL_VERIFY = const(-0x3000)  # of mbedTLS


def context(security, host):
    """(an SSLContext with these credentials, the server's name for it or None).

    OSError says what is wrong with the account, or what this MicroPython lacks.
    """
    if security is None:
        raise OSError(EINVAL, "the account has no credentials: provision it again")
    mode = security.mode
    if mode == _RPK:
        raise _lacking("raw public keys (security mode 1); provision a PSK or certificates")
    if mode not in _SUITES:
        raise OSError(EINVAL, "coaps:// needs security mode 0 or 2, not %s" % mode)
    try:
        import tls

        context = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
    except (ImportError, AttributeError):
        raise _lacking("DTLS (module tls); use a port that has it, or coap://")
    known = context.get_ciphers()
    suites = [name for name in _SUITES[mode] if name in known]
    if not suites or (mode == _PSK and not hasattr(context, "psk_key")):
        raise _lacking("DTLS with this security mode; PSK came with MicroPython 1.29")
    context.set_ciphers(suites)
    name = security.sni
    if mode == _PSK:
        if not security.identity or not 1 <= len(security.key) <= _LONGEST_KEY:
            raise OSError(
                EINVAL, "a PSK needs an identity and a key of 1 to 32 bytes: provision it again"
            )
        context.verify_mode = tls.CERT_NONE  # no suite that is offered has one
        context.psk_identity = security.identity
        context.psk_key = security.key
        return context, name
    usage = security.usage
    if usage not in (_TRUST_ANCHOR, _DOMAIN_ISSUED):
        raise _lacking(
            "a store of CAs for certificate usage %s; use 2 (CA) or 3 (the server's own)" % usage
        )
    try:
        context.load_cert_chain(security.identity, security.key)
    except (ValueError, OSError):
        raise OSError(EINVAL, "the device's certificate or its key is no DER: provision it again")
    if usage == _TRUST_ANCHOR:
        try:
            context.load_verify_locations(security.server_key)
        except (ValueError, OSError):
            raise OSError(EINVAL, "the CA's certificate is no DER: provision it again")
        return context, name or host
    expected = security.server_key
    if not expected:
        raise OSError(EINVAL, "the server's certificate is not there: provision it")
    # With CERT_OPTIONAL mbedTLS leaves the decision to this: 0 is yes. A positive number would
    # pass for a success of the handshake.
    context.verify_mode = tls.CERT_OPTIONAL
    context.verify_callback = lambda data, level: (
        _FATAL_VERIFY if level == 0 and data != expected else 0
    )
    if ":" not in host and not host.replace(".", "").isdigit():
        name = name or host  # an address is no name for SNI (RFC 6066 section 3)
    return context, name


def _lacking(text):
    return OSError(EINVAL, "%s lacks %s" % (sys.version.split("; ")[-1], text))
