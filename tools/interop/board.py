"""A virtual board of the suite: its flash directory, its process, what it said."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import install

_END_S = 10
_POLL_S = 0.02
SLOT_BYTES = 256 * 1024  # the longest package for a board of the suite


def template(folder):
    """Installs the compiled firmware in a directory, from which flashes are copied."""
    folder = Path(folder)
    march = install.host_march()
    install.stage(folder, mpy=True, march=march, extras=("test_object",))
    # a package leaves nothing out, so every test can ask the new version for everything
    change(folder, "firmware/boards/nucleo_f429zi.py", SLOT_BYTES=SLOT_BYTES)


def change(flash, name, **numbers):
    """Compiles a module of a flash directory once more, with other numbers as its constants."""
    text = (install.ROOT / name).read_text("utf-8")
    for constant, number in numbers.items():
        line = "%s = const(%d)" % (constant, number)
        text, count = re.subn(r"^%s = .*$" % constant, line, text, flags=re.MULTILINE)
        assert count == 1, "%s: expected %s once" % (name, constant)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "changed.py")
        source.write_text(text, "utf-8")
        target = (Path(flash) / name).with_suffix(".mpy")
        install.compile_mpy(source, target, install.module_name(name), install.host_march())


class Board:
    """One flash directory; start() and kill() as often as wanted.

    `servers` are their URIs, or dictionaries of `accounts.provision` for those with credentials
    and for a Bootstrap-Server; Short Server IDs are 1, 2 ... where nothing else is said. `config`
    holds more keys of config.json, `update_key` is the one that packages are signed with.
    """

    def __init__(
        self,
        folder,
        template_folder,
        endpoint,
        servers,
        lifetime_s=3600,
        update_key=None,
        **config,
    ):
        self.folder = Path(folder)
        self.flash = self.folder / "flash"
        self.endpoint = endpoint
        shutil.copytree(template_folder, self.flash)
        settings = {"board": "nucleo_f429zi", "endpoint": endpoint, "measure_s": 1, **config}
        (self.flash / "config.json").write_text(json.dumps(settings))
        # the firmware's own, so the records cannot drift apart
        from firmware import accounts
        from firmware import update_key as keys

        if update_key:
            keys.store(str(self.flash), update_key)

        for number, server in enumerate(servers, 1):
            account = {"uri": server} if isinstance(server, str) else server
            usual = {"short_server_id": number, "lifetime_s": lifetime_s}
            accounts.provision(str(self.flash), **{**usual, **account})
        self._events_file = self.folder / "events.jsonl"
        self._process = None
        self._log = None

    def start(self):
        """Powers the board on."""
        command = [sys.executable, "-m", "tools.virtual_board", "--flash", self.flash]
        command += ["--heap", "256k", "--events", self._events_file]
        if self._log:
            self._log.close()
        self._log = open(self.folder / "log", "ab")
        self._process = subprocess.Popen(
            list(map(str, command)),
            cwd=install.ROOT,
            env={**os.environ, "VIRTUAL_BOARD_LEASHED": "1"},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def change(self, name, **numbers):
        """From its next start on, constants of a module are other numbers: to save time, say."""
        change(self.flash, name, **numbers)

    def world(self, **change):
        """Changes the world round the board, like temperature=24.5."""
        self._process.stdin.write(json.dumps(change).encode() + b"\n")
        self._process.stdin.flush()

    def events(self, name):
        """The board's events of a name since its last start, as dictionaries."""
        try:
            lines = self._events_file.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def console(self):
        """The lines it printed."""
        return [event["text"] for event in self.events("console")]

    def said(self):
        """Everything it printed, for the message of a failed test."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def saved_since(self, seconds, timeout_s=30):
        """Waits until the board has saved its sessions later than that time of `time.time()`."""

        def saved():
            files = (self.flash / "state").glob("session*")
            return any(path.stat().st_mtime > seconds for path in files)

        wait_for(saved, timeout_s, "a saving of the session")

    def kill(self):
        """Cuts the power: the interpreter has no chance to say anything."""
        self._end(signal.SIGKILL)

    def stop(self):
        """Ctrl-C: it de-registers and ends."""
        self._end(signal.SIGTERM)

    def _end(self, number):
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()
        self._log.close()
        self._process = self._log = None


def wait_for(condition, timeout_s=10, what="it"):
    """Waits until `condition()` is true and returns its value; AssertionError if it never is."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "%s did not come within %s s" % (what, timeout_s)
        time.sleep(_POLL_S)
