"""What a server is told before a device comes: its credentials, and what a bootstrap brings it.

Leshan and the desk server take credentials alike, but not what a bootstrap brings.
"""

import contextlib
import json
import urllib.error
import urllib.request

from tools.keysearch.notes import record

from .api import decoded
from .board import wait_for

_TIMEOUT_S = 10


def call(method, url, data=None):
    """Asks an HTTP API; returns the status and the text of its answer."""
    body = None if data is None else json.dumps(data).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as fault:
        with fault:
            status, text = fault.code, fault.read()
    record("http", text)  # no server tells a key
    return status, text.decode()


def _call(method, url, data=None):
    status, text = call(method, url, data)
    # a server that refuses shows no key in what it says
    assert status < 300, "%s %s: %d %s" % (method, url, status, text)
    return json.loads(text) if text else None


class Trust:
    """The clients whose credentials a server knows."""

    def __init__(self, http_uri):
        self._uri = http_uri + "/api/security/clients"

    def psk(self, endpoint, identity, key):
        """The client shows this identity (text) and proves it with this key (bytes)."""
        details = {"identity": identity, "key": key.hex()}
        self._put(endpoint, {"mode": "psk", "details": details})

    def certificate(self, endpoint):
        """The client shows a certificate whose common name is its endpoint name."""
        self._put(endpoint, {"mode": "x509"})

    def _put(self, endpoint, tls):
        _call("PUT", self._uri, {"endpoint": endpoint, "tls": tls})

    def remove(self, endpoint):
        """The server knows the client no longer."""
        _call("DELETE", self._uri + "/" + endpoint)

    def shown(self):
        """What the server tells of its clients, as text."""
        return json.dumps(_call("GET", self._uri))


class Account:
    """One server in a bootstrap: an instance of object 0 and, with the same id, one of object 1.

    `psk` is (identity, key), `certificate` (certificate, private key, server's certificate, usage)
    in DER. Without them: no security. `server` are further resources of object 1 by their ids.
    """

    def __init__(
        self, uri, iid=1, short_id=1, lifetime_s=3600, psk=None, certificate=None, server=()
    ):
        self.uri = uri
        self.iid = iid
        self.short_id = short_id
        self.lifetime_s = lifetime_s
        self.psk = psk
        self.certificate = certificate
        self.server = dict(server)


class LeshanBootstrap:
    """Leshan's bootstrap server; `trust` are the clients it knows."""

    # resources of object 1 as Leshan's BootstrapConfig names them
    _SERVER = {
        16: "bootstrapOnRegistrationFailure",
        17: "communicationRetryCount",
        18: "CommunicationRetryTimer",
        19: "SequenceDelayTimer",
        20: "SequenceRetryCount",
    }

    def __init__(self, ports):
        self.coap_port = ports.coap_port
        self.coaps_port = ports.coaps_port
        self.http_uri = ports.http_uri
        self._uri = ports.http_uri + "/api"
        self._before = {}  # endpoint: how many bootstraps there were
        self.trust = Trust(ports.http_uri)

    def trust_psk(self, endpoint, identity, key):
        """From now on the endpoint has to prove this identity with this key."""
        self.trust.psk(endpoint, identity, key)

    def configure(
        self, endpoint, accounts, delete=("/0", "/1"), discover=(), read=(), format="TLV"
    ):
        """What the endpoint gets from now on.

        Requests to `discover` and to `read` paths come first, then those to delete; `format` is
        one of TLV, SENML_CBOR and SENML_JSON.
        """
        config = self._config(accounts, delete)
        config["contentFormat"] = format
        config["first"] = ["discover " + path for path in discover]
        config["first"] += ["read " + path for path in read]
        self._post(endpoint, config)

    def configure_half(self, endpoint, account):
        """The same with a server's account that lacks its instance of object 0."""
        config = self._config([account], ("/0", "/1"))
        config["security"] = {}
        self._post(endpoint, config)

    def _post(self, endpoint, config):
        self._before[endpoint] = len(self._sessions(endpoint))
        _call("POST", "%s/bootstrap/%s" % (self._uri, endpoint), config)

    def forget(self, endpoint):
        """The server knows nothing of the endpoint any more."""
        for path in ("bootstrap", "security/clients"):
            with contextlib.suppress(AssertionError):  # there was nothing
                _call("DELETE", "%s/%s/%s" % (self._uri, path, endpoint))

    def _config(self, accounts, delete):
        config = {"toDelete": list(delete), "security": {}, "servers": {}}
        for account in accounts:
            config["security"][account.iid] = self._security(account)
            config["servers"][account.iid] = {
                "shortId": account.short_id,
                "lifetime": account.lifetime_s,
                "binding": ["U"],
                **{self._SERVER[rid]: value for rid, value in account.server.items()},
            }
        return config

    @staticmethod
    def _security(account):
        security = {"uri": account.uri, "serverId": account.short_id, "securityMode": "NO_SEC"}
        if account.psk:
            identity, key = account.psk
            security["securityMode"] = "PSK"
            security["publicKeyOrId"] = identity.encode().hex()
            security["secretKey"] = key.hex()
        elif account.certificate:
            certificate, key, server, usage = account.certificate
            names = ("CA_CONSTRAINT", "SERVICE_CERTIFICATE_CONSTRAINT")
            names += ("TRUST_ANCHOR_ASSERTION", "DOMAIN_ISSUER_CERTIFICATE")
            security["securityMode"] = "X509"
            security["publicKeyOrId"] = certificate.hex()
            security["secretKey"] = key.hex()
            security["serverPublicKey"] = server.hex()
            security["certificateUsage"] = names[usage]
        return security

    def _sessions(self, endpoint):
        return _call("GET", "%s/bootstrap-sessions/%s" % (self._uri, endpoint))

    def ended(self, endpoint, timeout_s=15):
        """Waits for the end of the first bootstrap since what it brings was set; a Session."""

        def found():
            sessions = self._sessions(endpoint)[self._before[endpoint] :]
            return sessions and sessions[0]["state"] != "running" and sessions[0]

        session = wait_for(found, timeout_s, "the end of a bootstrap")
        links, values = [], {}
        for each in session["requests"]:
            links += each.get("links", [])
            values.update(each.get("values", {}))
        finished = session["state"] == "finished"
        return Session(finished, session["requests"], ",".join(links), values)


