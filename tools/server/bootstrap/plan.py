"""What an endpoint is to get in a bootstrap, from JSON (docs/desk-server.md)."""

from .. import codecs
from ..credentials import Credentials, checked_psk
from ..errors import InvalidRequest
from ..nodes import ObjectNode
from ..paths import format_path, parse_path
from .account import Account, instance

FORMATS = (codecs.tlv, codecs.senml_cbor, codecs.senml_json)
_KEYS = (
    "identity",
    "key",
    "format",
    "discover",
    "read",
    "delete",
    "together",
    "servers",
    "write",
)


def _paths(data, name, otherwise, most):
    texts = data.get(name, otherwise)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest("%s: expected a list of paths" % name)
    paths = [parse_path(text) for text in texts]
    for path in paths:
        if len(path) > most:
            raise InvalidRequest("%s: %s is too deep" % (name, format_path(path)))
    return paths


def _format(data):
    if "format" not in data:
        return None
    codec = codecs.by_name(str(data["format"]))
    if codec not in FORMATS:
        names = ", ".join(codec.NAME for codec in FORMATS)
        raise InvalidRequest("format: expected one of " + names)
    return codec


def _list_of(data, name, kind, what):
    value = data.get(name, kind())
    if not isinstance(value, kind):
        raise InvalidRequest("%s: expected %s" % (name, what))
    return value


class Plan:
    """One endpoint's plan.

    credentials: (identity, key) of its account at this Bootstrap-Server, None for plain CoAP.
    Errors: InvalidRequest, which never shows a key.
    """

    def __init__(self, data, models):
        if not isinstance(data, dict):
            raise InvalidRequest("expected a JSON object")
        for name in data:
            if name not in _KEYS:
                raise InvalidRequest("%.40s is none of %s" % (name, ", ".join(_KEYS)))
        self.credentials = None
        if "identity" in data or "key" in data:
            self.credentials = checked_psk(data.get("identity"), data.get("key"))
        self.codec = _format(data)
        self.discover = _paths(data, "discover", [], 1)
        self.read = _paths(data, "read", [], 2)
        self.delete = _paths(data, "delete", ["/"], 2)
        self.together = data.get("together", False) is True
        servers = _list_of(data, "servers", list, "a list of accounts")
        self.accounts = [Account(entry, models) for entry in servers]
        self._others = []
        for text, values in _list_of(data, "write", dict, "an object of instances").items():
            path = parse_path(text)
            if len(path) != 2:
                raise InvalidRequest("write: %s is no object instance" % format_path(path))
            self._others.append((path, instance(*path, values, models)))

    @property
    def needs_ids(self):
        """True where instances of object 0 are to be chosen among the free ones."""
        return any(account.security_iid is None for account in self.accounts)

    def writes(self, taken):
        """List of (path, node) to write; taken: instances of object 0 that are there already."""
        nodes = {0: [], 1: []}
        used = {0: set(taken), 1: set()}
        for account in self.accounts:
            used[0].add(account.security_iid)
            used[1].add(account.server_iid)
        for account in self.accounts:
            for oid, wanted, make in (
                (0, account.security_iid, account.security),
                (1, account.server_iid, account.server),
            ):
                free = (iid for iid in range(65535) if iid not in used[oid])
                node = make(next(free) if wanted is None else wanted)
                if node:
                    used[oid].add(node.id)
                    nodes[oid].append(node)
        found = []
        for oid, instances in nodes.items():
            if self.together and len(instances) > 1:
                found.append(((oid,), ObjectNode(oid, instances)))
            else:
                found += [((oid, node.id), node) for node in instances]
        return found + self._others

    def to_json(self):
        """What may be shown of it: no keys."""
        data = {
            "secure": self.credentials is not None,
            "format": self.codec.NAME if self.codec else None,
            "discover": [format_path(path) for path in self.discover],
            "read": [format_path(path) for path in self.read],
            "delete": [format_path(path) for path in self.delete],
            "together": self.together,
            "servers": [account.to_json() for account in self.accounts],
            "write": [format_path(path) for path, _ in self._others],
        }
        if self.credentials:
            data["identity"] = self.credentials[0].decode()
        return data


class Plans:
    """The plans of all endpoints, and who each of them has to prove to be."""

    def __init__(self, models):
        self.credentials = Credentials()
        self._models = models
        self._known = {}

    def get(self, endpoint):
        """The Plan of an endpoint, None if there is none."""
        return self._known.get(endpoint)

    def set(self, endpoint, data):
        """Takes a plan in its JSON form; InvalidRequest."""
        plan = Plan(data, self._models)
        if plan.credentials:
            self.credentials.set(endpoint, *plan.credentials)
        else:
            self.credentials.remove(endpoint)
        self._known[endpoint] = plan

    def remove(self, endpoint):
        """Forgets a plan; False if there was none."""
        self.credentials.remove(endpoint)
        return self._known.pop(endpoint, None) is not None

    def load(self, data):
        """Takes {endpoint: plan}; InvalidRequest."""
        if not isinstance(data, dict):
            raise InvalidRequest("expected a JSON object of endpoints")
        for endpoint, entry in data.items():
            try:
                self.set(endpoint, entry)
            except InvalidRequest as fault:
                raise InvalidRequest("%s: %s" % (endpoint, fault)) from None

    def to_json(self):
        """{endpoint: what may be shown of its plan}."""
        return {endpoint: plan.to_json() for endpoint, plan in sorted(self._known.items())}
