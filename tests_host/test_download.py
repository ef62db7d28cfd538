"""Downloads block by block, in constant memory (RFC 7959 section 2.4)."""

from helpers import raises
from lossy import Network
from peer import Random, decode, encode
from test_endpoint import Rig

from coap.download import Download
from coap.message import Message, uint, uint_bytes

CON, NON, ACK, RST = 0, 1, 2, 3
GET = 1
CHANGED, CONTENT, NOT_FOUND = 0x44, 0x45, 0x84
ETAG, PATH, QUERY, BLOCK2, SIZE2 = 4, 11, 15, 23, 28
OPTIONS = [(PATH, b"fw"), (PATH, b"image.bin"), (QUERY, b"v=2")]


def body(size, seed=1):
    return Random(seed).bytes(size)


def block(num, more, szx):
    return uint_bytes(num << 4 | more << 3 | szx)


class Downloader(Rig):
    """A rig that downloads, and the server in the test's own hands."""

    def __init__(self, start=0, etag=None, block_size=512):
        super().__init__(size=640)
        self.endpoint.block_size = block_size
        self.data = b""
        self.start = start
        self.ended = []
        self.stop = None  # what on_block raises
        self.download = Download(
            self.endpoint, OPTIONS, self.on_block, self.ended.append, start, etag
        )
        self.look()

    def on_block(self, offset, data):
        assert offset == self.start + len(self.data) and data
        if self.stop:
            raise self.stop
        self.data += data

    def look(self):
        sent = [decode(data) for data in self.take()]
        assert len(sent) <= 1
        self.sent = sent[0] if sent else None
        if self.sent:
            assert self.sent.mtype == CON and self.sent.code == GET
            assert list(self.sent.options[:3]) == OPTIONS and not self.sent.payload
            assert len(self.sent.options) == 4
            assert not self.endpoint.idle

    def asked(self):
        value = uint(self.sent.first(BLOCK2))
        assert not value & 8
        return value >> 4, value & 7

    def reply(self, code, options=(), payload=b"", separate=False):
        sent = self.sent
        if separate:
            self.endpoint.receive(encode(Message(ACK, 0, sent.mid)))
            assert self.take() == [] and not self.endpoint.idle
            message = Message(CON, code, 0x7000 + sent.mid % 256, sent.token, options, payload)
            self.endpoint.receive(encode(message))
            assert self.wire.pop(0)[1][:2] == b"\x60\0"
        else:
            message = Message(ACK, code, sent.mid, sent.token, options, payload)
            self.endpoint.receive(encode(message))
        self.look()

    def serve(self, payload, etag=b"one", szx=6, separate=False):
        """Answers the request under way as a good server does."""
        num, asked = self.asked()
        start = num << asked + 4
        szx = min(szx, asked)
        size = 16 << szx
        options = [(ETAG, etag)] if etag else []
        more = start + size < len(payload)
        options.append((BLOCK2, block(start >> szx + 4, more, szx)))
        if not start:
            options.append((SIZE2, uint_bytes(len(payload))))
        self.reply(CONTENT, options, payload[start : start + size], separate)


def test_a_download_of_any_length():
    for block_size, szx in ((16, 0), (128, 3), (512, 5)):
        for length in (1, block_size - 1, block_size, block_size + 1, 5 * block_size + 3):
            for etag in (b"one", b""):
                for separate in (False, True):
                    rig = Downloader(block_size=block_size)
                    payload = body(length)
                    num = 0
                    while rig.sent:
                        assert rig.asked() == (num, szx)
                        num += 1
                        rig.serve(payload, etag, 6, separate)
                    assert rig.data == payload and rig.ended == [None]
                    assert num == (length + block_size - 1) // block_size
                    assert rig.download.etag == etag and rig.download.offset == length
                    assert rig.download.size == length
                    assert rig.endpoint.idle and rig.endpoint.faults == 0
                    rig.settled()
                    assert rig.ended == [None]


