"""A virtual board under test: a process, its flash directory and its events file."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# A firmware that says when it runs and ends on Ctrl-C as the real one does.
PATIENT = """
import time
try:
    print("ready")
    while True:
        time.sleep_ms(5)
except KeyboardInterrupt:
    print("de-registered")
"""


class BoardProcess:
    """Context manager; at its end nothing of the board is left."""

    def __init__(self, folder, main, *options, boot="", config="{}", environment=None):
        self.folder = Path(folder)
        self.flash = self.folder / "flash"
        self.events_file = self.folder / "events.jsonl"
        if main is not None:
            self.flash.mkdir(exist_ok=True)
            (self.flash / "boot.py").write_text(boot)
            (self.flash / "main.py").write_text(main)
            if config is not None:
                (self.flash / "config.json").write_text(config)
        command = [sys.executable, "-m", "tools.virtual_board"]
        command += ["--flash", self.flash, "--events", self.events_file, *options]
        self._stdout = open(self.folder / "stdout", "wb")
        self._stderr = open(self.folder / "stderr", "wb")
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=self._stdout,
            stderr=self._stderr,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self._stdout.close()
        self._stderr.close()

    @property
    def stdout(self):
        return (self.folder / "stdout").read_bytes().decode(errors="replace")

    @property
    def stderr(self):
        return (self.folder / "stderr").read_text()

    def events(self, name=None):
        """What is in the events file; one that is just being written is left out."""
        try:
            lines = self.events_file.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return []
        events = [json.loads(line) for line in lines]
        return [event for event in events if name in (None, event["event"])]

    def console(self):
        return [event["text"] for event in self.events("console")]

    def causes(self):
        return [event["cause"] for event in self.events("reset")]

    def wait_for(self, condition, timeout_s=20):
        """Waits until `condition()` is true; the assertion shows what the board said."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (self.stdout, self.stderr, self.events()[-20:])
            time.sleep(0.005)

    def wait_console(self, text, count=1, timeout_s=20):
        self.wait_for(lambda: self.console().count(text) >= count, timeout_s)

    def say(self, *lines):
        """Writes world lines: objects as JSON, bytes as they are."""
        for line in lines:
            data = line if isinstance(line, bytes) else json.dumps(line).encode()
            self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def end(self, number=signal.SIGTERM):
        """Sends the signal; returns the exit status and the seconds until the end."""
        start = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(10)
        return status, time.monotonic() - start


def run_board(folder, main, *options, **keywords):
    """Runs a board to its end; returns the BoardProcess and its exit status."""
    with BoardProcess(folder, main, *options, **keywords) as board:
        status = board.process.wait(20)
    return board, status
