"""Which server registers first (TS 1.1.1 Core section 6.2.1, resources 13 to 15 of /1)."""

from micropython import const

from coap.endpoint import IDLE_MS

_GRACE_MS = const(60000)


def wait_ms(registration, now_ms):
    """Milliseconds before a server may try to register; 0 or less when it may begin.

    Servers with a Registration Priority Order come in ascending order: each begins when those
    before have registered or have failed by their retry parameters, one with Registration
    Failure Block when it has registered. Servers without it neither wait nor hold up others.
    A server whose link does not come up holds up others for a minute, with the block for ever.
    The Initial Registration Delay counts from there, and until the first success only.
    """
    own = registration.server.priority_order
    for session in registration.client.sessions:
        before = session.registration
        server = session.server
        if own is None or server.priority_order is None or server.priority_order >= own:
            continue
        if before.state == "registered" or before.silent_ms:
            continue
        if not server.failure_block:
            if before.sequences >= max(1, server.sequence_count):  # failed, see retry.py
                continue
            if before.state == "stopped":
                left = registration.due_ms + _GRACE_MS - now_ms
                if left <= 0 or before.location:
                    continue
                return left
        return IDLE_MS  # what becomes of the other wakes the client
    if registration.free_ms is None:
        registration.free_ms = now_ms
    if registration.location:
        return 0
    return registration.free_ms + registration.server.initial_delay_s * 1000 - now_ms
