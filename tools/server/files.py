"""/files: what clients fetch block by block, such as firmware packages (RFC 7959, 2.4)."""

import hashlib
import re

from aiocoap import BAD_REQUEST, CONTENT, GET, METHOD_NOT_ALLOWED, NOT_FOUND, Message
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.optiontypes import UintOption

from .codecs.opaque import CODE as _OCTETS
from .errors import InvalidRequest
from .site import Refusal

FOLDER = "files"
MAX_FILES = 16
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_SIZE2 = OptionNumber(28)
_LARGEST_EXPONENT = 6  # 1024 bytes


class File:
    """One file: `content`, its `etag` (8 bytes of its SHA-256), and how much of it was sent.

    `fetched` is the end of the block that was sent last, 0 before the first.
    """

    def __init__(self, name, content):
        self.name = name
        self.content = content
        self.etag = hashlib.sha256(content).digest()[:8]
        self.fetched = 0

    def to_json(self):
        """Its JSON shape, without the content."""
        return {
            "name": self.name,
            "path": "/%s/%s" % (FOLDER, self.name),
            "size": len(self.content),
            "etag": self.etag.hex(),
            "fetched": self.fetched,
        }


class Files:
    """The files a server offers to every client that reaches it; kept in memory.

    `block_size` is the largest block, 16..1024 bytes, None for as the client likes.
    """

    def __init__(self, block_size=None):
        self._exponent = block_size.bit_length() - 5 if block_size else _LARGEST_EXPONENT
        self._files = {}

    def __iter__(self):
        return iter(self._files.values())

    def get(self, name):
        """The file, None if there is none of that name."""
        return self._files.get(name)

    def put(self, name, content):
        """Offers bytes under a name, in the place of what was there; returns the File.

        The same content again is the same file. Errors: InvalidRequest for a name or a length
        that is not possible, and where there are MAX_FILES already.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequest("file name: expected 1..64 letters, digits and . _ -")
        if not content:
            raise InvalidRequest("the file is empty")
        known = self._files.get(name)
        if known is None and len(self._files) >= MAX_FILES:
            raise InvalidRequest("%d files already: delete one" % MAX_FILES)
        if known is None or known.content != content:
            self._files[name] = File(name, content)
        return self._files[name]

    def remove(self, name):
        """Offers it no more; False if there was none of that name."""
        return self._files.pop(name, None) is not None

    def answer(self, request, payload, path):
        """Message with the block that a request to a path below /files asks for; Refusal."""
        file = self._files.get("/".join(path))
        if file is None:
            raise Refusal(NOT_FOUND)
        if request.code is not GET:
            raise Refusal(METHOD_NOT_ALLOWED)
        block = request.opt.block2
        exponent, start = self._exponent, 0
        if block is not None:
            if block.size_exponent > _LARGEST_EXPONENT:
                raise Refusal(BAD_REQUEST, "wrong block")
            # a smaller size takes effect at once, at the place that was asked for
            exponent, start = min(exponent, block.size_exponent), block.start
        size = 16 << exponent
        end = start + size
        if start >= len(file.content):
            raise Refusal(BAD_REQUEST, "wrong block")
        more = end < len(file.content)
        answer = Message(code=CONTENT, payload=file.content[start:end], content_format=_OCTETS)
        answer.opt.etag = file.etag
        answer.opt.block2 = (start // size, more, exponent)
        answer.opt.add_option(UintOption(_SIZE2, len(file.content)))
        file.fetched = start + len(answer.payload)
        return answer
