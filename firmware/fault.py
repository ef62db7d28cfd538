"""Words for how a DTLS handshake or session has failed, each with what to do next.

Loaded for the moment.
"""

import gc
from errno import ENOMEM

from micropython import const

_CERTIFICATE = const(2)  # security mode, see lwm2m/objects/security.py
# Of DTLS.level
_REFUSED = const(1)
_STRANGER = const(2)
_HEARD = const(3)
_FATAL_ALERT = const(-0x7780)  # of mbedTLS
_FATAL_VERIFY = const(-0x3000)


def begin(error):
    """Why a session could not be set up."""
    if isinstance(error, MemoryError) or error.args[0] == ENOMEM:
        gc.collect()
        return (
            "no memory for DTLS: it needs 16 KB and 4 KB in one piece each, %d bytes are free"
            % (gc.mem_free())
        )
    return "DTLS: %s" % error.args[-1]


def missing(link):
    """Why a handshake did not end in time."""
    if link.level == _HEARD:
        what = "certificate" if link.mode == _CERTIFICATE else "key and identity"
        return (
            "the server does not finish the DTLS handshake: has it the %s of this device?" % what
        )
    if link.level == _STRANGER:
        return "the server answers without DTLS, which is dropped: does the port speak coaps?"
    if link.level == _REFUSED:
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


def lost(link, error):
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
