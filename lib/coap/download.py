"""A download of any length in blocks, in constant memory (RFC 7959 section 2.4)."""

from micropython import const

from coap.message import dotted, uint, uint_bytes

_GET = const(1)
_CONTENT = const(0x45)  # 2.05
_ETAG = const(4)
_BLOCK2 = const(23)
_SIZE2 = const(28)


class Download:
    """GETs a representation block by block; to be begun while the endpoint is `idle`.

    `path_options` are (number, value) pairs below Block2, in order. `on_block(offset, data)`
    takes the bytes as they come and may raise to stop; `on_done(error)` is called in the end,
    with None or a text. To go on with what broke off, give its `offset` as `start` and its
    `etag`: another version of the representation is an error. The endpoint is not idle until
    the end; its own `cancel()` ends the download without a word.
    """

    def __init__(self, endpoint, path_options, on_block, on_done, start=0, etag=None):
        self.offset = start  # bytes that are here
        self.etag = etag  # of the representation: empty where it has none, None before the first
        self.size = None  # of the whole representation in bytes, where the peer tells
        self.endpoint = endpoint
        self.path_options = path_options
        self.on_block = on_block
        self.on_done = on_done
        self._szx = len(bin(endpoint.block_size)) - 7
        self._ask()

    def _ask(self):
        szx = self._szx
        self._asked = asked = self.offset >> szx + 4 << szx + 4
        options = list(self.path_options) + [(_BLOCK2, uint_bytes(asked >> szx | szx))]
        self.endpoint.request(_GET, options, b"", self._answered)
        self.exchange = self.endpoint.exchange

    def cancel(self):
        """Ends it; nobody is called any more."""
        self.on_done = None
        if self.endpoint.exchange is self.exchange:
            self.endpoint.exchange = None

    def _answered(self, message):
        error = None
        try:
            if self._take(message) and self.on_done:
                self._ask()
                return
        except Exception as problem:
            error = str(problem) or type(problem).__name__
        if self.on_done:
            self.on_done(error)

    def _take(self, message):
        # True where there is more to come.
        if message is None:
            raise ValueError("no answer")
        if message.code != _CONTENT:
            raise ValueError("answered " + dotted(message.code))
        etag = message.first(_ETAG) or b""
        if self.etag is None:
            self.etag = etag
        if etag != self.etag:
            raise ValueError("it has changed")
        payload = message.payload
        end = len(payload)
        begin = more = 0
        block = message.first(_BLOCK2)
        if block is not None:
            block = uint(block)
            szx = block & 7
            more = block & 8
            begin = (block >> 4) << szx + 4
            size = 16 << szx
            if begin != self._asked or szx > self._szx or end > size or more and end < size:
                raise ValueError("wrong block")
            self._szx = szx
            end += begin
        if end < self.offset and not more:
            raise ValueError("it is shorter now")
        self.size = uint(message.first(_SIZE2)) or self.size
        data = payload[self.offset - begin :]
        if data:
            self.on_block(self.offset, data)
            self.offset = end
        return more
