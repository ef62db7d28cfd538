"""Boards that are updated over the air in tests: a factory copy, packages, and a desk server."""

import asyncio
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from board_process import BoardProcess
from secrets_used import used

from firmware import accounts, update_key
from lwm2m.objects.security import PSK
from tools import install
from tools.package import build, form
from tools.server import DeskServer
from tools.update import __main__ as tool
from tools.update import arguments

BOARD = "nucleo_f429zi"
# The trial's times that no test can wait for, and what they are here: by path, each (pattern,
# what stands there instead). The application has to feed the watchdog more often, then.
_QUICKER = {
    "copies.py": (("^_TRIAL_MS = const.*", "_TRIAL_MS = const(6000)"),),
    "trial.py": (("^_WATCHDOG_MS = const.*", "_WATCHDOG_MS = const(4000)"),),
    "firmware/confirmation.py": (("^_WATCHDOG_S = const.*", "_WATCHDOG_S = const(3)"),),
}
# Code for this computer is longer than a board's.
_ROOMIER = (r"^SLOT_BYTES = \d+ \* 1024", "SLOT_BYTES = 1 << 18")
_NEW = "1.2.3"


def factory(folder, board=BOARD, *changes):
    """A folder with the factory's copy as it is installed, its trials shorter; `changes` as in
    Packages.make(), of the board's file.
    """
    folder = Path(folder)
    (folder / "config.json").write_text(json.dumps({"board": board, "endpoint": "x"}))
    install.stage(folder, mpy=True, march=install.host_march(), board=board)
    for path, each in (*_QUICKER.items(), (_file_of(board), (_ROOMIER, *changes))):
        (folder / path).with_suffix(".mpy").write_bytes(_compiled(path, *each))
    return folder


class Packages:
    """Packages for the virtual board, all compiled at once; `key` has signed them. `without` as
    in tools/package/build.py.
    """

    def __init__(self, folder, board=BOARD, without=()):
        self.key = used(os.urandom(update_key.SIZE))
        self._folder = Path(folder)
        self.board = board
        self._files = {}
        files = build.compiled(_NEW, board, march=install.host_march())
        self._files = build._less(files, without)
        self._size = sum(map(len, self._files.values()))

    def make(self, version=_NEW, changes=None, key=None, board=None):
        """The path of a package; `changes` are those of sources by their paths, each (pattern,
        what stands there instead).
        """
        files = dict(self._files)
        version_line = ('VERSION = ".*"', 'VERSION = "%s"' % version)
        wanted = {**_QUICKER, "firmware/version.py": (version_line,)}
        wanted[_file_of(self.board)] = (_ROOMIER,)
        wanted = {path: each for path, each in wanted.items() if "/" in path}  # not the factory's
        for path, each in (changes or {}).items():
            wanted[path] = (*wanted.get(path, ()), *each)
        for path, each in wanted.items():
            name = path.removeprefix("lib/").replace(".py", ".mpy")
            assert name in files
            files[name] = _compiled(path, *each)
        info = build.describe(version, board or self.board, files)
        return self._place(version, form.pack(key or self.key, info, files))

    def make_small(self, version):
        """The path of a package as `make package` makes it for a slot with too little room for
        what is not compressed.
        """
        march = install.host_march()
        made = build.build(self.key, version, self.board, room=118 << 10, march=march)
        assert not made.left_out and len(made.data) < self._size, len(made.data)
        return self._place(version, made.data)

    def _place(self, version, data):
        place = self._folder / ("%s-%d.pkg" % (version, len(list(self._folder.iterdir()))))
        place.write_bytes(data)
        return place


def _file_of(board):
    return "firmware/boards/%s.py" % board


def _compiled(path, *changes):
    """The .mpy of a source of the repository with (pattern, what stands there instead)."""
    text = (install.ROOT / path).read_text()
    for pattern, instead in changes:
        text, count = re.subn(pattern, instead, text, flags=re.MULTILINE)
        assert count == 1, (path, pattern)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "x.py"), Path(folder, "x.mpy")
        source.write_text(text)
        install.compile_mpy(source, target, install.module_name(path), install.host_march())
        return target.read_bytes()


class Site:
    """A desk server and its boards; use it with "async with".

    What clients fetch is noted in `fetched`: (file name, first byte) of each block. While it is
    `deaf` nothing reaches it.
    """

    def __init__(self, folder, template, packages, **arguments):
        self._folder = Path(folder)
        self._template = template
        self.packages = packages
        arguments = {"coap_port": 0, "http_port": 0, **arguments}
        self.server = DeskServer(**arguments)
        self.boards = []
        self.fetched = []
        self.deaf = False

    async def __aenter__(self):
        await self.server.start()
        answer = self.server.files.answer

        def noted(request, payload, path):
            block = request.opt.block2
            self.fetched.append((path[-1], block.start if block else 0))
            return answer(request, payload, path)

        transport = self.server.transport
        transport._site._parts["files"] = noted
        take = transport._interface._received_datagram

        def received(address, datagram):
            if not self.deaf:
                take(address, datagram)

        transport._interface._received_datagram = received
        return self

    async def __aexit__(self, *error):
        for board in self.boards:
            board.__exit__()
        await self.server.stop()

    def prepare(self, endpoint, **config):
        """The flash of a board that is not on yet, with an account: over DTLS, where the server
        has that.
        """
        flash = self._folder / endpoint / "flash"
        flash.parent.mkdir()
        shutil.copytree(self._template, flash)
        config = {"board": self.packages.board, "endpoint": endpoint, **config}
        (flash / "config.json").write_text(json.dumps(config))
        account = {"lifetime_s": 300}
        if self.server.coaps_port is None:
            account["uri"] = self.server.coap_uri
        else:
            key, identity = used(os.urandom(16)), endpoint.encode()
            self.server.credentials.set(endpoint, identity, key)
            account.update(uri=self.server.coaps_uri, mode=PSK, identity=identity, key=key)
        accounts.provision(str(flash), **account)
        update_key.store(str(flash), self.packages.key)
        return flash

    async def board(self, endpoint, *options, **config):
        """A board that is on and registered."""
        if not (self._folder / endpoint).exists():
            self.prepare(endpoint, **config)
        one = BoardProcess(self._folder / endpoint, None, *options)
        self.boards.append(one)
        await self.server.wait_registered(endpoint, 30)
        return one

    async def update(self, endpoint, package, *given):
        """`make update`; UserError and Failed as there."""
        url = "SERVER=http://127.0.0.1:%d" % self.server.http_port
        given = ["EP=" + endpoint, url, f"FILE={package}", "WAIT=60", *given]
        await tool._run(arguments.parse(given))

    def offsets(self, endpoint):
        """The first byte of each block that was asked for by a board, in their order."""
        return [start for name, start in self.fetched if name.startswith(endpoint + "-")]

    async def read(self, endpoint, *path):
        """The value of a resource."""
        registration = await self.server.wait_registered(endpoint, 30)
        return (await self.server.operations.read(registration, path)).node.value

    async def until(self, condition, timeout_s=30):
        """Waits until the condition holds."""
        for _ in range(int(timeout_s / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError([(one.stdout[-2000:], one.stderr) for one in self.boards])
