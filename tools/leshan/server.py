"""A running Leshan server, as a process that ends with the one that started it."""

import subprocess
import threading
from pathlib import Path

from tools.errors import UserError

from . import fetch, models

_START_S = 60
_END_S = 5


class LeshanServer:
    """Leshan on loopback; a context manager.

    Ports of 0 take free ones; `coap_port` and `http_port` are the real ones afterwards.
    `block_size` is its preferred size of blocks and its largest message, in bytes; `awake_ms` how
    long it takes a client in queue mode to be awake. Its log goes to `log`.
    Errors: UserError where Java is missing or the server does not come up.
    """

    def __init__(self, coap_port=0, http_port=0, block_size=None, awake_ms=None, log=None):
        self._arguments = ["--coap-port", coap_port, "--http-port", http_port]
        if block_size:
            self._arguments += ["--block-size", block_size]
        if awake_ms:
            self._arguments += ["--awake-ms", awake_ms]
        self._log = Path(log) if log else fetch.BUILD / "leshan.log"
        self._process = None
        self.coap_port = self.http_port = None

    @property
    def coap_uri(self):
        """Where clients register."""
        return "coap://127.0.0.1:%d" % self.coap_port

    @property
    def http_uri(self):
        """Where the HTTP API is, without /api."""
        return "http://127.0.0.1:%d" % self.http_port

    @property
    def pid(self):
        """The number of its process while it runs."""
        return self._process.pid

    def start(self):
        """Starts it and waits until it is ready."""
        classpath = fetch.ready()
        self._arguments += ["--models", models.write(fetch.BUILD / "models.json")]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # one garbage collector thread and little compilation: it shares two cores with a board
        command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"]
        command += ["-cp", classpath, "Main", *self._arguments]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        # a server that hangs is ended, and then gives an empty line
        timer = threading.Timer(_START_S, self._process.kill)
        timer.start()
        line = self._process.stdout.readline().split()
        timer.cancel()
        if not line or line[0] != b"ready":
            self.stop()
            raise UserError("leshan: the server did not come up, see %s" % self._log)
        self.coap_port, self.http_port = map(int, line[1:])

    def wait(self):
        """Returns when the process has ended."""
        return self._process.wait()

    def stop(self):
        """Ends it; nothing of it is left."""
        if self._process is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()
