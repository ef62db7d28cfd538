"""A debugging session on a board's serial line, typed into a real `mpremote repl`."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import tty

# What differs from run to run, and what stands in its place
_VARYING = (
    (r"127\.0\.0\.1:\d+", "192.168.1.10:5683"),
    (r"/rd/[A-Za-z0-9]+", "/rd/a1b2"),
    (r"location=rd location=\w+", "location=rd location=a1b2"),
    (r"\bmid=\d+", "mid=4711"),
    (r"\btoken=[0-9a-f]+", "token=c0de"),
    (r"^\d+\.\d{3} ", "12.345 "),
    (r"told \d+ s ago", "told 2 s ago"),
    (r"line \d+, in evaluate", "line 42, in evaluate"),
    (r"^MicroPython .*", "MicroPython"),
    (
        r"^network: 127\.0\.0\.1, mask 255\.0\.0\.0, gateway 127\.0\.0\.1, DNS 127\.0\.0\.1",
        "network: 192.168.1.5, mask 255.255.255.0, gateway 192.168.1.1, DNS 192.168.1.1",
    ),
)


def plain(line):
    """The line with the same word for whatever differs from run to run."""
    for pattern, text in _VARYING:
        line = re.sub(pattern, text, line)
    return line.rstrip()


class Repl:
    """Context manager: `mpremote connect LINK repl`, on a terminal of its own."""

    def __init__(self, link):
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mpremote", "connect", str(link), "repl"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._seen = ""
        self.wait("to exit this shell")
        self.lines("\n")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._process.poll() is None:
            os.write(self._master, b"\x1d")  # Ctrl-]
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
        os.close(self._master)

    def _read(self, timeout_s):
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        assert data, "mpremote has ended: " + self._seen
        self._seen += data.decode(errors="replace")
        return True

    def type(self, data):
        os.write(self._master, data)

    def wait(self, text, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while text not in self._seen:
            left_s = deadline - time.monotonic()
            assert left_s > 0 and self._read(left_s), self._seen

    def lines(self, end):
        """What has come since the last call, in lines; it may not yet end like this."""
        while not self._seen.endswith(end):
            assert self._read(30), self._seen
        seen, self._seen = self._seen, ""
        return seen.replace("\r", "").split("\n")

    def expect(self, wanted, timeout_s=30):
        """Waits for these lines, in which nothing differs but what `plain()` makes equal."""
        wanted = [plain(line) for line in wanted]
        deadline = time.monotonic() + timeout_s
        while True:
            found = [plain(line) for line in self._seen.replace("\r", "").split("\n")]
            if found[: len(wanted)] == wanted and len(found) > len(wanted):
                rest = self._seen.split("\n", len(wanted))[-1]
                self._seen = rest
                return
            left_s = deadline - time.monotonic()
            assert left_s > 0 and self._read(left_s), (wanted, found)
