"""What a DTLS handshake needs once: the credentials in place, and words for how it failed.

Loaded for the moment. No text here shows a credential; each says what to do next.
"""

import gc
import sys
from errno import EINVAL, ENOMEM

from micropython import const

from lwm2m.objects.security import CERTIFICATE, PSK, RPK

# What LwM2M asks for (TS 1.1.1 Transport section 5.2.6 to 5.2.8) and what MicroPython has of it:
# stock ports lack CCM_8.
_SUITES = {
    PSK: (
        "TLS-PSK-WITH-AES-128-GCM-SHA256",
        "TLS-PSK-WITH-AES-128-CCM-8",
        "TLS-PSK-WITH-AES-128-CBC-SHA256",
    ),
    CERTIFICATE: (
        "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8",
    ),
}
_LONGEST_KEY = const(32)  # of mbedTLS, in bytes

# Certificate usages (/0/x/15)
_TRUST_ANCHOR = const(2)
_DOMAIN_ISSUED = const(3)

_FATAL_ALERT = const(-0x7780)  # of mbedTLS
_FATAL_VERIFY = const(-0x3000)


def context(security, host):
    """(an SSLContext with these credentials, the server's name for it or None).

    OSError says what is wrong with the account, or what this MicroPython lacks.
    """
    if security is None:
        raise OSError(EINVAL, "the account has no credentials: provision it again")
    mode = security.mode
    if mode == RPK:
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
    if not suites or (mode == PSK and not hasattr(context, "psk_key")):
        raise _lacking("DTLS with this security mode; PSK came with MicroPython 1.29")
    context.set_ciphers(suites)
    name = security.sni
    if mode == PSK:
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
    context.verify_callback = lambda found, depth: (
        _FATAL_VERIFY if depth == 0 and found != expected else 0
    )
    if ":" not in host and not host.replace(".", "").isdigit():
        name = name or host  # an address is no name for SNI (RFC 6066 section 3)
    return context, name


def _lacking(what):
    return OSError(EINVAL, "%s lacks %s" % (sys.version.split("; ")[-1], what))


def unwrapped(error):
    """Why a session could not be set up."""
    if isinstance(error, MemoryError) or error.args[0] == ENOMEM:
        gc.collect()
        return (
            "no memory for DTLS: it needs 16 KB and 4 KB in one piece each, %d bytes are free"
            % (gc.mem_free())
        )
    return "DTLS: %s" % error.args[-1]


def unanswered(link):
    """Why a handshake did not end in time."""
    if link.heard:
        what = "certificate" if link.mode == CERTIFICATE else "key and identity"
        return (
            "the server does not finish the DTLS handshake: has it the %s of this device?" % what
        )
    if link.stranger:
        return "the server answers without DTLS, which is dropped: does the port speak coaps?"
    if link.refused:
        return "nobody listens at that port: is the server running?"
    return "no answer to the DTLS handshake: check address, port, firewall and server"


# Alerts of the server (RFC 5246 section 7.2)
_ALERTS = (
    ((20, 51), "it has another key for this identity: provision the same on both ends"),
    ((115,), "it does not know the identity of this device: add it there"),
    ((42, 43, 44, 45, 46), "it does not accept the certificate of this device: renew it"),
    ((48,), "it does not know the CA of the device's certificate: add it there"),
    ((49,), "this device has no access there"),
    (
        (40, 47, 71, 86),
        "no common cipher suite or credentials: it must offer AES-128-GCM and know the device",
    ),
    ((70,), "it speaks no DTLS 1.2"),
)


def broken(link, error):
    """What an error of `tls` means, one that came in the handshake or later."""
    code = error.args[0]
    if link.established:
        if code == _FATAL_ALERT:
            return "the server has ended the session"
        return "DTLS: %s" % error.args[-1]
    if isinstance(error, ValueError):  # the words of mbedTLS, a line for each
        text = "; ".join(str(code).strip().split("\n"))
        return (
            "the server's certificate is refused: %s: renew or provision it; is the clock right?"
            % text
        )
    if code == _FATAL_VERIFY:
        return (
            "the server's certificate is not the one that was provisioned: provision the new one"
        )
    if code == _FATAL_ALERT:
        for alerts, text in _ALERTS:
            if link.alert in alerts:
                return "the server refuses: " + text
        return "the server refuses with alert %s: look into its log" % link.alert
    return "DTLS handshake: %s: look into the server's log" % error.args[-1]
