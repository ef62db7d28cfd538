"""A request of ours that is too long for one datagram: Block1 (RFC 7959 sections 2.3, 2.5)."""

from micropython import const

from coap.message import uint, uint_bytes

_REQUEST_ENTITY_INCOMPLETE = const(0x88)  # 4.08
_REQUEST_ENTITY_TOO_LARGE = const(0x8D)  # 4.13
_BLOCK1 = const(27)
_SIZE1 = const(60)


def upload(endpoint, code, options, payload, on_done):
    """Sends the payload block by block; `on_done` gets the answer to the last one.

    Any other answer than "go on" ends it and is what `on_done` gets, as is None after a
    time-out. Blocks become smaller where the peer asks for it, and once it is begun anew where
    the peer has lost what it had (4.08). The options have to end below Block1. Raises what
    Endpoint.request() raises.
    """
    szx = len(bin(endpoint.block_size)) - 7
    start = 0
    lost = False

    def send():
        end = start + (16 << szx)
        more = end < len(payload)
        block = [(_BLOCK1, uint_bytes(start >> szx | more << 3 | szx))]
        if not start:
            block.append((_SIZE1, uint_bytes(len(payload))))
        endpoint.request(code, list(options) + block, payload[start:end], answered)

    def answered(message):
        nonlocal start, szx, lost
        sent = start + (16 << szx)
        start = len(payload)  # the end, if nothing below says otherwise
        if message is not None:
            got = message.code
            asked = message.first(_BLOCK1)
            before = szx
            if asked is not None:
                szx = min(szx, uint(asked) & 7)
            if got == _REQUEST_ENTITY_TOO_LARGE and szx < before:
                start = 0
            elif got == _REQUEST_ENTITY_INCOMPLETE and not lost:
                lost = True
                start = 0
            elif got >> 5 == 2 and asked is not None:
                start = sent
        if start < len(payload):
            try:
                send()
                return
            except Exception as error:
                endpoint.fault(error)
                message = None
        on_done(message)

    send()
