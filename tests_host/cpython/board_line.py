"""A board on a serial line for tests of what goes over it: the desk server, and a bad cable."""

import json
import os
import re
import select
import subprocess
import sys
import threading
import tty
import urllib.error
import urllib.request

from board_process import ROOT, BoardProcess


def run(folder, *command, environment=None):
    """(exit status, what it said) of a host program; temporary files lie in the folder."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=90,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def make(folder, *arguments):
    return run(folder, "make", "-s", *arguments)


def deploy(folder, *arguments):
    return run(folder, sys.executable, "-m", "tools.deploy", *arguments)


class LineBoard(BoardProcess):
    """A virtual board with a serial line; empty unless `boot` says otherwise."""

    def __init__(self, folder, *options, boot=None, environment=None):
        (folder / "flash").mkdir(exist_ok=True)
        if boot is not None:
            (folder / "flash" / "boot.py").write_text(boot)
        self.port = folder / "tty"
        # Of a board that was killed.
        for path in (self.port, folder / "events.jsonl"):
            path.unlink(missing_ok=True)
        super().__init__(
            folder, None, "--blank", "--pty", self.port, *options, environment=environment
        )

    def __enter__(self):
        self.wait_for(lambda: os.path.lexists(self.port) and self.causes())
        return self

    def settle(self):
        """Waits until the firmware is past its first steps, where MicroPython's unix port does
        not stand a Ctrl-C: inside the garbage collector it leaves the heap locked.
        """
        self.wait_for(lambda: len(self.events("pwm")) >= len(self.causes()), 10)

    def files(self):
        """What is on the flash: when it was written and what it holds, by name."""
        return {
            path.relative_to(self.flash).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
            for path in self.flash.rglob("*")
            if path.is_file()
        }


class Desk:
    """The desk server as a process."""

    def __enter__(self):
        command = [sys.executable, "-m", "tools.server", "--coap-port", "0", "--http-port", "0"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        text = ""
        while "Ctrl-C" not in text:
            line = self._process.stdout.readline()
            assert line, text
            text += line
        self.uri = re.search(r"coap://\S+", text)[0]
        self._api = re.search(r"http://\S+/api", text)[0]
        return self

    def __exit__(self, *error):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()

    def client(self, endpoint):
        """What the server knows of an endpoint, None when it is not registered."""
        return self._get(f"/clients/{endpoint}")

    def read(self, endpoint, path):
        got = self._get(f"/clients/{endpoint}{path}")
        assert "content" in got, got
        return got["content"]["value"]

    def _get(self, path):
        try:
            with urllib.request.urlopen(self._api + path, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            assert error.code == 404, (path, error.read())
            return None


class BadCable:
    """A serial line on the way to a board's; `harm(data)` returns what gets through to it."""

    def __init__(self, folder, port, harm):
        self.port = folder / "bad"
        self._harm = harm
        self._board = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self._master, self._slave = os.openpty()
        for fd in (self._board, self._slave):
            tty.setraw(fd)
        os.symlink(os.ttyname(self._slave), self.port)
        self._ended = False
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ended = True
        self._thread.join()
        for fd in (self._board, self._master, self._slave):
            os.close(fd)
        self.port.unlink()

    def _carry(self):
        while not self._ended:
            readable = select.select([self._board, self._master], [], [], 0.05)[0]
            if self._master in readable:
                os.write(self._board, self._harm(os.read(self._master, 4096)))
            if self._board in readable:
                os.write(self._master, os.read(self._board, 4096))
