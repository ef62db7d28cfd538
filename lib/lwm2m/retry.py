"""When registering may be tried: retries, Disable, order (TS 1.1.1 Core section 6.2.1, E.2).

A sequence is `retry_count` attempts; the delay between them is `retry_timer_s`, doubled each
time, up to a day. `sequence_delay_s` lies between sequences, and after `sequence_count` of them
the registration has failed (/1/x/17 to 20). What a server writes counts from the next failure
on; 0 is taken for 1.

It is tried again for ever, with a sequence after each delay: nobody reaches a device that has
given up. 4294967295 s, "never" in the TS, are 136 years.
"""

from micropython import const

from coap.message import dotted

_FORBIDDEN = const(0x83)  # 4.03
_PRECONDITION_FAILED = const(0x8C)  # 4.12
_DISABLE = const(4)  # /1/x/4
_DAY_S = const(86400)
_IDLE_MS = const(86400000)  # a wait for nothing, as in coap/endpoint.py
_GRACE_MS = const(60000)


def failed(registration, state, code, reason=None):
    """The request sent in this state was answered with `code` (0: not at all).

    With a `reason` it could not be sent at all.
    """
    result = reason or (dotted(code) if code else "no answer")
    session = registration.session
    server = registration.server
    client = registration.client
    registration.due_ms = client.now_ms()
    if state == "de-registering":
        client.log("not de-registered: " + result)
        registration.due_ms = registration.silent_ms
        return
    if not code and not session.online and not reason:
        return  # no fault of the server: once more, as it was
    if state == "registered":
        client.log("update failed: %s, registering anew" % result)
        registration.start()
        return
    if code == _PRECONDITION_FAILED and session.version != "1.0":
        session.version = "1.0"  # section 6.2.1: the server does not speak 1.1
        return
    # Called with the session where the Bootstrap-Server is to be asked (/1/x/16).
    bootstrap = server.bootstrap_on_failure and client.bootstrap
    registration.attempts += 1
    if registration.attempts < server.retry_count and not (bootstrap and code == _FORBIDDEN):
        bootstrap = None
        timer_s = server.retry_timer_s or 1
        if registration.taken and not code:  # lost datagrams, and no server that wants a pause
            timer_s = 1
        delay_s = max(timer_s, min(timer_s << min(registration.attempts - 1, 17), _DAY_S))
    else:
        registration.attempts = 0
        registration.sequences += 1
        if registration.sequences < server.sequence_count and code != _FORBIDDEN:
            bootstrap = None
        delay_s = server.sequence_delay_s or 1
    registration.due_ms += delay_s * 1000
    client.log("registration failed: %s, next attempt in %d s" % (result, delay_s))
    if bootstrap:
        bootstrap(session)


def held_ms(registration, now_ms):
    """Milliseconds before it may be tried to register; 0 or less when it may begin.

    An Execute of /1/x/4 is fulfilled first: the client de-registers, and registers again after
    /1/x/5 seconds. In between nothing is sent and no request answered.
    Servers with a Registration Priority Order come in ascending order: each begins when those
    before have registered or have failed by their retry parameters, one with Registration
    Failure Block when it has registered. Servers without it neither wait nor hold up others.
    A server whose link does not come up holds up others for a minute, with the block for ever.
    The Initial Registration Delay counts from there, and until the first success only.
    """
    own = registration.server
    if own.asked == _DISABLE:
        own.asked = registration.attempts = registration.sequences = 0
        registration.due_ms = now_ms + own.disable_timeout_s * 1000 + 1
        registration.stop(registration.due_ms)
        registration.client.notice("disabled for %d s" % own.disable_timeout_s)
        return 1
    order = own.priority_order
    for session in registration.client.sessions:
        before = session.registration
        server = session.server
        other = server.priority_order
        state = before.state
        if (
            None in (order, other)
            or other >= order
            or state == "registered"
            or (before.location and before.silent_ms > now_ms)  # disabled
        ):
            continue
        left = _IDLE_MS  # what becomes of the other wakes the client
        if not server.failure_block:
            if before.sequences >= (server.sequence_count or 1):  # failed
                continue
            if state == "stopped":
                left = registration.due_ms + _GRACE_MS - now_ms
                if left <= 0 or before.location:
                    continue
        return left
    if not (registration.location or registration.silent_ms):
        registration.silent_ms = now_ms + own.initial_delay_s * 1000
    return registration.silent_ms - now_ms
