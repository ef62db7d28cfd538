"""Files onto a board: what is the same stays, what is written is compared by its hash."""

import binascii
import hashlib

from mpremote.transport import TransportExecError

from tools import packed
from tools.board_repl import BROKEN, CHUNK
from tools.errors import UserError

ATTEMPTS = 3
# A file is written here and moved to its place once it is good: a cut leaves the old one.
TEMPORARY = "deploy.new"
_HASHES_AT_ONCE = 8

_TOOLS = (
    """
import binascii, hashlib, os
def h(n):
    s = hashlib.sha256()
    b = bytearray(512)
    try:
        with open(n, 'rb') as f:
            while True:
                k = f.readinto(b)
                if not k:
                    break
                s.update(b if k == 512 else b[:k])
    except OSError:
        return ''
    return str(binascii.hexlify(s.digest()), 'utf8')
def o(t, k, s):
    global f, n
    n = %r if os.statvfs(os.getcwd())[3] > k else t
    try:
        if s and os.stat(n)[6] == s:
            f = open(n, 'r+b')
            return
    except OSError:
        pass
    f = open(n, 'wb')
    if s:
        f.seek(s)
        f.flush()
        f.seek(0)
def w(s):
    f.write(binascii.a2b_base64(s))
def e(t, d):
    f.close()
    same = h(n) == d
    if same and n != t:
        try:
            os.rename(n, t)
        except OSError:
            os.remove(t)
            os.rename(n, t)
    print('found', same)
"""
    % TEMPORARY
)
_MAKE_FOLDERS = """
for d in %r:
    try:
        os.mkdir(d)
    except OSError:
        pass
"""
_REMOVE = """
import os
for n in %r:
    try:
        os.remove(n)
    except OSError:
        print('kept', n)
for d in %r:
    try:
        os.rmdir(d)
    except OSError:
        pass
"""
_SYNC = """
import os
getattr(os, 'sync', int)()
"""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def folders_of(names):
    """The folders of the files, each before those inside it."""
    found = set()
    for name in names:
        parts = name.split("/")[:-1]
        found.update("/".join(parts[: count + 1]) for count in range(len(parts)))
    return sorted(found)


def changed(repl, found, files, progress):
    """The names of `files` (content by name) that are not on the board as they should be."""
    repl.run(_TOOLS)
    different = {name for name, data in files.items() if found.files.get(name) != len(data)}
    alike = sorted(set(files) - different)
    for start in range(0, len(alike), _HASHES_AT_ONCE):
        names = alike[start : start + _HASHES_AT_ONCE]
        hashes = repl.ask(f"print('found', [h(n) for n in {names!r}])")
        for name, there in zip(names, hashes, strict=True):
            if there != sha256(files[name]):
                different.add(name)
        progress.step(len(names))
    return sorted(different, key=order)


def order(name):
    """Sorts names as they are written, boot.py last: where it is new, everything is."""
    return (name == "boot.py", name == "main.py", name)


def remove(repl, names):
    """Removes files, and the folders that are empty then; UserError where one stays."""
    output = ""
    for start in range(0, len(names), _HASHES_AT_ONCE):
        some = names[start : start + _HASHES_AT_ONCE]
        output += repl.run(_REMOVE % (some, folders_of(some)[::-1]))
    if "kept " in output:
        name = output.partition("kept ")[2].splitlines()[0]
        raise UserError(f"{repl.port}: {name} cannot be removed: is the file system damaged?")


def write(repl, found, files, progress, tell=print):
    """Writes the files; each is compared by its hash and written again where it differs."""
    repl.run(_TOOLS)
    repl.run(_MAKE_FOLDERS % folders_of(files))
    for name, data in files.items():
        _write(repl, found, name, data, progress, tell)
    repl.run(_SYNC)


def _write(repl, found, name, data, progress, tell):
    blocks = -(-len(data) // found.block) + 1
    for attempt in range(ATTEMPTS):
        try:
            if attempt:
                repl.recover()
                repl.exchange(_TOOLS)
            if _write_once(repl, name, data, blocks, progress):
                return
            cause = "reads back differently"
        except BROKEN as error:
            if isinstance(error, TransportExecError) and "ENOSPC" in error.error_output:
                raise UserError(
                    f"{repl.port}: {name}: the file system is full: `make devices "
                    f"PORT={repl.port}` shows what is on it. What is there is a mixture: deploy "
                    "again before it is used"
                ) from None
            cause = "the transfer broke off"
        except UserError:
            cause = "the answer was not understood"
        progress.back()
        again = ": once more" if attempt + 1 < ATTEMPTS else ""
        tell(f"{name}: {cause}{again}")
    raise UserError(
        f"{repl.port}: {name}: {ATTEMPTS} transfers failed: check the cable, another program on "
        "the port, the flash. The files before it are the new ones: deploy again"
    )


def _write_once(repl, name, data, blocks, progress):
    progress.mark()
    # All the blocks of a large file belong to it before it is written, and while it is: of one
    # that grows, a power cut leaves those behind that its directory does not know of yet.
    whole = len(data) if name == packed.NAME else 0
    lines = [f"o({name!r}, {blocks}, {whole})"]
    for start in range(0, len(data), CHUNK):
        chunk = data[start : start + CHUNK]
        text = binascii.b2a_base64(chunk, newline=False).decode()
        repl.exchange("\n".join([*lines, f"w({text!r})"]))
        lines = []
        progress.step(len(chunk), name)
    return repl.ask("\n".join([*lines, f"e({name!r}, {sha256(data)!r})"])) is True
