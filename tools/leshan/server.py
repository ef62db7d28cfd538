"""A running Leshan server, as a process that ends with the one that started it."""

import base64
import json
import subprocess
import threading
from pathlib import Path

from tools.errors import UserError

from . import fetch, models

_START_S = 60
_END_S = 5


class Credentials:
    """What the servers show to clients with certificates: DER bytes.

    `key` is a private key (PKCS #8), `chain` its certificate and those above it, `trust` the
    certificates of those who may issue a client's. They go to the process over its standard input.
    """

    def __init__(self, key, chain, trust):
        self.key = key
        self.chain = chain
        self.trust = trust

    def line(self):
        """The line that the process reads."""

        def text(der):
            return base64.b64encode(der).decode()

        parts = {"key": text(self.key)}
        parts["chain"] = [text(each) for each in self.chain]
        parts["trust"] = [text(each) for each in self.trust]
        return json.dumps(parts)


class BootstrapPorts:
    """Where the bootstrap server is: `coap_port`, `coaps_port` and `http_uri`, without /api."""

    def __init__(self, coap_port, coaps_port, http_port):
        self.coap_port = coap_port
        self.coaps_port = coaps_port
        self.http_uri = "http://127.0.0.1:%d" % http_port


class LeshanServer:
    """Leshan on loopback; a context manager.

    Ports of 0 take free ones; `coap_port`, `coaps_port` and `http_port` are the real ones
    afterwards. `block_size` is its preferred size of blocks and its largest message, in bytes;
    `awake_ms` how long it takes a client in queue mode to be awake. With `bootstrap`, Leshan's
    bootstrap server runs beside it and is told of by `bootstrap`. Pre-shared keys and what a
    bootstrap brings are set over the HTTP API; for certificates the servers need `credentials`.
    Its log goes to `log`. Errors: UserError where Java is missing or it does not come up.
    """

    def __init__(
        self,
        coap_port=0,
        http_port=0,
        block_size=None,
        awake_ms=None,
        log=None,
        coaps_port=0,
        bootstrap=False,
        credentials=None,
    ):
        self._arguments = ["--coap-port", coap_port, "--coaps-port", coaps_port]
        self._arguments += ["--http-port", http_port]
        if block_size:
            self._arguments += ["--block-size", block_size]
        if awake_ms:
            self._arguments += ["--awake-ms", awake_ms]
        self._wants_bootstrap = bootstrap
        self._credentials = credentials
        self._log = Path(log) if log else fetch.BUILD / "leshan.log"
        self._process = None
        self.coap_port = self.coaps_port = self.http_port = None
        self.bootstrap = None

    @property
    def coap_uri(self):
        """Where clients register."""
        return "coap://127.0.0.1:%d" % self.coap_port

    @property
    def coaps_uri(self):
        """Where clients with credentials register."""
        return "coaps://127.0.0.1:%d" % self.coaps_port

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
        classpath, bootstrap_classpath = fetch.ready()
        self._arguments += ["--models", models.write(fetch.BUILD / "models.json")]
        if self._wants_bootstrap:
            self._arguments += ["--bootstrap", bootstrap_classpath]
            for name in ("coap", "coaps", "http"):
                self._arguments += ["--bootstrap-%s-port" % name, 0]
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
        line = self._credentials.line() if self._credentials else "{}"
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        # a server that hangs is ended, and then gives an empty line
        timer = threading.Timer(_START_S, self._process.kill)
        timer.start()
        line = self._process.stdout.readline().split()
        timer.cancel()
        if not line or line[0] != b"ready":
            self.stop()
            raise UserError("leshan: the server did not come up, see %s" % self._log)
        ports = list(map(int, line[1:]))
        self.coap_port, self.coaps_port, self.http_port = ports[:3]
        if ports[3:]:
            self.bootstrap = BootstrapPorts(*ports[3:])

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
