"""Searches files for keys."""

import hashlib
import os
import re
import stat
from binascii import unhexlify
from pathlib import Path

from tools.errors import UserError
from tools.keysearch import forms
from tools.keysearch.notes import SHORTEST

# Where credentials belong: records of the device (firmware/accounts.py, access_point.py,
# update_key.py), and what tests and tools hand over as files on purpose.
_STORES = re.compile(
    r"(.*/)?(state/(factory|accounts|wifi|update_key)\.[01]|[^/]*\.(key|keys|pem|der))"
)


def read_keys(file):
    """The different keys in a file of hexadecimal lines; UserError when there is none."""
    try:
        lines = Path(file).read_text().split()
    except FileNotFoundError:
        lines = []
    keys = sorted({unhexlify(line) for line in lines})
    if not keys:
        raise UserError(
            "no key was noted, so nothing was searched for: the tests that make keys have to "
            "call secrets_used.used()"
        )
    if min(map(len, keys)) < SHORTEST:
        raise UserError("a noted key has less than %d bytes: take a longer one" % SHORTEST)
    return keys


class Search:
    """Looks for keys in places; `finds` are lines that name file and form, never the key.

    `files` and `size` are what was searched; of files with the same content one is read.
    """

    def __init__(self, keys):
        self._needles = [
            (number, form, text, haystack)
            for number, key in enumerate(keys, 1)
            for secret in forms.secrets(key)
            for form, text, haystack in forms.needles(secret)
        ]
        self._seen = set()
        self.files = self.size = 0
        self.finds = []

    def place(self, path):
        """Searches a file, or all below a folder, names of files too."""
        path = Path(path)
        if not path.is_dir():
            self._file(path)
            return
        for folder, _, names in os.walk(path):
            for name in names:
                self._file(Path(folder, name))

    def _file(self, path):
        if _STORES.fullmatch(path.as_posix()):
            return
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return
            data = path.read_bytes()
        except FileNotFoundError:
            return
        self.files += 1
        self.size += len(data)
        self.data(path.name.encode(errors="surrogateescape"), "the name of %s" % path)
        digest = hashlib.sha256(data).digest()
        if digest not in self._seen:
            self._seen.add(digest)
            self.data(data, str(path))

    def data(self, data, where):
        """Searches bytes."""
        haystacks = forms.haystacks(data)
        found = {
            "key %d in %s, %s" % (number, where, form)
            for number, form, text, haystack in self._needles
            if text in haystacks[haystack]
        }
        self.finds += sorted(found)
