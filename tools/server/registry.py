"""Registrations of clients: kept, updated, expired (LwM2M Core 1.1.1, 6.2)."""

import asyncio
import re
import secrets
import string
import time
from dataclasses import dataclass, field, replace

from .errors import InvalidRequest
from .linkformat import links_to_json, unquoted
from .paths import MAX_ID
from .site import identity_of

DEFAULT_LIFETIME_S = 86400
MAX_REGISTRATIONS = 1000
MAX_ENDPOINT_CHARS = 255
MAX_EXTRA_ATTRIBUTES = 16
_ID_LETTERS = string.ascii_letters + string.digits
_BINDING = re.compile(r"[UMHTSNQ]{1,8}")
_INSTANCE = re.compile(r"/\d+/\d+$")


class UnsupportedVersion(Exception):
    """The client speaks an LwM2M version that this server does not."""


class RegistryFull(Exception):
    """No further registration is taken."""


@dataclass
class Registration:
    """One registered client. remote is the CoAP address its messages came from."""

    endpoint: str
    id: str
    remote: object
    address: str
    lifetime_s: int
    version: str
    binding: str
    queue_mode: bool
    links: list
    sms_number: str | None = None
    extra: dict = field(default_factory=dict)
    registered_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)

    @property
    def secure(self):
        """True if the client is reached over DTLS."""
        return identity_of(self.remote) is not None

    def _root_link(self):
        for target, attributes in self.links:
            if "oma.lwm2m" in unquoted(attributes.get("rt")).split():
                return target, attributes
        return "/", {}

    @property
    def root_path(self):
        """Path below which the client keeps its objects, "/" unless it says otherwise."""
        return self._root_link()[0].rstrip("/") + "/"

    @property
    def content_formats(self):
        """Set of Content-Format numbers the client says it has; empty if it says nothing."""
        words = unquoted(self._root_link()[1].get("ct")).split()
        return {int(word) for word in words if re.fullmatch(r"[0-9]{1,5}", word)}

    def instances(self):
        """Object instances by object id, both sorted."""
        root = re.escape(self.root_path.rstrip("/"))
        pattern = re.compile(root + r"/(\d{1,5})/(\d{1,5})")
        found = {}
        for target, _ in self.links:
            match = pattern.fullmatch(target)
            if match:
                found.setdefault(int(match.group(1)), set()).add(int(match.group(2)))
        return {oid: sorted(iids) for oid, iids in sorted(found.items())}

    def to_json(self, asleep=False):
        """The JSON shape of a registration in Leshan's API."""
        data = {
            "endpoint": self.endpoint,
            "registrationId": self.id,
            "registrationDate": int(self.registered_at * 1000),
            "lastUpdate": int(self.updated_at * 1000),
            "address": self.address,
            "lwM2mVersion": self.version,
            "lifetime": self.lifetime_s,
            "bindingMode": self.binding,
            "rootPath": self.root_path,
            "objectLinks": links_to_json(self.links),
            "secure": self.secure,
            "additionalRegistrationAttributes": self.extra,
            "queuemode": self.queue_mode,
            "availableInstances": {str(oid): iids for oid, iids in self.instances().items()},
        }
        if self.sms_number:
            data["smsNumber"] = self.sms_number
        if self.queue_mode:
            data["sleeping"] = asleep
        return data


@dataclass
class Update:
    """What a registration update changed; None where it said nothing."""

    registration: Registration
    lifetime_s: int | None = None
    sms_number: str | None = None
    links: list | None = None
    extra: dict = field(default_factory=dict)

    def to_json(self):
        """The JSON shape of an update in Leshan's event stream."""
        data = {
            "registrationId": self.registration.id,
            "address": self.registration.address,
            "smsNumber": self.sms_number,
            "lifetime": self.lifetime_s,
            "secure": self.registration.secure,
            "additionalAttributes": self.extra,
        }
        if self.links is not None:
            data["alternatePath"] = self.registration.root_path
            data["objectLinks"] = links_to_json(self.links)
        return {key: value for key, value in data.items() if value is not None}


