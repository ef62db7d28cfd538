"""A block of an answer that is too long for one datagram (RFC 7959): see Blocks.cut()."""

from binascii import crc32

from micropython import const

from coap.message import Error, uint, uint_bytes

_BAD_REQUEST = const(0x80)  # 4.00
_ETAG = const(4)
_OBSERVE = const(6)
_BLOCK2 = const(23)
_BLOCK1 = const(27)
_SIZE2 = const(28)

_ANSWERS = const(2)  # representations that are being fetched


def cut(blocks, request, out, options, name):
    """Leaves of the answer the block that is asked for; `name` is the key of the requests."""
    payload = out.payload
    size = len(payload)
    endpoint = blocks.endpoint
    asked = request.first(_BLOCK2)
    body = request.first(_BLOCK1)
    start = 1
    if size and (asked is not None or size > endpoint.block_size):
        block = 6 if asked is None else uint(asked)
        szx = block & 7
        start = (block >> 4) << szx + 4
        if start >= size:
            raise Error(_BAD_REQUEST, "wrong block")
        szx = min(szx, len(bin(endpoint.block_size)) - 7)
        end = start + (16 << szx)
        more = end < size
        if more or start:
            answers = blocks.answers
            for kept in answers:
                if kept[0] == name:
                    answers.remove(kept)
                    break
            if size <= endpoint.body_limit:
                answers.insert(0, (name, out.code, plain(options), payload))
                del answers[_ANSWERS:]
        block = start >> szx | more << 3 | szx
        options = ((_ETAG, uint_bytes(crc32(payload))),) + options
        options += ((_BLOCK2, uint_bytes(block)),)
        out.payload = payload[start:end]
        out.again = None
    if body is not None:
        options += ((_BLOCK1, body),)
    if not start:
        options += ((_SIZE2, uint_bytes(size)),)
    out.options = options


def plain(options):
    """These without Observe."""
    kept = []
    for option in options:
        if option[0] != _OBSERVE:
            kept.append(option)
    return kept
