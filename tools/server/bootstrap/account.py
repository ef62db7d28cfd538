"""One account of a plan: an instance of object 0, and one of object 1 where it is a server's."""

import re

from ..credentials import bytes_of
from ..errors import InvalidRequest
from ..nodes import MultiResource, ObjectInstance, Resource, value_from_json
from ..paths import MAX_ID

MODES = {
    "psk": 0,
    "certificate": 2,
    "none": 3,
}  # LwM2M Core 1.1.1, E.1; RPK is served by nobody here

# key of the JSON: (resource of object 0, what is expected)
_SECURITY = {
    "uri": (0, str),
    "bootstrap": (1, bool),
    "mode": (2, str),
    "identity": (3, str),
    "certificate": (3, bytes),
    "server_certificate": (4, bytes),
    "key": (5, bytes),
    "server_id": (10, int),
    "hold_off_s": (11, int),
    "account_timeout_s": (12, int),
    "sni": (14, str),
    "usage": (15, int),
}
_SERVER = {"server_id": (0, int), "lifetime_s": (1, int), "binding": (7, str)}
_OTHERS = ("security_iid", "server_iid", "security", "server")
_DEFAULTS = {"lifetime_s": 3600, "binding": "U"}
_ID = re.compile(r"[0-9]{1,5}")
_STORES = 6  # Notification Storing When Disabled or Offline


def instance(oid, iid, values, models):
    """ObjectInstance of {resource id: JSON value, or {resource instance id: value}}.

    Errors: InvalidRequest, which does not show a value.
    """
    resources = []
    if not isinstance(values, dict):
        raise InvalidRequest("/%d: expected an object of resources" % oid)
    for name, value in values.items():
        where = "/%d/x/%.10s" % (oid, name)
        if not _ID.fullmatch(str(name)) or int(name) > MAX_ID:
            raise InvalidRequest("%s: expected the id of a resource" % where)
        rid = int(name)
        kind = models.type_of(oid, rid)
        if kind is None:
            raise InvalidRequest("%s: not in the models" % where)
        try:
            if isinstance(value, dict) and kind != "OBJLNK":
                parts = {int(riid): value_from_json(kind, part) for riid, part in value.items()}
                resources.append(MultiResource(rid, kind, parts))
            else:
                is_value = isinstance(value, bytes) and kind == "OPAQUE"
                single = value if is_value else value_from_json(kind, value)
                resources.append(Resource(rid, kind, single))
        except (InvalidRequest, ValueError):
            raise InvalidRequest("%s: expected a value of type %s" % (where, kind)) from None
    return ObjectInstance(iid, resources)


def _checked(name, value, expected):
    if expected is bytes:
        return bytes_of(value, name)
    if type(value) is not expected:
        raise InvalidRequest("%s: expected a JSON %s" % (name, expected.__name__))
    if expected is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("%s: no Unicode text" % name) from None
    return value


def _instance_id(data, name):
    iid = data.get(name)
    if iid is not None and (type(iid) is not int or not 0 <= iid <= MAX_ID):
        raise InvalidRequest("%s: expected 0..%d" % (name, MAX_ID))
    return iid


def _more(data, name):
    """Further resources of an instance, {resource id: value}."""
    values = data.get(name, {})
    if not isinstance(values, dict) or not all(_ID.fullmatch(text) for text in values):
        raise InvalidRequest("%s: expected an object of resources by their ids" % name)
    return {int(text): value for text, value in values.items()}


class Account:
    """An account from its JSON form; see docs/desk-server.md for the keys.

    security_iid and server_iid are None where any free instance will do.
    """

    def __init__(self, data, models):
        if not isinstance(data, dict):
            raise InvalidRequest("server: expected a JSON object")
        for name in data:
            if name not in _SECURITY and name not in _SERVER and name not in _OTHERS:
                raise InvalidRequest("server: %.40s is no key of it" % name)
        if "uri" not in data:
            raise InvalidRequest("server: uri is missing")
        mode = data.get("mode", "none")
        if mode not in MODES:
            raise InvalidRequest("mode: expected one of %s" % ", ".join(MODES))
        if "identity" in data and "certificate" in data:
            raise InvalidRequest("identity belongs to mode psk, certificate to mode certificate")
        self.bootstrap = _checked("bootstrap", data.get("bootstrap", False), bool)
        if not self.bootstrap and "server_id" not in data:
            raise InvalidRequest("server_id is missing")
        self.security_iid = _instance_id(data, "security_iid")
        self.server_iid = _instance_id(data, "server_iid")
        self._models = models
        self._security = self._values(_SECURITY, {"bootstrap": False, **data, "mode": mode})
        self._security[2] = MODES[mode]
        if isinstance(self._security.get(3), str):
            self._security[3] = self._security[3].encode()
        self._security.update(_more(data, "security"))
        self._server = {**self._values(_SERVER, {**_DEFAULTS, **data}), _STORES: False}
        self._server.update(_more(data, "server"))
        self._shown = {"uri": data["uri"], "mode": mode, "bootstrap": self.bootstrap}
        for name in ("identity", "server_id", "lifetime_s"):
            if name in data:
                self._shown[name] = data[name]
        # what cannot be encoded is to be refused now, not in the middle of a bootstrap
        self.security(0)
        self.server(0)

    @staticmethod
    def _values(table, data):
        return {
            rid: _checked(name, data[name], expected)
            for name, (rid, expected) in table.items()
            if name in data
        }

    def security(self, iid):
        """The instance of object 0."""
        return instance(0, iid, self._security, self._models)

    def server(self, iid):
        """The instance of object 1, None for a Bootstrap-Server."""
        return None if self.bootstrap else instance(1, iid, self._server, self._models)

    def to_json(self):
        """What may be shown of it."""
        return dict(self._shown)