def _lifetime_s(text):
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 0 < int(text) < 2**32:
        raise InvalidRequest("lt=%s: expected seconds in 1..4294967295" % text[:20])
    return int(text)


def _is_id(text):
    return len(text) < 6 and int(text) <= MAX_ID


def _check_links(links):
    """InvalidRequest for links that Leshan refuses, too (LwM2M Core 1.1.1, 6.2.1 and 7.2.2)."""
    for target, attributes in links:
        parts = target.split("/")
        if parts[0]:
            raise InvalidRequest("link <%.80s>: it has to begin with /" % target)
        if any(re.fullmatch(r"[0-9]+", part) and not _is_id(part) for part in parts):
            raise InvalidRequest("link <%.80s>: ids are 0..%d" % (target, MAX_ID))
        if "ver" not in attributes:
            continue
        version = attributes["ver"] or ""
        if not re.fullmatch(r"\d+\.\d+", version):
            raise InvalidRequest("link <%.80s>: ver=%.20s is no version" % (target, version))
        if _INSTANCE.search(target):
            raise InvalidRequest("link <%.80s>: ver belongs to the object's link" % target)


def parse_query(query):
    """The parameters of a registration request as a dict; unknown ones below "extra".

    Errors: InvalidRequest for values that cannot be.
    """
    found = {"extra": {}}
    for item in query:
        name, equals, value = item.partition("=")
        if name == "ep" and equals:
            if not 0 < len(value) <= MAX_ENDPOINT_CHARS:
                raise InvalidRequest("ep: expected 1..%d characters" % MAX_ENDPOINT_CHARS)
            found["ep"] = value
        elif name == "lt" and equals:
            found["lt"] = _lifetime_s(value)
        elif name == "b" and equals:
            if not _BINDING.fullmatch(value):
                raise InvalidRequest("b=%s: expected letters of UMHTSNQ" % value[:20])
            found["b"] = value
        elif name == "lwm2m" and equals:
            found["lwm2m"] = value
        elif name == "sms" and equals:
            found["sms"] = value
        elif item == "Q":
            found["Q"] = True
        elif len(found["extra"]) < MAX_EXTRA_ATTRIBUTES:
            found["extra"][name] = value
    return found


def _check_binding(version, values):
    if version == "1.0" and values.get("Q"):
        raise InvalidRequest("QueueMode is not defined in LWM2M v1.0")
    if version != "1.0" and "Q" in values.get("b", ""):
        raise InvalidRequest("Invalid Binding mode: Q is not supported since LWM2M 1.1")


