"""The HTTP API that Leshan's demo server and the desk server share, and its event stream."""

import contextlib
import http.client
import json
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from tools.keysearch.notes import record

_TIMEOUT_S = 30


class Time(int):
    """Seconds since 1970 UTC, written as a resource of the type Time."""


class Answer:
    """What the API said: `http` is its status, `code` the CoAP code like "2.05" or None.

    `value` is the content as Python values: a resource its value, a multiple resource, an instance
    and an object a dictionary by id, a composite answer a dictionary by path.
    """

    def __init__(self, status, text):
        self.http = status
        self.text = text
        try:
            self.json = json.loads(text) if text else {}
        except ValueError:
            self.json = {}
        words = self.json.get("status", "") if isinstance(self.json, dict) else ""
        digits = words[-4:-1]
        self.code = "%s.%s" % (digits[0], digits[1:]) if digits.isdigit() else None
        self.value = decoded(self.json["content"]) if "content" in self.json else None

    @property
    def links(self):
        """Targets and attributes of a Discover, {"/3/0/11": {"dim": "1"}}."""
        return {link["url"]: link.get("attributes", {}) for link in self.json["objectLinks"]}

    def __repr__(self):
        return "%d %s" % (self.http, self.text[:300])


def _typed(kind, value):
    if kind in ("INTEGER", "UNSIGNED_INTEGER"):
        return int(value)
    if kind == "FLOAT":
        return float(value)
    if kind == "OPAQUE":
        return bytes.fromhex(value)
    return value


def decoded(node):
    """Python values of a node's JSON form."""
    kind = node.get("kind")
    if kind == "root":
        return {child["id"]: decoded(child) for child in node["objects"]}
    if kind == "obj":
        return {child["id"]: decoded(child) for child in node["instances"]}
    if kind == "instance":
        return {child["id"]: decoded(child) for child in node["resources"]}
    if kind == "multiResource":
        return {int(key): _typed(node["type"], value) for key, value in node["values"].items()}
    if kind in ("singleResource", "resourceInstance"):
        return _typed(node["type"], node["value"])
    return {path: decoded(child) for path, child in node.items() if child}


def _kind(value):
    if isinstance(value, Time):
        return "time", value * 1000  # the API counts in milliseconds
    for type_, name in ((bool, "boolean"), (int, "integer"), (float, "float"), (bytes, "opaque")):
        if isinstance(value, type_):
            return name, value.hex() if name == "opaque" else value
    return "string", value


def resource(rid, value, kind="singleResource"):
    """JSON form of a resource; a dictionary makes a multiple one."""
    if isinstance(value, dict):
        values = {str(key): _kind(each)[1] for key, each in value.items()}
        name = _kind(next(iter(value.values())))[0]
        return {"kind": "multiResource", "id": rid, "type": name, "values": values}
    name, value = _kind(value)
    return {"kind": kind, "id": rid, "type": name, "value": value}


def instance(iid, values):
    """JSON form of an object instance; iid None leaves the id to the client."""
    data = {"kind": "instance", "resources": [resource(*each) for each in values.items()]}
    return data if iid is None else {**data, "id": iid}