class DeskBootstrap:
    """The desk server's Bootstrap-Server; the same face as LeshanBootstrap.

    It knows a client's key from what the client gets, and remembers its last bootstrap alone.
    """

    def __init__(self, coap_port, coaps_port, http_uri):
        self.coap_port = coap_port
        self.coaps_port = coaps_port
        self._uri = http_uri + "/api/bootstrap/"
        self._before = {}  # endpoint: when its last bootstrap began
        self._credentials = {}  # endpoint: identity and key of its plan

    def trust_psk(self, endpoint, identity, key):
        self._credentials[endpoint] = {"identity": identity, "key": key.hex()}

    def configure(
        self, endpoint, accounts, delete=("/0", "/1"), discover=(), read=(), format="TLV"
    ):
        plan = {"delete": list(delete), "discover": list(discover), "read": list(read)}
        plan["format"] = format
        plan["servers"] = [self._account(account) for account in accounts]
        self._put(endpoint, plan)

    def configure_half(self, endpoint, account):
        server = {"0": account.short_id, "1": account.lifetime_s, "6": False, "7": "U"}
        write = {"/1/%d" % account.iid: server}
        self._put(endpoint, {"delete": ["/0", "/1"], "format": "TLV", "write": write})

    def _put(self, endpoint, plan):
        with contextlib.suppress(AssertionError):  # it has none yet
            self._before[endpoint] = self._last(endpoint).get("begun")
        _call("PUT", self._uri + endpoint, {**plan, **self._credentials.get(endpoint, {})})

    def forget(self, endpoint):
        self._credentials.pop(endpoint, None)
        with contextlib.suppress(AssertionError):  # there was nothing
            _call("DELETE", self._uri + endpoint)

    @staticmethod
    def _account(account):
        data = {
            "uri": account.uri,
            "server_id": account.short_id,
            "lifetime_s": account.lifetime_s,
            "security_iid": account.iid,
            "server_iid": account.iid,
            "server": {str(rid): value for rid, value in account.server.items()},
        }
        if account.psk:
            identity, key = account.psk
            data.update(mode="psk", identity=identity, key=key.hex())
        return data

    def _last(self, endpoint):
        return _call("GET", self._uri + endpoint)["last"] or {}

    def ended(self, endpoint, timeout_s=15):
        def found():
            last = self._last(endpoint)
            new = last.get("begun") not in (None, self._before.get(endpoint))
            return last if new and last["state"] != "running" else None

        last = wait_for(found, timeout_s, "the end of a bootstrap")
        links = [
            "<%s>%s" % (link["url"], link["attributes"])
            for each in last["links"].values()
            for link in each
        ]
        values = {}
        for path, node in last["content"].items():
            _flatten(values, path, decoded(node))
        finished = last["state"] == "finished"
        return Session(finished, last["requests"], ",".join(links), values)


def _flatten(values, path, value):
    if isinstance(value, dict):
        for key, each in value.items():
            _flatten(values, "%s/%s" % (path, key), each)
    else:
        values[path] = str(value)


class Session:
    """A bootstrap that is over: whether it was `finished`, and what was said.

    `steps` are its requests and answers, like "DELETE /0 -> 2.02"; `links` the text of what
    Discover brought, `values` what Read did, as text by path.
    """

    def __init__(self, finished, requests, links, values):
        self.finished = finished
        self.steps = [
            "%s -> %s" % (each["request"], each.get("code", each.get("error", "no answer")))
            for each in requests
        ]
        self.links = links
        self.values = values