class Registry:
    """All registrations, by id and by endpoint name.

    on_event(kind, registration, update) is called after a change with the kinds REGISTRATION,
    UPDATED and DEREGISTRATION, not before the answer to the client is on its way: a client need
    not serve anybody before it knows that it is registered.
    """

    def __init__(self, on_event, versions=("1.0", "1.1")):
        self._on_event = on_event
        self._versions = versions
        self._by_id = {}
        self._by_endpoint = {}
        self._by_remote = {}
        self._timers = {}

    def __iter__(self):
        return iter(list(self._by_id.values()))

    def by_id(self, registration_id):
        """Registration of an id, None if unknown."""
        return self._by_id.get(registration_id)

    def by_endpoint(self, endpoint):
        """Registration of an endpoint client name, None if unknown."""
        return self._by_endpoint.get(endpoint)

    def by_remote(self, remote):
        """Registration of the client at a CoAP address, None if unknown."""
        return self._by_remote.get(remote)

    def register(self, remote, address, query, links):
        """Adds a registration, in place of an older one of the same endpoint; returns it."""
        values = parse_query(query)
        if "ep" not in values:
            raise InvalidRequest("endpoint is mandatory")
        if not links:
            raise InvalidRequest("supported object list is mandatory")
        version = values.get("lwm2m")
        if version is None or not re.fullmatch(r"\d\.\d", version):
            raise InvalidRequest("Invalid LWM2M version: expected lwm2m=1.0 or alike")
        if version not in self._versions:
            raise UnsupportedVersion("unsupported lwm2m version")
        _check_links(links)
        _check_binding(version, values)
        previous = self.by_endpoint(values["ep"])
        if previous:
            self.remove(previous)
        elif len(self._by_id) >= MAX_REGISTRATIONS:
            raise RegistryFull("%d clients are registered already" % MAX_REGISTRATIONS)
        registration = Registration(
            endpoint=values["ep"],
            id="".join(secrets.choice(_ID_LETTERS) for _ in range(10)),
            remote=remote,
            address=address,
            lifetime_s=values.get("lt", DEFAULT_LIFETIME_S),
            version=version,
            binding=values.get("b", "U"),
            queue_mode=bool(values.get("Q")) or "Q" in values.get("b", ""),
            links=links,
            sms_number=values.get("sms"),
            extra=values["extra"],
        )
        self._store(registration)
        self._tell("REGISTRATION", registration)
        return registration

    def update(self, registration, remote, address, query, links):
        """Replaces a registration by its updated copy; returns the copy. links may be None."""
        values = parse_query(query)
        _check_links(links or ())
        _check_binding(registration.version, values)
        changes = {"remote": remote, "address": address, "updated_at": time.time()}
        if "lt" in values:
            changes["lifetime_s"] = values["lt"]
        if "b" in values:
            changes["binding"] = values["b"]
            if registration.version == "1.0":
                changes["queue_mode"] = "Q" in values["b"]
        if "sms" in values:
            changes["sms_number"] = values["sms"]
        if links is not None:
            changes["links"] = links
        if values["extra"]:
            changes["extra"] = {**registration.extra, **values["extra"]}
            if len(changes["extra"]) > MAX_EXTRA_ATTRIBUTES:
                raise InvalidRequest("more than %d parameters" % MAX_EXTRA_ATTRIBUTES)
        updated = replace(registration, **changes)
        self._store(updated)
        update = Update(updated, values.get("lt"), values.get("sms"), links, values["extra"])
        self._tell("UPDATED", updated, update)
        return updated

    def remove(self, registration):
        """Forgets a registration; nothing happens if it is gone already."""
        if self._by_id.pop(registration.id, None) is None:
            return
        self._timers.pop(registration.id).cancel()
        del self._by_endpoint[registration.endpoint]
        self._forget_remote(registration)
        self._tell("DEREGISTRATION", registration)

    def close(self):
        """Forgets everything without a word."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._by_id.clear()
        self._by_endpoint.clear()
        self._by_remote.clear()

    def _forget_remote(self, registration):
        known = self._by_remote.get(registration.remote)
        if known is not None and known.id == registration.id:
            del self._by_remote[registration.remote]

    def _store(self, registration):
        timer = self._timers.get(registration.id)
        if timer:
            timer.cancel()
        previous = self._by_id.get(registration.id)
        if previous is not None:
            self._forget_remote(previous)
        self._by_remote[registration.remote] = registration
        self._by_id[registration.id] = registration
        self._by_endpoint[registration.endpoint] = registration
        self._arm(registration, time.monotonic() + registration.lifetime_s)

    def _arm(self, registration, deadline):
        # asyncio takes no timers of many days
        wait_s = min(max(0, deadline - time.monotonic()), DEFAULT_LIFETIME_S)
        self._timers[registration.id] = asyncio.get_running_loop().call_later(
            wait_s, self._expire, registration, deadline
        )

    def _expire(self, registration, deadline):
        if time.monotonic() < deadline:
            self._arm(registration, deadline)
        else:
            self.remove(registration)

    def _tell(self, kind, registration, update=None):
        asyncio.get_running_loop().call_soon(self._on_event, kind, registration, update)