class Api:
    """The operations of one server on one client."""

    def __init__(self, http_uri, endpoint):
        self._base = http_uri + "/api"
        self.endpoint = endpoint

    def _call(self, method, path, data=None, **query):
        flags = [name for name, value in query.items() if value is True]
        rest = urllib.parse.urlencode(
            [(name, value) for name, value in query.items() if value not in (None, True)]
        )
        url = self._base + "/clients/" + self.endpoint + path
        whole = "&".join(flags + ([rest] if rest else []))
        # a body in many blocks takes its time
        timeout_s = _TIMEOUT_S + int(query.get("timeout") or 0)
        request = urllib.request.Request(
            url + ("?" + whole if whole else ""),
            method=method,
            data=data if data is None or isinstance(data, bytes) else json.dumps(data).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as fault:
            with fault:
                status, text = fault.code, fault.read()
        record("http", text)
        return Answer(status, text.decode())

    def registration(self):
        """The client's registration as JSON, None when it is not registered."""
        answer = self._call("GET", "")
        return answer.json if answer.http == 200 else None

    def read(self, path, format=None, **query):
        """Read; `block=64` asks for blocks of that size."""
        return self._call("GET", path, format=format, **query)

    def discover(self, path):
        return self._call("GET", path + "/discover")

    def write(self, path, value, format=None, timeout_s=None):
        """Write of a resource (path of three ids) or a resource instance (four).

        `timeout_s` is for all blocks of it together, the server's own where it is None.
        """
        parts = path.split("/")
        kind = "resourceInstance" if len(parts) == 5 else "singleResource"
        node = resource(int(parts[-1]), value, kind)
        return self._call("PUT", path, node, format=format, timeout=timeout_s)

    def write_instance(self, path, values, replace, format=None):
        """Write of an instance: `values` by resource id; replaces it or updates it in part."""
        node = instance(int(path.split("/")[-1]), values)
        return self._call("PUT", path, node, format=format, replace="true" if replace else "false")

    def attributes(self, path, query):
        """Write-Attributes; query as in "pmin=1&pmax=5"."""
        return self._call("PUT", path + "/attributes?" + query)

    def execute(self, path, arguments=""):
        return self._call("POST", path, arguments.encode())

    def create(self, path, iid, values, format=None):
        return self._call("POST", path, instance(iid, values), format=format)

    def delete(self, path):
        return self._call("DELETE", path)

    def observe(self, path, format=None):
        return self._call("POST", path + "/observe", b"", format=format)

    def cancel(self, path, active):
        """Ends an observation: with a request, or with a Reset to the next notification."""
        return self._call("DELETE", path + "/observe", active=active or None)

    def _formats(self, format):
        return {"pathformat": format, "nodeformat": format}

    def read_composite(self, paths, format="SENML_CBOR"):
        return self._call("GET", "/composite", paths=",".join(paths), **self._formats(format))

    def write_composite(self, values, format="SENML_CBOR"):
        """Write-Composite: values by path of three or four ids."""
        nodes = {}
        for path, value in values.items():
            parts = path.split("/")
            kind = "resourceInstance" if len(parts) == 5 else "singleResource"
            nodes[path] = resource(int(parts[-1]), value, kind)
        return self._call("PUT", "/composite", nodes, **self._formats(format))

    def observe_composite(self, paths, format="SENML_CBOR"):
        return self._call(
            "POST", "/composite/observe", b"", paths=",".join(paths), **self._formats(format)
        )

    def cancel_composite(self, paths, active):
        query = {"paths": ",".join(paths), "active": active or None}
        return self._call("DELETE", "/composite/observe", **query)

    @contextlib.contextmanager
    def events(self):
        """The event stream of this client while the `with` lasts."""
        stream = EventStream(self._base + "/event?ep=" + self.endpoint)
        try:
            yield stream
        finally:
            stream.close()


class EventStream:
    """Events as they arrive: (name, data)."""

    def __init__(self, url):
        self._response = urllib.request.urlopen(url, timeout=_TIMEOUT_S * 10)
        self._queue = queue.Queue()
        self.seen = []
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)
        self._thread.start()

    def _listen(self):
        name = None
        try:
            for line in self._response:
                record("http", line)
                word, _, rest = line.decode().strip().partition(": ")
                if word == "event":
                    name = rest
                elif word == "data" and name:
                    self._queue.put((name, json.loads(rest)))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # the stream was closed

    def next(self, name, timeout_s=10):
        """Data of the next event of this name; AssertionError with what came instead."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                kind, data = self._queue.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError("no %s within %s s, but %s" % (name, timeout_s, self.seen))
            self.seen.append(kind)
            if kind == name:
                return data

    def none(self, name, within_s):
        """AssertionError if an event of this name comes within that time."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                kind, data = self._queue.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                return
            self.seen.append(kind)
            assert kind != name, data

    def close(self):
        """Ends the stream."""
        # shutdown wakes the thread, which a close alone would leave waiting
        with contextlib.suppress(OSError, AttributeError):
            self._response.fp.raw._sock.shutdown(2)
        self._thread.join(5)
        self._response.close()