def test_resuming_at_any_offset():
    payload = body(1500)
    for start in (0, 1, 15, 16, 511, 512, 513, 1000, 1023, 1024, 1499):
        for szx in (6, 3, 0):
            rig = Downloader(start, b"one")
            assert rig.asked() == (start // 512, 5)
            while rig.sent:
                rig.serve(payload, szx=szx)
            assert rig.data == payload[start:] and rig.ended == [None], (start, szx)
    # Everything is here already: nothing more comes.
    rig = Downloader(1500, b"one")
    rig.serve(payload)
    assert rig.ended == [None] and rig.data == b""
    rig = Downloader(1501, b"one")
    rig.serve(payload)
    assert rig.ended == ["it is shorter now"]


def test_smaller_blocks_at_any_time():
    payload = body(2000)
    rig = Downloader()
    sizes = Random(4)
    while rig.sent:
        rig.serve(payload, szx=sizes.below(7))
    assert rig.data == payload and rig.ended == [None]


def test_a_server_without_blocks():
    rig = Downloader()
    rig.reply(CONTENT, [(12, b"\x2a")], body(600))
    assert rig.data == body(600) and rig.ended == [None] and rig.download.etag == b""
    rig = Downloader(100, b"one")
    rig.reply(CONTENT, [(ETAG, b"one")], body(600))
    assert rig.data == body(600)[100:] and rig.ended == [None]
    rig = Downloader()
    rig.reply(CONTENT, [(12, b"\x2a")])  # an empty file
    assert rig.data == b"" and rig.ended == [None]
    rig = Downloader()
    rig.reply(CONTENT, [(BLOCK2, b"")])
    assert rig.data == b"" and rig.ended == [None]


def test_another_version_ends_it():
    for first, then in ((b"one", b"two"), (b"one", b""), (b"", b"two"), (b"one", b"on")):
        rig = Downloader()
        rig.serve(body(1500), first)
        rig.serve(body(1500), then)
        assert rig.ended == ["it has changed"] and rig.data == body(1500)[:512]
        assert rig.sent is None and rig.endpoint.idle
        assert rig.download.offset == 512 and rig.download.etag == first
    for etag in (b"two", b""):
        rig = Downloader(512, b"one")
        rig.serve(body(1500), etag)
        assert rig.ended == ["it has changed"] and rig.data == b""


def test_wrong_blocks():
    whole = b"x" * 512
    for value, payload, error in (
        (block(0, 1, 5), whole, "wrong block"),  # the one before
        (block(2, 1, 5), whole, "wrong block"),
        (block(0xFFFFF, 1, 5), whole, "wrong block"),
        (block(1, 1, 6), whole, "wrong block"),  # larger
        (block(0, 1, 6), b"x" * 1024, "wrong block"),
        (block(1, 1, 7), whole, "wrong block"),
        (block(0, 0, 7), whole, "wrong block"),
        (block(1, 1, 4), b"x" * 256, "wrong block"),  # not what the number was for
        (block(1, 1, 5), whole[1:], "wrong block"),
        (block(1, 1, 5), b"", "wrong block"),
        (block(1, 1, 5), whole + b"x", "wrong block"),
        (block(1, 0, 5), whole + b"x", "wrong block"),
        (block(2, 1, 4), whole, "wrong block"),
        (None, b"x" * 511, "it is shorter now"),
    ):
        rig = Downloader()
        rig.serve(body(1500), b"")
        options = [(BLOCK2, value)] if value is not None else []
        rig.reply(CONTENT, options, payload)
        assert rig.ended == [error], (value, payload, rig.ended)
        assert rig.data == body(1500)[:512] and rig.endpoint.idle
        assert rig.endpoint.faults == 0
        rig.settled()


def test_block_options_that_are_none():
    for options in ([(BLOCK2, b"\0\0\0\5")], [(BLOCK2, b"\x0d"), (BLOCK2, b"\x0d")]):
        rig = Downloader()
        rig.reply(CONTENT, options, b"x" * 512)
        assert rig.ended == [] and rig.data == b""  # a message that cannot be understood
        rig.run(62000)
        assert rig.ended == ["no answer"]
    rig = Downloader()
    rig.reply(CONTENT, [(BLOCK2, block(0, 1, 5)), (SIZE2, b"\xff" * 40)], b"x" * 512)
    assert rig.ended == [] and rig.data == b"x" * 512
    rig.reply(CONTENT, [(BLOCK2, block(1, 0, 5)), (SIZE2, b"")], b"x")
    assert rig.ended == [None]


def test_errors_of_the_server():
    for code, text in ((NOT_FOUND, "answered 4.04"), (0xA0, "answered 5.00"), (0x43, "2.03")):
        rig = Downloader()
        rig.reply(code, (), b"why")
        assert rig.ended[0].endswith(text) and rig.data == b"" and rig.endpoint.idle
        rig = Downloader()
        rig.serve(body(1000))
        rig.reply(code)
        assert rig.ended[0].endswith(text) and rig.download.offset == 512
    rig = Downloader()
    rig.run(62000)
    assert rig.ended == ["no answer"] and rig.endpoint.idle
    rig = Downloader()
    rig.receive(encode(Message(RST, 0, rig.sent.mid)))
    assert rig.ended == ["no answer"]


def test_on_block_may_stop_it():
    for error, text in ((ValueError("no room"), "no room"), (OSError(), "OSError")):
        rig = Downloader()
        rig.serve(body(1500))
        rig.stop = error
        rig.serve(body(1500))
        assert rig.ended == [text] and rig.endpoint.idle and rig.endpoint.faults == 0
        assert rig.download.offset == 512  # to go on from here
        rig.settled()


def test_cancel():
    rig = Downloader()
    rig.serve(body(1500))
    sent = rig.sent
    rig.download.cancel()
    assert rig.endpoint.idle
    rig.sent = sent
    rig.serve(body(1500))
    assert rig.sent is None and rig.ended == [] and rig.data == body(1500)[:512]
    rig.download.cancel()
    rig.settled()
    assert rig.wire == [] and rig.ended == []
    # Another exchange than its own stays.
    rig.request()
    rig.download.cancel()
    assert not rig.endpoint.idle
    # Out of on_block, also with an error.
    for error in (None, ValueError("x")):
        rig = Downloader()

        def stop(offset, data, rig=rig, error=error):
            rig.download.cancel()
            if error:
                raise error

        rig.download.on_block = stop
        rig.serve(body(1500))
        assert rig.sent is None and rig.ended == [] and rig.endpoint.idle


def test_it_needs_an_idle_endpoint():
    rig = Rig(size=640)
    rig.request()
    raises(RuntimeError, Download, rig.endpoint, OPTIONS, None, None)
    assert not rig.endpoint.idle
    rig = Downloader()
    raises(RuntimeError, Download, rig.endpoint, OPTIONS, None, None)
    rig.serve(body(10))
    assert rig.ended == [None]


def test_no_memory_for_the_next_request():
    rig = Downloader()

    def fail(*args):
        raise MemoryError("used up")

    rig.endpoint.notify = fail
    rig.serve(body(1500))
    assert rig.ended == ["used up"] and rig.endpoint.idle and rig.download.offset == 512


def test_downloads_over_a_bad_network():
    results = {}
    resumed = 0
    for seed in range(60):
        versions = [body(3000 + 10 * seed, 1), body(2500, 2)]
        current = [0]

        def serve(request, response, versions=versions, current=current):
            response.code = CONTENT
            response.payload = versions[current[0]]

        network = Network(seed, serve, serve, loss=(0, 15, 30)[seed % 3])
        random = network.random
        network.near.block_size = (64, 256, 512, 1024)[random.below(4)]
        network.far.block_size = (32, 128, 512, 1024)[random.below(4)]
        data = b""
        etag = None
        for _ in range(5):
            ended = []
            pieces = []

            def take(offset, piece, pieces=pieces, current=current, network=network):
                pieces.append(piece)
                if network.random.below(60) == 0:
                    current[0] ^= 1
                if network.random.below(30) == 0:
                    network.far._blocks = None  # forgotten: made anew

            download = Download(
                network.near, OPTIONS, take, ended.append, len(data) - len(data) % 7, etag
            )
            data = data[: len(data) - len(data) % 7]
            resumed += bool(data)
            assert network.run(lambda ended=ended: ended), seed
            data += b"".join(pieces)
            etag = download.etag
            assert download.offset == len(data)
            results[ended[0]] = results.get(ended[0], 0) + 1
            if ended[0] is None:
                assert data in versions, seed
                break
            assert any([version.startswith(data) for version in versions])
            if ended[0] == "it has changed":
                data = b""
                etag = None
        assert network.near.faults == 0 and network.far.faults == 0, network.logged
    assert results[None] > 40 and results["no answer"] and results["it has changed"], results
    assert resumed
