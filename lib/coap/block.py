"""Block-wise transfer of what the peer asks for (RFC 7959): Block1 in, Block2 out.

A Block option is num << 4 | more << 3 | szx, and the block begins at num << (szx + 4). The szx
of a size from 16 to 1024 is the number of its binary digits less 5.
"""

from binascii import crc32

from micropython import const

from coap.message import Error, uint, uint_bytes

_GET = const(1)
_FETCH = const(5)
_CONTINUE = const(0x5F)  # 2.31
_BAD_REQUEST = const(0x80)  # 4.00
_REQUEST_ENTITY_INCOMPLETE = const(0x88)  # 4.08
_REQUEST_ENTITY_TOO_LARGE = const(0x8D)  # 4.13
_BLOCK2 = const(23)
_BLOCK1 = const(27)
_SIZE1 = const(60)
# Uri-Path, Content-Format, Uri-Query and Accept tell one representation from another.
_KEY = const((11, 12, 15, 17))

_BODIES = const(2)  # requests on their way in
_STARTS = const(4)  # first blocks whose late copies are known


def key(request):
    """A number of 32 bits that is the same for requests of the same representation.

    It is made of code, Uri-Path, Uri-Query, Accept and Content-Format. For a FETCH the lower
    16 bits come from the payload alone: follow-up requests leave it out in part of the field.
    """
    crc = request.code
    for number, value in request.options:
        if number in _KEY:
            crc = crc32(value, crc32(bytes((number, len(value) & 255)), crc))
    if request.code == _FETCH:
        crc = crc & ~0xFFFF | crc32(request.payload) & 0xFFFF
    return crc


class Blocks:
    """Transfers with the peer of one endpoint; dropped as a whole after a time of silence.

    At most two request bodies and two representations are held, none longer than the
    endpoint's `body_limit`; the least recently used one makes room. A longer representation is
    made anew by the handler for each of its blocks. The endpoint sets `due_s`, when it drops all
    of it by its now_s(), and may have a `stream` that takes a body block by block.
    """

    def __init__(self, endpoint):
        self.endpoint = endpoint
        # (key, bytearray or what stream() returned); the latest used first, here and below
        self._bodies = []
        self._starts = []  # mids of first blocks: a late copy of one starts nothing
        self.answers = []  # (key, code, options, payload)

    def take(self, request, out):
        """Makes the request whole; False where `out` is the answer and no handler is needed.

        Raises Error for a block that fits nowhere.
        """
        body = request.first(_BLOCK1)
        asked = uint(request.first(_BLOCK2))
        if asked & 7 > 6:  # before anything is done
            raise Error(_BAD_REQUEST)
        if asked < 16:
            return body is None or self._join(request, out, uint(body))
        # The answer goes on. Observe only counts with the first block (section 2.6), and a part
        # of the body that comes along says nothing.
        from coap.cutting import plain

        request.options = plain(request.options)
        if body is not None:
            request.payload = b""
        partial = request.code == _FETCH and not request.payload
        name = key(request)
        for kept in self.answers:
            if kept[0] == name or partial and kept[0] ^ name < 0x10000:
                name, out.code, out.options, out.payload = kept
                self.cut(request, out, name)
                return False
        if partial or request.code not in (_GET, _FETCH):
            raise Error(_REQUEST_ENTITY_INCOMPLETE)  # must not be executed once more
        return True

    def _join(self, request, out, block):
        more = block & 8
        szx = block & 7
        full = 16 << szx
        start = (block >> 4) * full
        payload = request.payload
        size = len(payload)
        end = start + size
        if szx > 6 or size > full or more and size < full:
            raise Error(_BAD_REQUEST, "wrong block")
        request.payload = b""  # no part of the key
        name = key(request)
        bodies = self._bodies
        body = _pop(bodies, name)
        if not start and request.mid not in self._starts:
            size = uint(request.first(_SIZE1))
            stream = self.endpoint.stream
            request.payload = payload
            data = stream(request, more) if stream else None
            body = (name, bytearray() if data is None else data)
            end = max(end, size)
        if body is None:
            raise Error(_REQUEST_ENTITY_INCOMPLETE)
        data = body[1]
        streamed = type(data) is not bytearray
        limit = self.endpoint.body_limit
        if start == len(data):
            try:
                if end > limit and not streamed:
                    raise MemoryError
                data.extend(payload)
                if not more:
                    request.payload = data if streamed else bytes(data)
                    return True
            except MemoryError:
                if streamed:
                    raise
                out.code = _REQUEST_ENTITY_TOO_LARGE
                out.options = ((_SIZE1, uint_bytes(limit)),)
                return False
        elif not data.holds(start, payload) if streamed else data[start:end] != payload:
            more = 0
        bodies.insert(0, body)
        del bodies[_BODIES:]
        if not more:  # a gap, or of another body
            raise Error(_REQUEST_ENTITY_INCOMPLETE)
        if not start:
            self._starts.append(request.mid)
            del self._starts[:-_STARTS]
        out.code = _CONTINUE
        szx = min(szx, len(bin(self.endpoint.block_size)) - 7)
        out.options = ((_BLOCK1, uint_bytes(block & ~7 | szx)),)
        return False

    def cut(self, request, out, name=None):
        """Leaves of the answer in `out` the block that is asked for, or the first one.

        `name` is the key of the requests for the rest, where it is not that of `request`.
        Raises Error where there is no such block.
        """
        options = tuple(out.options)
        if request.first(_BLOCK2) is None and len(out.payload) <= self.endpoint.block_size:
            out.options = options + ((_BLOCK1, request.first(_BLOCK1)),)  # the last of a body
            return
        from coap.cutting import cut  # not earlier: a body takes memory, too

        cut(self, request, out, options, name or key(request))


def _pop(kept, name):
    for entry in kept:
        if entry[0] == name:
            kept.remove(entry)
            return entry
